"""Numbers that stand as arguments without names, as where a list has lost its brackets.

In `{conv: 8, kernel: 3, 3}` YAML sees a key `3` without a value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from archc.language.values import Argument, describe

Fits: TypeAlias = Callable[[str, object], bool]
"""Whether a value would be one that the argument of this name takes."""


def lost_brackets(
    number: str, known: Collection[str], arguments: Mapping[str, Argument], fits: Fits
) -> tuple[str, ...]:
    """What to write for a number without a name: a list with the value before, or its name."""
    order = list(arguments)
    at = max(order.index(number) - 1, 0)
    before, value = order[at], arguments[order[at]].value
    if before in known and isinstance(value, int) and fits(before, (value, int(number))):
        name = f"{before}: " if at else ""  # the first may be the op's own value
        return (f"write a list in brackets, as in `{name}[{describe(value)}, {number}]`",)
    free = next((name for name in known if name not in arguments and fits(name, int(number))), "")
    return (f"an argument has a name, as in `{free}: {number}`",) if free else ()
