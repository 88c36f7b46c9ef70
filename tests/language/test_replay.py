"""Blocks used again give what running them again gives: layers, names, places, mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.library import zoo_specs
from archc.language.scope import Context
from archc.pipeline.networks import Choices, elaborate_network
from archc.pipeline.reading import load_spec
from archc.stages.elaborate.replay import replay
from archc.stages.elaborate.walk import Recording, Run, Walk
from tests.language.specs import Found, validate

PARTS = ("inputs", "nodes", "elements", "outputs", "domains", "bounds", "left_out")


def parts(graph: Graph) -> dict[str, object]:
    """What a graph is made of, the places of its layers included."""
    return {name: getattr(graph, name) for name in PARTS}


def told(found: Found) -> list[tuple[object, ...]]:
    """What was reported, and where; sources are other objects in another run."""
    return [
        (d.rule.slug, d.message, d.span[1:], [f.label for f in d.place.trail],
         [(r.label, r.span[1:]) for r in d.related], d.helps)
        for d in found.diagnostics
    ]  # fmt: skip


def shape(graph: Graph) -> list[tuple[object, ...]]:
    """The layers of a graph in comparable parts."""
    return [
        (n.name, n.layer, n.inputs, n.output, n.owner, n.place.span[1:],
         [(f.label, f.span[1:]) for f in n.place.trail])
        for n in graph.nodes
    ]  # fmt: skip


def compare(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Found, int]:
    """What a spec is found to be, which is what it is with each block run; and the replays."""
    count = 0

    def counted(walk: Walk, known: Recording, inner: Context) -> Run:
        nonlocal count
        count += 1
        return replay(walk, known, inner)

    with monkeypatch.context() as patched:
        patched.setattr("archc.stages.elaborate.blocks.replay", counted)
        again = validate(text)
    with monkeypatch.context() as patched:
        patched.setattr(Walk, "keeps_blocks", False)
        plain = validate(text)
    assert told(again) == told(plain)
    for ours, theirs in zip(again.graphs, plain.graphs, strict=True):
        assert shape(ours) == shape(theirs)
        assert (ours.elements, ours.bounds) == (theirs.elements, theirs.bounds)
        assert [(o.name, o.value) for o in ours.outputs] == [
            (o.name, o.value) for o in theirs.outputs
        ]
    return again, count


@pytest.mark.parametrize("name", zoo_specs())
def test_networks_of_the_zoo_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_spec(name, Reporter())
    assert not isinstance(spec, Failed)
    variants: list[str | None] = [*spec.variants]
    for variant in variants[:3] or [None]:
        found = []
        for keeps in (True, False):
            monkeypatch.setattr(Walk, "keeps_blocks", keeps)
            network = elaborate_network(spec, Choices(variant), Reporter())
            found.append(None if isinstance(network, Failed) else parts(network.graph))
        assert found[0] == found[1]


RESIDUAL = """
    blocks:
      body:
        params: {out: int, stride: 1}
        layers:
          sum: {add: [[{conv: $out, kernel: 3, padding: 1, stride: $stride}, relu], []]}
          after: {layers: [relu, {relu, name: last}]}
"""


def test_blocks_alike_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""{RESIDUAL}
    layers: [{{body: 3, repeat: 5}}]
    outputs: {{mid: 2.after.last, top: 4}}
    """
    found, replays = compare(text, monkeypatch)

    assert replays == 4
    assert [node.name for node in found.graph.nodes[5:9]] == [
        "1.sum.0.0", "1.sum.0.1", "1.sum", "1.after.0",
    ]  # fmt: skip


def test_names_in_a_copy_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""{RESIDUAL}
    layers:
      - {{body: 3, repeat: 2}}
      - {{relu, from: 1.sum.0.0}}
      - {{conv: 3, kernel: 3, padding: 1, weights: 1.sum.0.0}}
    """
    found, replays = compare(text, monkeypatch)

    assert replays == 1
    assert found.graphs[0].nodes[-1].owner == "1.sum.0.0"


@pytest.mark.parametrize(
    ("block", "replays"),
    [
        ("[{relu, from: input}]", 2),
        ("[relu, {sigmoid, from: 0}, {add: [{from: 0}, {from: 1}]}]", 2),
        ("[{sigmoid, from: stem}]", 0),
        ("[{add: [[], {from: stem}]}]", 0),
        ("[{conv: 3, kernel: 1}, {conv: 3, kernel: 1, weights: 0}]", 2),
        ("[{conv: 3, kernel: 1, weights: stem}]", 0),
        ("[{conv: 3, kernel: 1, weights: 1.0}]", 0),
    ],
)  # fmt: skip
def test_block_whose_paths_lead_out_is_run_each_time(
    block: str, replays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
    blocks: {{a: {{layers: {block}}}}}
    layers: [{{conv: 3, kernel: 1, name: stem}}, a, sigmoid, a, a]
    """
    assert compare(text, monkeypatch)[1] == replays


def test_path_out_of_an_inner_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    blocks:
      inner: {layers: [{add: [[], {from: first}]}]}
      outer: {layers: {first: relu, second: inner, third: inner}}
    layers: [outer, outer, outer]
    """
    assert compare(text, monkeypatch)[1] == 2  # `outer` again, `inner` never


@pytest.mark.parametrize(
    ("uses", "replays"),
    [
        ("[{b: 3}, {b: 3}]", 1),
        ("[{b: 3}, {b: 4}, {b: 3}]", 0),  # what enters is another
        ("[{b: 3, slope: 1}, {b: 3, slope: 1.0}]", 0),
        ("[{b: 3, act: relu}, {b: 3, act: sigmoid}, {b: 3, act: relu}]", 1),
        ("[{b: 3, act: {leaky_relu: 0.1}}, {b: 3, act: {leaky_relu: 0.1}}]", 1),
        ("[{b: 3, act: {leaky_relu: 0.1}}, {b: 3, act: {leaky_relu: 0.2}}]", 0),
    ],
)
def test_arguments_are_compared_exactly(
    uses: str, replays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
    blocks:
      b:
        params: {{out: int, slope: 1, act: {{type: layer, default: relu}}}}
        layers: [{{conv: $out, kernel: 1}}, {{scale: $slope, when: $(slope > 5)}}, $act]
    layers: {uses}
    """
    assert compare(text, monkeypatch)[1] == replays


def test_mistake_is_reported_as_if_all_were_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shrinking = "blocks: {a: {layers: [{max_pool: 2}, {conv: 3, kernel: 2}]}}"
    found, _ = compare(f"{shrinking}\nlayers: [{{a, repeat: 4}}]", monkeypatch)

    assert found.rules == ["layer/window-too-large"]


def test_warning_within_a_copy_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    blocks: {a: {layers: {x: relu, y: sigmoid, z: {relu, from: x}}}}
    layers: [a, a]
    """
    found, _ = compare(text, monkeypatch)

    assert "layer/unused" in found.rules


def test_block_within_itself_under_a_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    blocks:
      a: {layers: [{conv: 4, kernel: 1}, {b: , when: $(input.channels == 3)}]}
      b: {layers: [{conv: 3, kernel: 1}, {a: , when: $(input.channels == 4)}]}
    layers: [b, {conv: 4, kernel: 1}, {a: }, {conv: 3, kernel: 1}, {a: }]
    """
    found, _ = compare(text, monkeypatch)

    assert found.rules == ["block/recursion"]


USES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 2), st.integers(1, 3)),
    min_size=1,
    max_size=6,
)


@given(uses=USES)
def test_random_networks_of_blocks_are_the_same(uses: list[tuple[str, int, int]]) -> None:
    layers = ", ".join(f"{{{name}: {width * 4}, repeat: {count}}}" for name, width, count in uses)
    text = f"""
    input: {{image: [3, H, W]}}
    blocks:
      a: {{params: {{out: int}}, layers: [{{conv: $out, kernel: 3, padding: same}}, {{c: $out}}]}}
      b:
        params: {{out: int}}
        layers:
          x: {{a: $out}}
          y: {{concat: [[{{c: $out}}], []]}}
          z: {{conv: $out, kernel: 2, from: y}}
      c:
        params: {{out: int}}
        layers: [batch_norm, {{relu, when: $(input.channels == out)}}, {{c2: }}]
      c2: {{layers: [{{add: [[{{conv: $input.channels, kernel: 1}}], []]}}]}}
    layers: [{layers}]
    """
    with pytest.MonkeyPatch.context() as patched:
        compare(text, patched)
