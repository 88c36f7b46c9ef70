"""The server's answers about names: where they are declared and used, and renaming them."""

from __future__ import annotations

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from archc.diagnostics.place import Span
from archc.editor.lsp.protocol import offset_of, range_of
from archc.editor.lsp.references import definition, references, symbol_at
from archc.editor.lsp.rename import Refusal, renamable, rename
from archc.editor.lsp.server import SpecServer

REQUEST_FAILED = -32803
"""The protocol's number for a request that is understood and cannot be done."""


def register_names(server: SpecServer) -> None:
    """Registers the answers."""
    _finding(server)
    _renaming(server)


def _finding(server: SpecServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    @server.guarded
    def on_definition(params: types.DefinitionParams) -> types.Location | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        found = definition(server.specs, document, offset_of(document, params.position))
        return None if found is None else server.converter.location(found[1])

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    @server.guarded
    def on_references(params: types.ReferenceParams) -> list[types.Location]:
        found = _places(params.text_document.uri, params.position)
        with_it = params.context.include_declaration
        return [
            server.converter.location(s) for s, is_declared in found if with_it or not is_declared
        ]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    @server.guarded
    def on_highlight(params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        document = server.document(params.text_document.uri)
        if document is None:
            return []
        return [
            types.DocumentHighlight(range_of(document.lines, span))
            for span, _ in _places(params.text_document.uri, params.position)
            if span.source is document.source
        ]

    def _places(uri: str, at: types.Position) -> list[tuple[Span, bool]]:
        document = server.document(uri)
        symbol = symbol_at(document, offset_of(document, at)) if document else None
        if symbol is None:
            return []
        return [(s, s[1:] == symbol.span[1:]) for _, s in references(server.specs, symbol)]


def _renaming(server: SpecServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    @server.guarded
    def on_prepare_rename(params: types.PrepareRenameParams) -> types.Range | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        found = renamable(server.specs, document, offset_of(document, params.position))
        return None if isinstance(found, Refusal) else range_of(document.lines, found)

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    @server.guarded
    def on_rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        offset = offset_of(document, params.position)
        found = rename(server.specs, document, offset, params.new_name)
        if isinstance(found, Refusal):
            raise JsonRpcException(found.reason, REQUEST_FAILED)
        return server.converter.edits(found.changes)
