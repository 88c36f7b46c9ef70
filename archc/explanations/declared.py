"""The rules that archc declares, read from its source.

A rule is a constant of three texts. It is read from the syntax tree of the file that declares it,
and nothing is imported: the list is complete whatever optional libraries are installed, files that
run inside a server are in it too, and one rule is found in a few hundredths of a second.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from archc.diagnostics.diagnostic import Rule

_PACKAGE = Path(__file__).resolve().parent.parent
_SLUG = re.compile(r'Rule\(\s*"([a-z0-9_]+/[a-z0-9-]+)"')


@cache
def slugs() -> tuple[str, ...]:
    """The slugs of all rules, in the order of their names."""
    return tuple(sorted(_files()))


def subject_of(slug: str) -> str:
    """The part of a slug before the slash."""
    return slug.partition("/")[0]


def find_rule(slug: str) -> Rule | None:
    """The rule of a slug."""
    path = _files().get(slug)
    return None if path is None else next(r for r in _rules_of(path) if r.slug == slug)


def all_rules() -> tuple[Rule, ...]:
    """All rules, in the order of their slugs."""
    found = {r.slug: r for path in dict.fromkeys(_files().values()) for r in _rules_of(path)}
    return tuple(found[slug] for slug in sorted(found))


@cache
def _files() -> dict[str, Path]:
    """The file of each rule."""
    return {
        slug: path
        for path in sorted(_PACKAGE.rglob("*.py"))
        for slug in _SLUG.findall(path.read_text(encoding="utf-8"))
    }


def _rules_of(path: Path) -> Iterator[Rule]:
    """The rules that a file declares as constants."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name(id="Rule"), args=[*texts])):
                slug, summary, why = (ast.literal_eval(text) for text in texts)
                yield Rule(slug, summary, why)
