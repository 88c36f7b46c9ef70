"""A JSON object from a checkpoint: no name twice, nothing beyond the standard, bounded in parts."""

from __future__ import annotations

import json

from archc.diagnostics.diagnostic import Rule
from archc.weights.refusal import DUPLICATE_NAME, CheckpointError
from archc.weights.shown import shown

_MAX_STRUCTURE = 4_000_000
"""Brackets and commas: each may cost a Python object."""


def json_object(data: bytes, what: str, malformed: Rule, too_large: Rule) -> dict[str, object]:
    """The object that a JSON text is.

    Args:
        data: the text, in UTF-8.
        what: what it is, for messages.
        malformed: the rule that a text breaks which is no JSON object.
        too_large: the rule that a text breaks which has too many parts.

    Raises:
        CheckpointError: it is none, has too many parts, or a name twice.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found:
                raise CheckpointError(DUPLICATE_NAME, f"{what} names `{shown(name)}` twice")
            found[name] = value
        return found

    structure = sum(data.count(mark) for mark in (b"[", b"{", b","))
    if structure > _MAX_STRUCTURE:
        message = f"{what} has {structure} brackets and commas, more than {_MAX_STRUCTURE}"
        raise CheckpointError(too_large, message)
    try:
        value = json.loads(data, object_pairs_hook=unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(malformed, f"{what} is no JSON text") from error
    if type(value) is not dict:
        raise CheckpointError(malformed, f"{what} is no JSON object")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(name)
