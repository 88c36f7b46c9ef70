"""Any input ends in a graph or in diagnostics, and in nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archc.diagnostics.machine import render_json
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.diagnostics.text import render_text
from archc.graph.graph import Graph
from archc.language.library import zoo_folder
from archc.layers.catalog import OPS
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import load_spec, read_spec

CASES = Path(__file__).parent.parent / "cases"
SMALL_BYTES = 3_000
SEEDS = [
    file.read_text(encoding="utf-8")
    for file in sorted([*CASES.rglob("*.yaml"), *zoo_folder().glob("*.yaml")])
    if file.stat().st_size < SMALL_BYTES
]
WORD = re.compile(r"[\w.$-]+|\$\([^)\n]*\)|\[[^\[\]\n]*\]|\{[^{}\n]*\}")
WORDS = sorted({word for seed in SEEDS for word in WORD.findall(seed)})
PIECES = [
    "$", "$(", "$$", "[]", "{}", "null", "1.5", "-1", "0", "'", '"', ":", ", ", "- ", "\n", "  ",
    "&a ", "*a", "<<: ", "!x ", "$x", "$(1/0)", "$input", ".inf", "#", "\t", "\u2028", "é", "%",
    "?", "|", "> ", "]", "}", "when: ", "from: ", "do: ", "repeat: ", "9" * 40,
]  # fmt: skip


def check(text: str) -> None:
    """Validates a text, shows what was found, and compares both with what is promised."""
    reporter = Reporter()
    spec = read_spec(Source(str(CASES / "imports" / "spec.yaml"), text), reporter)
    graphs: tuple[Graph, ...] = ()
    is_library = False
    if not isinstance(spec, Failed):
        graphs = validate_spec(spec, Choices(), reporter)
        is_library = spec.file.is_library
    assert graphs or is_library or reporter.has_errors
    render_text(reporter.diagnostics)
    render_json(reporter.diagnostics)
    for diagnostic in reporter.diagnostics:
        span = diagnostic.span
        assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert span.line <= len(re.split("\r\n|[\n\r\x85\u2028\u2029]", span.source.text)) + 1
        for words in (diagnostic.message, diagnostic.label, *diagnostic.helps, *diagnostic.notes):
            assert not re.search(r"object at 0x|<class|Traceback|\.$", words)
    for graph in graphs:
        names = [node.name for node in graph.nodes]
        assert len(names) == len(set(names))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A spec with a few words or characters put in, taken out, or put in another's place."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        words = list(WORD.finditer(text))
        piece = draw(st.sampled_from([*PIECES, *WORDS]))
        is_word: bool = draw(st.booleans())
        if words and is_word:
            word: re.Match[str] = draw(st.sampled_from(words))
            text = text[: word.start()] + piece + text[word.end() :]
        else:
            start = draw(st.integers(0, len(text)))
            end = start + draw(st.sampled_from([0, 0, 1, 20]))
            text = text[:start] + draw(st.sampled_from(["", piece])) + text[end:]
    return text


@given(mutated())
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_spec_ends_in_a_graph_or_diagnostics(text: str) -> None:
    check(text)


NAMES = st.sampled_from(["a", "b", "c", "0", "1", "x$(n)", "conv", "input", "layers", "a.0", "d-e"])
SCALARS = st.one_of(
    st.sampled_from([0, 1, 2, -1, 2.5, True, False, None, "relu", "a", "a.0", "same", "channels"]),
    st.sampled_from(
        ["$n", "$(n + 1)", "$act", "$xs", "$xs.0", "$input.channels", "$(input.height // 2)", "$b1",
         "$t", "$(n > 2)", "$nope", "$(range(n))", "$(1/0)", "$input.features", "$lv"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(NAMES, SCALARS), inner, max_size=2)
    ),
    max_leaves=4,
)
MODIFIERS = st.fixed_dictionaries(
    {},
    optional={
        "when": SCALARS,
        "from": st.sampled_from(["input", "a", "b", "a.0", 1.5, "mask"]),
        "repeat": st.sampled_from([0, 1, 2, "$n"]),
        "first": st.dictionaries(st.sampled_from(["stride", "out"]), SCALARS, max_size=1),
        "name": NAMES,
        "weights": NAMES,
    },
)
PLAIN = st.one_of(
    st.sampled_from(["relu", "batch_norm", "$act", "$lv", "b1", "b2", "flatten"]),
    st.builds(lambda out: {"conv": out, "kernel": 3, "padding": 1}, st.sampled_from([3, "$n"])),
    st.builds(lambda op, value: {op: value}, st.sampled_from([*OPS, "b1", "b2", "$act"]), VALUES),
    VALUES,
)


def _layers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    sequences = st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3))
    controls = st.builds(
        lambda body, head, more: {"do": body, **head, **more},
        sequences,
        st.sampled_from(
            [{}, {"repeat": 2}, {"for": "i", "in": "$xs"}, {"if": "$t", "else": []}, {"for": "i"}]
        ),
        st.sampled_from([{}, {}, {"when": "$t"}, {"name": "x"}]),
    )
    merges = st.builds(
        lambda op, branches: {op: branches},
        st.sampled_from(["add", "concat", "mul"]),
        st.lists(st.one_of(sequences, controls, st.builds(lambda s: {"layers": s}, sequences))),
    )
    modified = st.builds(
        lambda layer, modifiers: {**layer, **modifiers} if isinstance(layer, dict) else layer,
        inner,
        MODIFIERS,
    )
    scopes = st.builds(lambda body: {"layers": body}, sequences)
    return st.one_of(sequences, controls, merges, modified, scopes)


LAYERS = st.recursive(PLAIN, _layers, max_leaves=8)


@given(LAYERS, LAYERS, LAYERS, VALUES, VALUES)
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_of_the_vocabulary_ends_in_a_graph_or_diagnostics(
    layers: object, block: object, other: object, outputs: object, default: object
) -> None:
    spec = {
        "archc": 1,
        "name": "t",
        "params": {
            "n": 2, "t": True, "xs": [1, 2], "act": {"type": "layer", "default": "tanh"},
            "lv": {"default": {"leaky_relu": 0.1}},
        },
        "input": {"image": [3, "H", 8], "mask": [1, "H", 8]},
        "blocks": {
            "b1": {"params": {"out": {"type": "int", "default": 4}}, "layers": block},
            "b2": {"params": {"x": {"default": default}}, "layers": other},
        },
        "layers": [layers],
        "outputs": {"y": outputs, "z": "0"},
    }  # fmt: skip
    check("\n".join(f"{key}: {_flow(value)}" for key, value in spec.items()))


def _flow(value: object) -> str:
    """A value as YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_in_the_place_of_a_name_or_a_value_is_read(key: str, value: str) -> None:
    layer = f"{{{json.dumps(key)}: {json.dumps(value)}}}"
    check(f"archc: 1\nname: t\ninput: {{x: 3}}\nlayers:\n  - {layer}\n  - {layer[1:-1]}\n")


@given(data=st.binary(max_size=200))
def test_any_bytes_in_a_file_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    reporter = Reporter()

    spec = load_spec(path, reporter)

    assert isinstance(spec, Failed) == reporter.has_errors
