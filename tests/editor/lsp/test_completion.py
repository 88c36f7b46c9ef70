"""Completion in specs that are just being typed, most of them no YAML at that moment."""

from __future__ import annotations

import pytest
from lsprotocol import types

from archc.editor.lsp.completion_item import Item, Sort
from archc.language.library import zoo_folder
from tests.editor.lsp.client import Client

ZOO = zoo_folder()
Case = tuple[str, str, str, set[str], set[str]]

CASES: dict[str, Case] = {
    "op, as a value": ("resnet", "avgpool: global_avg_pool", "avgpool: gl¦",
                       {"global_avg_pool", "bottleneck", "$block", "conv"}, {"kernel", "when"}),
    "op, in braces": ("resnet", "avgpool: global_avg_pool", "avgpool: {gl¦",
                      {"global_avg_pool", "when", "from"}, {"kernel"}),
    "op, in a list": ("mobilenet_v2", "    - {dropout: $dropout}", "    - dr¦",
                      {"dropout", "inverted_residual", "mbconv", "for", "repeat"}, {"kernel"}),
    "op, in a list in a line": ("googlenet", "branch4: [{max_pool: 3,", "branch4: [{ma¦x_pool: 3,",
                                {"max_pool", "basic_conv"}, {"for"}),
    "argument": ("resnet", "maxpool: {max_pool: 3, stride: 2, padding: 1}",
                 "maxpool: {max_pool: 3, stride: 2, ¦",
                 {"padding", "ceil", "dilation", "when"}, {"stride", "kernel", "groups"}),
    "argument, on its own line": ("mobilenet_v2",
                                  "          repeat: $repeats\n          first: {stride: $stride}",
                                  "          repeat: $repeats\n          ¦\n", {"stride", "first"},
                                  {"out", "expand", "kernel", "repeat"}),
    "argument of a block": ("googlenet", "{basic_conv: $channels.2, kernel: 3, padding: 1}",
                            "{basic_conv: $channels.2, ¦}", {"kernel", "stride", "padding"},
                            {"out", "groups"}),
    "argument of a first copy": ("resnet", "repeat: $depths.1, first: {stride: 2}",
                                 "repeat: $depths.1, first: {¦}", {"stride"}, {"kernel"}),
    "bool": ("resnet", "padding: 3, bias: false}", "padding: 3, bias: ¦}",
             {"true", "false", "$classes"}, {"same"}),
    "word": ("edges", "mode: edge", "mode: ¦", {"zeros", "reflect", "edge"}, {"true"}),
    "word of preprocess": ("googlenet", "mean: 0.5, std: 0.5}", "mean: 0.5, color: ¦",
                           {"rgb", "bgr", "gray"}, {"nearest"}),
    "key of preprocess": ("googlenet", "mean: 0.5, std: 0.5}", "mean: 0.5, st¦}",
                          {"std", "interpolation"}, {"mean", "crop"}),
    "name": ("resnet", "fc: {dense: $classes}", "fc: {dense: $cl¦",
             {"classes", "depths"}, {"width", "min"}),
    "name in an expression": ("resnet", "inner: $(width * base_width // 64 * groups)",
                              "inner: $(width * ba¦", {"base_width", "width", "min", "input"},
                              {"conv"}),
    "loop name": ("mobilenet_v2", "expand: $expand\n", "expand: $¦\n",
                  {"expand", "channels", "repeats", "width"}, set()),
    "property of input": ("resnet", "input.channels != out)\n        do", "input.¦)\n        do",
                          {"channels", "height"}, {"width_"}),
    "path": ("edges", "vertical:   {from: pad,", "vertical:   {from: ¦,",
             {"luma", "pad", "input", "image"}, {"sobel", "horizontal"}),
    "path of a side output": ("googlenet", "aux1: {from: inception4a,", "aux1: {from: inc¦,",
                              {"inception4a", "inception4a.branch1"}, set()),
    "deeper path": ("resnet", "outputs: {logits: fc}", "outputs: {logits: layer1.¦}",
                    {"layer1.0", "layer1.0.conv1", "fc"}, set()),
    "variant's parameter": ("resnet", "resnet34:          {block: basic,",
                            "resnet34:          {bl¦,", {"block", "groups"}, {"depths"}),
    "choice": ("resnet", "resnet34:          {block: basic,", "resnet34:          {block: ¦,",
               {"basic", "bottleneck"}, {"conv"}),
    "type": ("resnet", "  classes: 1000", "  classes: 1000\n  more: ¦", {"int", "list of int"},
             {"conv"}),
    "part of a parameter": ("resnet", "  classes: 1000", "  classes: {default: 1000, h¦",
                            {"help", "min", "choices"}, {"default"}),
    "top-level key": ("resnet", "labels: imagenet_labels.txt", "\nl¦\n",
                      {"labels", "let", "expect"}, {"layers", "params"}),
    "import": ("mobilenet_v2", "imports: [blocks]", "imports: [¦]",
               {"blocks", "timm/mobile_blocks"}, {"resnet"}),
    "below another mistake": ("resnet", "  classes: 1000\n\nvariants:",
                              "  classes: [1000\n\nvariants:", set(), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_could_stand_here(client: Client, name: str) -> None:
    family, old, new, wanted, unwanted = CASES[name]
    uri = client.open(ZOO / f"{family}.yaml")
    client.replace(uri, old, new.replace("¦", ""))
    if "¦" not in new:
        client.replace(uri, "flatten: flatten\n  fc: {dense: $classes}", "flatten: \n  fc: $cl\n")
        assert "global_avg_pool" in client.completions(uri, "  flatten: ¦\n")
        assert "classes" in client.completions(uri, "fc: $cl¦\n")
        return
    found = client.completions(uri, new)
    assert wanted <= set(found)
    assert not unwanted & set(found)


def test_ops_come_with_what_they_have_to_be_given(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    client.replace(uri, "avgpool: global_avg_pool", "avgpool: co")
    found = client.completions(uri, "avgpool: co¦")
    assert _text(found["conv"]) == "{conv: ${1:out}, kernel: ${2:kernel}}"
    assert _text(found["relu"]) == "relu"
    assert _text(found["concat"]) == "{concat: [[$1], []]}"
    assert _text(found["bottleneck"]) == "{bottleneck: ${1:width}}"
    edit = found["conv"].text_edit
    assert isinstance(edit, types.TextEdit)
    assert client.cut(uri, edit.range) == "co"
    about = found["conv"].documentation
    assert isinstance(about, types.MarkupContent)
    assert "A convolution" in about.value
    client.change(uri, client.texts[uri].replace("avgpool: co", "avgpool: {co: 3}"))
    found = client.completions(uri, "avgpool: {co¦: 3}")
    assert _text(found["conv"]) == "conv"


def test_what_is_completed_is_a_valid_spec(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    client.replace(uri, "    - {dropout: $dropout}", "    - ")
    for label, filled in (("dropout", "{dropout: 0.5}"), ("$dropout", ""), ("dense", "")):
        found = client.completions(uri, "  classifier:\n    - ¦").get(label)
        if not filled:
            continue
        assert found is not None
        edit = found.text_edit
        assert isinstance(edit, types.TextEdit)
        edit.new_text = edit.new_text.replace("${1:rate}", "0.5")
        whole = types.WorkspaceEdit(changes={uri: [edit]})
        client.change(uri, client.edited(whole)[uri])
        assert f"    - {filled}\n" in client.texts[uri]
        assert client.diagnostics(uri) == []


def test_a_client_without_snippets_gets_plain_text() -> None:
    client = Client(snippets=False)
    uri = client.open(ZOO / "resnet.yaml")
    client.replace(uri, "avgpool: global_avg_pool", "avgpool: co")
    found = client.completions(uri, "avgpool: co¦")
    assert _text(found["conv"]) == "{conv: , kernel: }"
    assert _text(found["$block"]) == "$block"
    assert client.close() == 0


def test_plain_text_of_a_loop() -> None:
    item = Item("for", Sort.MODIFIER, "for: ${1:i}\n  in: \\$(range(${2:2}))\n  do:\n    - $0")
    assert item.plain == "for: \n  in: $(range())\n  do:\n    - "


def test_nothing_stands_in_a_comment(client: Client) -> None:
    uri = client.open(ZOO / "googlenet.yaml")
    assert client.completions(uri, "# The check¦points want") == {}


def _text(item: types.CompletionItem) -> str:
    assert item.text_edit is not None
    return item.text_edit.new_text
