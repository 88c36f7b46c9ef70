"""The commands that make and use models: build, run, verify."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
from PIL import Image

import archc
from archc.cli.main import main
from tests.cli.conftest import Run


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _save(**arrays: np.ndarray) -> None:
    np.savez("answers.npz", **cast("Any", arrays))


@pytest.fixture
def model(run: Run, tiny: Path) -> Path:
    """A model of the small spec."""
    assert run("build", tiny, "-o", "tiny.onnx").status == 0
    return tiny.with_name("tiny.onnx")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of a size that preprocessing changes."""
    path = tmp_path / "cat.png"
    Image.new("RGB", (30, 20), (200, 30, 90)).save(path)
    return path


@pytest.fixture
def answers(model: Path, tmp_path: Path) -> dict[str, np.ndarray]:
    """An input and what the model gives for it."""
    x = np.linspace(0, 1, 288, dtype=np.float32).reshape(2, 1, 12, 12)
    (logits,) = archc.session(model).run(None, {"image": x})
    return {"image": x, "logits": np.asarray(logits)}


def test_build_writes_a_model_under_the_name_of_the_network(run: Run, tiny: Path) -> None:
    ran = run("build", tiny, "--variant", "wide")
    assert ran.status == 0
    assert "warning: the weights are random, drawn with seed 0" in ran.err
    assert ran.out.startswith("wide.onnx: ")
    assert "263 parameters" in ran.out
    digest = ran.out.split("sha256 ")[1].strip()
    properties = {p.key: p.value for p in onnx.load("wide.onnx").metadata_props}
    assert properties["archc.weights_digest"] == digest


def test_build_goes_into_a_folder(run: Run, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert run("build", tiny, "-o", "models").status == 0
    assert _files(tmp_path / "models") == {"tiny.onnx"}


def test_build_to_standard_output_writes_the_model_alone(
    run: Run, tiny: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["build", str(tiny), "-o", "-"]) == 0
    assert isinstance(stream.buffer, io.BytesIO)
    assert stream.buffer.getvalue() == model.read_bytes()


def test_build_refuses_to_send_a_model_to_a_terminal(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.cli.build.sys.stdout.isatty", lambda: True)
    ran = run("build", tiny, "-o", "-")
    assert (ran.status, ran.out) == (2, "")


def test_build_takes_outputs_seed_opset_and_external_data(run: Run, tiny: Path) -> None:
    ran = run(
        "build", tiny, "--output", "a=conv", "--output", "b=fc", "--seed", "3", "--opset", "13",
        "--external-data", "-o", "out.onnx",
    )  # fmt: skip
    assert ran.status == 0
    assert "seed 3" in ran.err
    assert "out.onnx and out.onnx.data" in ran.out
    proto = onnx.load("out.onnx", load_external_data=False)
    assert [output.name for output in proto.graph.output] == ["a", "b"]
    assert proto.opset_import[0].version == 13


def test_build_with_a_checkpoint_is_trained(run: Run, tiny: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {
        "conv.weight": np.ones((10, 1, 3, 3), np.float32),
        "conv.bias": np.zeros(10, np.float32),
        "fc.weight": np.ones((3, 10), np.float32),
        "fc.bias": np.zeros(3, np.float32),
    }
    save_file(arrays, "good.safetensors")
    ran = run("build", tiny, "--weights", "good.safetensors")
    assert (ran.status, ran.err) == (0, "")
    del arrays["fc.bias"]
    save_file(arrays, "bad.safetensors")
    before = _files(tiny.parent)
    wrong = run("build", tiny, "-w", "bad.safetensors", "-o", "bad.onnx")
    assert (wrong.status, wrong.out) == (1, "")
    assert "fc.bias" in wrong.err
    assert _files(tiny.parent) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--opset", "3"],
        ["--weights", "nowhere.pt"],
        ["--set", "classes=x"],
        ["--set", "classes=["],
        ["--output", "a=nowhere"],
        ["-o", "nowhere/x.onnx"],
    ],
)
def test_build_with_a_mistake_writes_nothing(run: Run, tiny: Path, arguments: list[str]) -> None:
    ran = run("build", tiny, *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error[")
    assert _files(tiny.parent) == {"tiny.yaml"}


def test_progress_is_for_terminals_alone(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\r" not in run("build", tiny).err
    monkeypatch.setattr("archc.cli.progress._SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr("archc.cli.progress.sys.stderr.isatty", lambda: True)
    shown = run("build", tiny).err
    assert "writing tiny: 100 %" in shown
    assert shown.split("\r")[-1].startswith("\x1b[K")


def test_run_names_classes(run: Run, model: Path, picture: Path) -> None:
    ran = run("run", model, picture, "--top", "2")
    assert ran.status == 0
    assert "warning: this model's weights are random" in ran.err
    name, first, second = ran.out.splitlines()
    assert name == str(picture)
    assert first.split()[-1] in ("cat", "dog", "owl")
    assert float(first.split()[0]) >= float(second.split()[0])


def test_run_for_programs_gives_probabilities(run: Run, model: Path, picture: Path) -> None:
    document = json.loads(run("run", model, picture, picture, "--format", "json").out)
    assert [found["image"] for found in document["images"]] == [str(picture)] * 2
    classes = document["images"][0]["classes"]
    assert {found["label"] for found in classes} == {"cat", "dog", "owl"}
    assert sum(found["probability"] for found in classes) == pytest.approx(1)


def test_run_goes_on_after_a_bad_image(run: Run, model: Path, picture: Path) -> None:
    ran = run("run", model, "nowhere.png", picture)
    assert ran.status == 1
    assert "error[run/no-such-file]" in ran.err
    assert str(picture) in ran.out


def test_run_without_recorded_preprocessing_resizes_and_says_so(
    run: Run, tiny: Path, picture: Path
) -> None:
    text = tiny.read_text(encoding="utf-8").replace(
        "preprocess: {resize: [12, 12], color: gray}", ""
    )
    tiny.write_text(text, encoding="utf-8")
    run("build", tiny, "--set", "H=12", "--set", "W=12", "-o", "fixed.onnx")
    ran = run("run", "fixed.onnx", picture)
    assert ran.status == 0
    assert "images are resized to 12 × 12, scaled to 0 to 1" in ran.err


def test_run_needs_one_input_and_class_scores(run: Run, tiny: Path, picture: Path) -> None:
    run("build", tiny, "--output", "map=conv", "-o", "map.onnx")
    ran = run("run", "map.onnx", picture)
    assert ran.status == 1
    assert "error[run/no-classes]" in ran.err
    two = tiny.with_name("two.yaml")
    two.write_text(
        "archc: 1\nname: two\ninput: {a: [1, 4, 4], b: [1, 4, 4]}\n"
        "layers: [{add: [[], {from: b}]}, {global_avg_pool: false}]\n",
        encoding="utf-8",
    )
    run("build", two)
    ran = run("run", "two.onnx", picture)
    assert ran.status == 1
    assert "error[run/several-inputs]: the model has 2 inputs: `a`, `b`" in ran.err


def test_run_on_what_is_no_model(run: Run, tiny: Path, picture: Path) -> None:
    ran = run("run", tiny, picture)
    assert (ran.status, ran.out) == (1, "")
    assert "error[run/not-a-model]" in ran.err


def test_verify_passes_on_the_models_own_answers(
    run: Run, model: Path, answers: dict[str, np.ndarray]
) -> None:
    _save(**answers, extra=np.zeros(1))
    ran = run("verify", model, "--against", "answers.npz")
    assert ran.status == 0
    assert ran.out.startswith("logits: equal enough, worst difference 0 at [0, 0]")
    assert "same class in 2 of 2" in ran.out
    assert "`extra` belongs to nothing in the model" in ran.err


def test_verify_finds_the_worst_difference(
    run: Run, model: Path, answers: dict[str, np.ndarray]
) -> None:
    answers["logits"][1, 2] += 0.5
    _save(**answers)
    ran = run("verify", model, "--against", "answers.npz")
    assert ran.status == 1
    assert ran.out.startswith("logits: differs, worst difference 0.5 at [1, 2]")
    assert run("verify", model, "--against", "answers.npz", "--tolerance", "10").status == 0
    document = json.loads(run("verify", model, "--against", "answers.npz", "--format", "json").out)
    assert not document["is_close"]
    (output,) = document["outputs"]
    assert (output["where"], output["worst"]) == ([1, 2], pytest.approx(0.5))


def test_verify_needs_answers(run: Run, model: Path) -> None:
    ran = run("verify", model, "--against", model)
    assert (ran.status, ran.out) == (1, "")
    assert "error[verify/not-answers]" in ran.err
