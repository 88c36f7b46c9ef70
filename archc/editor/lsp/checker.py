"""Diagnostics while typing: checked in the background, in slices, the stale ones dropped.

A check waits until nothing was typed for a moment, and gives way between variants, so that what the
client asks for meanwhile is answered first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from archc.diagnostics.diagnostic import Diagnostic
from archc.editor.lsp.document import Document
from archc.editor.lsp.symbols import path_of
from archc.editor.lsp.workspace import Workspace

DELAY_SECONDS = 0.12
PAUSE_SECONDS = 0.01

Publish: TypeAlias = Callable[[Path, tuple[Diagnostic, ...]], None]


class Checker:
    """Checks documents and publishes what is wrong, file by file.

    What one document finds in a file that it imports is published for that file, beside what others
    find there.
    """

    def __init__(self, workspace: Workspace, publish: Publish, fail: Callable[[], None]) -> None:
        self._workspace = workspace
        self._publish = publish
        self._fail = fail
        self._tasks: dict[Path, asyncio.Task[None]] = {}
        self._found: dict[Path, dict[Path, tuple[Diagnostic, ...]]] = {}

    def found_in(self, path: Path) -> tuple[Diagnostic, ...]:
        """What is known to be wrong in a file, each once, with the uses that lead there if any."""
        found = [d for of_root in self._found.values() for d in of_root.get(path, ())]
        found.sort(key=_comes_from_elsewhere)  # the last of the same place stays
        known = {(d.rule.slug, d.span[1:]): d for d in found}
        return tuple(sorted(known.values(), key=lambda d: d.span[1:]))

    def schedule(self, path: Path, delay: float = DELAY_SECONDS) -> None:
        """Checks a document after a while, in place of a check that is under way."""
        task = self._tasks.get(path)
        if task is not None:
            task.cancel()
        self._tasks[path] = asyncio.get_running_loop().create_task(self._run(path, delay))

    def forget(self, path: Path) -> None:
        """Withdraws what a document has found, which is closed."""
        task = self._tasks.pop(path, None)
        if task is not None:
            task.cancel()
        self._put(path, {})

    async def _run(self, path: Path, delay: float) -> None:
        try:
            await asyncio.sleep(delay)
            await self._check(path)
        except Exception:
            self._fail()

    async def _check(self, path: Path) -> None:
        document = self._workspace.get(path)
        if document is None:
            return
        found: tuple[Diagnostic, ...] = ()
        for found in document.check() if self._workspace.is_spec(path) else ():
            if found:
                self._take(document, found)
            await asyncio.sleep(PAUSE_SECONDS)
            if self._workspace.get(path) is not document:
                return  # another version is there, and will be checked
        self._take(document, found, is_last=True)

    def _take(
        self, document: Document, found: Iterable[Diagnostic], *, is_last: bool = False
    ) -> None:
        by_file: dict[Path, list[Diagnostic]] = {document.path: []}
        for diagnostic in found:
            source = diagnostic.span.source
            path = document.path if source is document.source else path_of(source)
            by_file.setdefault(path, []).append(diagnostic)
        self._put(document.path, {path: tuple(ds) for path, ds in by_file.items()}, is_last)

    def _put(
        self, root: Path, found: dict[Path, tuple[Diagnostic, ...]], is_last: bool = False
    ) -> None:
        known = self._found.pop(root, {})
        if found:
            self._found[root] = found
        for path in dict.fromkeys((*known, *found)):
            if known.get(path) != found.get(path) or (is_last and path == root):
                self._publish(path, self.found_in(path))


def _comes_from_elsewhere(found: Diagnostic) -> bool:
    return any(frame.span.source is not found.span.source for frame in found.place.trail)
