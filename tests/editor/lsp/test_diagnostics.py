"""Diagnostics as one types: places, related places, imports, several versions."""

from __future__ import annotations

import pytest
from lsprotocol import types

from archc.language.library import zoo_folder
from tests.editor.lsp.client import Client

ZOO = zoo_folder()
FAMILIES = ("blocks", "edges", "resnet", "mobilenet_v2", "keras/mobilenet_v3", "timm/resnet")


def test_zoo_specs_are_clean(client: Client) -> None:
    for name in FAMILIES:
        uri = client.open(ZOO / f"{name}.yaml")
        assert client.diagnostics(uri) == [], name
        client.forget(uri)


@pytest.mark.parametrize(
    ("family", "old", "new", "marked", "code", "help_text"),
    [
        ("resnet", "conv1: {conv: 64,", "conv1: {cov: 64,", "cov", "layer/unknown-op", "`conv`"),
        ("resnet", "kernel: 7", "kernal: 7", "kernal", "argument/unknown", "`kernel`"),
        ("resnet", "logits: fc", "logits: fcc", "fcc", "path/unknown", "`fc`"),
        ("mobilenet_v2", "$expand * input", "$expnd * input", "$", "expression/dollar", ""),
        ("mobilenet_v2", "$(expand != 1)", "$(expnd != 1)", "expnd", "expression/unknown-name",
         "`expand`"),
        ("mobilenet_v2", "imports: [blocks]", "imports: [block]", "block", "spec/not-found",
         "`blocks`"),
        ("googlenet", "variants:", "variant:", "variant", "spec/unknown-key", "`variants`"),
    ],
)  # fmt: skip
def test_a_mistake_is_shown_where_it_is(
    client: Client, family: str, old: str, new: str, marked: str, code: str, help_text: str
) -> None:
    path = ZOO / f"{family}.yaml"
    text = path.read_text(encoding="utf-8")
    if code == "expression/dollar":
        old, new = "hidden: $(expand * input", "hidden: $expand * (input"
    uri = client.open(path)
    client.replace(uri, old, new)
    found = client.diagnostics(uri)
    assert [d.code for d in found][:1] == [code]
    assert client.cut(uri, found[0].range) == marked
    assert found[0].severity is types.DiagnosticSeverity.Error
    assert found[0].source == "archc"
    assert help_text in found[0].message
    client.change(uri, text)
    assert client.diagnostics(uri) == []
    client.forget(uri)
