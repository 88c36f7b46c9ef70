"""Text from files as messages show it: no control characters, and not too long."""

from __future__ import annotations

_LONGEST = 80

SHOWN_NAMES = 5
"""Names that a message lists."""


def shown(text: str, longest: int = _LONGEST) -> str:
    r"""The text with what does not print escaped, cut after 80 characters, or as many as given.

    >>> shown("conv1\x1b[2J.weight")
    'conv1\\x1b[2J.weight'
    """
    cut = text[:longest]
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
    return escaped[:longest] + "…" if len(text) > longest or len(escaped) > longest else escaped


def listed(names: list[str], count: int | None = None) -> str:
    """The first names in backticks, and how many more of `count` there are.

    >>> listed(["epoch", "args"], 7)
    '`epoch`, `args` and 5 more'
    """
    first = names[:SHOWN_NAMES]
    more = (len(names) if count is None else count) - len(first)
    text = ", ".join(f"`{shown(name)}`" for name in first)
    return f"{text} and {more} more" if more else text
