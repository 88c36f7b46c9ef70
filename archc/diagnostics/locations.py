"""Files as other programs name them: relative to a folder, with slashes, or as a URI (RFC 3986).

What is no file, such as the value of an option, has no such name.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from archc.diagnostics.place import Span


def file_name(span: Span) -> str | None:
    """The name of the file that a span is in, or None where it is in an option's value."""
    return None if span.file.startswith("--") else span.file


def relative_name(name: str, root: Path) -> str:
    """A file's name relative to a folder, with slashes; as it is where it lies elsewhere."""
    whole = os.path.normpath(Path.cwd() / name)
    try:
        return Path(whole).relative_to(os.path.normpath(root.absolute())).as_posix()
    except ValueError:
        return Path(whole).as_posix()


def relative_uri(name: str, root: Path) -> str:
    """The same as a URI reference: relative within the folder, `file:` elsewhere."""
    found = relative_name(name, root)
    if found.startswith("/"):
        return f"file://{quote(found, errors='replace')}"
    first, slash, rest = found.partition("/")
    # A colon in the first part would be read as a scheme.
    return f"{'./' if ':' in first else ''}{quote(first + slash + rest, errors='replace')}"
