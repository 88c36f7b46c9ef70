"""What a built model says of itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archc
from tests.packages.building import Built, build, draw_weights, write_checkpoint, write_spec

NET = """\
params:
  classes: 3
  width: {type: float, default: 1.5}
  depths: [1, 2]
  names: [a, 2, true]
  act: {type: layer, default: {leaky_relu: 0.5}}
  other: relu
  big: false
  title: some text
variants: {wide: {width: 2, classes: 2}}
input:
  image: {shape: [1, H, 8], layout: nhwc, dtype: uint8,
          where: {H: {min: 6, multiple_of: 4, remainder: 2, default: 14}}}
preprocess: {resize: [10, 8], color: gray, scale: 1, mean: 127.5, std: [2]}
layers:
  conv: {conv: $int(2 * width), kernel: 3}
  act: $act
  pool: {global_avg_pool: {keep_dims: false}}
  fc: {dense: $classes}
  soft: softmax
labels: [cat, "dög", bird]
"""
NET = NET.replace("$int(2 * width)", "$(int(2 * width))")
SHAPES = {
    "conv.weight": (3, 1, 3, 3), "conv.bias": (3,), "fc.weight": (3, 3), "fc.bias": (3,)
}  # fmt: skip


def read(model: Built, key: str) -> Any:
    return json.loads(model.metadata[f"archc.{key}"])


def test_a_trained_model_says_all_of_it(tmp_path: Path) -> None:
    weights = draw_weights(SHAPES)
    model = build(tmp_path, NET, weights=weights)
    assert list(model.metadata) == [
        f"archc.{key}"
        for key in (
            "version", "spec", "spec_digest", "parameters", "preprocess", "labels", "trained",
            "ends_in_softmax", "inputs", "weights_digest",
        )
    ]  # fmt: skip
    assert model.metadata["archc.version"] == archc.__version__
    assert model.metadata["archc.spec"] == "net"
    parameters = read(model, "parameters")
    assert "leaky_relu" in str(parameters.pop("act"))
    assert parameters == {
        "classes": 3, "width": 1.5, "depths": [1, 2], "names": ["a", 2, True], "other": "relu",
        "big": False, "title": "some text",
    }  # fmt: skip
    assert read(model, "preprocess") == {
        "resize": [10, 8], "crop": None, "interpolation": "bilinear", "antialias": True,
        "color": "gray", "scale": 1, "mean": 127.5, "std": [2],
    }  # fmt: skip
    assert read(model, "labels") == ["cat", "dög", "bird"]
    assert "dög" in model.metadata["archc.labels"]
    assert read(model, "trained") is True
    assert read(model, "ends_in_softmax") == ["output"]
    assert read(model, "inputs") == [
        {
            "name": "image", "shape": [1, "H", 8], "dtype": "uint8", "layout": "nhwc",
            "where": {"H": {"min": 6, "multiple_of": 4, "remainder": 2, "default": 14}},
        }
    ]  # fmt: skip


def test_an_untrained_model_says_so_with_its_seed(tmp_path: Path) -> None:
    model = build(tmp_path, NET, seed=11)
    assert (read(model, "trained"), read(model, "seed")) == (False, 11)


def test_variant_and_settings_are_recorded(tmp_path: Path) -> None:
    two = NET.replace("labels", "description: x\n#")
    model = build(tmp_path, two, variant="wide", settings={"title": "t", "H": 10})
    assert model.metadata["archc.variant"] == "wide"
    parameters = read(model, "parameters")
    assert (parameters["width"], parameters["classes"], parameters["title"]) == (2.0, 2, "t")
    assert read(model, "inputs") == [
        {"name": "image", "shape": [1, 10, 8], "dtype": "uint8", "layout": "nhwc", "where": {}}
    ]


def test_the_smallest_size_that_layers_admit_is_recorded(tmp_path: Path) -> None:
    spec = "input: {image: [1, H, W]}\nlayers: [{max_pool: 2}, {conv: 1, kernel: [3, 1]}]"
    model = build(tmp_path, spec)
    (taken,) = read(model, "inputs")
    assert {name: where["min"] for name, where in taken["where"].items()} == {"H": 6, "W": 2}


class TestDigests:
    def test_weights_digest_follows_names_types_shapes_and_elements(self, tmp_path: Path) -> None:
        weights = draw_weights(SHAPES)
        digest = hashlib.sha256()
        for name, array in weights.items():
            sizes = ",".join(map(str, array.shape))
            digest.update(f"{name}\0float32\0{sizes}\0".encode() + array.tobytes())
        model = build(tmp_path, NET, weights=weights)
        assert model.metadata["archc.weights_digest"] == digest.hexdigest()
        built = archc.build(
            tmp_path / "net.yaml",
            tmp_path / "net.onnx",
            weights=write_checkpoint(tmp_path, weights),
        )
        assert built.weights_digest == digest.hexdigest()

    def test_weights_digest_is_that_of_what_is_written(self, tmp_path: Path) -> None:
        weights = draw_weights(SHAPES)
        doubles = {name: array.astype(np.float64) for name, array in weights.items()}
        one, two = build(tmp_path, NET, weights=weights), build(tmp_path, NET, weights=doubles)
        assert one.metadata["archc.weights_digest"] == two.metadata["archc.weights_digest"]

    def test_spec_digest_is_of_the_text_and_not_of_the_place(self, tmp_path: Path) -> None:
        first = build(tmp_path, NET)
        moved = tmp_path / "folder" / "renamed.yml"
        moved.parent.mkdir()
        shutil.move(tmp_path / "net.yaml", moved)
        assert archc.build_bytes(moved) == first.content
        moved.write_text(moved.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
        changed = Built(archc.build_bytes(moved)).metadata["archc.spec_digest"]
        assert changed != first.metadata["archc.spec_digest"]

    def test_spec_digest_covers_what_is_imported(self, tmp_path: Path) -> None:
        library = tmp_path / "blocks.yaml"
        text = "archc: 1\nname: blocks\nblocks: {twice: {layers: [{multiply: 2}]}}\n"
        spec = "imports: [blocks.yaml]\ninput: {image: [1, H, W]}\nlayers: [twice]"
        digests = []
        for more in ("", "# changed\n"):
            library.write_text(text + more, encoding="utf-8")
            digests.append(build(tmp_path, spec).metadata["archc.spec_digest"])
        assert digests[0] != digests[1]


class TestLabels:
    HEAD = "input: {image: [2, 2, 2]}\nlayers: [%s]\nlabels: [a, b, c]\n"

    @pytest.mark.parametrize(
        ("layers", "are_kept"),
        [
            ("flatten, {dense: 3}", True), ("flatten, {dense: 4}", False),
            ("{conv: 3, kernel: 1}", True), ("{conv: 3, kernel: 1}, argmax", True),
            ("flatten, {dense: 3}, argmax", True),
            ("{mean: [1, 2, 3], keep_dims: false}", False),
        ],
    )  # fmt: skip
    def test_labels_are_recorded_where_they_are_as_many_as_the_classes(
        self, layers: str, are_kept: bool, tmp_path: Path
    ) -> None:
        path = write_spec(tmp_path, self.HEAD % layers)
        built = archc.build(path, tmp_path / "net.onnx")
        model = Built((tmp_path / "net.onnx").read_bytes())
        assert ("archc.labels" in model.metadata) is are_kept
        warned = [warning.rule.slug for warning in built.warnings]
        assert warned == ([] if are_kept else ["labels/count"])

    def test_picked_outputs_have_labels_where_they_are_classes(self, tmp_path: Path) -> None:
        path = write_spec(tmp_path, self.HEAD % "flatten, {dense: 3}")
        for picked, are_kept in (("1", True), ("0", False)):
            target = tmp_path / "net.onnx"
            built = archc.build(path, target, outputs={"y": picked})
            assert built.warnings == ()
            assert ("archc.labels" in Built(target.read_bytes()).metadata) is are_kept

    def test_labels_come_from_a_file_beside_the_spec(self, tmp_path: Path) -> None:
        (tmp_path / "names.txt").write_text("one\ntwo words\nthree\n", encoding="utf-8")
        spec = self.HEAD.replace("[a, b, c]", "names.txt") % "flatten, {dense: 3}"
        assert read(build(tmp_path, spec), "labels") == ["one", "two words", "three"]


def test_nodes_and_weights_are_named_by_the_paths_of_their_layers(tmp_path: Path) -> None:
    spec = """\
input: {image: [2, H, W]}
blocks: {pair: {layers: {first: {conv: 2, kernel: 1}, act: silu}}}
layers:
  stem: [{pair, repeat: 2}]
  sum: {add: [[{pair}], {side: pair}, []]}
"""
    model = build(tmp_path, spec)
    names = ("stem.0", "stem.1", "sum.0.0", "side")
    convs = [node for node in model.proto.graph.node if node.op_type == "Conv"]
    assert [node.name for node in convs] == [f"{name}.first" for name in names]
    for node in convs:
        assert list(node.input[1:]) == [f"{node.name}.weight", f"{node.name}.bias"]
        assert list(node.output) == [node.name]
    paths = {f"{name}.{layer}" for name in names for layer in ("first", "act")} | {"sum"}
    assert {node.name.split("/")[0] for node in model.proto.graph.node} == paths
