"""Trees to values: scalars with `$` are evaluated, the rest is what it says.

Nothing is executed: expressions are walked, calls go to a fixed table, sizes are bounded.
"""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.expression import (
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
    parse_template,
)
from archc.language.functions import FUNCTIONS, OPERATORS, TooLargeError, bounded
from archc.language.scope import Context
from archc.language.tree import Mapping, Scalar, Sequence, Tree
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
        self._templates: dict[Scalar, Template | Mistake | None] = {}

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
            return tuple(item for item in items if not isinstance(item, Failed))
        return self._layer(tree, context)

    def scalar(self, scalar: Scalar, context: Context) -> Value | Failed:
        """The value of a scalar."""
        template = self._template(scalar)
        if template is None:
            value = scalar.value
            return Text(value, context.origin) if isinstance(value, str) else value
        try:
            if isinstance(template, Mistake):
                raise template
            return self._fill(template, context)
        except Mistake as mistake:
            return self.report(mistake, scalar, context)
        except _Unknown:
            return FAILED

    def report(self, mistake: Mistake, scalar: Scalar, context: Context) -> Failed:
        """Reports a mistake at its characters."""
        place = Place(scalar.part(mistake.start, mistake.end), context.trail)
        return self._reporter.error(mistake.rule, mistake.message, place, helps=mistake.helps)

    def is_dynamic(self, tree: Tree) -> bool:
        """Whether a tree holds an expression."""
        if isinstance(tree, Scalar):
            return "$" in tree.text
        if isinstance(tree, Sequence):
            return any(self.is_dynamic(item) for item in tree.items)
        return any(self.is_dynamic(e.key) or self.is_dynamic(e.value) for e in tree)

    def _template(self, scalar: Scalar) -> Template | Mistake | None:
        if not isinstance(scalar.value, str) or "$" not in scalar.text:
            return None
        if scalar not in self._templates:
            try:
                self._templates[scalar] = parse_template(scalar.text)
            except Mistake as mistake:
                self._templates[scalar] = mistake
        return self._templates[scalar]

    def _fill(self, template: Template, context: Context) -> Value:
        if len(template) == 1 and not isinstance(template[0], str):
            value = _evaluate(template[0], context)
            if isinstance(value, InputValue):
                raise Mistake(
                    INPUT, "`input` itself is no value", template[0].start, template[0].end,
                    ("ask for `$input.channels`, or use `from: input`",),
                )  # fmt: skip
            return value
        parts = [p if isinstance(p, str) else _as_text(p, context) for p in template]
        return Text("".join(parts), context.origin)

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
            arguments.append((entry.key.text, self.argument(entry.value, context)))
        if any(argument.value is FAILED for _, argument in arguments):
            return FAILED
        return LayerValue(Text(str(name), context.origin), tuple(arguments))


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
            return _name(node, context)
        case Attribute():
            return _attribute(node, context)
        case Binary():
            return _binary(node, context)
        case Call():
            return _call(node, context)
        case Index():
            return _index(node, context)
        case ListOf():
            return tuple(_evaluate(item, context) for item in node.items)
        case Choice():
            chosen = _truth(node.condition, context)
            return _evaluate(node.then if chosen else node.otherwise, context)
        case Unary():
            return _unary(node, context)


def _name(node: Name, context: Context) -> Value:
    found = context.environment.find(node.name)
    if found is None:
        helps = did_you_mean(node.name, context.environment.known())
        message = f"there is no parameter or name `{node.name}` in reach"
        raise Mistake(UNKNOWN_NAME, message, node.start, node.end, helps)
    if isinstance(found[0], Failed):
        raise _Unknown
    return found[0]


def _attribute(node: Attribute, context: Context) -> Value:
    if not isinstance(node.value, Name) or node.value.name != "input":
        message = f"`.{node.name}` is no element: only `input` has properties"
        helps: tuple[str, ...] = ("write `$name.0` for an element of a list",)
        raise Mistake(INPUT, message, node.start, node.end, helps)
    owner = _name(node.value, context)
    if not isinstance(owner, InputValue):
        raise Mistake(INPUT, "`input` is hidden by another name here", node.start, node.end)
    if node.name not in _PROPERTIES:
        message = f"`input` has no `{node.name}`"
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
        message = f"`{value}` is symbolic and cannot be computed with"
        helps = ("pass it on whole, or fix the size with `--set` or in `input`",)
        raise Mistake(SYMBOLIC, message, node.start, node.end, helps)
    if isinstance(value, InputValue):
        raise Mistake(INPUT, "`input` itself is no value", node.start, node.end)
    return value


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
    left, right = _concrete(node.left, context), _concrete(node.right, context)
    words = f"`{describe(left)} {node.operator} {describe(right)}`"
    try:
        return _result(OPERATORS[node.operator](left, right), context)
    except TypeError:
        message = f"{words}: `{node.operator}` does not take {_article(left)} and {_article(right)}"
        raise Mistake(TYPE, message, node.start, node.end) from None
    except TooLargeError as error:
        raise Mistake(TOO_LARGE, f"{words}: {error}", node.start, node.end) from None
    except (ArithmeticError, ValueError) as error:
        raise Mistake(ARITHMETIC, f"{words}: {error}", node.start, node.end) from None


def _article(value: object) -> str:
    name = type_name(value)
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _unary(node: Unary, context: Context) -> Value:
    if node.operator == "not":
        return not _truth(node.operand, context)
    value = _concrete(node.operand, context)
    if not isinstance(value, int | float):
        message = f"`{node.operator}` takes a number, not {_article(value)}"
        raise Mistake(TYPE, message, node.start, node.end)
    return -value if node.operator == "-" else +value


def _index(node: Index, context: Context) -> Value:
    value, index = _concrete(node.value, context), _concrete(node.index, context)
    if not isinstance(value, tuple | str) or not isinstance(index, int) or isinstance(index, bool):
        message = f"{_article(value)} has no element {describe(index)}"
        raise Mistake(TYPE, message, node.start, node.end)
    if not -len(value) <= index < len(value):
        message = f"element {index} of a list of {len(value)}: they are numbered from 0"
        raise Mistake(ARITHMETIC, message, node.start, node.end)
    return _result(value[index], context)


def _call(node: Call, context: Context) -> Value:
    function = FUNCTIONS.get(node.function)
    if function is None:
        message = f"there is no function `{node.function}`"
        end = node.start + len(node.function)
        helps = did_you_mean(node.function, FUNCTIONS) or (f"there are {', '.join(FUNCTIONS)}",)
        raise Mistake(UNKNOWN_FUNCTION, message, node.start, end, helps)
    arguments = [_concrete(a, context) for a in node.arguments]
    named = {name: _concrete(a, context) for name, a in node.named}
    try:
        return _result(function(*arguments, **named), context)
    except TypeError:
        words = [*map(type_name, arguments), *(f"{k}: {type_name(v)}" for k, v in named.items())]
        given = ", ".join(words)
        message = f"`{node.function}` does not take ({given})"
        raise Mistake(TYPE, message, node.start, node.end) from None
    except TooLargeError as error:
        raise Mistake(TOO_LARGE, f"`{node.function}`: {error}", node.start, node.end) from None
    except (ArithmeticError, ValueError) as error:
        raise Mistake(ARITHMETIC, f"`{node.function}`: {error}", node.start, node.end) from None


def _result(value: object, context: Context) -> Value:
    """A result as a value: bounded, and texts with their origin."""
    bounded(value)
    if isinstance(value, str) and not isinstance(value, Text):
        return Text(value, context.origin)
    return value  # type: ignore[return-value]
