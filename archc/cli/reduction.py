"""A smaller spec for the report of a bug: what is left when all is gone that the bug does not need.

Greedy delta debugging over the YAML nodes of the text: an entry or an item is taken out, the
largest first, and stays out where the same exception still rises at the same line of archc. A text
that is no YAML loses lines instead. Bounded in time and in tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import yaml

SECONDS, TRIES = 10.0, 2_000

Crashes: TypeAlias = Callable[[str], bool]
"""Whether a text still shows the bug."""


def reduce_spec(text: str, crashes: Crashes, *, seconds: float = SECONDS) -> str:
    """The smallest text found that still shows the bug; the text itself where none is smaller.

    Args:
        text: a spec that shows it.
        crashes: whether another does.
        seconds: when to stop looking.
    """
    tried = _bounded(crashes, seconds)
    root = _composed(text)
    if root is None:
        return _fewer_lines(text, tried)
    plain = _written(root)
    if not tried(plain):
        return _fewer_lines(text, tried)
    while _take_one_out(root, tried):
        pass
    return _written(root)


def _bounded(crashes: Crashes, seconds: float) -> Crashes:
    """The same question, answered with no once time or tries are used up."""
    end, tries = time.monotonic() + seconds, iter(range(TRIES))

    def ask(text: str) -> bool:
        if time.monotonic() > end or next(tries, None) is None:
            return False
        return crashes(text)

    return ask


def _composed(text: str) -> yaml.Node | None:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return node if isinstance(node, yaml.CollectionNode) else None


def _written(root: yaml.Node) -> str:
    written: str = yaml.serialize(root, Dumper=yaml.SafeDumper, width=100, allow_unicode=True)
    return written


def _take_one_out(root: yaml.Node, crashes: Crashes) -> bool:
    """Whether something could be taken out; each part of the tree was tried once."""
    is_smaller = False
    for node in _collections(root):
        for part in sorted(node.value, key=_size, reverse=True):
            before = list(node.value)
            node.value = [other for other in before if other is not part]
            if crashes(_written(root)):
                is_smaller = True
            else:
                node.value = before
    return is_smaller


def _collections(node: yaml.Node) -> Iterator[Any]:
    """The mappings and sequences of a tree, the outer ones first, as it is when they are asked."""
    waiting, seen = [node], {id(node)}
    while waiting:
        found = waiting.pop(0)
        yield found
        for part in found.value:
            for child in part if isinstance(part, tuple) else (part,):
                if isinstance(child, yaml.CollectionNode) and id(child) not in seen:
                    seen.add(id(child))
                    waiting.append(child)


def _size(part: Any) -> int:
    """How much text a part takes."""
    first, last = (part[0], part[-1]) if isinstance(part, tuple) else (part, part)
    return int(last.end_mark.index - first.start_mark.index)


def _fewer_lines(text: str, crashes: Crashes) -> str:
    lines = text.splitlines(keepends=True)
    step = max(len(lines) // 2, 1)
    while True:
        start = 0
        while start < len(lines):
            fewer = lines[:start] + lines[start + step :]
            if fewer and crashes("".join(fewer)):
                lines = fewer
            else:
                start += step
        if step == 1:
            return "".join(lines)
        step //= 2
