"""Files that are complete or absent: written under a temporary name beside the target, renamed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Reporter
from archc.language.library import nowhere

OUTPUT = Rule(
    "build/output", "the output cannot be written", "What is written is complete or absent."
)


def unwritten(error: OSError, target: Path | None) -> tuple[str, tuple[str, ...]]:
    """Why a target cannot be written, and what helps; no target is a stream."""
    why = f"it cannot be written: {(error.strerror or str(error)).lower()}"
    folder = "" if target is None else str(target.parent)
    if not folder or os.path.isdir(folder):
        return why, ()
    quoted = f"'{folder}'" if " " in folder else folder
    return why, (f"make its folder first: `mkdir -p {quoted}`",)


def write_text(text: str, target: Path, reporter: Reporter) -> bool:
    """Whether a text was written; a failure leaves the target as it was.

    Reports: build/output.
    """
    try:
        with NewFile(target) as new:
            new.file.write(text.encode())
            new.keep()
    except OSError as error:
        message, helps = unwritten(error, target)
        reporter.error(OUTPUT, message, nowhere(str(target)), helps=helps)
        return False
    return True


@final
class NewFile:
    """A file that replaces its target when it is kept, and is removed when it is not.

        with NewFile(target) as new:
            new.file.write(content)
            new.keep()

    Until then, and whatever is raised meanwhile, the target is as it was.
    """

    file: BinaryIO

    def __init__(self, target: Path) -> None:
        self._target = target
        # Not derived from the target's name, which may be as long as a name can be.
        self._path = target.with_name(f".archc-{secrets.token_hex(8)}.tmp")

    def keep(self) -> None:
        """Closes the file and gives it the target's name."""
        self.file.close()
        self._path.replace(self._target)

    def __enter__(self) -> Self:
        try:
            self.file = self._path.open("xb")
        except BaseException:  # an interruption may come when the file is there already
            self._path.unlink(missing_ok=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.file.close()
        finally:
            self._path.unlink(missing_ok=True)
