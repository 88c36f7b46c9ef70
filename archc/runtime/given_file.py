"""Files that a user names: models, pictures and answers."""

from __future__ import annotations

import os
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.near_files import did_you_mean_file
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_SUCH_FILE = Rule(
    "run/no-such-file",
    "a model, image or answers file cannot be opened",
    "Only the file that is named is read; a folder, a pipe or a device is none.",
)

PICTURE_SUFFIXES = (
    *(".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""What the names of pictures in a folder end in, in small letters."""


def check_file(path: Path, reporter: Reporter, *, otherwise: str = "") -> Failed | None:
    """None where a path is a regular file that may be read.

    Args:
        path: the file.
        reporter: told what is wrong.
        otherwise: what helps where there is no file of a near name.

    Reports: run/no-such-file.
    """
    helps: tuple[str, ...] = ()
    # Path's own methods raise where a folder on the way may not be entered.
    if not os.path.exists(path):
        message = f"there is no file `{shown(str(path))}`"
        helps = did_you_mean_file(str(path))
    elif not os.path.isfile(path):
        message = f"`{shown(str(path))}` is {'a folder' if path.is_dir() else 'no regular file'}"
    elif not os.access(path, os.R_OK):
        message = f"`{shown(str(path))}` may not be read"
    else:
        return None
    if otherwise and not helps:
        helps = (otherwise,)
    return reporter.error(NO_SUCH_FILE, message, file_place(str(path)), helps=helps)
