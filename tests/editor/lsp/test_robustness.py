"""No text and no place in it makes a feature fail: mutated zoo specs, asked everything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.editor.lsp.changes import errors
from archc.editor.lsp.completion import complete
from archc.editor.lsp.document import Document
from archc.editor.lsp.fixes import quick_fixes
from archc.editor.lsp.hints import inlay_hints
from archc.editor.lsp.hover import hover
from archc.editor.lsp.outline import outline
from archc.editor.lsp.references import definition, references, symbol_at
from archc.editor.lsp.rename import rename
from archc.editor.lsp.workspace import Workspace
from archc.language.library import zoo_folder

PIECES = ["", " ", "\n", "\t", "$", "$(", ")", "{", "}", "[", "]", ":", ": ", "- ", ",", "'", '"',
          "#", "&a ", "*a", "🧠", "\r\n", "\x85", "\u2028", "layers:", "do:", "for: i", "from: ",
          "1e400", "input", "null", "|\n", "? ", "<<: "]  # fmt: skip
TEXTS = {
    name: (zoo_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    for name in ("lenet", "edges", "keras/vgg", "blocks")
}


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = TEXTS[draw(st.sampled_from(sorted(TEXTS)))]
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(start + draw(st.sampled_from([0, 1, 2, 5, 30])), len(text))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[end:]
    return text


def _ask_everything(workspace: Workspace, document: Document, offset: int) -> None:
    hover(document, offset)
    complete(document, offset)
    definition(workspace, document, offset)
    symbol = symbol_at(document, offset)
    if symbol is not None:
        references(workspace, symbol)
        rename(workspace, document, offset, "renamed")


@settings(max_examples=40)
@given(mutated(), st.data())
def test_no_text_makes_a_feature_fail(text: str, data: st.DataObject) -> None:
    workspace = Workspace()
    document = workspace.put(zoo_folder() / "mutated.yaml", text)
    inlay_hints(document)
    outline(document)
    for found in errors(document)[:2]:
        quick_fixes(document, found)
    for _ in range(2):
        _ask_everything(workspace, document, data.draw(st.integers(0, len(text))))


@pytest.mark.parametrize("name", ["edges", "keras/vgg"])
def test_every_place_of_a_spec_has_an_answer(name: str) -> None:
    workspace = Workspace()
    document = workspace.put(zoo_folder() / f"{name}.yaml", TEXTS[name])
    for offset in range(0, len(TEXTS[name]), 7):
        hover(document, offset)
        definition(workspace, document, offset)
        symbol = symbol_at(document, offset)
        if symbol is not None:
            references(workspace, symbol)


def test_a_huge_text_is_bounded(tmp_path: Path) -> None:
    document = Workspace().put(tmp_path / "huge.yaml", "a: " + "[" * 5_000_000)
    assert document.words == []
    assert [found.rule.slug for found in errors(document)] == ["yaml/too-large"]
    assert inlay_hints(document) == []
    assert complete(document, 2_000_000) is None
    assert hover(document, 2_000_000) is None


def test_the_last_good_version_helps_while_a_line_is_typed() -> None:
    workspace = Workspace()
    path = zoo_folder() / "lenet.yaml"
    good = workspace.put(path, TEXTS["lenet"])
    assert good.file is not None
    broken = workspace.put(path, TEXTS["lenet"] + "\n  ]")
    assert broken.spec is None
    assert broken.file is good.file
    again = workspace.put(path, TEXTS["lenet"])
    assert again.file is not good.file
