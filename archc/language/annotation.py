"""Annotations of arguments in the words of the language: `an int of at least 1 or [int, int]`."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from archc.shapes.size import Form

LARGEST_SHOWN = 2**31 - 2
"""Bounds beyond this only keep arithmetic sane, and say nothing about what an argument means."""

SMALLEST_SHOWN = 1e-30

_WORDS: dict[object, str] = {
    int: "an int", float: "a number", bool: "true or false", str: "a text", Form: "",
    type(None): "",
}  # fmt: skip


def describe_type(annotation: Any, bounds: tuple[object, ...] = ()) -> str:
    """An annotation in the words of the language.

    >>> describe_type(int | tuple[int, int])
    'an int or [int, int]'
    >>> describe_type(Annotated[float, Ge(0), Le(1)])
    'a number from 0 to 1'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe_type(arguments[0], (*arguments[1:], *bounds))
    if origin is Literal:
        return _joined([f"`{a}`" for a in arguments])
    if origin in (Union, types.UnionType):
        parts = dict.fromkeys(_alternative(a, bounds) for a in arguments)
        return _joined([part for group in parts for part in group if part])
    if origin is tuple:
        return _describe_tuple(arguments)
    word = _WORDS.get(annotation, "a value")
    return word + _describe_bounds(bounds) if word else ""


def options_of(annotation: Any) -> tuple[str, ...]:
    """The words that an annotation admits as they are."""
    if get_origin(annotation) is Literal:
        return tuple(a for a in get_args(annotation) if isinstance(a, str))
    return tuple(option for a in get_args(annotation) for option in options_of(a))


def _alternative(annotation: Any, bounds: tuple[object, ...]) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(f"`{a}`" for a in get_args(annotation))
    return (describe_type(annotation, bounds),)


def _joined(words: list[str]) -> str:
    if len(words) < 3:
        return " or ".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _describe_tuple(arguments: tuple[Any, ...]) -> str:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _plural(arguments[0])
        return f"a list of {inner}" if inner else "a list"
    return f"[{', '.join(map(_singular, arguments))}]"


def _singular(annotation: Any) -> str:
    """The word for one element, without its bounds."""
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    words = describe_type(bare).removeprefix("an ").removeprefix("a ")
    return words.split(" or ")[0].split(" of ")[0] or "value"


def _plural(annotation: Any) -> str:
    if get_origin(annotation) is tuple:
        inner = _plural(get_args(annotation)[0])
        return f"lists of {inner}" if inner else "lists"
    word = _singular(annotation)
    return f"{word}s" if word.isalpha() and word != "value" else ""


def _describe_bounds(bounds: tuple[object, ...]) -> str:
    least = next((b.ge for b in bounds if isinstance(b, Ge) and _is_shown(b.ge)), None)
    most = next((b.le for b in bounds if isinstance(b, Le) and _is_shown(b.le)), None)
    if least is not None and most is not None:
        return f" from {least} to {most}"
    words = [f"at least {least}"] if least is not None else []
    words += [f"at most {most}"] if most is not None else []
    is_positive = any(isinstance(b, Ge) and 0 < _number(b.ge) < SMALLEST_SHOWN for b in bounds)
    above = [f"above {b.gt}" for b in bounds if isinstance(b, Gt)]
    above += ["above 0"] if is_positive else []
    above += [f"below {b.lt}" for b in bounds if isinstance(b, Lt)]
    ends = f" of {' and '.join(words)}" if words else ""
    return ends + (f" {' and '.join(above)}" if above else "")


def _is_shown(bound: Any) -> bool:
    size = abs(_number(bound))
    return size == 0 or SMALLEST_SHOWN <= size <= LARGEST_SHOWN


def _number(bound: Any) -> float:
    return bound if isinstance(bound, int | float) else 0
