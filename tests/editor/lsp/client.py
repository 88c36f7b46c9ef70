"""A client of the language server, over the standard streams of a real process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

import archc

T = TypeVar("T")
ROOT = Path(archc.__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "archc.cli.main", "lsp"]
PATIENCE_SECONDS = 60.0


class Client:
    """An editor: it opens and changes texts, asks, and keeps what it is told.

    A place is given by a text that stands once in a document, with `¦` where the cursor is.
    """

    def __init__(
        self,
        *options: str,
        encodings: tuple[str, ...] = (),
        settings: Any = None,
        snippets: bool = True,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.lsp = LanguageClient("test", "1")
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.published: dict[str, types.PublishDiagnosticsParams] = {}
        self.log: list[str] = []
        self._news = asyncio.Event()

        def published(params: types.PublishDiagnosticsParams) -> None:
            self.published[params.uri] = params
            self._news.set()

        def logged(params: types.LogMessageParams) -> None:
            self.log.append(params.message)

        self.lsp.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
        self.lsp.feature(types.WINDOW_LOG_MESSAGE)(logged)

        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.run(self.lsp.start_io(*COMMAND, *options, env=environment))
        general = types.GeneralClientCapabilities(position_encodings=list(encodings) or None)
        item = types.ClientCompletionItemOptions(snippet_support=snippets)
        completing = types.CompletionClientCapabilities(completion_item=item)
        document = types.TextDocumentClientCapabilities(completion=completing)
        capabilities = types.ClientCapabilities(general=general, text_document=document)
        self.server = self.run(
            self.lsp.initialize_async(
                types.InitializeParams(capabilities, initialization_options=settings)
            )
        )
        self.lsp.initialized(types.InitializedParams())

    def run(self, awaitable: Awaitable[T]) -> T:
        """What the server answers, or an error where it takes too long."""
        return self.loop.run_until_complete(asyncio.wait_for(awaitable, PATIENCE_SECONDS))

    def close(self) -> int:
        """Ends the server in good order; gives its exit status."""
        self.run(self.lsp.shutdown_async(None))
        self.lsp.exit(None)
        lsp: Any = self.lsp
        self.run(lsp.stop())
        process = lsp._server
        process._transport.close()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        return int(process.returncode)

    # Documents.

    def open(self, path: Path, text: str | None = None) -> str:
        """Opens a file, or a text in its place; gives its URI."""
        uri = path.as_uri()
        if uri in self.texts:
            self.forget(uri)
        content = path.read_bytes().decode("utf-8") if text is None else text
        self.texts[uri] = content
        self.versions[uri] = self.versions.get(uri, 0) + 1
        item = types.TextDocumentItem(uri, "yaml", self.versions[uri], content)
        self.lsp.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, text: str) -> None:
        """Types another text in the place of a document's."""
        self.texts[uri] = text
        self.versions[uri] += 1
        self.lsp.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.versions[uri], uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def replace(self, uri: str, old: str, new: str) -> None:
        """Types a text in the place of one that stands once in a document."""
        text = self.texts[uri]
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        self.change(uri, text.replace(old, new))

    def forget(self, uri: str) -> None:
        """Closes a document."""
        del self.texts[uri]
        self.lsp.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )

    def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """What the server finds in the version that there is now, once it has checked it."""
        return self.run(self._wait_for(uri))

    async def _wait_for(self, uri: str) -> list[types.Diagnostic]:
        while True:
            found = self.published.get(uri)
            if found is not None and found.version == self.versions.get(uri):
                return list(found.diagnostics)
            self._news.clear()
            await self._news.wait()

    def news(
        self, uri: str, is_it: Callable[[list[types.Diagnostic]], bool]
    ) -> list[types.Diagnostic]:
        """The diagnostics of a URI, once they are as wanted, whichever version they are of."""
        return self.run(self._wait_until(uri, is_it))

    async def _wait_until(
        self, uri: str, is_it: Callable[[list[types.Diagnostic]], bool]
    ) -> list[types.Diagnostic]:
        while True:
            found = self.published.get(uri)
            if found is not None and is_it(list(found.diagnostics)):
                return list(found.diagnostics)
            self._news.clear()
            await self._news.wait()

    # Places.

    def at(self, uri: str, marked: str) -> types.Position:
        """The place of `¦` in a text that stands once in the document."""
        text, before = self.texts[uri], marked.index("¦")
        wanted = marked.replace("¦", "")
        assert text.count(wanted) == 1, f"{wanted!r} stands {text.count(wanted)} times"
        offset = text.index(wanted) + before
        line = text.count("\n", 0, offset)
        start = text.rfind("\n", 0, offset) + 1
        return types.Position(line, len(text[start:offset].encode("utf-16-le")) // 2)

    def on(self, uri: str, marked: str) -> dict[str, Any]:
        """The parameters of a request about a place."""
        return {
            "text_document": types.TextDocumentIdentifier(uri),
            "position": self.at(uri, marked),
        }

    def cut(self, uri: str, found: types.Range) -> str:
        """The text of a range."""
        lines = self.texts[uri].split("\n")[found.start.line : found.end.line + 1]
        units = [line.encode("utf-16-le") for line in lines]
        units[-1] = units[-1][: 2 * found.end.character]
        units[0] = units[0][2 * found.start.character :]
        return "\n".join(unit.decode("utf-16-le") for unit in units)

    # Requests.

    def hover(self, uri: str, marked: str) -> str:
        """What is said of a place."""
        found = self.run(
            self.lsp.text_document_hover_async(types.HoverParams(**self.on(uri, marked)))
        )
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    def hints(self, uri: str) -> dict[int, str]:
        """The inlay hints by their lines, from 1."""
        last = types.Position(self.texts[uri].count("\n") + 1, 0)
        params = types.InlayHintParams(
            types.TextDocumentIdentifier(uri), types.Range(types.Position(0, 0), last)
        )
        found = self.run(self.lsp.text_document_inlay_hint_async(params)) or []
        return {hint.position.line + 1: str(hint.label) for hint in found}

    def completions(self, uri: str, marked: str) -> dict[str, types.CompletionItem]:
        """What could stand at a place, by what is shown of it."""
        params = types.CompletionParams(**self.on(uri, marked))
        found = self.run(self.lsp.text_document_completion_async(params))
        assert isinstance(found, types.CompletionList | None)
        return {item.label: item for item in found.items} if found is not None else {}

    def definition(self, uri: str, marked: str) -> tuple[str, types.Range] | None:
        """Where what stands at a place is declared."""
        params = types.DefinitionParams(**self.on(uri, marked))
        found = self.run(self.lsp.text_document_definition_async(params))
        assert isinstance(found, types.Location | None)
        return (found.uri, found.range) if found is not None else None

    def references(self, uri: str, marked: str) -> list[types.Location]:
        """The places that refer to what stands at a place, its declaration included."""
        context = types.ReferenceContext(include_declaration=True)
        params = types.ReferenceParams(context=context, **self.on(uri, marked))
        found = self.run(self.lsp.text_document_references_async(params))
        return list(found or ())

    def rename(self, uri: str, marked: str, name: str) -> dict[str, str]:
        """The texts of documents after a rename."""
        params = types.RenameParams(new_name=name, **self.on(uri, marked))
        found = self.run(self.lsp.text_document_rename_async(params))
        assert found is not None
        return self.edited(found)

    def edited(self, edit: types.WorkspaceEdit) -> dict[str, str]:
        """The texts of documents after an edit."""
        changes = edit.changes or {}
        return {uri: self._edited(uri, edits) for uri, edits in changes.items()}

    def _edited(self, uri: str, edits: Sequence[types.TextEdit]) -> str:
        text = self.texts[uri]
        places = [(*self._offsets(uri, e.range), e.new_text) for e in edits]
        for start, end, new in sorted(places, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _offsets(self, uri: str, found: types.Range) -> tuple[int, int]:
        lines = self.texts[uri].split("\n")

        def offset(at: types.Position) -> int:
            start = sum(len(line) + 1 for line in lines[: at.line])
            if at.line >= len(lines):
                return len(self.texts[uri])
            units = lines[at.line].encode("utf-16-le")[: 2 * at.character]
            return start + len(units.decode("utf-16-le"))

        return offset(found.start), offset(found.end)

    def fixes(self, uri: str, found: types.Diagnostic) -> dict[str, str]:
        """The texts of a document after each quick fix of a diagnostic, by their titles."""
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri), found.range, types.CodeActionContext([found])
        )
        actions = self.run(self.lsp.text_document_code_action_async(params)) or []
        return {
            action.title: self.edited(action.edit)[uri]
            for action in actions
            if isinstance(action, types.CodeAction) and action.edit is not None
        }

    def symbols(self, uri: str) -> list[types.DocumentSymbol]:
        """The outline of a document."""
        params = types.DocumentSymbolParams(types.TextDocumentIdentifier(uri))
        found = self.run(self.lsp.text_document_document_symbol_async(params)) or []
        return [entry for entry in found if isinstance(entry, types.DocumentSymbol)]

    def formatted(self, uri: str) -> str:
        """The text of a document in canonical form."""
        options = types.FormattingOptions(2, insert_spaces=True)
        params = types.DocumentFormattingParams(types.TextDocumentIdentifier(uri), options)
        edits = self.run(self.lsp.text_document_formatting_async(params))
        return self._edited(uri, edits) if edits else self.texts[uri]
