"""Configuration to text: a `config.pbtxt` as people write it, the same for the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

_ROOM = 90
_INDENT = "  "
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Word(str):
    """The name of an enumeration's value, which stands without quotes."""

    __slots__ = ()


Written: TypeAlias = "bool | int | str | Word | Mapping[str, Written] | Sequence[Written]"
"""A field's value: a message is a mapping, a list a sequence."""


def format_config(fields: Mapping[str, Written]) -> str:
    """The text of a configuration, a field a line where it fits."""
    return "".join(f"{line}\n" for name, value in fields.items() for line in _field(name, value))


def entry(key: str, value: Written) -> Mapping[str, Written]:
    """An entry of a map."""
    return {"key": key, "value": value}


def _field(name: str, value: Written) -> list[str]:
    line = _on_one_line(name, value)
    if len(line) <= _ROOM or not isinstance(value, Mapping | list | tuple):
        return [line]
    if isinstance(value, Mapping):
        inner = [part for key, item in value.items() for part in _field(key, item)]
        return [f"{name} {{", *(_INDENT + part for part in inner), "}"]
    return [line for item in value for line in _field(name, item)]


def _on_one_line(name: str, value: Written) -> str:
    if isinstance(value, Mapping):
        return f"{name} {_flat(value)}"
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return f"{name} {_flat(value)}"
    return f"{name}: {_flat(value)}"


def _flat(value: Written) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, str):
        return f'"{"".join(_ESCAPES.get(c) or _printable(c) for c in value)}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        inner = "  ".join(_on_one_line(key, item) for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{ }"
    return f"[ {', '.join(map(_flat, value))} ]" if value else "[ ]"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "replace"))
