"""Expressions to values: trees are walked, calls go to a fixed table, sizes are bounded.

What has no value is raised as a `Mistake`, which the evaluator of scalars reports.
"""

from __future__ import annotations

from typing import Any

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import Failed
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
    Unary,
)
from archc.language.functions import FUNCTIONS, OPERATORS, TooLargeError, bounded
from archc.language.scope import Context
from archc.language.tree import shown
from archc.language.values import DECIMAL_BITS, InputValue, Text, Value, describe, type_name
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


class UnknownValue(Exception):  # noqa: N818 - not an error: something that failed before is asked for
    """An expression asks for a value that failed before, and was reported there."""


def as_text(expression: Expression, context: Context) -> str:
    """The value of an expression as a part of a text.

    Raises:
        Mistake: it has none, or cannot stand in a text.
        UnknownValue: it hangs on a value that failed before.
    """
    value = calculate(expression, context)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < DECIMAL_BITS:
        return str(value)
    if isinstance(value, bool | int | float):
        return describe(value)
    message = f"a {type_name(value)} cannot stand inside a text"
    raise Mistake(TYPE, message, expression.start, expression.end)


def calculate(node: Expression, context: Context) -> Value:
    """The value of an expression where it stands.

    Raises:
        Mistake: it has none.
        UnknownValue: it hangs on a value that failed before.
    """
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
            return calculate(node.then if chosen else node.otherwise, context)
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
        raise UnknownValue
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
    unknown = "" if node.name == "input" else node.name
    if not helps:
        helps = (f"declare it: `params: {{{node.name}: …}}`",)
    return Mistake(UNKNOWN_NAME, message, node.start, node.end, helps, unknown=unknown)


def _list(node: ListOf, context: Context) -> Value:
    items = tuple(calculate(item, context) for item in node.items)
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
    assert isinstance(owner, InputValue)  # no other name may be `input`
    if node.name not in _PROPERTIES:
        message = f"`input` has no `{shown(node.name)}`"
        helps = did_you_mean(node.name, _PROPERTIES) or (
            "it has `channels`, `height`, `width` and `features`",
        )
        raise Mistake(INPUT, message, node.start, node.end, helps)
    if isinstance(owner.type, Failed):
        raise UnknownValue
    size = owner.type.size(node.name)
    if size is None and node.name == FEATURES and len(owner.type.axes) == 1:
        size = owner.type.sizes[0]
    if size is None:
        axes = ", ".join(f"`{name}`" for name in owner.type.names if name) or "no named axis"
        message = f"`input` has no `{node.name}` here: it is {owner.type}, with {axes}"
        raise Mistake(INPUT, message, node.start, node.end)
    return size


def _concrete(node: Expression, context: Context) -> Value:
    value = calculate(node, context)
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
