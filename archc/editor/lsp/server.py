"""The language server: the protocol on one side, functions of documents on the other."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from archc.diagnostics.diagnostic import Diagnostic
from archc.editor.lsp.checker import DELAY_SECONDS, Checker
from archc.editor.lsp.document import Document
from archc.editor.lsp.protocol import Converter, Uris
from archc.editor.lsp.workspace import Workspace
from archc.version import __version__

P = ParamSpec("P")
T = TypeVar("T")


class SpecServer(LanguageServer):
    """A language server for specs.

    The text comes whole with each change: a spec is small, and clients and libraries do not agree
    on which characters end a line.
    """

    def __init__(self, variant: str | None = None) -> None:
        super().__init__(
            "archc", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full
        )
        self.specs = Workspace()
        self.specs.variant = variant
        self.uris = Uris()
        self.converter = Converter(self.specs, self.uris)
        self.checker = Checker(self.specs, self._publish, self.log_failure)
        self.is_shut_down = False
        self._versions: dict[Path, int] = {}

    def document(self, uri: str) -> Document | None:
        """The open document of a URI, if it is a spec or may become one."""
        path = self.uris.path(uri)
        return self.specs.get(path) if self.specs.is_spec(path) or self.specs.is_new(path) else None

    @property
    def takes_snippets(self) -> bool:
        """Whether the client knows places to type on in what is put in."""
        document = self.client_capabilities.text_document
        item = document.completion.completion_item if document and document.completion else None
        return bool(item and item.snippet_support)

    def take(self, uri: str, text: str, version: int, delay: float = DELAY_SECONDS) -> None:
        """Takes the text of a document, and checks it and those that import it."""
        document = self.specs.put(self.uris.path(uri), text)
        self._versions[document.path] = version
        self.checker.schedule(document.path, delay)
        for user in self.specs.users_of(document.path):
            self.checker.schedule(user.path, delay)

    def closed(self, uri: str) -> None:
        """Forgets a document."""
        path = self.uris.path(uri)
        users = self.specs.users_of(path)
        self.specs.close(path)
        self._versions.pop(path, None)
        self.checker.forget(path)
        for user in users:
            self.checker.schedule(user.path)

    def show(self, variant: str | None) -> None:
        """Shows another variant of each document."""
        self.specs.show(variant)
        for document in self.specs.documents:
            self.checker.schedule(document.path)

    def _publish(self, path: Path, found: tuple[Diagnostic, ...]) -> None:
        diagnostics = [self.converter.diagnostic(d) for d in found]
        params = types.PublishDiagnosticsParams(
            self.uris.uri(path), diagnostics, version=self._versions.get(path)
        )
        self.text_document_publish_diagnostics(params)

    def log_failure(self) -> None:
        """Tells the client of an exception that is being handled: a bug of archc."""
        message = f"archc: this is a bug of archc\n{traceback.format_exc()}"
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, message))

    def guarded(self, answer: Callable[P, T]) -> Callable[P, T | None]:
        """The handler, which answers with nothing where it fails, and says so."""

        @functools.wraps(answer)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return answer(*args, **kwargs)
            except JsonRpcException:
                raise  # an answer that says why not
            except Exception:
                self.log_failure()
                return None

        return guarded
