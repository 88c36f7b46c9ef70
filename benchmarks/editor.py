"""How long the language server takes to answer: `python -m benchmarks editor`.

A spec is opened and typed in: before each question a number in it changes, so that nothing that
was worked out for the text before can be used again; the last columns ask the same text twice more.
Times are those of a client, over the standard streams, in milliseconds: medians, and 95th
percentiles. The server's CPU says what an idle machine would take. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from archc.language.library import zoo_folder

ARCHC = str(Path(sys.executable).with_name("archc"))
BOUND_MS = 100


class Case(NamedTuple):
    """A spec and what is asked about it.

    Attributes:
        typed: the line that is typed in, with `{}` for what changes.
        places: for each question, a text that stands in the spec, where it is asked.
    """

    name: str
    path: Path
    text: str
    typed: tuple[str, str]
    places: dict[str, str]


class Server:
    """A server, spoken to in plain messages."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [ARCHC, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._numbers = itertools.count(1)
        self.ask("initialize", {"capabilities": {}, "processId": None, "rootUri": None})
        self.tell("initialized", {})

    def tell(self, method: str, params: object) -> None:
        """Sends a notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        """The answer to a request."""
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        for message in self._messages():
            if message.get("id") == number:
                return message.get("result", message.get("error"))
        raise RuntimeError("the server has gone")

    def wait_for(self, method: str, version: int) -> None:
        """Waits for a notification about a version."""
        for message in self._messages():
            if message.get("method") == method and message["params"].get("version") == version:
                return

    def close(self) -> None:
        """Ends it."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.communicate()

    def cpu_ms(self) -> float:
        """The time that its main thread has had a processor, whatever else the machine does."""
        said = Path(f"/proc/{self._process.pid}/schedstat").read_text(encoding="ascii")
        return int(said.split()[0]) / 1e6

    def _send(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _messages(self) -> Iterator[dict[str, Any]]:
        stream = self._process.stdout
        assert stream is not None
        while True:
            length = 0
            while (line := stream.readline().strip()) != b"":
                if line.startswith(b"Content-Length:"):
                    length = int(line.partition(b":")[2])
            yield json.loads(stream.read(length))


def questions(case: Case, uri: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """The requests by what they are called in the table."""
    about = {"textDocument": {"uri": uri}}
    whole = {"start": {"line": 0, "character": 0},
             "end": {"line": case.text.count("\n"), "character": 0}}  # fmt: skip

    def at(key: str) -> dict[str, Any]:
        offset = case.text.index(case.places[key]) + len(case.places[key]) - 1
        line = case.text.count("\n", 0, offset)
        column = offset - case.text.rfind("\n", 0, offset) - 1
        return {"position": {"line": line, "character": column}, **about}

    options = {"tabSize": 2, "insertSpaces": True}
    references = {"context": {"includeDeclaration": True}}
    return {
        "hover, layer": ("textDocument/hover", at("layer")),
        "hover, op": ("textDocument/hover", at("op")),
        "hover, argument": ("textDocument/hover", at("argument")),
        "inlay hints": ("textDocument/inlayHint", {"range": whole, **about}),
        "completion, op": ("textDocument/completion", at("op")),
        "completion, argument": ("textDocument/completion", at("argument")),
        "completion, path": ("textDocument/completion", at("path")),
        "definition": ("textDocument/definition", at("path")),
        "references": ("textDocument/references", {**references, **at("name")}),
        "rename": ("textDocument/rename", {"newName": "renamed", **at("name")}),
        "outline": ("textDocument/documentSymbol", about),
        "formatting": ("textDocument/formatting", {"options": options, **about}),
    }


class Times(NamedTuple):
    """The times of a question in ms: after typing, what they cost the server, and asked again."""

    typed: list[float]
    cpu: list[float]
    again: list[float]


def measure(case: Case, rounds: int) -> dict[str, Times]:
    """The times of each question."""
    server, uri, versions = Server(), case.path.as_uri(), itertools.count(2)
    document = {"uri": uri, "languageId": "yaml", "version": 1, "text": case.text}
    server.tell("textDocument/didOpen", {"textDocument": document})
    server.wait_for("textDocument/publishDiagnostics", 1)
    found = {"diagnostics": Times([], [], [])}

    def type_in(version: int) -> None:
        old, new = case.typed
        text = case.text.replace(old, new.format(version), 1)
        changes = {"textDocument": {"uri": uri, "version": version},
                   "contentChanges": [{"text": text}]}  # fmt: skip
        server.tell("textDocument/didChange", changes)

    asked = questions(case, uri)
    for method, params in asked.values():
        server.ask(method, params)  # the first, which may take longer
    for _ in range(rounds):
        for name, (method, params) in asked.items():
            times = found.setdefault(name, Times([], [], []))
            before = server.cpu_ms()
            type_in(next(versions))
            times.typed.append(_timed(server, method, params))
            times.cpu.append(server.cpu_ms() - before)
            times.again.extend(_timed(server, method, params) for _ in range(2))
        version = next(versions)
        start = time.perf_counter()
        type_in(version)
        server.wait_for("textDocument/publishDiagnostics", version)
        found["diagnostics"].typed.append((time.perf_counter() - start) * 1e3)
    server.close()
    return found


def _timed(server: Server, method: str, params: object) -> float:
    start = time.perf_counter()
    server.ask(method, params)
    return (time.perf_counter() - start) * 1e3


def cases(folder: Path) -> Iterator[Case]:
    """A spec of about 300 lines, written out by `archc expand`; and a dense one of the zoo."""
    text = subprocess.run(
        [ARCHC, "expand", "googlenet"], capture_output=True, text=True, check=True
    ).stdout
    text = re.sub(r"^labels:\n(?: .*\n)*", "", text, flags=re.MULTILINE)  # a thousand names
    places = {"layer": "\n  conv", "op": "{conv", "argument": "kernel", "path": "logits: f",
              "name": "\n  conv1"}  # fmt: skip
    yield Case(
        "expanded",
        folder / "expanded.yaml",
        text,
        ("name: googlenet", "name: googlenet_{}"),
        places,
    )
    path = zoo_folder() / "resnet.yaml"
    places = {"layer": "\n  conv", "op": "{conv", "argument": "kernel", "path": "logits: f",
              "name": "\n  base_w"}  # fmt: skip
    typed = ("the shorter side", "the {} shorter side")
    yield Case("zoo", path, path.read_text(encoding="utf-8"), typed, places)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            print(f"\n{case.name}: {case.path.name}, {len(case.text.splitlines())} lines\n")
            print("| question | after typing | p95 | server's CPU | p95 | again | p95 |")
            print("| --- | --- | --- | --- | --- | --- | --- |")
            for name, times in measure(case, options.rounds).items():
                print(f"| {name} | {' | '.join(map(_figures, times))} |")
    print(f"\nThe bound is {BOUND_MS} ms, but for diagnostics, which wait 120 ms for the next key.")


def _figures(times: list[float]) -> str:
    if not times:
        return "| "
    p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return f"{statistics.median(times):.1f} | {p95:.1f}"


if __name__ == "__main__":
    main()
