"""Environments of servers: virtual environments apart from archc's, made when first needed.

A server's packages do not fit beside archc's (Triton's Python processes need a NumPy below 2), so
each kind of server has its own, in the user's cache folder or where the caller says. Its record,
`archc-environment.json`, is written last: a folder without it is half made and is made again. Two
first uses at once are kept apart by a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.atomic import NewFile
from archc.serving.installation import (
    InstallationError,
    create_environment,
    installed_python,
)
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NOT_AN_ENVIRONMENT = Rule(
    "serve/not-an-environment",
    "the folder for a server's environment holds something else",
    "What archc did not make it does not replace; an environment needs a folder of its own.",
)
NOT_INSTALLED = Rule(
    "serve/not-installed",
    "a server cannot be installed",
    "A server runs in an environment of its own, which is made from the package index once.",
)

RECORD = "archc-environment.json"
_UNFINISHED = "archc-environment.part"

Say: TypeAlias = Callable[[str], None]
"""Told what is being done, a line at a time."""


class Recipe(NamedTuple):
    """What an environment is made of.

    Attributes:
        name: what is said of it.
        requirements: what pip installs.
        program: the Python's program.
        version: the Python's version.
        alone: what pip installs without what it asks for.
    """

    name: str
    requirements: tuple[str, ...]
    program: Path
    version: tuple[int, ...]
    alone: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """What an environment made by it says of itself."""
        version = ".".join(map(str, self.version))
        return {
            "name": self.name,
            "python": version,
            "requirements": [*self.requirements, *self.alone],
        }


def default_folder(recipe: Recipe) -> Path:
    """The folder of an environment in the user's cache (XDG Base Directory Specification 0.8)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    digest = hashlib.sha256(json.dumps(recipe.record()).encode()).hexdigest()[:12]
    return cache / "archc" / f"{recipe.name}-{digest}"


def ensure_environment(
    recipe: Recipe, folder: Path | None, say: Say, reporter: Reporter
) -> Path | Failed:
    """The folder of a complete environment, made if it is not there.

    Reports: serve/not-an-environment, serve/not-installed.
    """
    named = default_folder(recipe) if folder is None else folder
    target = named.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f".{target.name}.lock"), say) as lock:
            if is_complete(target, recipe):
                return target
            if not _is_ours(target):
                return _report_foreign(named, reporter)
            _make(target, recipe, say, lock)
    except InstallationError as error:
        return reporter.error(
            NOT_INSTALLED,
            f"{recipe.name} cannot be installed in `{shown(str(named))}`",
            file_place(str(named)),
            notes=error.notes,
            helps=error.helps,
        )
    except OSError as error:
        return reporter.error(
            NOT_INSTALLED,
            f"{recipe.name} cannot be installed in `{shown(str(named))}`",
            file_place(str(named)),
            notes=(f"{shown(str(error.filename))}: {(error.strerror or str(error)).lower()}",),
            helps=("name a folder that may be written: `--environment DIR`",),
        )
    return target


def is_complete(folder: Path, recipe: Recipe) -> bool:
    """Whether an environment was made to its end, by this recipe, and its Python is still there."""
    if (folder / _UNFINISHED).exists():
        return False
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(record == recipe.record()) and installed_python(folder).exists()


def _is_ours(folder: Path) -> bool:
    """Whether a folder is absent, empty, or was begun by archc."""
    if not os.path.lexists(folder):
        return True
    if not folder.is_dir():
        return False
    marks = (folder / RECORD, folder / _UNFINISHED)
    return any(mark.is_file() for mark in marks) or not any(folder.iterdir())


def _make(folder: Path, recipe: Recipe, say: Say, lock: int) -> None:
    say(f"installing {recipe.name} into {folder} (once)")
    folder.mkdir(exist_ok=True)
    # The mark comes first and goes last: with it the folder is ours, and not complete.
    (folder / _UNFINISHED).touch()
    for entry in list(folder.iterdir()):
        if entry.name == _UNFINISHED:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    create_environment(folder, recipe.program, recipe.requirements, recipe.alone, say, lock)
    with NewFile(folder / RECORD) as new:
        new.file.write(json.dumps(recipe.record(), indent=2).encode() + b"\n")
        new.keep()
    (folder / _UNFINISHED).unlink()


def _report_foreign(folder: Path, reporter: Reporter) -> Failed:
    return reporter.error(
        NOT_AN_ENVIRONMENT,
        f"`{shown(str(folder))}` holds something that archc did not make",
        file_place(str(folder)),
        helps=("name an empty folder, or one that is not there: `--environment DIR`",),
    )


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[int]:
    """Holds the lock of an environment; the system gives it back however the process ends.

    The programs that install share it, so that one whose archc was killed is waited for.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another archc that installs the same server")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
