"""Quick fixes, formatting and the outline."""

from __future__ import annotations

import pytest
from lsprotocol import types

from archc.language.library import zoo_folder
from tests.editor.lsp.client import Client

ZOO = zoo_folder()


@pytest.mark.parametrize(
    ("family", "old", "new", "title"),
    [
        ("resnet", "conv1: {conv: 64,", "conv1: {cov: 64,", "replace `cov` with `conv`"),
        ("resnet", "kernel: 7", "kernal: 7", "replace `kernal` with `kernel`"),
        ("resnet", "logits: fc", "logits: fcc", "replace `fcc` with `fc`"),
        ("resnet", "repeat: $depths.0", "repeat: $depth.0", "replace `depth` with `depths`"),
        ("resnet", "\nlabels:", "\nlabel:", "replace `label` with `labels`"),
        ("mobilenet_v2", "{conv_bn_act: $(divisible(32", "{conv_bn_ac: $(divisible(32",
         "replace `conv_bn_ac` with `conv_bn_act`"),
        ("mobilenet_v2", "$(expand != 1)", "$(expnd != 1)", "replace `expnd` with `expand`"),
        ("mobilenet_v2", "imports: [blocks]", "imports: [block]", "replace `block` with `blocks`"),
        ("mobilenet_v2", "- {conv: $out, kernel: 1", "- {conv: $out, kernl: 1",
         "replace `kernl` with `kernel`"),
        ("googlenet", "branch3_kernel: 5, expect", "branch3_kernal: 5, expect",
         "replace `branch3_kernal` with `branch3_kernel`"),
        ("edges", "mode: edge", "mode: egde", "replace `egde` with `edge`"),
    ],
)  # fmt: skip
def test_a_help_mends_the_spec(client: Client, family: str, old: str, new: str, title: str) -> None:
    uri = client.open(ZOO / f"{family}.yaml")
    right = client.texts[uri]
    client.replace(uri, old, new)
    found = client.diagnostics(uri)
    fixes = client.fixes(uri, found[0])
    assert fixes[title] == right


def test_a_help_that_does_not_mend_is_no_fix(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    client.replace(uri, "fc: {dense: $classes}", "fc: {dense: $classes, kernal: 3}")
    found = client.diagnostics(uri)
    assert [d.code for d in found] == ["argument/unknown"]
    assert client.fixes(uri, found[0]) == {}


def test_an_unused_layer_is_shown_as_such(client: Client) -> None:
    uri = client.open(ZOO / "edges.yaml")
    client.replace(uri, "vertical: vertical, horizontal: horizontal, sobel", "sobel")
    client.replace(
        uri, "outputs: {vertical: [1, H, W], horizontal: [1, H, W], sobel", "outputs: {sobel"
    )
    found = client.diagnostics(uri)
    assert [(d.code, d.severity, list(d.tags or ())) for d in found] == [
        ("layer/unused", types.DiagnosticSeverity.Warning, [types.DiagnosticTag.Unnecessary])
    ] * 2


@pytest.mark.parametrize("family", ["resnet", "googlenet"])
def test_formatting_brings_a_spec_into_its_form(client: Client, family: str) -> None:
    uri = client.open(ZOO / f"{family}.yaml")
    right = client.formatted(uri)
    assert right == client.texts[uri]
    client.change(uri, right.replace("\nlayers:\n", "\n\n\nlayers:   \n").rstrip("\n"))
    assert client.formatted(uri) == right
    client.change(uri, right + "]")
    assert client.formatted(uri) == right + "]"


def _names(symbols: list[types.DocumentSymbol] | None) -> list[str]:
    return [symbol.name for symbol in symbols or []]


def test_the_outline_nests_as_the_spec_does(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    top = {symbol.name: symbol for symbol in client.symbols(uri)}
    assert _names(list(top["params"].children or ()))[:3] == ["block", "depths", "base_width"]
    assert "resnet50" in _names(list(top["variants"].children or ()))
    blocks = {b.name: b for b in top["blocks"].children or ()}
    assert list(blocks) == ["basic", "bottleneck", "projection", "zero_pad"]
    inside = {s.name: s for s in blocks["bottleneck"].children or ()}
    assert list(inside) == ["width", "stride", "inner", "out", "sum", "relu"]
    assert _names(list(inside["sum"].children or ()))[:3] == ["conv1", "bn1", "relu1"]
    layers = {s.name: s for s in top["layers"].children or ()}
    assert layers["fc"].detail == "1000"
    assert layers["fc"].kind is types.SymbolKind.Field
    assert client.cut(uri, layers["fc"].range) == "fc: {dense: $classes}"
    assert client.cut(uri, layers["fc"].selection_range) == "fc"


def test_the_outline_of_numbered_layers(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    top = {symbol.name: symbol for symbol in client.symbols(uri)}
    layers = {s.name: s for s in top["layers"].children or ()}
    features = list(layers["features"].children or ())
    assert _names(features) == ["conv_bn_act", "inverted_residual", "conv_bn_act"]
    assert [s.detail for s in features] == ["32×112×112", None, "1280×7×7"]
