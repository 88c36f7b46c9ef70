"""The server itself: places in any encoding, several files, versions that follow fast, its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from archc.editor.lsp.positions import Point, TextLines
from archc.language.library import zoo_folder
from tests.editor.lsp.client import COMMAND, Client

ZOO = zoo_folder()
SPEC = """\
archc: 1
name: tiny
description: 🧠 a ∫ b
input: {image: [3, 8, 8]}
layers:
  𝔞: {conv: 4, kernel: 3}
  b: {description: "🧠🧠", cov: 4}
  c: {conv: 4, kernal: 3}    # 🧠
"""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_places_are_counted_as_agreed(encoding: str, end: str) -> None:
    text = SPEC.replace("  𝔞:", "  a:").replace('description: "🧠🧠", cov: 4', 'conv: "🧠🧠", x: 4')
    text = text.replace("\n", end)
    client = Client(encodings=() if encoding == "utf-16" else (encoding,))
    uri = client.open(Path("/nowhere/tiny.yaml"), text)
    found = client.diagnostics(uri)
    starts = {(d.range.start.line, d.range.start.character) for d in found}
    line = text.split(end)[6]
    before = line[: line.index("x: 4")]
    units = {"utf-8": len(before.encode()), "utf-32": len(before)}
    wanted = units.get(encoding, len(before.encode("utf-16-le")) // 2)
    assert (6, wanted) in starts
    assert client.close() == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-32"])
def test_places_there_and_back(encoding: str) -> None:
    text = "\ufeffa🧠b\r\nc\u2028d\x85e\rf\n\n𝔞𝔟"
    lines = TextLines("x", text, encoding)
    seen = set()
    for offset in range(len(lines.source.text) + 1):
        point = lines.point(offset)
        seen.add(point)
        if lines.source.text[offset - 1 : offset + 1] != "\r\n":
            assert lines.offset_at(point) == offset
        assert lines.offset(*lines.place(offset)) == offset
    assert max(point.line for point in seen) == 4
    assert lines.offset_at(Point(1, 999)) == lines.offset_at(Point(2, 0)) - 1
    assert lines.offset_at(Point(99, 0)) == len(lines.source.text)
    assert lines.source.text[0] == "a"
    assert lines.point(0) == Point(0, 3 if encoding == "utf-8" else 1)


def _places(found: types.Diagnostic) -> set[str]:
    return {related.location.uri for related in found.related_information or ()}


def test_what_is_wrong_in_an_import_is_shown_there(tmp_path: Path) -> None:
    client = Client()
    for name in ("blocks", "mobilenet_v2"):
        shutil.copy(ZOO / f"{name}.yaml", tmp_path / f"{name}.yaml")
    shutil.copy(ZOO / "imagenet_labels.txt", tmp_path)
    path = tmp_path / "mobilenet_v2.yaml"
    path.write_text(path.read_text().replace("imports: [blocks]", "imports: [blocks.yaml]"))
    user = client.open(path)
    assert client.diagnostics(user) == []
    library = client.open(tmp_path / "blocks.yaml")
    assert client.diagnostics(library) == []
    # What is typed there and not saved counts at once, for both.
    client.replace(library, "padding: $(kernel // 2)", "padding: $(kernel - 4)")
    (found,) = client.news(library, lambda found: any(_places(d) == {user} for d in found))
    assert client.cut(library, found.range) == "$(kernel - 4)"
    client.change(library, (tmp_path / "blocks.yaml").read_text())
    client.news(library, lambda found: not found)
    client.replace(library, "padding: $(kernel // 2)", "padding: $(kernel - 4)")
    client.news(library, lambda found: len(found) == 1)
    client.forget(library)  # the file as it is saved stands again
    client.news(library, lambda found: not found)
    assert client.close() == 0


def test_only_the_last_version_counts(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    text = client.texts[uri]
    for number in range(30):
        client.change(uri, text.replace("kernel: 7", f"kernel: {number + 8}, kernal: 3"))
    client.change(uri, text)
    assert client.diagnostics(uri) == []
    assert client.published[uri].version == client.versions[uri]


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "[", "a: *x", "- - - -", "archc: 1", "archc: 1\nlayers: {", "\x00", "a: [" * 200,
        "archc: 1\nname: x\ninput: {image: [3, 8, 8]}\nlayers:\n  - {conv: $(, kernel: }\n",
        "archc: 1\nname: x\nblocks:\n  b:\n", "archc: 1\nname: x\nvariants: {a: }\nlayers:\n  a:\n",
        "archc: 1\nname: x\nimports: [x.yaml, 3, {}]\nparams: {p: {type: }}\nlet: 3\nlayers: $p",
        "archc: 1\nname: x\ninput: {i: [3, H]}\nlayers:\n  - for: i\n    in: $(range(9))\n  - do",
        "&a [*a]", "archc: 1\nname: x\ninput: {i: [3, 8, 8]}\nlayers: [{add: {a: 1}}, {add: }, {}]",
    ],
)  # fmt: skip
def test_every_question_has_an_answer(client: Client, text: str) -> None:
    uri = client.open(Path("/nowhere/broken.yaml"), text)
    last = [len(line) for line in text.split("\n")]
    places = {(line, column) for line, end in enumerate(last) for column in (0, end // 2, end)}
    whole = types.Range(types.Position(0, 0), types.Position(len(last), 0))
    name = types.TextDocumentIdentifier(uri)
    for line, column in sorted(places):
        about: dict[str, Any] = {"text_document": name, "position": types.Position(line, column)}
        client.run(client.lsp.text_document_hover_async(types.HoverParams(**about)))
        client.run(client.lsp.text_document_completion_async(types.CompletionParams(**about)))
        client.run(client.lsp.text_document_definition_async(types.DefinitionParams(**about)))
        prepared = types.PrepareRenameParams(**about)
        client.run(client.lsp.text_document_prepare_rename_async(prepared))
        context = types.ReferenceContext(include_declaration=True)
        asked = types.ReferenceParams(context=context, **about)
        client.run(client.lsp.text_document_references_async(asked))
    for found in client.diagnostics(uri):
        client.fixes(uri, found)
    client.run(client.lsp.text_document_inlay_hint_async(types.InlayHintParams(name, whole)))
    client.symbols(uri)
    client.formatted(uri)
    assert client.log == []


def test_other_yaml_files_are_left_alone(client: Client) -> None:
    text = "name: ci\non: [push]\njobs: {build: {steps: [{run: make}]}}\n"
    uri = client.open(Path("/nowhere/ci.yaml"), text)
    assert client.diagnostics(uri) == []
    assert client.hover(uri, "na¦me: ci") == ""
    assert client.completions(uri, "jo¦bs") == {}
    assert client.symbols(uri) == []
    client.change(uri, f"archc: 1\n{text}")
    assert "spec/unknown-key" in [d.code for d in client.diagnostics(uri)]
    client.change(uri, f"arch: 1\n{text}")  # the key is being typed anew
    assert [d.code for d in client.diagnostics(uri)][:1] == ["spec/version"]


def test_an_empty_file_may_become_a_spec(client: Client) -> None:
    uri = client.open(Path("/nowhere/new.yaml"), "# mine\nar\n")
    assert client.diagnostics(uri) == []
    assert {"archc", "layers"} <= set(client.completions(uri, "\nar¦\n"))


def test_a_failure_is_a_message_and_the_server_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.editor.lsp.handlers import make_server

    server = make_server()
    logged: list[types.LogMessageParams] = []
    monkeypatch.setattr(server, "window_log_message", logged.append)

    @server.guarded
    def fails() -> int:
        raise RuntimeError("broken")

    assert fails() is None
    assert "RuntimeError: broken" in logged[0].message
    assert logged[0].type is types.MessageType.Error


def test_a_document_that_is_not_open_has_no_answers(client: Client) -> None:
    uri = client.open(ZOO / "lenet.yaml")
    text = client.texts[uri]
    client.forget(uri)
    client.texts[uri] = text
    assert client.hover(uri, "\nname¦: len") == ""
    del client.texts[uri]


def test_a_client_that_goes_away_ends_the_server() -> None:
    ran = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stdout == b""
    assert b"Traceback" not in ran.stderr


def test_without_the_extra_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['archc', 'lsp'];"
        "from archc.cli.main import main; sys.exit(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "`archc lsp` needs pygls" in ran.stderr
    assert "pip install 'archc[editor]'" in ran.stderr
