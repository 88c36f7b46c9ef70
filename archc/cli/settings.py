"""`--set NAME=VALUE` and `--output NAME=PATH` as the choices of a caller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import typer

from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.language.tree import Tree
    from archc.pipeline.networks import Choices


def choices(
    variant: str | None,
    settings: Iterable[str] | None,
    reporter: Reporter,
    outputs: Iterable[str] | None = None,
) -> Choices:
    """What the options choose; a VALUE that is no YAML is reported.

    Raises:
        typer.BadParameter: an option is no `NAME=…`, or gives a name twice.
    """
    from archc.pipeline.networks import Choices

    values = {name: _tree(name, text, reporter) for name, text in _pairs("--set", settings)}
    return Choices(
        variant,
        {name: tree for name, tree in values.items() if not isinstance(tree, Failed)},
        dict(_pairs("--output", outputs)),
    )


def _tree(name: str, text: str, reporter: Reporter) -> Tree | Failed:
    from archc.diagnostics.place import Source
    from archc.stages.parse import parse

    return parse(Source(f"--set {name}", text), reporter)


def _pairs(option: str, given: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for text in given or ():
        name, is_pair, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not is_pair or not name or not value:
            form = "NAME=VALUE" if option == "--set" else "NAME=PATH"
            raise typer.BadParameter(f"`{option} {text}` is no `{option} {form}`")
        if name in seen:
            raise typer.BadParameter(f"`{option}` gives `{name}` twice")
        seen.add(name)
        yield name, value
