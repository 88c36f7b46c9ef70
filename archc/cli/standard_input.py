"""A spec on standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from archc.diagnostics.place import Source

if TYPE_CHECKING:
    from archc.diagnostics.reporter import Failed, Reporter

NAME = "<stdin>"
"""What the spec is called where nobody says."""

_read: list[Source] = []


def read_standard_input(name: str, reporter: Reporter) -> Source | Failed:
    """The text on standard input as a source of this name, whose folder imports are relative to.

    Reports:
        spec/unreadable.
    """
    from archc.language.library import SIZE_BOUND_BYTES, decode_source, nowhere

    stream = getattr(sys.stdin, "buffer", None)
    content = b"" if stream is None else stream.read(SIZE_BOUND_BYTES + 1)
    source = decode_source(name, content, nowhere(name), reporter)
    if isinstance(source, Source):
        _read[:] = [source]
    return source


def last_read() -> Source | None:
    """What was read from standard input: it cannot be read twice."""
    return _read[0] if _read else None
