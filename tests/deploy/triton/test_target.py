"""Packages for Triton: everything said, nothing that the check would refuse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from archc.deploy.manifest import TensorSpec
from archc.deploy.served import Served, ServingOptions
from archc.deploy.triton import add_version, check_repository, write
from archc.deploy.triton.examined import version_folders
from archc.deploy.triton.read_config import read_config
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Severity
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.writer import WriteResult
from archc.runtime import pixels
from archc.runtime.preprocess import Preprocess
from archc.weights.checkpoint import file_place
from tests.deploy.packing import HELD_OUT, packed
from tests.deploy.triton.folders import Model

LABELS = tuple(f"class {i}" for i in range(10))


def served(model: Model | None = None, **changes: object) -> Served:
    """The small classifier of `folders`, to be packed."""
    chosen = model or Model()

    def write_model(path: Path, external: bool) -> WriteResult:
        replace(chosen, is_external=external).write(path)
        return WriteResult(path.stat().st_size, None, "")

    known = Served(
        name="net",
        form="tensor",
        inputs=(TensorSpec(name="input", dtype="float32", shape=(3, 8, 8)),),
        outputs=(TensorSpec(name="logits", dtype="float32", shape=(10,)),),
        opset=chosen.opset,
        ir_version=chosen.ir_version,
        has_batch=isinstance(chosen.batch, str),
        preprocess=None,
        place=file_place("net.onnx"),
        labels=LABELS,
        labelled=("logits",),
        probabilities=(),
        write_model=write_model,
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def config_of(folder: Path, name: str = "net") -> Group:
    config = read_config(folder / "models" / name / "config.pbtxt", Reporter())
    assert not isinstance(config, Failed)
    return config


def rules(reporter: Reporter, severity: Severity = Severity.ERROR) -> list[str]:
    return [d.rule.slug for d in reporter.diagnostics if d.severity is severity]


@pytest.mark.parametrize("form", ["image", "tensor"])
def test_a_package_has_nothing_that_the_check_would_say(form: str, tmp_path: Path) -> None:
    options = ServingOptions(ensemble=form == "image")
    package = packed("triton", tmp_path / "digits", form=form, options=options)  # type: ignore[arg-type]
    reporter = Reporter()
    checked = check_repository(package.folder, reporter, auto_complete=False)
    assert not isinstance(checked, Failed)
    assert reporter.diagnostics == ()
    assert len(checked.models) == (3 if form == "image" else 1)


def test_the_configuration_says_what_was_asked_for(tmp_path: Path) -> None:
    options = ServingOptions(
        max_batch_size=4, max_queue_delay_us=77, instances=3, threads=2, device="gpu"
    )
    layout = write(served(), tmp_path, options, Reporter())
    assert not isinstance(layout, Failed)
    config = config_of(tmp_path)
    assert config.integer("max_batch_size") == 4
    (group,) = config.groups("instance_group")
    assert (group.integer("count"), group.text("kind")) == (3, "KIND_GPU")
    batcher = config.group("dynamic_batching")
    assert batcher is not None
    assert batcher.integer("max_queue_delay_microseconds") == 77
    threads = config.entries("parameters")["intra_op_thread_count"].data
    assert isinstance(threads, Group)
    assert threads.text("string_value") == "2"
    assert [w.integer("batch_size") for w in config.groups("model_warmup")] == [1, 4]
    assert (tmp_path / layout.model).is_file()
    assert (tmp_path / str(layout.labels)).read_text() == "".join(f"{x}\n" for x in LABELS)
    assert layout.repository == "models"
    assert layout.ensemble is None


def test_without_a_batch_the_sizes_are_whole(tmp_path: Path) -> None:
    fixed = Model(batch=1, output_batch=1)
    assert not isinstance(write(served(fixed), tmp_path, ServingOptions(), Reporter()), Failed)
    config = config_of(tmp_path)
    assert config.integer("max_batch_size") == 0
    assert config.groups("input")[0].integers("dims") == (1, 3, 8, 8)
    assert not config.has("dynamic_batching")
    assert [w.integer("batch_size") for w in config.groups("model_warmup")] == [1]


def test_an_open_size_is_warmed_up_at_the_pictures_size(tmp_path: Path) -> None:
    model = Model(size=("H", "W"))
    open_ = served(model, preprocess=Preprocess(resize=20, crop=(16, 12)))
    assert not isinstance(write(open_, tmp_path / "a", ServingOptions(), Reporter()), Failed)
    config = config_of(tmp_path / "a")
    assert config.groups("input")[0].integers("dims") == (3, -1, -1)
    fed = config.groups("model_warmup")[0].entries("inputs")["input"].data
    assert isinstance(fed, Group)
    assert fed.integers("dims") == (3, 16, 12)
    unknown = served(model)
    assert not isinstance(write(unknown, tmp_path / "b", ServingOptions(), Reporter()), Failed)
    assert not config_of(tmp_path / "b").has("model_warmup")


@pytest.mark.parametrize(
    ("changes", "options", "rule"),
    [
        ({"opset": 22}, {"release": "24.10"}, "triton/model-too-new"),
        ({"ir_version": 11}, {"release": "24.10"}, "triton/model-too-new"),
        ({}, {"release": "24.99"}, "triton/unknown-release"),
        ({}, {"ensemble": True}, "triton/no-ensemble"),
        ({"form": "image"}, {"ensemble": True}, "triton/no-ensemble"),
    ],
)
def test_what_cannot_be_served_is_refused(
    changes: dict[str, object], options: dict[str, object], rule: str, tmp_path: Path
) -> None:
    reporter = Reporter()
    asked = ServingOptions(**options)  # type: ignore[arg-type]
    assert isinstance(write(served(None, **changes), tmp_path, asked, reporter), Failed)
    assert rules(reporter) == [rule]


def test_labels_that_fit_no_output_are_a_warning(tmp_path: Path) -> None:
    reporter = Reporter()
    assert not isinstance(write(served(labelled=()), tmp_path, ServingOptions(), reporter), Failed)
    assert rules(reporter, Severity.WARNING) == ["triton/unused-labels"]


@pytest.mark.parametrize("serve_all", [False, True])
def test_a_further_version_stands_beside_the_first(serve_all: bool, tmp_path: Path) -> None:
    assert not isinstance(write(served(), tmp_path, ServingOptions(), Reporter()), Failed)
    path = tmp_path / "models" / "net" / "config.pbtxt"
    path.write_text("# mine\n" + path.read_text())
    options = ServingOptions(version=2, serve_all=serve_all)
    reporter = Reporter()
    layout = add_version(served(), tmp_path, options, reporter)
    assert not isinstance(layout, Failed), reporter.diagnostics
    assert layout.model == "models/net/2/model.onnx"
    assert list(version_folders(path.parent)) == [1, 2]
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert ("version_policy { all { } }" in text) == serve_all
    assert config_of(tmp_path).has("model_warmup")


@pytest.mark.parametrize("policy", ["", "version_policy: {\n latest { num_versions: 1 } }\n"])
def test_a_policy_is_replaced_wherever_it_stands(policy: str, tmp_path: Path) -> None:
    assert not isinstance(write(served(), tmp_path, ServingOptions(), Reporter()), Failed)
    path = tmp_path / "models" / "net" / "config.pbtxt"
    line = "version_policy { latest { num_versions: 1 } }\n"
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, policy))
    options = ServingOptions(version=2, serve_all=True)
    assert not isinstance(add_version(served(), tmp_path, options, Reporter()), Failed)
    found = config_of(tmp_path).group("version_policy")
    assert found is not None
    assert found.has("all")


@pytest.mark.parametrize(
    "other",
    [
        served(Model(further_output=True)),
        served(Model(size=(9, 8))),
        served(Model(batch=1, output_batch=1)),
        served(labels=(*LABELS[:9], "other")),
    ],
    ids=["outputs", "sizes", "batch", "labels"],
)
def test_a_further_version_must_fit(other: Served, tmp_path: Path) -> None:
    assert not isinstance(write(served(), tmp_path, ServingOptions(), Reporter()), Failed)
    reporter = Reporter()
    assert isinstance(add_version(other, tmp_path, ServingOptions(version=2), reporter), Failed)
    assert rules(reporter) == ["triton/other-tensors"]


def test_the_step_does_what_archc_run_does(tmp_path: Path) -> None:
    package = packed("triton", tmp_path / "digits", options=ServingOptions(ensemble=True))
    step = package.folder / "models" / "digits_preprocess" / "1"
    assert (step / "archc_pixels.py").read_bytes() == Path(pixels.__file__).read_bytes()
    plain = json.loads((step / "steps.json").read_text())
    prepared = [
        pixels.to_pixels(pixels.decode(path.read_bytes()), pixels.PixelSteps.of(plain))
        for path in HELD_OUT[:4]
    ]
    known = np.load(package.folder / "golden" / "1.npz")
    assert np.array_equal(np.stack(prepared), known["image"])
    model = package.folder / package.manifest.versions[0].model
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": np.stack(prepared)})
    assert np.array_equal(logits, known["logits"])


ENSEMBLE = "digits_pictures"
STEP = "digits_preprocess"


@pytest.mark.parametrize(
    ("model", "old", "new", "rule"),
    [
        (ENSEMBLE, "model_name: \"digits\"", 'model_name: "digit"', "triton/ensemble-step"),
        (ENSEMBLE, "model_version: -1", "model_version: 7", "triton/ensemble-step"),
        (ENSEMBLE, "max_batch_size: 16", "max_batch_size: 32", "triton/ensemble-step"),
        (ENSEMBLE, 'key: "image"', 'key: "images"', "triton/ensemble-step"),
        (ENSEMBLE, "TYPE_FP32  dims: [ 10 ]", "TYPE_FP16  dims: [ 10 ]", "triton/ensemble-step"),
        (ENSEMBLE, "dims: [ 10 ]", "dims: [ 11 ]", "triton/ensemble-step"),
        (STEP, "TYPE_UINT8", "TYPE_FP32", "triton/ensemble-step"),
        (STEP, "dims: [ 32, 32, 1 ]", "dims: [ 32, 33, 1 ]", "triton/ensemble-step"),
        (ENSEMBLE, 'value: "picture"', 'value: "other"', "triton/ensemble-flow"),
        (ENSEMBLE, 'value: "logits"', 'value: "other"', "triton/ensemble-flow"),
        (ENSEMBLE, 'value: "picture"', 'value: "pixels"', "triton/ensemble-flow"),
        (ENSEMBLE, "ensemble_scheduling", "instance_group { } ensemble_scheduling",
         "triton/ensemble-form"),
        (ENSEMBLE, 'platform: "ensemble"', 'backend: "python"', "triton/ensemble-form"),
    ],
)  # fmt: skip
def test_a_broken_ensemble_is_refused(
    model: str, old: str, new: str, rule: str, digits: Path, tmp_path: Path
) -> None:
    shutil.copytree(digits, tmp_path / "models")
    path = tmp_path / "models" / model / "config.pbtxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    reporter = Reporter()
    checked = check_repository(tmp_path / "models", reporter, auto_complete=False)
    assert not isinstance(checked, Failed)
    assert rule in rules(reporter)
    assert not {m.name: m for m in checked.models}[ENSEMBLE].is_accepted


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "digits"
    return packed("triton", folder, options=ServingOptions(ensemble=True)).folder / "models"
