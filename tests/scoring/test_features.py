"""Features against ONNX Runtime, which is given the same layer by other means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import archc
from tests.scoring.conftest import HELD_OUT, PHOTO, Run, Table, opened, save, tensor_of

PICTURES = sorted(HELD_OUT.glob("*.png"))[:20]


def values_of(path: Path, node_output: str, pictures: list[Path]) -> Any:
    """What a value inside a model is, by onnx's own means, for a batch of pictures."""
    model = onnx.load(path)
    model.graph.output.append(onnx.ValueInfoProto(name=node_output))
    known = opened(path)
    batch = np.stack([tensor_of(known, picture) for picture in pictures])
    session = archc.session(model.SerializeToString(), threads=1)
    return session.run([node_output], {known.inputs[0].name: batch})[0]


def output_of(path: Path, layer: str) -> str:
    graph = onnx.load(path).graph
    nodes = [n for n in graph.node if layer in n.name.partition("/")[0].split("+")]
    name: str = nodes[-1].output[0]
    return name


def test_a_flat_layer(digits: Path, table: Table) -> None:
    found = table(digits, *PICTURES, "--features", "act6")
    assert found.column_names == ["row", "path", "error", "features"]
    assert found.schema.metadata[b"archc.features"] == b"act6"
    assert found.schema.metadata[b"archc.features_shape"] == b"[84]"
    wanted = values_of(digits, output_of(digits, "act6"), PICTURES)
    rows = np.array(found["features"].to_pylist(), dtype=np.float32)
    assert rows.shape == (20, 84)
    assert np.abs(rows - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_a_map_of_features_is_flat_with_its_shape_beside(digits: Path, table: Table) -> None:
    found = table(digits, *PICTURES, "--features", "s4")
    assert found.schema.metadata[b"archc.features_shape"] == b"[16, 5, 5]"
    wanted = values_of(digits, output_of(digits, "s4"), PICTURES)
    rows = np.array(found["features"].to_pylist(), dtype=np.float32).reshape(wanted.shape)
    assert np.abs(rows - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_features_whose_size_follows_the_picture(pixels: Path, table: Table, here: Path) -> None:
    broken = here / "broken.png"
    broken.write_bytes(b"")
    given = [save(here / "a.png", (12, 9), (9, 90, 200)), broken, PHOTO]
    found = table(pixels, *given, "--features", "conv").to_pylist()
    assert [row["features_shape"] for row in found][:2] == [[4, 7, 10], None]
    assert found[1]["features"] is None
    for row in (found[0], found[2]):
        (wanted,) = values_of(pixels, output_of(pixels, "conv"), [Path(row["path"])])
        shape = tuple(row["features_shape"])
        assert shape == wanted.shape
        values = np.array(row["features"], dtype=np.float32).reshape(shape)
        assert np.abs(values - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_an_output_of_the_model_is_a_layer_too(digits: Path, table: Table) -> None:
    both = table(digits, *PICTURES, "--features", "logits", "--top", "1", "--logits")
    assert both["features"].to_pylist() == both["logits"].to_pylist()
    assert len(both["labels"][0]) == 1


def test_a_layer_that_is_not_there(digits: Path, run: Run, here: Path) -> None:
    ran = run("score", digits, PICTURES[0], "--features", "atc6", "-o", "o.parquet")
    assert ran.status == 1
    assert "error[deploy/unknown-layer]" in ran.err
    assert "`act6`" in ran.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl"])
def test_features_do_not_go_into_a_text_file(digits: Path, run: Run, here: Path, name: str) -> None:
    ran = run("score", digits, PICTURES[0], "--features", "act6", "-o", name)
    assert ran.status == 1
    assert "error[score/result-form]" in ran.err
    assert "`o.parquet`" in ran.err
