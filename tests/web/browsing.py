"""Chromium, driven by `browse.mjs`, and a server of folders on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from typing_extensions import override

from tests.web.page_program import HERE

RUNTIME = HERE / "node_modules" / "onnxruntime-web" / "dist"
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@final
class Browser:
    """One headless Chromium with one page."""

    def __init__(self) -> None:
        names = ("chromium", "chromium-browser", "google-chrome")
        found = next(filter(None, map(shutil.which, names)), None)
        assert found is not None, "Chromium is missing"
        self._process = subprocess.Popen(
            ["node", HERE / "browse.mjs", found],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, command: str, **request: object) -> Any:
        """What a command of `browse.mjs` gives."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **request}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            seen = self.do("complaints") if command != "complaints" else []
            raise AssertionError(f"{command}: {answer['error']}; the page complained: {seen}")
        return answer["value"]

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that a selector finds."""
        expression = f"[...document.querySelectorAll('{selector}')].map((e) => e.textContent)"
        texts: list[str] = self.do("value", expression=expression)
        return texts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)


class _Files(SimpleHTTPRequestHandler):
    server: FolderServer

    @override
    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked.append(self.path)
        super().do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.posted.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    @override
    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


class FolderServer(ThreadingHTTPServer):
    """Serves a folder on a free port of loopback, as `python -m http.server` does."""

    daemon_threads = True

    def __init__(self, folder: Path, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
        self.headers = dict(headers or {})
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.posted: list[Any] = []
        self._thread = threading.Thread(target=self.serve_forever)

    @property
    def url(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    @override
    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @override
    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
