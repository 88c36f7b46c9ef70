"""Folders that are complete or absent: made under a temporary name beside the target, renamed."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self, final

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.place import Source, Span


@final
class NewFolder:
    """A folder that takes its target's place when it is kept, and is removed when it is not.

        with NewFolder(target) as new:
            (new.path / "labels.txt").write_text(labels)
            new.keep()

    Until then, and whatever is raised meanwhile, the target is as it was. A folder that stood
    there is replaced as a whole.
    """

    path: Path

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f".archc-{secrets.token_hex(8)}.tmp")

    def start_from(self, folder: Path) -> None:
        """Copies a folder that the new one begins as; files are linked where that is possible."""
        shutil.copytree(folder, self.path, copy_function=_link_or_copy, dirs_exist_ok=True)

    def keep(self) -> None:
        """Gives the folder the target's name."""
        if not self._target.exists():
            self.path.rename(self._target)
            return
        old = self.path.with_suffix(".old")
        self._target.rename(old)
        try:
            self.path.rename(self._target)
        except BaseException:
            old.rename(self._target)
            raise
        shutil.rmtree(old, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.path.mkdir()
        except BaseException:  # an interruption may come when the folder is there already
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def with_final_name(found: Diagnostic, made: Path, folder: Path) -> Diagnostic:
    """The diagnostic with the name that a folder will have, for the one that it is made under."""

    def renamed(text: str) -> str:
        return text.replace(str(made), str(folder))

    def moved(span: Span) -> Span:
        name = renamed(span.file)
        source = span.source if name == span.file else Source(name, span.source.text)
        return span._replace(source=source)

    return found._replace(
        message=renamed(found.message),
        place=found.place._replace(span=moved(found.span)),
        related=tuple(one._replace(span=moved(one.span)) for one in found.related),
        notes=tuple(map(renamed, found.notes)),
        helps=tuple(map(renamed, found.helps)),
    )


def _link_or_copy(source: str, target: str) -> None:
    # Whoever replaces a file renames a new one over it, so that the other name keeps the old one.
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
