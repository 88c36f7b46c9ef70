"""The server with all that it answers."""

from __future__ import annotations

from lsprotocol import types

from archc.editor.lsp.answers_about_names import register_names
from archc.editor.lsp.answers_while_typing import register_typing
from archc.editor.lsp.hints import inlay_hints
from archc.editor.lsp.hover import hover
from archc.editor.lsp.outline import Entry, outline
from archc.editor.lsp.protocol import offset_of, position, range_of
from archc.editor.lsp.server import SpecServer

_KINDS = {
    "section": types.SymbolKind.Namespace,
    "parameter": types.SymbolKind.Variable,
    "constant": types.SymbolKind.Constant,
    "variant": types.SymbolKind.EnumMember,
    "block": types.SymbolKind.Class,
    "layer": types.SymbolKind.Field,
    "output": types.SymbolKind.Event,
}


def make_server(variant: str | None = None) -> SpecServer:
    """A server that answers all that it can, for the variant where a spec has it."""
    server = SpecServer(variant)
    for register in (_lifecycle, _documents, _reading, register_names, register_typing):
        register(server)
    return server


def _lifecycle(server: SpecServer) -> None:
    @server.feature(types.INITIALIZE)
    @server.guarded
    def initialize(params: types.InitializeParams) -> None:
        agreed = server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        server.specs.encoding = types.PositionEncodingKind(agreed).value
        options = params.initialization_options
        if isinstance(options, dict) and isinstance(options.get("variant"), str):
            server.specs.variant = options["variant"]

    @server.feature(types.SHUTDOWN)
    def shutdown(*_: object) -> None:
        server.is_shut_down = True

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    @server.guarded
    def configured(params: types.DidChangeConfigurationParams) -> None:
        settings = params.settings.get("archc") if isinstance(params.settings, dict) else None
        if isinstance(settings, dict):
            variant = settings.get("variant")
            server.show(variant if isinstance(variant, str) else None)


def _documents(server: SpecServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.guarded
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        opened = params.text_document
        server.take(opened.uri, opened.text, opened.version, delay=0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    @server.guarded
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        text, version = params.content_changes[-1].text, params.text_document.version
        server.take(params.text_document.uri, text, version)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    @server.guarded
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)


def _reading(server: SpecServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    @server.guarded
    def on_hover(params: types.HoverParams) -> types.Hover | None:
        document = server.document(params.text_document.uri)
        found = hover(document, offset_of(document, params.position)) if document else None
        if document is None or found is None:
            return None
        text = types.MarkupContent(types.MarkupKind.Markdown, found.text)
        return types.Hover(text, range_of(document.lines, found.span))

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    @server.guarded
    def on_inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = server.document(params.text_document.uri)
        if document is None:
            return []
        first, _ = document.lines.place(offset_of(document, params.range.start))
        last, _ = document.lines.place(offset_of(document, params.range.end))
        return [
            types.InlayHint(
                position(document.lines.point(hint.offset)),
                hint.text,
                kind=types.InlayHintKind.Type,
                tooltip=hint.about,
                padding_left=True,
            )
            for hint in inlay_hints(document, first, last)
        ]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    @server.guarded
    def on_document_symbol(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = server.document(params.text_document.uri)
        if document is None:
            return []
        lines = document.lines

        def symbol(entry: Entry) -> types.DocumentSymbol:
            return types.DocumentSymbol(
                entry.name,
                _KINDS[entry.kind],
                range_of(lines, entry.whole),
                range_of(lines, entry.name_span),
                detail=entry.detail or None,
                children=[symbol(child) for child in entry.children],
            )

        return [symbol(entry) for entry in outline(document)]
