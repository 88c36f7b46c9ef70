"""The pictures that a user names: files, folders, and lists of files.

`@list.txt` is a file with one path a line, `-` the same on standard input; paths in a list count
from the current folder, as everywhere. Folders are walked in the order of their names, and give the
files that are called like pictures; links to folders are not followed, and hidden names passed by.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.given_file import PICTURE_SUFFIXES
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_SUCH_PICTURE = Rule(
    "score/no-such-picture",
    "the command line names a picture or folder that is not there",
    "A mistyped name should end the command before hours of work, not fill a row with an error.",
)
UNREADABLE_LIST = Rule(
    "score/unreadable-list",
    "a list of pictures cannot be read",
    "A list that is read in part would leave pictures out without a word.",
)
UNREADABLE_FOLDER = Rule(
    "score/unreadable-folder",
    "a folder of pictures cannot be looked into",
    "A folder that is passed by would leave pictures out without a word.",
)
NO_PICTURES = Rule(
    "score/no-pictures",
    "there is no picture to score",
    "An empty folder or list is most often the wrong one.",
)

STANDARD_INPUT = "-"
LIST_MARK = "@"


def list_pictures(
    given: Sequence[str], standard_input: BinaryIO, reporter: Reporter
) -> tuple[str, ...] | Failed:
    """The paths of the pictures that are named, in the order of the names.

    What stands in a list is taken as it is: a path that leads nowhere is found out when it is read.

    Reports: score/no-such-picture, score/unreadable-list, score/unreadable-folder,
        score/no-pictures.
    """
    found: list[str] = []
    failed = False
    for name in given:
        if name == STANDARD_INPUT:
            found += _lines(standard_input.read())
            continue
        paths = _from_list(name, reporter) if name.startswith(LIST_MARK) else _named(name, reporter)
        if isinstance(paths, Failed):
            failed = True
        else:
            found += paths
    if failed:
        return FAILED
    if not found:
        names = ", ".join(f"`{shown(name)}`" for name in given)
        return reporter.error(
            NO_PICTURES,
            f"there is no picture in {names}",
            file_place(given[0] if given else STANDARD_INPUT),
            helps=(f"in folders, pictures end in {', '.join(PICTURE_SUFFIXES)}",),
        )
    return tuple(found)


def _from_list(name: str, reporter: Reporter) -> list[str] | Failed:
    path = name.removeprefix(LIST_MARK)
    try:
        return _lines(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        return reporter.error(
            UNREADABLE_LIST,
            f"the list `{shown(path)}` cannot be read",
            file_place(path),
            notes=(_reason(error),),
            helps=(f"a picture whose own name begins with `{LIST_MARK}` is `./{shown(name)}`",),
        )


def _lines(text: bytes) -> list[str]:
    lines = (line.removesuffix(b"\r") for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    return [os.fsdecode(line) for line in lines if line]


def _named(name: str, reporter: Reporter) -> list[str] | Failed:
    if os.path.isdir(name):
        return _in_folder(name, reporter)
    if os.path.exists(name):
        return [name]
    return reporter.error(
        NO_SUCH_PICTURE,
        f"there is no picture or folder `{shown(name)}`",
        file_place(name),
        helps=("paths that may lead nowhere go into a list: `@list.txt`, or `-`",),
    )


def _in_folder(folder: str, reporter: Reporter) -> list[str] | Failed:
    refused: list[OSError] = []
    found = list(_walk(folder, refused))
    for error in refused:
        path = os.fsdecode(error.filename or folder)
        reporter.error(
            UNREADABLE_FOLDER,
            f"the folder `{shown(path)}` cannot be looked into",
            file_place(path),
            notes=(_reason(error),),
            helps=(f"let it be read, `chmod u+rx {shlex.quote(path)}`, or move it away",),
        )
    return FAILED if refused else found


def _walk(folder: str, refused: list[OSError]) -> Iterator[str]:
    for place, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES:
                yield os.path.join(place, name)


def _reason(error: OSError | ValueError) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return shown((text or str(error)).lower())
