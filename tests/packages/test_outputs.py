"""Which values a built model gives, under which names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import archc
from tests.packages import by_numpy as ref
from tests.packages.building import (
    assert_close,
    build,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_checkpoint,
    write_spec,
)
from tests.packages.by_numpy import Array

TWO = """\
input: {image: [2, H, W]}
layers: {double: {multiply: 2}, bent: {shift: -1}}
"""
HEAD = """\
input: {image: [2, 4, 4]}
layers:
  stem: {conv: 3, kernel: 3, bias: false}
  body: [{conv: 3, kernel: 1, repeat: 2}]
  flat: flatten
  fc: {dense: 5}
"""
HEAD_WEIGHTS = draw_weights(
    {
        "stem.weight": (3, 2, 3, 3), "body.0.weight": (3, 3, 1, 1), "body.0.bias": (3,),
        "body.1.weight": (3, 3, 1, 1), "body.1.bias": (3,), "fc.weight": (5, 12), "fc.bias": (5,),
    }
)  # fmt: skip
IMAGE = draw_image(2, 2, 4, 4)


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ("", {"output": 2 * IMAGE - 1}),
        ("{y: double}", {"y": 2 * IMAGE}),
        ("{second: bent, first: double}", {"second": 2 * IMAGE - 1, "first": 2 * IMAGE}),
        ("{a: bent, b: bent, c: bent}", dict.fromkeys("abc", 2 * IMAGE - 1)),
        ("{same: image, y: bent}", {"same": IMAGE, "y": 2 * IMAGE - 1}),
        ("{a: image, b: input}", {"a": IMAGE, "b": IMAGE}),
        ("{double: double}", {"double": 2 * IMAGE}),
        ("{double: bent, bent: double}", {"double": 2 * IMAGE - 1, "bent": 2 * IMAGE}),
        ("{double: bent, other: double}", {"double": 2 * IMAGE - 1, "other": 2 * IMAGE}),
        ("{bent: {from: double, layers: [abs]}, y: bent}",
         {"bent": np.abs(2 * IMAGE), "y": 2 * IMAGE - 1}),
        ("{y: bent, side: {layers: {deep: {multiply: 3}}}}",
         {"y": 2 * IMAGE - 1, "side": 6 * IMAGE - 3}),
        ("{y: bent, gone: {layers: [abs], when: false}}", {"y": 2 * IMAGE - 1}),
    ],
)  # fmt: skip
def test_outputs_are_the_values_they_name(
    outputs: str,
    wanted: dict[str, Array],
    tmp_path: Path,
) -> None:
    spec = TWO + (f"outputs: {outputs}\n" if outputs else "")
    given = build(tmp_path, spec).run(image=IMAGE)
    assert list(given) == list(wanted)
    for name, value in wanted.items():
        assert_close(given[name], value)


@pytest.mark.parametrize("layers", ["[]", "[identity]", "[{dropout: 0.5}, {pad: 0}]"])
def test_network_without_work_gives_its_input(layers: str, tmp_path: Path) -> None:
    model = build(tmp_path, f"input: {{image: [2, H, W]}}\nlayers: {layers}")
    assert np.array_equal(model.run(image=IMAGE)["output"], IMAGE)


def test_merges_and_scopes_are_outputs_by_their_paths(tmp_path: Path) -> None:
    spec = """\
input: {image: [2, H, W]}
blocks:
  twice: {params: {by: 2.0}, layers: {product: {multiply: $by}, last: {shift: 1}}}
layers:
  scope: [{multiply: 3}, {shift: -1}]
  block: twice
  sum: {add: [[], {from: scope.0}, [abs]]}
outputs: {scope: scope, inner: scope.0, block: block, product: block.product, sum: sum, part: sum.1}
"""
    given = build(tmp_path, spec.replace(", part: sum.1", "")).run(image=IMAGE)
    scope = 3 * IMAGE - 1
    block = 2 * scope + 1
    wanted = {
        "scope": scope, "inner": 3 * IMAGE, "block": block, "product": 2 * scope,
        "sum": block + 3 * IMAGE + np.abs(block),
    }  # fmt: skip
    assert list(given) == list(wanted)
    for name, value in wanted.items():
        assert_close(given[name], value)


def test_side_outputs_own_the_weights_under_their_names(tmp_path: Path) -> None:
    spec = """\
input: {image: [2, H, W]}
layers: {a: {conv: 2, kernel: 1, bias: false}, b: tanh}
outputs:
  main: b
  listed: {from: a, layers: [relu, {conv: 3, kernel: 1, bias: false}]}
  named: {layers: {deep: {conv: 1, kernel: 1, bias: false}}}
  a: {from: a, layers: [{conv: 1, kernel: 1, bias: false}]}
"""
    shapes = {
        "a.weight": (2, 2, 1, 1), "listed.1.weight": (3, 2, 1, 1), "deep.weight": (1, 2, 1, 1),
        "a.0.weight": (1, 2, 1, 1),
    }  # fmt: skip
    weights = draw_weights(shapes)
    given = build(tmp_path, spec, weights=weights).run(image=IMAGE)
    a = ref.conv(IMAGE, weights["a.weight"])
    assert_close(given["main"], np.tanh(a))
    assert_close(given["listed"], ref.conv(np.maximum(a, 0), weights["listed.1.weight"]))
    assert_close(given["named"], ref.conv(np.tanh(a), weights["deep.weight"]))
    assert_close(given["a"], ref.conv(a, weights["a.0.weight"]))


@pytest.mark.parametrize(
    "spec",
    [
        TWO + "outputs: {image: double}",
        TWO + "outputs: {image: image}",
        TWO + "outputs: {y: double, image: {from: double, layers: [abs]}}",
        TWO.replace("image", "output"),
        TWO.replace("image: [2, H, W]", "image: [2, H, W], other: [3]") + "outputs: {other: bent}",
    ],
)
def test_output_named_as_an_input_is_refused(spec: str, tmp_path: Path) -> None:
    assert rules(mistakes(tmp_path, spec)) == ["outputs/name-taken"]
    with pytest.raises(archc.SpecError, match="input"):
        archc.validate(write_spec(tmp_path, spec))


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    spec = "params: {first: y}\n" + TWO + "outputs: {y: double, $first: bent}"
    assert len(mistakes(tmp_path, spec)) == 1


class TestPicks:
    def test_picked_outputs_take_the_place_of_the_others(self, tmp_path: Path) -> None:
        picked = {"features": "body.0", "start": "stem"}
        given = build(tmp_path, HEAD, weights=HEAD_WEIGHTS, outputs=picked).run(image=IMAGE)
        assert list(given) == ["features", "start"]
        stem = ref.conv(IMAGE, HEAD_WEIGHTS["stem.weight"])
        body = ref.conv(stem, HEAD_WEIGHTS["body.0.weight"], HEAD_WEIGHTS["body.0.bias"])
        assert_close(given["start"], stem)
        assert_close(given["features"], body)

    def test_only_needed_layers_and_weights_are_built(self, tmp_path: Path) -> None:
        model = build(tmp_path, HEAD, weights=HEAD_WEIGHTS, outputs={"features": "stem"})
        assert list(model.weights) == ["stem.weight"]
        assert [node.name for node in model.proto.graph.node] == ["stem"]

    def test_a_checkpoint_without_the_weights_left_out_serves_as_well(self, tmp_path: Path) -> None:
        stem = {"stem.weight": HEAD_WEIGHTS["stem.weight"]}
        picked = {"features": "stem"}
        part = build(tmp_path, HEAD, weights=stem, outputs=picked)
        assert part.content == build(tmp_path, HEAD, weights=HEAD_WEIGHTS, outputs=picked).content

    def test_what_no_layer_of_the_spec_owns_is_still_left_over(self, tmp_path: Path) -> None:
        weights = HEAD_WEIGHTS | {"head.weight": HEAD_WEIGHTS["fc.weight"]}
        (error,) = mistakes(tmp_path, HEAD, weights=weights, outputs={"features": "stem"})
        assert error.rule.slug == "weights/mismatch"
        assert error.notes == ("unexpected: `head.weight`",)

    def test_picks_of_a_variant_know_the_weights_of_that_variant(self, tmp_path: Path) -> None:
        spec = "params: {classes: 7}\nvariants: {five: {classes: 5}}\n" + HEAD.replace(
            "fc: {dense: 5}", "fc: {dense: $classes}"
        )
        picked = {"features": "stem"}
        model = build(tmp_path, spec, weights=HEAD_WEIGHTS, outputs=picked, variant="five")
        assert list(model.weights) == ["stem.weight"]

    def test_an_input_can_be_picked(self, tmp_path: Path) -> None:
        model = build(tmp_path, HEAD, weights=HEAD_WEIGHTS, outputs={"raw": "image"})
        assert np.array_equal(model.run(image=IMAGE)["raw"], IMAGE)

    @pytest.mark.parametrize("name", ["image", "stem.weight"])
    def test_names_that_are_taken_are_refused(self, name: str, tmp_path: Path) -> None:
        errors = mistakes(tmp_path, HEAD, weights=HEAD_WEIGHTS, outputs={name: "stem"})
        assert rules(errors) == ["outputs/name-taken"]

    @pytest.mark.parametrize("name", ["", "two words", "line\n", "."])
    def test_names_that_are_none_are_refused(self, name: str, tmp_path: Path) -> None:
        assert rules(mistakes(tmp_path, HEAD, outputs={name: "stem"})) == ["outputs/name"]

    @pytest.mark.parametrize("name", ["body.0", "a-b_c", "0"])
    def test_paths_and_other_names_are_taken(self, name: str, tmp_path: Path) -> None:
        given = build(tmp_path, HEAD, outputs={name: "body.0"}).run(image=IMAGE)
        assert list(given) == [name]

    def test_unknown_paths_are_refused(self, tmp_path: Path) -> None:
        assert rules(mistakes(tmp_path, HEAD, outputs={"y": "steam"})) == ["path/unknown"]


class TestEndings:
    @pytest.mark.parametrize(
        ("layers", "outputs", "endings"),
        [
            ("[flatten, {dense: 3}, softmax]", "", ["output"]),
            ("[flatten, {dense: 3}, softmax, {dropout: 0.5}, identity]", "", ["output"]),
            ("[flatten, {dense: 3}]", "", None),
            ("[flatten, {dense: 3}, softmax, {dense: 2}]", "", None),
            ("[flatten, {dense: 3}, log_softmax]", "", None),
            ("{a: flatten, b: softmax, c: {dense: 2}}", "{y: c, p: b, q: b}", ["p", "q"]),
        ],
    )
    def test_outputs_that_are_probabilities_are_recorded(
        self, layers: str, outputs: str, endings: list[str] | None, tmp_path: Path
    ) -> None:
        spec = f"input: {{image: [2, 4, 4]}}\nlayers: {layers}\n"
        model = build(tmp_path, spec + (f"outputs: {outputs}" if outputs else ""))
        recorded = model.metadata.get("archc.ends_in_softmax")
        assert (None if recorded is None else json.loads(recorded)) == endings


def test_layer_that_no_output_needs_is_a_warning(tmp_path: Path) -> None:
    path = write_spec(tmp_path, HEAD + "outputs: {y: stem}")
    checkpoint = write_checkpoint(tmp_path, {"stem.weight": HEAD_WEIGHTS["stem.weight"]})
    built = archc.build(path, tmp_path / "net.onnx", weights=checkpoint)
    assert [warning.rule.slug for warning in built.warnings] == ["layer/unused"]
