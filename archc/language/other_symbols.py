"""Symbols of other languages in expressions, and how what they mean is written here."""

from __future__ import annotations

_MEANT = {
    "&": "write `and`", "|": "write `or`", "!": "write `not`", "~": "write `not`",
    "^": "a power is written `**`", "?": "a choice is written `a if condition else b`",
    "$": "within an expression names stand without `$`",
    "×": "write `*`", "·": "write `*`", "÷": "write `/`", "−": "write `-`", "–": "write `-`",
    "≤": "write `<=`", "≥": "write `>=`", "≠": "write `!=`",
}  # fmt: skip


def symbol_helps(symbol: str) -> tuple[str, ...]:
    """The help with what is written here for a symbol, or no help."""
    return (_MEANT[symbol],) if symbol in _MEANT else ()
