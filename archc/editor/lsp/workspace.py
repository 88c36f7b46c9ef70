"""The documents of an editor: those that are open, and the files that they import."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.lsp.document import Document
from archc.editor.lsp.positions import TextLines
from archc.language.library import nowhere, read_source

_ARCHC = re.compile(r"^archc[ \t]*:", re.MULTILINE)
_ANY_KEY = re.compile(r"^[^\s#-][^#\n]*:", re.MULTILINE)


class Workspace:
    """Open documents by their paths.

    Editors send all YAML files to a server for YAML; those without the key `archc` are none of
    ours, but where it was there and is being typed anew.

    A document is one version of a text; what hangs on another that has changed is made anew.

    Attributes:
        encoding: the units of columns that client and server have agreed on.
        variant: the variant that documents show, where they have it.
    """

    def __init__(self) -> None:
        self.encoding = "utf-16"
        self.variant: str | None = None
        self._open: dict[Path, Document] = {}
        self._closed: dict[Path, Document] = {}
        self._specs: set[Path] = set()

    @property
    def documents(self) -> tuple[Document, ...]:
        """The open documents."""
        return tuple(self._open.values())

    def put(self, path: Path, text: str) -> Document:
        """Opens a document, or takes its new version."""
        known = self._open.get(path)
        if _ARCHC.search(text) is not None:
            self._specs.add(path)
        lines = TextLines(str(path), text, self.encoding)
        document = self._made(path, lines, known.good if known is not None else None)
        self._open[path] = document
        self._refresh(path)
        return self._open[path]

    def close(self, path: Path) -> None:
        """Forgets a document; the file stands for it again."""
        self._open.pop(path, None)
        self._specs.discard(path)
        self._refresh(path)

    def get(self, path: Path) -> Document | None:
        """The open document of a path."""
        return self._open.get(path)

    def is_spec(self, path: Path) -> bool:
        """Whether an open document is a spec, or was one a moment ago."""
        return path in self._specs

    def is_new(self, path: Path) -> bool:
        """Whether an open document has no key at all, and so may become a spec."""
        document = self._open.get(path)
        return document is not None and _ANY_KEY.search(document.source.text) is None

    def show(self, variant: str | None) -> None:
        """Shows another variant."""
        self.variant = variant
        for path, document in self._open.items():
            self._open[path] = self._made(path, document.lines, document.good)

    def at(self, path: Path) -> Document | None:
        """The document of a path: an open one, or a file's as it lies there now."""
        known = self._open.get(path)
        if known is not None:
            return known
        source = read_source(path, nowhere(str(path)), Reporter())
        if isinstance(source, Failed):
            return None
        closed = self._closed.get(path)
        if closed is None or closed.source.text != source.text:
            closed = self._made(path, TextLines(str(path), source.text, self.encoding), None)
            self._closed[path] = closed
        return closed

    def users_of(self, path: Path) -> tuple[Document, ...]:
        """The open documents that import a file, directly or not."""
        return tuple(d for d in self._open.values() if d.path != path and path in imported(d))

    def _made(self, path: Path, lines: TextLines, before: Document | None) -> Document:
        opened = {p: d.source for p, d in self._open.items() if p != path}
        return Document(path, lines, opened, self.variant, before)

    def _refresh(self, changed: Path) -> None:
        """Makes the documents anew that may read another one that has changed."""
        for path, document in self._open.items():
            if path == changed:
                continue
            if changed in imported(document) or _lacks(document):
                self._open[path] = self._made(path, document.lines, document.good)


def imported(document: Document) -> set[Path]:
    """The files that a document imports, directly or not."""
    file = document.file
    return set() if file is None else _paths(f.source for f in file.all_files()[1:])


def _paths(sources: Iterable[Source]) -> set[Path]:
    return {Path(source.name).resolve() for source in sources}


def _lacks(document: Document) -> bool:
    file = document.file
    return file is not None and any(f.lacks_imports for f in file.all_files())
