"""What a case expects, read from its comments.

On a line, of that line (or, where the comment stands alone, of the next line that is none):

    # error: 12 [rule/slug] "part of the message"     the column and the part may be left out
    # warning: 12 [rule/slug]
    # type: float32 (N, 64, 112, 112)                 of the layers written there, each once
    # names: layer1.0.conv1, layer1.1.conv1           of those layers, all of them

Anywhere, of the whole file:

    # variant: NAME                                   chosen, instead of all
    # set: KEY=VALUE                                  set by the caller
    # layers: a, b.0                                  all layers' names, in order
    # weights: a.weight, b.0.bias                     all weights' names, in order
    # outputs: logits (N, 10); aux (N, 8, H, W)       names and shapes
    # bounds: H 75, W 75                              the smallest sizes that the layers admit
    # parameters: 61706
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_FOUND = re.compile(r'#\s*(error|warning):\s*(?:(\d+)\s+)?\[([a-z0-9/-]+)\](?:\s+"([^"]*)")?')
_OF_LINE = re.compile(r"#\s*(type|names):\s*([^#]*)")
_OF_FILE = re.compile(r"#\s*(variant|set|layers|weights|outputs|bounds|parameters):\s*([^#]*)")


class Expected(NamedTuple):
    """A diagnostic that a line expects; column 0 is any, as is an empty part of the message."""

    line: int
    severity: str
    rule: str
    column: int
    message: str


@dataclass
class Expectations:
    """All that a file expects."""

    diagnostics: list[Expected] = field(default_factory=list)
    types: dict[int, list[str]] = field(default_factory=dict)
    names: dict[int, list[str]] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)


def read_expectations(text: str) -> Expectations:
    """The expectations that stand in the comments of a text."""
    found = Expectations()
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        at = number
        while at < len(lines) and lines[at - 1].lstrip().startswith("#"):
            at += 1
        for severity, column, rule, part in _FOUND.findall(line):
            found.diagnostics.append(Expected(at, severity, rule, int(column or 0), part))
        for kind, value in _OF_LINE.findall(line):
            separator = "; " if kind == "type" else ", "
            target = found.types if kind == "type" else found.names
            target[at] = value.strip().split(separator)
        for kind, value in _OF_FILE.findall(line):
            if kind == "set":
                found.settings.append(value.strip())
            else:
                found.file[kind] = value.strip()
    return found
