"""The files that a spec could import: those that define blocks, built in or beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from archc.language.library import SIZE_BOUND_BYTES, zoo_folder, zoo_specs

FILE_BOUND = 200
_BLOCKS = re.compile(r"^blocks\s*:", re.MULTILINE)
_LAYERS = re.compile(r"^layers\s*:", re.MULTILINE)


def importable(importer: Path) -> Iterator[tuple[str, str]]:
    """The names to write, each with what it is; libraries alone, as networks are built as such."""
    for path in sorted(importer.parent.glob("*.y*ml"))[:FILE_BOUND]:
        if path != importer and _is_library(path):
            yield path.name, "file"
    for name in _built_in():
        yield name, "built-in"


@cache
def _built_in() -> tuple[str, ...]:
    folder = zoo_folder()
    return tuple(name for name in zoo_specs() if _is_library(folder / f"{name}.yaml"))


def _is_library(path: Path) -> bool:
    try:
        if path.stat().st_size > SIZE_BOUND_BYTES:
            return False
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    return _BLOCKS.search(text) is not None and _LAYERS.search(text) is None
