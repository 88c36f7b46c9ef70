"""Specs as text: plain data to YAML, a layer a line.

What is written reads back as the same data by YAML 1.2's core schema, and by older readers too: a
string that any of them takes for something else is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Flow:
    """Data that is written on one line: mappings, lists, numbers, bools and texts."""

    value: object


Block: TypeAlias = "Flow | dict[str, Block] | list[Block]"
"""What is written over several lines: mappings and lists of what is written on one."""

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_])?")
_WHOLE = re.compile(r"0|[1-9][0-9]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


class Raw(str):
    """A scalar that is written as it is, such as an expression."""

    __slots__ = ()


def block_lines(block: Block) -> list[str]:
    """The lines of a document, without indentation of its own."""
    if isinstance(block, Flow):
        return [flow(block.value)]
    if isinstance(block, dict):
        return [line for key, value in block.items() for line in _entry_lines(key, value)]
    return [line for item in block for line in _item_lines(item)]


def _entry_lines(key: str, value: Block) -> list[str]:
    if isinstance(value, Flow) or not value:
        return [f"{_key(key)}: {_one_line(value)}"]
    return [f"{_key(key)}:", *(f"  {line}" for line in block_lines(value))]


def _item_lines(item: Block) -> list[str]:
    if isinstance(item, Flow) or not item:
        return [f"- {_one_line(item)}"]
    first, *rest = block_lines(item)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _one_line(block: Block) -> str:
    return flow(block.value if isinstance(block, Flow) else block)


def flow(value: object) -> str:
    """A value on one line; texts are quoted where they must be.

    >>> flow({"conv": 64, "kernel": (3, 3), "init": "he_normal", "from": "1.10"})
    "{conv: 64, kernel: [3, 3], init: he_normal, from: '1.10'}"
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(_flow_entry(k, v) for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _flow_entry(key: str, value: object) -> str:
    return _key(key) if value is None else f"{_key(key)}: {flow(value)}"


def _key(name: str) -> str:
    # A key that is a whole number is that name.
    return name if _WHOLE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    if isinstance(value, Raw):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def literal(value: str) -> str:
    """A text in a part of a spec that is evaluated: its dollar signs are doubled."""
    return value.replace("$", "$$")


def document(head: Iterable[str], sections: Mapping[str, Block]) -> str:
    """A spec: comment lines, then its sections with a blank line before each long one."""
    lines = [f"# {line}" for line in head]
    for key, section in sections.items():
        if not isinstance(section, Flow):
            lines.append("")
        lines += _entry_lines(key, section)
    return "\n".join(lines) + "\n"
