"""What archc knows, in the types of the language server protocol."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.positions import Point, TextLines
from archc.editor.lsp.workspace import Workspace
from archc.stages.elaborate.outputs import UNUSED

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}


class Uris:
    """The URIs of the client and the paths that they mean, one for one."""

    def __init__(self) -> None:
        self._uris: dict[Path, str] = {}

    def path(self, uri: str) -> Path:
        """The path of a URI; a text that is no file yet has its URI for a name."""
        found = to_fs_path(uri) if uri.startswith("file:") else None
        path = Path(found).resolve() if found is not None else Path(uri)
        self._uris[path] = uri
        return path

    def uri(self, path: Path) -> str:
        """The URI of a path, as the client writes it where it has named it."""
        return self._uris.get(path) or from_fs_path(str(path)) or path.as_uri()


def position(point: Point) -> types.Position:
    """A place."""
    return types.Position(*point)


def range_of(lines: TextLines, span: Span) -> types.Range:
    """The range of a span."""
    start, end = lines.points(span)
    return types.Range(position(start), position(end))


def range_of_offsets(document: Document, start: int, end: int) -> types.Range:
    """The range between two offsets."""
    lines = document.lines
    return types.Range(position(lines.point(start)), position(lines.point(end)))


def offset_of(document: Document, at: types.Position) -> int:
    """The offset of a place."""
    return document.lines.offset_at(Point(at.line, at.character))


class Converter:
    """Turns spans of any file into locations of the protocol."""

    def __init__(self, workspace: Workspace, uris: Uris) -> None:
        self._workspace = workspace
        self._uris = uris
        self._lines: dict[int, TextLines] = {}

    def lines(self, span: Span) -> TextLines:
        """The lines of the text that a span points into."""
        for document in self._workspace.documents:
            if document.source is span.source:
                return document.lines
        known = self._lines.get(id(span.source))
        if known is None or known.source.text != span.source.text:
            known = TextLines(span.source.name, span.source.text, self._workspace.encoding)
            self._lines = {**dict(list(self._lines.items())[-8:]), id(span.source): known}
        return known

    def location(self, span: Span) -> types.Location:
        """The location of a span."""
        uri = self._uris.uri(Path(span.source.name).resolve())
        return types.Location(uri, range_of(self.lines(span), span))

    def diagnostic(self, found: Diagnostic) -> types.Diagnostic:
        """A diagnostic, with what helps in its message and further places beside it."""
        parts = [found.message + (f": {found.label}" if found.label else "")]
        parts += [f"note: {note}" for note in found.notes]
        parts += [f"help: {text}" for text in found.helps]
        related = [
            *((r.span, r.label) for r in found.related),
            *((frame.span, f"in {frame.what}, used here") for frame in found.place.trail),
        ]
        return types.Diagnostic(
            range_of(self.lines(found.span), found.span),
            "\n".join(parts),
            severity=_SEVERITIES[found.severity],
            code=found.rule.slug,
            source="archc",
            tags=[types.DiagnosticTag.Unnecessary] if found.rule is UNUSED else None,
            related_information=[
                types.DiagnosticRelatedInformation(self.location(span), label)
                for span, label in related
                if span.source.text
            ],
        )

    def edits(self, places: Iterable[tuple[Span, str]]) -> types.WorkspaceEdit:
        """The edit that puts texts in the places of spans."""
        changes: dict[str, list[types.TextEdit]] = {}
        for span, text in places:
            location = self.location(span)
            changes.setdefault(location.uri, []).append(types.TextEdit(location.range, text))
        return types.WorkspaceEdit(changes=changes)
