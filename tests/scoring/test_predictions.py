"""What stands in a table of predictions, against `archc run`'s parts and ONNX Runtime."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import archc
from archc.deploy.image_form import image_form
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.writer import write_model
from archc.runtime.model import Model
from archc.runtime.predict import predict, softmax, top_k
from archc.version import __version__
from archc.weights.checkpoint import file_place
from tests.scoring.conftest import HELD_OUT, PHOTO, Run, Table, opened, save, tensor_of

PICTURES = sorted(HELD_OUT.glob("*.png"))
# A batch of one and a batch of sixteen are summed in another order.
ROUNDING = 1e-5


def logits_alone(model: Model, picture: Path) -> np.ndarray:
    """The model's first output for one picture, run alone."""
    feeds = {model.inputs[0].name: tensor_of(model, picture)[None]}
    outputs = predict(model, feeds, Reporter())
    assert not isinstance(outputs, Failed)
    return np.asarray(outputs[model.output_names[0]][0])


def test_held_out_digits_are_recognised(digits: Path, table: Table) -> None:
    found = table(digits, HELD_OUT)
    assert found.num_rows == 360
    named = [labels[0] for labels in found["labels"].to_pylist()]
    paths = found["path"].to_pylist()
    assert paths == [str(path) for path in PICTURES]
    assert np.mean([Path(p).name[0] == n for p, n in zip(paths, named, strict=True)]) >= 0.97


def test_each_row_is_what_the_picture_gives_alone(digits: Path, table: Table) -> None:
    found = table(digits, HELD_OUT, "--top", "3", "--logits", "--batch", "7").to_pylist()
    model = opened(digits)
    for row in found[::13]:
        alone = logits_alone(model, Path(row["path"]))
        best = top_k(alone, 3, model.record.labels)
        assert row["logits"] == pytest.approx(
            alone.tolist(), abs=ROUNDING * float(np.abs(alone).max())
        )
        assert row["labels"] == [one.label for one in best]
        assert row["indices"] == [one.index for one in best]
        assert row["probabilities"] == pytest.approx([p.probability for p in best], abs=ROUNDING)


def test_batches_are_run_as_batches(digits: Path, table: Table) -> None:
    found = table(digits, HELD_OUT, "--logits", "--batch", "90")
    model = opened(digits)
    batch = np.stack([tensor_of(model, path) for path in PICTURES[:90]])
    (logits,) = archc.session(digits, threads=1).run(None, {model.inputs[0].name: batch})
    rows = np.array(found["logits"].to_pylist()[:90], dtype=np.float32)
    assert np.abs(rows - logits).max() <= ROUNDING * np.abs(logits).max()
    shares = np.array(found["probabilities"].to_pylist()[:90])[:, 0]
    assert shares == pytest.approx(softmax(rows).max(axis=1), abs=ROUNDING)


def test_a_network_of_bytes_takes_pictures_of_any_size(
    pixels: Path, table: Table, here: Path
) -> None:
    names = [save(here / f"{n}.png", size, (n * 20, 90, 255 - n)) for n, size in enumerate(
        [(12, 9), (30, 20), (12, 9), (8, 8), (30, 20)]
    )]  # fmt: skip
    found = table(pixels, *names, PHOTO, "--logits", "--batch", "4").to_pylist()
    model = opened(pixels)
    for row in found:
        alone = logits_alone(model, Path(row["path"]))
        assert row["logits"] == pytest.approx(alone.tolist(), rel=1e-4, abs=1e-5)
        assert row["labels"][0] == model.record.labels[int(alone.argmax())]


def test_both_forms_of_a_network_say_the_same(digits: Path, table: Table, here: Path) -> None:
    reporter, place = Reporter(), file_place(str(digits))
    preprocess = opened(digits).record.preprocess
    file = open_model_file(digits, reporter)
    assert preprocess is not None
    assert not isinstance(file, Failed)
    with file:
        form = image_form(file.model, preprocess, place, reporter, size=(32, 32))
        assert not isinstance(form, Failed)
        write_model(form, here / "image.onnx", reporter=reporter, place=place)
    assert opened(here / "image.onnx").session.get_inputs()[0].type == "tensor(uint8)"
    floats = table(digits, HELD_OUT, "--logits", name="a.parquet")
    pixels = table(here / "image.onnx", HELD_OUT, "--logits", name="b.parquet")
    assert floats["indices"].to_pylist() == pixels["indices"].to_pylist()
    known, found = (np.array(t["logits"].to_pylist()) for t in (floats, pixels))
    assert np.abs(known - found).max() <= ROUNDING * np.abs(known).max()


def test_the_number_of_threads_and_workers_changes_no_row(digits: Path, table: Table) -> None:
    one = table(digits, HELD_OUT, "--threads", "1", "--workers", "1", name="a.parquet")
    many = table(digits, HELD_OUT, "--threads", "1", "--workers", "7", name="b.parquet")
    assert one.equals(many)


def test_the_schema_and_what_the_file_says_of_itself(digits: Path, table: Table) -> None:
    schema = table(digits, PICTURES[0], "--logits").schema
    element = {name: schema.field(name).type for name in schema.names}
    assert element == {
        "row": pa.int64(),
        "path": pa.string(),
        "error": pa.string(),
        "labels": pa.list_(pa.string()),
        "indices": pa.list_(pa.int32()),
        "probabilities": pa.list_(pa.float32()),
        "logits": pa.list_(pa.float32()),
    }
    said = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    record = opened(digits).record
    assert said["archc.version"] == __version__
    assert said["archc.spec"] == "digits"
    assert said["archc.weights_digest"] == record.weights_digest
    assert said["archc.spec_digest"] == record.spec_digest
    assert said["archc.model_digest"].startswith("sha256:")
    assert json.loads(said["archc.preprocess"])["resize"] == [32, 32]
    assert set(json.loads(said["archc.columns"])) == set(schema.names)


def test_the_digest_is_that_of_the_model_and_of_its_external_weights(
    digits: Path, table: Table, here: Path
) -> None:
    def digest(model: Path) -> str:
        said: bytes = table(model, PICTURES[0]).schema.metadata[b"archc.model_digest"]
        return said.decode()

    assert digest(digits) == "sha256:" + hashlib.sha256(digits.read_bytes()).hexdigest()
    spec = here / "digits.yaml"
    spec.write_bytes((HELD_OUT.parent / "digits.yaml").read_bytes())
    archc.build(spec, here / "m.onnx", external_data=True, seed=1)
    before, model = digest(here / "m.onnx"), (here / "m.onnx").read_bytes()
    weights = bytearray((here / "m.onnx.data").read_bytes())
    weights[0] ^= 1
    (here / "m.onnx.data").write_bytes(weights)
    assert (here / "m.onnx").read_bytes() == model
    assert digest(here / "m.onnx") != before


def test_more_classes_than_there_are_is_all_of_them(digits: Path, table: Table) -> None:
    (row,) = table(digits, PICTURES[0], "--top", "99").to_pylist()
    assert sorted(row["labels"]) == [str(n) for n in range(10)]
    assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-6)


def test_a_large_table_is_cut_into_groups_of_rows(
    digits: Path, table: Table, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.scoring.parquet._GROUP_ROWS", 100)
    found = table(digits, HELD_OUT, "--batch", "30")
    assert found["row"].to_pylist() == list(range(360))
    metadata = pq.ParquetFile(here / "out.parquet").metadata
    assert metadata.num_row_groups == 3
    assert [metadata.row_group(i).num_rows for i in range(3)] == [120, 120, 120]


def test_json_lines_and_csv_hold_the_same_predictions(
    digits: Path, run: Run, here: Path, table: Table
) -> None:
    (here / "broken.png").write_bytes(b"no picture")
    given = [*PICTURES[:3], here / "broken.png"]
    rows = table(digits, *given, "--top", "2").to_pylist()
    assert run("score", digits, *given, "--top", "2", "-o", "o.jsonl").status == 0
    lines = (here / "o.jsonl").read_text(encoding="utf-8").splitlines()
    for row, line in zip(rows, map(json.loads, lines), strict=True):
        for shares in filter(None, (row["probabilities"], line["probabilities"])):
            shares[:] = np.float32(shares).tolist()
        assert line == row
    assert run("score", digits, *given, "--top", "2", "-o", "o.csv").status == 0
    with (here / "o.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    for row, line in zip(rows, cells, strict=True):
        assert (line["row"], line["path"]) == (str(row["row"]), row["path"])
        assert line["error"] == (row["error"] or "")
        assert line["label_1"] == (row["labels"] or [""])[0]
        assert line["index_2"] == (str(row["indices"][1]) if row["indices"] else "")
        if row["probabilities"]:
            assert np.float32(line["probability_2"]) == np.float32(row["probabilities"][1])
