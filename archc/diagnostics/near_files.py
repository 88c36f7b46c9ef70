"""Did you mean …: the nearest of the files that are there."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from archc.diagnostics.nearest import nearest

LISTED_BOUND = 2_000
"""Names of a folder that are looked at."""


def near_file(
    name: str, *, base: Path = Path(), suffixes: tuple[str, ...] = (), but: str = ""
) -> str | None:
    """The file nearest to one that is not there: of a near name, or in a folder of one, not both.

    Args:
        name: the path as it was written.
        base: the folder that it is relative to.
        suffixes: those that the file may have; empty for any, and for folders too.
        but: the name of a file that is not meant.
    """
    path = Path(name)
    if len(name) > LISTED_BOUND or path.name in ("", ".."):
        return None
    here = base / path.parent
    files = [f for f in _names(here) if f != but]
    if suffixes:
        files = [f for f in files if Path(f).suffix in suffixes and os.path.isfile(here / f)]
    found = nearest(path.name, files)
    if found is not None and _is_near(path, Path(found)):
        return str(path.parent / found)
    above = path.parent.parent
    folders = [f for f in _names(base / above) if os.path.isfile(base / above / f / path.name)]
    folder = nearest(path.parent.name, folders)
    return None if folder is None else str(above / folder / path.name)


def did_you_mean_file(
    name: str, *, base: Path = Path(), suffixes: tuple[str, ...] = (), but: str = ""
) -> tuple[str, ...]:
    """The help with the nearest file, or no help."""
    found = near_file(name, base=base, suffixes=suffixes, but=but)
    return () if found is None else (f"did you mean `{found}`?",)


def _is_near(path: Path, found: Path) -> bool:
    """Whether names are near without the suffix that both have."""
    is_same = path.stem == found.stem or path.suffix != found.suffix
    return is_same or nearest(path.stem, (found.stem,)) is not None


def _names(folder: Path) -> list[str]:
    """What is in a folder, in order; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, LISTED_BOUND))
    except (OSError, ValueError):
        return []
