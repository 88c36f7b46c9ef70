"""Regular expressions that match in linear time, by RE2, imported when a spec has one."""

from __future__ import annotations

import importlib
from typing import Any


class PatternMistake(ValueError):  # noqa: N818 - the user's mistake, turned into a diagnostic
    """A text is no pattern, or asks for what linear time excludes."""


def compile_pattern(text: str) -> Any:
    """The compiled pattern.

    Raises:
        PatternMistake: where the text is none.
    """
    # A spec without patterns pays nothing for the library.
    re2 = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise PatternMistake(text) from None
