"""Finding: which files of a folder are specs.

A folder may hold other YAML, so a file counts as a spec where it has the top-level key `archc`,
which every spec has, or both `input` and `layers`, so that one without `archc` is not passed over.
The keys are looked for in the text: a spec that is no YAML is found as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.library import SIZE_BOUND_BYTES, SUFFIXES, is_file, nowhere

NONE_IN_FOLDER = Rule(
    "spec/none-in-folder",
    "a folder holds no spec",
    "A check that checks nothing would look like one that found nothing.",
)

_KEY = re.compile(
    rb"""^(?:\xef\xbb\xbf)?\{?[ ]?["']?(archc|input|layers)["']?[ ]*:""", re.MULTILINE
)


def specs_in(folder: Path, reporter: Reporter) -> tuple[Path, ...] | Failed:
    """The specs of a folder and of those below it, in the order of their names.

    Folders whose names begin with a dot are passed over, and links to folders.

    Reports:
        spec/none-in-folder.
    """
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(where) / name for name in sorted(files) if name.endswith(SUFFIXES))
        found += (path for path in paths if is_file(path) and is_spec(path))
    if not found:
        message = f"there is no spec in `{folder}`"
        helps = ("a spec is a `.yaml` or `.yml` file with the top-level key `archc`",)
        return reporter.error(NONE_IN_FOLDER, message, nowhere(str(folder)), helps=helps)
    return tuple(found)


def is_spec(path: Path) -> bool:
    """Whether a file is a spec; one that cannot be read counts, so that its reader says so."""
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_BOUND_BYTES)
    except OSError:
        return True
    return is_spec_text(text)


def is_spec_text(text: bytes) -> bool:
    """Whether a text has the top-level keys of a spec."""
    keys = set(_KEY.findall(text))
    return b"archc" in keys or keys >= {b"input", b"layers"}
