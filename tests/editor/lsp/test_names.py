"""Definition, references and rename of parameters, blocks, layers and imports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Reporter
from archc.language.library import zoo_folder
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import Spec, read_spec
from tests.editor.lsp.client import Client

ZOO = zoo_folder()


@pytest.mark.parametrize(
    ("family", "marked", "declared"),
    [
        ("resnet", "$(width * base_¦width // 64", "base_width: {default: 64"),
        ("resnet", "conv3: {conv: $o¦ut", "out: $(4 * width)"),
        ("resnet", "logits: f¦c}", "fc: {dense"),
        ("resnet", "resnet18:          {blo¦ck: basic", "block: {type: layer"),
        ("resnet", "plain18:           {block: bas¦ic", "basic:    # two"),
        (
            "resnet",
            "layer3: [{$block: 256, repeat: $depths.2, first: {str¦ide",
            "stride: 1}\n    let",
        ),
        ("googlenet", "aux2: {from: inception4¦d", "inception4d: {inception"),
        ("googlenet", "layers: {aux2: side_¦head}", "side_head:\n"),
        ("mobilenet_v2", "expand: $exp¦and\n", "expand, channels, repeats"),
        ("mobilenet_v2", "{conv: $ou¦t, kernel: 1", "out: int, expand"),
        ("edges", "horizontal: {from: p¦ad", "pad: {pad: 1"),
    ],
)
def test_where_a_name_is_declared(client: Client, family: str, marked: str, declared: str) -> None:
    uri = client.open(ZOO / f"{family}.yaml")
    if family == "googlenet":
        client.replace(uri, "aux: {default: false", "aux: {default: true")
        size = "{shape: [3, H, W], where: {H: {default: 224}, W: {default: 224}}}"
        client.replace(uri, f"image: {size}", "image: [3, 224, 224]")
    found = client.definition(uri, marked)
    assert found is not None
    assert found[0] == uri
    text = client.texts[uri]
    line = text.split("\n")[found[1].start.line]
    assert f"{line[found[1].start.character :]}\n".startswith(declared.split("\n", maxsplit=1)[0])


def test_a_block_of_another_file_is_declared_there(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    found = client.definition(uri, "- {conv_bn¦_act: $(divisible(32")
    assert found is not None
    assert found[0] == (ZOO / "blocks.yaml").as_uri()
    assert (ZOO / "blocks.yaml").read_text().split("\n")[found[1].start.line] == "  conv_bn_act:"
    found = client.definition(uri, "stride: 2, ac¦t: relu6}\n    - for")
    assert found is not None
    assert "act: {type: layer" in (ZOO / "blocks.yaml").read_text().split("\n")[found[1].start.line]
    found = client.definition(uri, "imports: [blo¦cks]")
    assert found is not None
    assert found[0] == (ZOO / "blocks.yaml").as_uri()


def test_nothing_is_declared_for_an_op(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    assert client.definition(uri, "avgpool: global¦_avg_pool") is None


def test_all_places_of_a_parameter(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    found = client.references(uri, "  base_wid¦th: {default")
    assert [client.cut(uri, place.range) for place in found] == ["base_width"] * len(found)
    assert len(found) == client.texts[uri].count("base_width") - 1  # a help has it, too
    assert len(client.references(uri, "zero_pad:    # option¦ A")) == 0
    blocks = client.references(uri, "  zero_¦pad:    # option A")
    assert len(blocks) == client.texts[uri].count("zero_pad")


def test_all_places_of_a_layer(client: Client) -> None:
    uri = client.open(ZOO / "edges.yaml")
    found = client.references(uri, "  pa¦d: {pad")
    assert [place.range.start.line for place in found] == [
        number
        for number, line in enumerate(client.texts[uri].split("\n"))
        if line.startswith("  pad:") or "from: pad" in line
    ]


def _facts(text: str, name: str) -> list[tuple[str | None, list[str]]]:
    reporter = Reporter()
    spec = read_spec(Source(name, text), reporter)
    assert isinstance(spec, Spec), reporter.diagnostics
    graphs = validate_spec(spec, Choices(), reporter)
    assert not reporter.diagnostics
    return [(g.variant, [f"{n.name} {n.layer.op} {n.output}" for n in g.nodes]) for g in graphs]


@pytest.mark.parametrize(
    ("family", "marked", "name", "count"),
    [
        ("resnet", "  base_wid¦th: {default", "narrow", 11),
        ("resnet", "$(width * base_width // 64 * gro¦ups)", "cardinality", 7),
        ("resnet", "params: {wid¦th: int, stride: 1}\n    let", "planes", 3),
        ("resnet", "  zero_¦pad:    # option A", "option_a", 4),
        ("mobilenet_v2", "for: [expand, chan¦nels", "wide", 2),
        ("mobilenet_v2", "\n  inverted_res¦idual:\n", "mb-block", 2),
        ("keras/mobilenet_v3", "\nlet: {ha¦rd:", "bent", 3),
    ],
)  # fmt: skip
def test_renaming_keeps_the_networks(
    client: Client, family: str, marked: str, name: str, count: int
) -> None:
    path = ZOO / f"{family}.yaml"
    uri = client.open(path)
    before = client.texts[uri]
    after = client.rename(uri, marked, name)[uri]
    assert after.count(name) - before.count(name) >= min(count, 2)
    assert _facts(after, str(path)) == _facts(before, str(path))
    client.change(uri, after)
    assert client.diagnostics(uri) == []


def test_renaming_a_layer_follows_the_paths(client: Client) -> None:
    uri = client.open(ZOO / "edges.yaml")
    after = client.rename(uri, "horizontal: {from: p¦ad", "border")[uri]
    assert "  border: {pad: 1, mode: edge}" in after
    assert after.count("from: border") == 4
    assert "from: pad" not in after
    uri = client.open(ZOO / "googlenet.yaml")
    after = client.rename(uri, "inception4¦d: {inception", "fourth")[uri]
    assert "aux2: {from: fourth," in after


def test_renaming_reaches_open_documents_that_import(client: Client, tmp_path: Path) -> None:
    for name in ("blocks", "mobilenet_v2"):
        shutil.copy(ZOO / f"{name}.yaml", tmp_path / f"{name}.yaml")
    shutil.copy(ZOO / "imagenet_labels.txt", tmp_path)
    path = tmp_path / "mobilenet_v2.yaml"
    path.write_text(path.read_text().replace("imports: [blocks]", "imports: [blocks.yaml]"))
    user, library = client.open(path), client.open(tmp_path / "blocks.yaml")
    assert client.diagnostics(user) == []
    after = client.rename(user, "- {conv_bn¦_act: $(divisible(32", "cba")
    assert set(after) == {user, library}
    assert after[user].count("cba") == 4
    assert "conv_bn_act" not in after[library].split("blocks:")[1].replace("# ", "")
    after = client.rename(library, "kernel: 3\n      stride: 1\n      gro¦ups: 1", "parts")
    assert "parts: $hidden, act: relu6" in after[user]
    assert "groups: $parts" in after[library]


@pytest.mark.parametrize(
    ("family", "marked", "name", "why"),
    [
        ("resnet", "  base_wid¦th: {default", "groups", "means something else"),
        ("resnet", "  base_wid¦th: {default", "1st", "cannot be the name of a parameter"),
        ("resnet", "avgpool: global¦_avg_pool", "pool", "no name of a parameter"),
        ("resnet", "  zero_¦pad:    # option A", "projection", "would mean something else"),
        ("edges", "  pa¦d: {pad", "luma", "would mean something else"),
        ("mobilenet_v2", "- {conv_bn¦_act: $(divisible(32", "cba", "open it first"),
    ],
)
def test_a_rename_that_would_change_the_meaning_is_refused(
    family: str, marked: str, name: str, why: str
) -> None:
    client = Client()
    uri = client.open(ZOO / f"{family}.yaml")
    with pytest.raises(JsonRpcException, match=why):
        client.rename(uri, marked, name)
    assert client.close() == 0
