"""Amounts for people."""

from __future__ import annotations


def readable_bytes(count: int) -> str:
    """A number of bytes with a decimal unit.

    >>> readable_bytes(999), readable_bytes(3_211_264)
    ('999 B', '3.21 MB')
    """
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.995:
            return f"{size:.2f} {unit}"
    return f"{size / 1000:.2f} TB"
