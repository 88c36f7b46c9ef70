"""Reading: a spec file with all that it imports, each parsed and read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from archc.diagnostics.place import Place, Source
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.library import find_import, find_spec, not_found, nowhere, read_source
from archc.language.spec import SpecFile
from archc.language.tree import Scalar, Tree
from archc.stages.parse import parse
from archc.stages.read import link, read

SpecName: TypeAlias = str | Path
"""A path of a spec file, or the name of a built-in spec or of one of its variants."""


class Spec(NamedTuple):
    """A spec that was read: its file, and the variant that its name means, if any."""

    file: SpecFile
    variant: str | None

    @property
    def name(self) -> str:
        """The spec's own name."""
        return self.file.name

    @property
    def description(self) -> str:
        """What the spec says of itself."""
        return self.file.description

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of its variants."""
        return tuple(self.file.variants)


def load_spec(name: SpecName, reporter: Reporter) -> Spec | Failed:
    """The spec of a path or a built-in name, read with its imports."""
    found = find_spec(str(name))
    if found is None:
        return not_found(str(name), nowhere(str(name)), reporter)
    path, variant = found
    source = read_source(path, nowhere(str(path)), reporter)
    return FAILED if isinstance(source, Failed) else read_spec(source, reporter, variant)


def read_spec(
    source: Source,
    reporter: Reporter,
    variant: str | None = None,
    opened: Mapping[Path, Source] | None = None,
    tree: Tree | None = None,
) -> Spec | Failed:
    """The spec of a text; its imports are looked up beside the source's name.

    `opened` are texts that stand in place of files, by their resolved paths, as an editor has them;
    `tree` is the text's own, where it is known already.
    """
    spec = _read_file(source, reporter) if tree is None else read(source, tree, reporter)
    file = FAILED if isinstance(spec, Failed) else _with_imports(spec, reporter, opened or {})
    return FAILED if isinstance(file, Failed) else Spec(file, variant)


def _with_imports(spec: SpecFile, reporter: Reporter, opened: Mapping[Path, Source]) -> SpecFile:
    """The file, linked with all that it imports, directly or not; cycles are no harm."""
    known: dict[Path, SpecFile | Failed] = {Path(spec.source.name).resolve(): spec}
    waiting = [spec]
    while waiting:
        file = waiting.pop(0)
        found = [
            (item, _import(item, file, known, waiting, opened, reporter)) for item in file.imports
        ]
        link(file, found, reporter)
    return spec


def _read_file(source: Source, reporter: Reporter) -> SpecFile | Failed:
    tree = parse(source, reporter)
    return FAILED if isinstance(tree, Failed) else read(source, tree, reporter)


def _import(
    item: Scalar,
    file: SpecFile,
    known: dict[Path, SpecFile | Failed],
    waiting: list[SpecFile],
    opened: Mapping[Path, Source],
    reporter: Reporter,
) -> SpecFile | Failed:
    """The file that an import names, read when it is first met."""
    path = find_import(item.text, file.source)
    if path is None:
        return not_found(item.text, Place(item.span), reporter)
    key = path.resolve()
    if key not in known:
        source = opened.get(key) or read_source(path, Place(item.span), reporter)
        imported = FAILED if isinstance(source, Failed) else _read_file(source, reporter)
        known[key] = imported
        if isinstance(imported, SpecFile):
            waiting.append(imported)
    return known[key]
