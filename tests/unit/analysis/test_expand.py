"""Expanded specs: they elaborate to the network that they came from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from archc.analysis.expand import expand
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph, Node
from archc.language.library import zoo_specs
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.reading import load_spec
from archc.stages.elaborate import is_complete
from tests.unit.analysis.specs import network, try_network


def _expanded(found: Network) -> str:
    reporter = Reporter()
    text = expand(
        found.graph,
        reporter,
        description=found.spec.description,
        preprocess=None if found.preprocess is None else found.preprocess.model_dump(),
        labels=found.labels,
        weights=found.spec.weights,
    )
    assert not isinstance(text, Failed), [d.message for d in reporter.diagnostics]
    return text


def _node(graph: Graph, node: Node) -> tuple[object, ...]:
    # A path may be written otherwise; what it leads to is among the inputs.
    arguments = {
        name: getattr(node.layer, name)
        for name in type(node.layer).model_fields
        if name != node.layer.path_argument
    } | dict(node.layer.implied)
    inputs = [graph.name_of(value) for value in node.inputs]
    return (
        node.layer.op, arguments, inputs, node.input_types, node.output, node.weights, node.owner,
    )  # fmt: skip


def _graph(graph: Graph) -> tuple[object, ...]:
    return (
        graph.name,
        [(i.name, i.type, i.dtype, i.nhwc) for i in graph.inputs],
        {node.name: _node(graph, node) for node in graph.nodes},
        [(output.name, graph.name_of(output.value)) for output in graph.outputs],
        dict(graph.domains),
        dict(graph.defaults),
    )


def _assert_same(found: Network, *, is_ordered: bool = True) -> str:
    """The expanded text, once it gives the same network, and itself when it is expanded again."""
    text = _expanded(found)
    again = try_network(text)
    assert isinstance(again, Network), (again, text)
    assert _graph(again.graph) == _graph(found.graph), text
    if is_ordered:
        assert [n.name for n in again.graph.nodes] == [n.name for n in found.graph.nodes]
    assert (again.preprocess, again.labels) == (found.preprocess, found.labels)
    assert _expanded(again) == text
    return text


def _zoo() -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name in zoo_specs():
        spec = load_spec(name, Reporter())
        assert not isinstance(spec, Failed)
        if spec.file.is_library:
            continue
        found += [(name, None)] if is_complete(spec.file) else []
        # Variants of one file have the same parts; of other flavours one stands for its file.
        variants = spec.variants[:1] if "/" in name else spec.variants
        found += [(name, variant) for variant in variants]
    return found


@pytest.mark.parametrize(("name", "variant"), _zoo())
def test_zoo_variant_expands_to_itself(name: str, variant: str | None) -> None:
    reporter = Reporter()
    spec = load_spec(name, reporter)
    assert not isinstance(spec, Failed)
    found = elaborate_network(spec, Choices(variant), reporter)
    assert isinstance(found, Network), [d.message for d in reporter.diagnostics]
    _assert_same(found)


EVERYTHING = r"""
description: "It's: a \"test\" of $x — ü\n on two lines"
input:
  image: {shape: [4, H, W], where: {H: {min: 16, multiple_of: 4}, W: {multiple_of: 4, default: 32}},
          layout: nhwc, dtype: uint8}
  mask: {shape: [4, H, W]}
  vec: 8
preprocess: {resize: [32, 64], color: bgr, mean: [1.0, 2, 3]}
weights: {layout: keras, prefix: 'bb.', rename: {'\.x$': '.y', 'norm\.(\d)': 'norm\1'},
          ignore: ['aux\d\..*']}
labels: [cat, "true", '1', "a: b", 'x # y', "tab\there", ünï]
blocks:
  up:
    params: {skip: str}
    layers:
      conv: {conv_transpose: 4, kernel: 2, stride: 2}
      cat: {concat: [[], {from: $skip}]}
      image: {conv: 4, kernel: 1}
      back: {from: $skip, conv: 4, kernel: 1}
layers:
  enc:
    - {conv: 4, kernel: 3, padding: 1}
    - {conv: 4, kernel: 3, padding: 1, stride: 2}
    - {relu, name: act}
    - {conv: 4, kernel: 3, padding: 1, stride: 2}
  conv: {conv: 4, kernel: 1}
  dec: {up: enc.act}
  m2: {from: mask, conv: 4, kernel: 3, padding: 1}
  twin: {from: image, weights: m2, conv: 4, kernel: 3, padding: 1}
  tower:
    from: image
    weights: enc
    layers: [{conv: 4, kernel: 3, padding: 1}, {conv: 4, kernel: 3, padding: 1, stride: 2}]
  up2: {upsample: {like: image}}
  sum:
    from: dec
    add:
      - a: {conv: 4, kernel: 1}
        b: {conv: 4, kernel: 1}
        away: [{conv: 4, kernel: 1}]
        home: {from: b, layers: []}
      - [{conv: 4, kernel: 1}, {relu, name: tail}, {batch_norm: {affine: false}}]
      - {layers: {layers: {conv: 4, kernel: 1}, from: relu}}
      - {layers: {do: relu}}
      - []
      - {from: sum.1.tail}
      - - concat:
            - [{conv: 2, kernel: 1}]
            - x: {conv: 2, kernel: 1}
      - one: {add: [[{conv: 4, kernel: 1}]]}
      - gone: {add: [{only: {conv: 4, kernel: 1}}]}
      - {from: up2, layers: [{max_pool: 2}]}
      - {from: twin, layers: [{max_pool: 2}]}
      - {from: dec.image}
      - {from: tower}
  'true': relu
  '01': relu
  7: relu
  fixed: {conv: {values: [[1, 2, 1], [2, 4, 2], [1, 2, 1]], padding: 1, groups: 4}}
  bn: {batch_norm: {scale: false}}
  pool: {max_pool: 2}
  unpool: {max_unpool: pool}
  gap: {global_avg_pool: {keep_dims: false}}
  cat: {concat: [[], {from: vec}]}
  head: {dense: 7}
outputs:
  logits: head
  raw: image
  aux: {from: enc.act, layers: [global_avg_pool, flatten, {dense: 3}]}
  enc: {from: enc.act, layers: [{relu, name: y}, {relu, name: z}]}
  aux2: {from: enc.0, layers: {auxp: global_avg_pool, auxf: flatten}}
  same: {from: enc.0}
  m: m2
"""


def test_every_form_of_the_language_expands_to_itself() -> None:
    text = _assert_same(network(EVERYTHING))
    document = yaml.safe_load(text)
    assert document["description"] == 'It\'s: a "test" of $x — ü\n on two lines'
    assert document["labels"] == ["cat", "true", "1", "a: b", "x # y", "tab\there", "ünï"]
    assert document["weights"]["rename"] == {r"\.x$": ".y", r"norm\.(\d)": r"norm\1"}
    layers = document["layers"]
    assert layers["tower"][0]["weights"] == "enc.0"
    assert layers["twin"]["weights"] == "m2"
    assert layers["sum"]["from"] == "dec.back"
    assert layers["sum"]["add"][4] == []
    assert layers["sum"]["add"][5] == {"from": "sum.1.tail"}


def test_every_default_is_written() -> None:
    document = yaml.safe_load(
        _expanded(network("input: {i: [3, 8, 8]}\nlayers: {c: {conv: 4, kernel: 3}}"))
    )
    assert document["layers"]["c"] == {
        "conv": 4, "kernel": 3, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True,
    }  # fmt: skip
    assert document["input"]["i"] == {"shape": [3, 8, 8], "layout": "nchw", "dtype": "float32"}
    assert document["expect"] == {
        "parameters": 112, "macs": 3888, "outputs": {"output": [4, 6, 6]},
    }  # fmt: skip


def test_loops_conditions_and_parameters_are_gone() -> None:
    text = """
params: {depths: [2, 1], act: {leaky_relu: 0.2}, classes: 3, wide: false}
blocks:
  unit:
    params: {out: int, act: {type: layer, default: relu}}
    let: {half: $(out // 2)}
    layers:
      - {conv: $half, kernel: 1}
      - $act
      - if: $(input.channels != out)
        do: [{conv: $out, kernel: 1}]
        else: [identity]
input: {image: [4, 8, 8]}
layers:
  - for: [n, i]
    in: $(zip(depths, range(2)))
    do: {stage$(i): [{unit: $(8 * (i + 1)), act: $act, repeat: $n}]}
  - {dropout: 0.5, when: $wide}
  - {layers: [global_avg_pool, flatten], name: pool}
  - {dense: $classes}
""".replace("act: {leaky_relu: 0.2}", "act: {default: {leaky_relu: 0.2}}")
    written = _assert_same(network(text))
    assert "$" not in written
    layers = yaml.safe_load(written)["layers"]
    assert list(layers) == ["stage0", "stage1", "pool", 0]
    assert layers["stage0"][0][1] == {"leaky_relu": 0.2}


def test_a_name_that_an_inner_one_hides_is_reached_by_another() -> None:
    text = """
input: {image: [4, 8, 8], other: [4, 8, 8]}
blocks:
  blk:
    params: {skip: str}
    layers:
      conv1: {conv: 4, kernel: 1}
      other: {conv: 4, kernel: 1}
      sum: {add: [[], {from: $skip}, {from: input}]}
layers:
  conv1: {conv: 4, kernel: 1}
  relu: relu
  b: {blk: conv1}
  c: {blk: other}
  d: [{conv: 4, kernel: 1}, {blk: d.0}]
"""
    _assert_same(network(text))


def test_what_no_output_needs_is_left_out_and_names_stay() -> None:
    text = """
input: {image: [4, H, W]}
blocks:
  blk:
    layers:
      sum:
        add:
          - conv1: {conv: 4, kernel: 1}
            bn: {conv: 4, kernel: 3, padding: 1}
          - - {conv: 4, kernel: 1}
            - add: [[{conv: 4, kernel: 1}, relu], {q: {conv: 4, kernel: 1}}]
layers:
  a: blk
  b: blk
  c: {from: a, layers: [relu, relu, {relu, name: k}]}
outputs: {x: b.conv1, y: b.sum.1.1.0.0, z: c.1}
"""
    found = network(text)
    _assert_same(found)
    names = [node.name for node in found.graph.nodes]
    assert names[-5:] == ["b.conv1", "b.sum.1.0", "b.sum.1.1.0.0", "c.0", "c.1"]


@pytest.mark.parametrize(
    "layers",
    [
        "[]",
        "{input_: []}",
        "[[], {relu, name: '5'}, relu]",
        "[{prelu, name: '5'}, {prelu, weights: '5'}]",
        "{a: [[[relu]]], relu: relu}",
    ],
)
@pytest.mark.parametrize("name", ["image", "input"])
def test_small_networks_expand_to_themselves(layers: str, name: str) -> None:
    _assert_same(network(f"input: {{{name}: [4, 8, 8]}}\nlayers: {layers}"))


SIZED = """
input: {image: [4, H, W]}
blocks:
  resize:
    layers:
      down: {conv: 4, kernel: 3, stride: 2, padding: 1}
      up: {upsample: {size: [$input.height, $input.width]}, mode: bilinear}
      in: {layers: {cut: {slice: 0, stop: $input.height, axis: height}}}
      flat: {reshape: [4, $input.height, $input.width]}
"""


def test_sizes_of_the_input_are_passed_on_whole() -> None:
    found = network(SIZED + "layers: {a: resize}")
    layers = yaml.safe_load(_assert_same(found))["layers"]
    assert layers["a"]["layers"]["up"]["upsample"]["size"] == ["$input.height", "$input.width"]


def test_inner_sizes_come_from_a_layer_or_through_a_block() -> None:
    found = network(SIZED + "layers: [{conv: 4, kernel: 3}, resize]")
    again = try_network(_expanded(found))
    assert isinstance(again, Network), again
    mine, theirs = found.graph, again.graph
    assert [n.name for n in theirs.nodes] == [n.name for n in mine.nodes]
    assert [n.output for n in theirs.nodes] == [n.output for n in mine.nodes]
    assert [(n.owner, n.weights) for n in theirs.nodes] == [
        (n.owner, n.weights) for n in mine.nodes
    ]


def test_a_size_that_no_tensor_has_is_reported() -> None:
    text = """
input: {image: [4, H, W]}
blocks:
  inner:
    params: {height: int}
    layers: {up: {upsample: {size: [$height, $input.width]}}}
  outer:
    layers: {c: {conv: 4, kernel: 3}, i: {inner: $input.height}}
layers: {c: {conv: 4, kernel: 3}, o: outer}
"""
    reporter = Reporter()
    assert isinstance(expand(network(text).graph, reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "expand/size-not-found"
    assert "`o.i.up` takes `H - 2` and `W - 4`" in found.message


def test_weights_of_a_layer_that_is_left_out_are_reported() -> None:
    text = """
input: {image: [4, 8, 8]}
layers:
  a: {conv: 4, kernel: 1}
  b: {conv: 4, kernel: 1, weights: a, from: image}
"""
    reporter = Reporter()
    assert isinstance(expand(network(text).graph, reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "expand/weights-left-out"
    assert "`b` shares the weights of `a`" in found.message


# Random networks: names from few words, so that they hide each other, and paths among them.

_WORDS = ("a", "b", "conv", "relu")
_OPS: tuple[dict[str, Any], ...] = (
    {"relu": None},
    {"conv": 4, "kernel": 1},
    {"max_pool": 3, "stride": 1, "padding": 1},
)


@dataclass
class _Known:
    """What is above: paths that lead somewhere from here, and the names of the scope around."""

    paths: list[str]
    names: set[str] = field(default_factory=set)


@st.composite
def _layers(draw: st.DrawFn, depth: int, above: _Known | None = None) -> dict[str, Any] | list[Any]:
    """A sequence; what it names is added to what is above."""
    known = _Known([]) if above is None else above
    count = draw(st.integers(1, 3))
    if draw(st.booleans()):
        inner = _Known(list(known.paths))
        items = []
        for number in range(count):
            items.append(draw(_layer(depth, inner, str(number))))
        return items
    found: dict[str, Any] = {}
    for _ in range(count):
        free = [word for word in _WORDS if word not in known.names]
        if free:
            name = draw(st.sampled_from(free))
            known.names.add(name)
            found[name] = draw(_layer(depth, known, name))
    return found


@st.composite
def _layer(draw: st.DrawFn, depth: int, known: _Known, name: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["op", "op", "scope", "merge"])) if depth else "op"
    start = draw(_start(known))
    before = len(known.paths)
    if kind == "op":
        base = dict(draw(st.sampled_from(_OPS)))
    elif kind == "scope":
        inner = _Known(list(known.paths))
        base = {"layers": draw(_layers(depth - 1, inner))}
        known.paths += [f"{name}.{path}" for path in inner.paths[before:]]
    else:
        branches = [draw(_branch(depth - 1, known)) for _ in range(draw(st.integers(1, 3)))]
        base = {draw(st.sampled_from(["add", "maximum"])): branches}
    known.paths.append(name)
    return {**base, **start}


@st.composite
def _branch(draw: st.DrawFn, depth: int, known: _Known) -> object:
    start = draw(_start(known))
    if draw(st.booleans()):
        return start or []
    layers = draw(_layers(depth, known))
    return {"layers": layers, **start} if layers else []


@st.composite
def _start(draw: st.DrawFn, known: _Known) -> dict[str, str]:
    if draw(st.integers(0, 2)):
        return {}
    return {"from": draw(st.sampled_from([*known.paths, "image", "input"]))}


@given(_layers(3), st.data())
def test_random_networks_expand_to_themselves(
    layers: dict[str, Any] | list[Any], data: st.DataObject
) -> None:
    document = {"archc": 1, "name": "net", "input": {"image": [4, 8, 8]}, "layers": layers}
    whole = try_network(json.dumps(document))
    assume(isinstance(whole, Network))
    assert isinstance(whole, Network)
    _assert_same(whole)
    names = [node.name for node in whole.graph.nodes]
    picked = data.draw(st.lists(st.sampled_from(["image", *names]), min_size=1, max_size=3))
    outputs = {f"out{i}": path for i, path in enumerate(picked)}
    part = try_network(json.dumps({**document, "outputs": outputs}))
    assert isinstance(part, Network), part
    # Branches of a merge that is left out are one scope, whatever ran between them.
    _assert_same(part, is_ordered=False)
