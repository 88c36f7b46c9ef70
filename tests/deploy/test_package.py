"""Packages: `archc.pack` from outside, on the trained digits and on networks of the zoo."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archc
from archc.deploy.check import check_folder
from archc.deploy.manifest import MANIFEST, Manifest, read_manifest
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.session import open_session, run
from archc.runtime.model import open_model
from archc.runtime.predict import softmax

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
SPEC, WEIGHTS = DIGITS / "digits.yaml", DIGITS / "lenet5_digits.safetensors"
PICTURES = sorted((DIGITS / "held_out").glob("*.png"))[:8]


def deployed(folder: Path, **choices: object) -> Manifest:
    given = {"weights": WEIGHTS, "pictures": PICTURES, **choices}
    return archc.pack(SPEC, folder, **given).manifest  # type: ignore[arg-type]


def rules(error: archc.SpecError) -> list[str]:
    return [found.rule.slug for found in error.diagnostics]


def test_a_package_says_what_it_serves(tmp_path: Path) -> None:
    manifest = deployed(tmp_path / "digits")
    again = read_manifest(tmp_path / "digits", Reporter())
    assert again == manifest
    assert (manifest.target, manifest.name, manifest.form) == ("triton", "digits", "image")
    assert [(t.name, t.dtype, t.shape) for t in manifest.inputs] == [
        ("image", "uint8", (32, 32, 1))
    ]
    assert [(t.name, t.dtype, t.shape) for t in manifest.outputs] == [("logits", "float32", (10,))]
    assert manifest.is_trained is True
    assert len(manifest.pictures) == len(PICTURES)
    (version,) = manifest.versions
    assert (version.number, version.opset, version.ir_version) == (1, 17, 8)


def test_every_file_of_a_package_has_its_digest(tmp_path: Path) -> None:
    manifest = deployed(tmp_path / "digits")
    files = {
        path.relative_to(tmp_path / "digits").as_posix(): path
        for path in (tmp_path / "digits").rglob("*")
        if path.is_file()
    }
    del files[MANIFEST]
    assert files.keys() == manifest.files.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest.files[name].sha256


def test_the_same_network_gives_the_same_package(tmp_path: Path) -> None:
    first, second = deployed(tmp_path / "a"), deployed(tmp_path / "b")
    assert first == second


@pytest.mark.parametrize("target", ["triton", "openvino", "mlserver", "web"])
def test_golden_answers_are_those_of_the_tensor_form(tmp_path: Path, target: str) -> None:
    built = tmp_path / "digits.onnx"
    archc.build(SPEC, built, weights=WEIGHTS)
    manifest = deployed(tmp_path / "package", target=target, probabilities=True)
    with np.load(tmp_path / "package" / manifest.versions[0].golden) as golden:
        known = dict(golden)
    pixels = [
        np.asarray(Image.open(path).resize((32, 32), Image.Resampling.BILINEAR))
        for path in PICTURES
    ]
    np.testing.assert_array_equal(known["image"][..., 0], np.stack(pixels))
    floats = ((np.stack(pixels)[:, None] / 255 - 0.306) / 0.324).astype(np.float32)
    logits = run(open_session(built), {"image": floats})["logits"]
    assert np.abs(known["logits"] - logits).max() <= 1e-5 * np.abs(logits).max()
    np.testing.assert_allclose(known["probabilities"], softmax(logits), atol=1e-5)
    assert [int(path.name[0]) for path in PICTURES] == known["logits"].argmax(axis=1).tolist()


def test_a_built_model_is_packed_as_its_spec_is(tmp_path: Path) -> None:
    built = tmp_path / "digits.onnx"
    archc.build(SPEC, built, weights=WEIGHTS)
    of_model = archc.pack(built, tmp_path / "of_model", pictures=PICTURES).manifest
    of_spec = deployed(tmp_path / "of_spec")
    assert of_model.files["golden/1.npz"] == of_spec.files["golden/1.npz"]
    # Small weights stay in the file when a model is read back, so that the files differ.
    assert of_model.model_copy(update={"files": {}}) == of_spec.model_copy(update={"files": {}})


def test_a_built_model_takes_no_weights(tmp_path: Path) -> None:
    built = tmp_path / "digits.onnx"
    archc.build(SPEC, built, weights=WEIGHTS)
    with pytest.raises(archc.SpecError) as caught:
        archc.pack(built, tmp_path / "package", weights=WEIGHTS)
    assert rules(caught.value) == ["deploy/built-already"]
    assert not (tmp_path / "package").exists()


def test_open_sizes_become_the_size_of_the_crop(tmp_path: Path) -> None:
    manifest = archc.pack("mobilenet_v2", tmp_path / "p", features="features.18").manifest
    assert manifest.inputs[0].shape == (224, 224, 3)
    assert {t.name: t.shape for t in manifest.outputs} == {
        "logits": (1000,),
        "features": (1280, 7, 7),
    }
    assert manifest.is_trained is False


def test_features_of_a_layer_that_does_nothing_are_those_before_it(tmp_path: Path) -> None:
    manifest = archc.pack("mobilenet_v2", tmp_path / "p", features="classifier.0").manifest
    assert {t.name: t.shape for t in manifest.outputs}["features"] == (1280,)


def test_the_tensor_form_is_the_model_as_built(tmp_path: Path) -> None:
    manifest = archc.pack("edges", tmp_path / "p", form="tensor").manifest
    assert manifest.form == "tensor"
    assert manifest.pictures == ()
    with np.load(tmp_path / "p" / manifest.versions[0].golden) as golden:
        assert golden[manifest.inputs[0].name].shape[0] == 2


def test_drawn_pictures_stand_in_where_none_are_given(tmp_path: Path) -> None:
    manifest = deployed(tmp_path / "p", pictures=())
    assert manifest.pictures == ("golden/pictures/00.png", "golden/pictures/01.png")
    for name in manifest.pictures:
        with Image.open(tmp_path / "p" / name) as picture:
            assert picture.mode == "RGB"


def test_further_versions_join_a_package(tmp_path: Path) -> None:
    deployed(tmp_path / "p")
    other = archc.pack(
        SPEC, tmp_path / "p", seed=3, is_further_version=True,
        options=archc.ServingOptions(serve_all=True),
    ).manifest  # fmt: skip
    assert [version.number for version in other.versions] == [1, 2]
    first, second = other.versions
    assert first.weights_digest != second.weights_digest
    for version in other.versions:
        model = open_model(tmp_path / "p" / version.model, Reporter())
        assert not isinstance(model, Failed)
        with np.load(tmp_path / "p" / version.golden) as golden:
            output = run(model.session, {"image": golden["image"]})["logits"]
            np.testing.assert_array_equal(output, golden["logits"])
    config = (tmp_path / "p" / "models" / "digits" / "config.pbtxt").read_text()
    assert "all" in config
    assert "latest" not in config
    assert not isinstance(check_folder(tmp_path / "p", reporter := Reporter()), Failed)
    assert reporter.diagnostics == ()


def test_another_network_is_no_further_version(tmp_path: Path) -> None:
    deployed(tmp_path / "p")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(archc.SpecError) as caught:
        archc.pack(SPEC, tmp_path / "p", probabilities=True, is_further_version=True)
    assert rules(caught.value) == ["deploy/other-network"]
    with pytest.raises(archc.SpecError) as caught:
        archc.pack(SPEC, tmp_path / "p", is_further_version=True, target="web")
    assert rules(caught.value) == ["deploy/no-versions"]
    with pytest.raises(archc.SpecError) as caught:
        archc.pack(SPEC, tmp_path / "p", is_further_version=True, version=1)
    assert rules(caught.value) == ["deploy/folder"]
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_an_older_package_is_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    deployed(tmp_path / "p", pictures=())
    assert len(deployed(tmp_path / "p").pictures) == len(PICTURES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(archc.SpecError) as caught:
        deployed(tmp_path / "mine")
    assert rules(caught.value) == ["deploy/folder"]
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("source", "choices", "rule"),
    [
        ("edges", {}, "deploy/no-preprocess"),
        ("lenet5", {"target": "tritton"}, "deploy/unknown-target"),
        ("lenet5", {"name": "le net"}, "deploy/name"),
        ("lenet5", {"features": "c7"}, "path/unknown"),
        ("lenet5", {"pictures": [__file__]}, "run/not-an-image"),
        ("lenet5", {"target": "triton:1.0"}, "triton/unknown-release"),
        ("lenet5", {"target": "kserve"}, "kserve/no-storage"),
        ("no_such_net", {}, "spec/not-found"),
    ],
)
def test_mistakes_are_diagnostics_and_leave_nothing(
    tmp_path: Path, source: str, choices: dict[str, object], rule: str
) -> None:
    with pytest.raises(archc.SpecError) as caught:
        archc.pack(source, tmp_path / "p", **choices)  # type: ignore[arg-type]
    assert rules(caught.value) == [rule]
    assert list(tmp_path.iterdir()) == []
    assert all(".archc-" not in d.span.file for d in caught.value.diagnostics)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    manifest = deployed(tmp_path / "p")
    labels = tmp_path / "p" / "models" / "digits" / "config.pbtxt"
    labels.write_text(labels.read_text() + "# mine\n")
    (tmp_path / "p" / manifest.pictures[0]).unlink()
    reporter = Reporter()
    check_folder(tmp_path / "p", reporter)
    assert [d.rule.slug for d in reporter.diagnostics] == ["deploy/changed", "deploy/changed"]


def test_another_model_in_a_package_is_noticed(tmp_path: Path) -> None:
    manifest = deployed(tmp_path / "p")
    other = deployed(tmp_path / "other", weights=None, seed=1)
    for suffix in ("", ".data"):
        model = tmp_path / "p" / (manifest.versions[0].model + suffix)
        model.write_bytes((tmp_path / "other" / (other.versions[0].model + suffix)).read_bytes())
    reporter = Reporter()
    check_folder(tmp_path / "p", reporter)
    assert "deploy/answers-differ" in [d.rule.slug for d in reporter.diagnostics]


@pytest.mark.parametrize("key", ["versions", "golden"])
def test_a_damaged_manifest_is_a_diagnostic(tmp_path: Path, key: str) -> None:
    deployed(tmp_path / "p")
    path = tmp_path / "p" / MANIFEST
    values = json.loads(path.read_text())
    if key == "golden":
        values["versions"][0]["golden"] = "../../etc/passwd"
    else:
        del values["versions"]
    path.write_text(json.dumps(values))
    reporter = Reporter()
    assert isinstance(check_folder(tmp_path / "p", reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "deploy/no-package"
    assert key in found.notes[0]
