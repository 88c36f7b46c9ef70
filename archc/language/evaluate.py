"""Trees to values: scalars with `$` are evaluated, the rest is what it says.

Nothing is executed: expressions are walked, calls go to a fixed table, sizes are bounded.
"""

from __future__ import annotations

from typing import Any

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.expression import (
    DOLLAR,
    Attribute,
    Binary,
    Call,
    Choice,
    Expression,
    Index,
    ListOf,
    Literal,
    Mistake,
    Name,
    Template,
    Unary,
)
from archc.language.expression_reader import read_template
from archc.language.functions import (
    FUNCTIONS,
    LENGTH_BOUND,
    OPERATORS,
    TooLargeError,
    bounded,
    bounded_nesting,
)
from archc.language.scope import Context
from archc.language.tree import Mapping, Scalar, Sequence, Tree, shown
from archc.language.values import (
    Argument,
    InputValue,
    LayerValue,
    Text,
    Value,
    describe,
    type_name,
)
from archc.shapes.size import Form
from archc.shapes.tensor_type import FEATURES

UNKNOWN_NAME = Rule(
    "expression/unknown-name",
    "an expression uses a name that is not in reach",
    "it sees loop names, the block's parameters and `let`, `input`, and those of its own file",
)
UNKNOWN_FUNCTION = Rule(
    "expression/unknown-function", "an expression calls something else than a function",
    "a name before `(` is one of the language's functions",
)  # fmt: skip
TYPE = Rule(
    "expression/type", "an operator or a function does not take these values",
    "values mean in expressions what they mean in Python",
)  # fmt: skip
BOOL = Rule(
    "expression/not-a-bool", "a condition is no bool",
    "a number or a list as a condition hides what is meant: compare it",
)  # fmt: skip
SYMBOLIC = Rule(
    "expression/symbolic-size", "an expression computes with a symbolic size",
    "the size is known only when the model runs; it can only be passed on whole",
)  # fmt: skip
INPUT = Rule(
    "expression/input", "`input` is asked for what it does not have",
    "it has `channels`, `height`, `width` as an image and `features` once flattened",
)  # fmt: skip
ARITHMETIC = Rule(
    "expression/arithmetic", "an expression has no result", "a size must be a number that exists"
)
TOO_LARGE = Rule(
    "expression/too-large", "an expression's result is too large",
    "sizes are bounded so that every spec is answered quickly",
)  # fmt: skip

_PROPERTIES = ("channels", "height", "width", "features")


class _Unknown(Exception):  # noqa: N818 - not an error: something that failed before is asked for
    pass


class Evaluator:
    """Evaluates trees where they stand, and reports what cannot be evaluated."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def argument(self, tree: Tree, context: Context) -> Argument:
        """The value of a tree with its place."""
        return Argument(self.value(tree, context), tree, context.place(tree.span))

    def value(self, tree: Tree, context: Context) -> Value | Failed:
        """The value of a tree: a scalar's, a tuple for a list, a layer for a mapping."""
        if isinstance(tree, Scalar):
            return self.scalar(tree, context)
        if isinstance(tree, Sequence):
            items = [self.value(item, context) for item in tree.items]
            if any(item is FAILED for item in items):
                return FAILED
            elements = tuple(item for item in items if not isinstance(item, Failed))
            is_flat = not any(isinstance(item, tuple | LayerValue) for item in elements)
            return elements if is_flat else self._bounded(elements, tree, context)
        return self._layer(tree, context)

    def _bounded(self, value: Value, tree: Tree, context: Context) -> Value | Failed:
        try:
            bounded_nesting(value)
        except TooLargeError as error:
            return self._reporter.error(TOO_LARGE, str(error), context.place(tree.span))
        return value

    def scalar(self, scalar: Scalar, context: Context) -> Value | Failed:
        """The value of a scalar."""
        value = scalar.value
        if not isinstance(value, str):
            return value
        if "$" not in value:
            return Text(value, context.origin)
        template = _cut(scalar) if scalar.cut else read_template(value)
        if isinstance(template, Mistake):
            return self._report(template, scalar, context)
        try:
            return self._fill(template, context)
        except Mistake as mistake:
            return self._report(mistake, scalar, context)
        except _Unknown:
            return FAILED

    def key(self, scalar: Scalar, context: Context) -> str | Failed:
        """The text of a key, which may hold expressions."""
        if "$" not in scalar.text:
            return scalar.text
        value = self.scalar(scalar, context)
        return value if isinstance(value, Failed) else describe(value)

    def _report(self, mistake: Mistake, scalar: Scalar, context: Context) -> Failed:
        place = Place(scalar.part(mistake.start, mistake.end), context.trail)
        return self._reporter.error(mistake.rule, mistake.message, place, helps=mistake.helps)

    def _fill(self, template: Template, context: Context) -> Value:
        if len(template) == 1 and not isinstance(template[0], str):
            return _evaluate(template[0], context)
        text = "".join(p if isinstance(p, str) else _as_text(p, context) for p in template)
        if len(text) > LENGTH_BOUND:
            message = f"a text has at most {LENGTH_BOUND} characters"
            raise Mistake(TOO_LARGE, message, 0, len(text))
        return Text(text, context.origin)

    def _layer(self, tree: Mapping, context: Context) -> Value | Failed:
        """A mapping in the place of a value is a layer with its arguments."""
        if not tree.entries:
            return None
        first, *rest = tree.entries
        name = self.scalar(first.key, context)
        if isinstance(name, Failed):
            return FAILED
        arguments: list[tuple[str | None, Argument]] = []
        if isinstance(first.value, Mapping):
            rest = [*first.value.entries, *rest]
        elif not (isinstance(first.value, Scalar) and first.value.is_null):
            arguments.append((None, self.argument(first.value, context)))
        for entry in rest:
            key = self.key(entry.key, context)
            argument = self.argument(entry.value, context)
            if isinstance(key, Failed) or isinstance(argument.value, Failed):
                return FAILED
            arguments.append((key, argument))
        if any(argument.value is FAILED for _, argument in arguments):
            return FAILED
        if isinstance(name, LayerValue):
            arguments = [*name.arguments, *arguments]
            name = name.name
        text = name if isinstance(name, Text) else Text(describe(name), context.origin)
        if not arguments:
            return text
        return self._bounded(LayerValue(text, tuple(arguments)), tree, context)


def _cut(scalar: Scalar) -> Mistake:
    """What to say of an expression that YAML has cut into pieces at its commas."""
    message = "this `$(` is not closed in the same value: YAML ends it at the comma"
    quote = "'" if '"' in scalar.cut else '"'
    return Mistake(DOLLAR, message, 0, len(scalar.text), (f"quote it: {quote}{scalar.cut}{quote}",))


def _as_text(expression: Expression, context: Context) -> str:
    value = _evaluate(expression, context)
    if isinstance(value, bool | int | float | str):
        return describe(value) if not isinstance(value, str) else str(value)
    message = f"a {type_name(value)} cannot stand inside a text"
    raise Mistake(TYPE, message, expression.start, expression.end)


def _evaluate(node: Expression, context: Context) -> Value:
    match node:
        case Literal():
            value = node.value
            return Text(value, context.origin) if isinstance(value, str) else value
        case Name():
            return _named(node, context)
        case Attribute():
            return _attribute(node, context)
        case Binary():
            return _binary(node, context)
        case Call():
            return _call(node, context)
        case Index():
            return _index(node, context)
        case ListOf():
            return _list(node, context)
        case Choice():
            chosen = _truth(node.condition, context)
            return _evaluate(node.then if chosen else node.otherwise, context)
        case Unary():
            return _unary(node, context)


def _named(node: Name, context: Context) -> Value:
    value = _name(node, context)
    if isinstance(value, InputValue):
        helps = ("ask for `$input.channels` and the like, or write the path as plain `input`",)
        raise Mistake(INPUT, "`input` itself is no value", node.start, node.end, helps)
    return value


def _name(node: Name, context: Context) -> Value:
    found = context.environment.find(node.name)
    if found is None:
        raise _unknown_name(node, context)
    if isinstance(found[0], Failed):
        raise _Unknown
    return found[0]


def _unknown_name(node: Name, context: Context) -> Mistake:
    message = f"there is no parameter or name `{shown(node.name)}` in reach"
    helps = did_you_mean(node.name, context.environment.known())
    if node.name == "input":
        message = "`input` is not known here"
        helps = ("blocks and `layers` know it; parameters, `let` and inputs come before",)
    elif node.name in ("True", "False"):
        helps = (f"write `{node.name.lower()}`",)
    elif node.name in FUNCTIONS:
        helps = (f"a function is called: `{node.name}(…)`",)
    return Mistake(UNKNOWN_NAME, message, node.start, node.end, helps)


def _list(node: ListOf, context: Context) -> Value:
    items = tuple(_evaluate(item, context) for item in node.items)
    try:
        bounded(items)
    except TooLargeError as error:
        raise Mistake(TOO_LARGE, str(error), node.start, node.end) from None
    return items


def _attribute(node: Attribute, context: Context) -> Value:
    if not isinstance(node.value, Name) or node.value.name != "input":
        message = f"`.{shown(node.name)}` is no element: only `input` has properties"
        helps: tuple[str, ...] = ("write `$name.0` for an element of a list",)
        raise Mistake(INPUT, message, node.start, node.end, helps)
    owner = _name(node.value, context)
    if not isinstance(owner, InputValue):
        raise Mistake(INPUT, "`input` is hidden by another name here", node.start, node.end)
    if node.name not in _PROPERTIES:
        message = f"`input` has no `{shown(node.name)}`"
        helps = did_you_mean(node.name, _PROPERTIES) or (
            "it has `channels`, `height`, `width` and `features`",
        )
        raise Mistake(INPUT, message, node.start, node.end, helps)
    if isinstance(owner.type, Failed):
        raise _Unknown
    size = owner.type.size(node.name)
    if size is None and node.name == FEATURES and len(owner.type.axes) == 1:
        size = owner.type.sizes[0]
    if size is None:
        axes = ", ".join(f"`{name}`" for name in owner.type.names if name) or "no named axis"
        message = f"`input` has no `{node.name}` here: it is {owner.type}, with {axes}"
        raise Mistake(INPUT, message, node.start, node.end)
    return size


def _concrete(node: Expression, context: Context) -> Value:
    value = _evaluate(node, context)
    if isinstance(value, Form):
        raise _symbolic(value, node)
    return value


def _operand(node: Expression, context: Context) -> Value:
    """A value to compute with: no symbolic size, nor a list that holds one."""
    value = _concrete(node, context)
    if isinstance(value, tuple):
        symbolic = next((element for element in value if isinstance(element, Form)), None)
        if symbolic is not None:
            raise _symbolic(symbolic, node)
    return value


def _symbolic(size: Form, node: Expression) -> Mistake:
    message = f"`{size}` is symbolic and cannot be computed with"
    helps = ("pass it on whole, or fix the size with `--set` or in `input`",)
    return Mistake(SYMBOLIC, message, node.start, node.end, helps)


def _truth(node: Expression, context: Context) -> bool:
    value = _concrete(node, context)
    if not isinstance(value, bool):
        message = f"a condition is `true` or `false`, not the {type_name(value)} {describe(value)}"
        raise Mistake(BOOL, message, node.start, node.end, ("compare it, as in `x > 0`",))
    return value


def _binary(node: Binary, context: Context) -> Value:
    if node.operator == "and":
        return _truth(node.left, context) and _truth(node.right, context)
    if node.operator == "or":
        return _truth(node.left, context) or _truth(node.right, context)
    left, right = _operand(node.left, context), _operand(node.right, context)
    try:
        return _result(OPERATORS[node.operator](left, right), context)
    except (TypeError, ArithmeticError, ValueError) as error:
        words = f"`{describe(left)} {node.operator} {describe(right)}`"
        takes = f"`{node.operator}` does not take {_article(left)} and {_article(right)}"
        raise _without_result(error, words, takes, node) from None


def _without_result(error: Exception, words: str, takes: str, node: Binary | Call) -> Mistake:
    """What to say where an operator or a function has no result."""
    if isinstance(error, TypeError):
        return Mistake(TYPE, f"{words}: {takes}", node.start, node.end)
    if isinstance(error, TooLargeError):
        return Mistake(TOO_LARGE, f"{words}: {error}", node.start, node.end)
    why = "this has no result"
    if isinstance(error, ZeroDivisionError):
        why = "division by zero"
    elif isinstance(error, OverflowError):
        why = "the number is too large"
    return Mistake(ARITHMETIC, f"{words}: {why}", node.start, node.end)


def _article(value: object) -> str:
    name = type_name(value)
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _unary(node: Unary, context: Context) -> Value:
    if node.operator == "not":
        return not _truth(node.operand, context)
    value = _operand(node.operand, context)
    if not isinstance(value, int | float):
        message = f"`{node.operator}` takes a number, not {_article(value)}"
        raise Mistake(TYPE, message, node.start, node.end)
    return -value if node.operator == "-" else +value


def _index(node: Index, context: Context) -> Value:
    value, index = _concrete(node.value, context), _operand(node.index, context)
    if not isinstance(value, tuple | str) or not isinstance(index, int) or isinstance(index, bool):
        message = f"{_article(value)} has no element {describe(index)}"
        raise Mistake(TYPE, message, node.start, node.end)
    if not -len(value) <= index < len(value):
        message = f"a list of {len(value)} has no element {describe(index)}: they count from 0"
        raise Mistake(ARITHMETIC, message, node.start, node.end)
    return _with_origin(value[index], context)


def _call(node: Call, context: Context) -> Value:
    function = FUNCTIONS.get(node.function)
    if function is None:
        message = f"there is no function `{node.function}`"
        end = node.start + len(node.function)
        helps = did_you_mean(node.function, FUNCTIONS) or (f"there are {', '.join(FUNCTIONS)}",)
        raise Mistake(UNKNOWN_FUNCTION, message, node.start, end, helps)
    arguments = [_operand(a, context) for a in node.arguments]
    named = {name: _operand(a, context) for name, a in node.named}
    try:
        return _result(function(*arguments, **named), context)
    except (TypeError, ArithmeticError, ValueError) as error:
        given = ", ".join(
            [*map(describe, arguments), *(f"{k}={describe(v)}" for k, v in named.items())]
        )
        kinds = ", ".join(
            [*map(_article, arguments), *(f"`{k}` {_article(v)}" for k, v in named.items())]
        )
        words = f"`{shown(f'{node.function}({given})')}`"
        takes = f"`{node.function}` {f'does not take {kinds}' if kinds else 'needs arguments'}"
        raise _without_result(error, words, takes, node) from None


def _result(value: object, context: Context) -> Value:
    """A result as a value: bounded, and texts with their origin."""
    return _with_origin(bounded(value), context)


def _with_origin(value: Any, context: Context) -> Value:
    if isinstance(value, str) and not isinstance(value, Text):
        return Text(value, context.origin)
    if isinstance(value, tuple):
        return tuple(_with_origin(element, context) for element in value)
    return value  # type: ignore[no-any-return]
