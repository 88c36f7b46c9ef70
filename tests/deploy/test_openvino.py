"""The folder for OpenVINO model server; that OpenVINO runs it is tests/servers/test_openvino.py."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from archc.deploy.openvino import device_options
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.packing import pack, packed
from tests.unit.runtime.reporting import rules


def started_with(folder: Path) -> list[str]:
    """The server's arguments in the README."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("    ovms ")]
    return shlex.split(line)


def test_a_package_has_a_folder_a_version_and_the_labels_beside(tmp_path: Path) -> None:
    package = packed("openvino", tmp_path / "p", options=ServingOptions())
    assert package.manifest.versions[0].model == "models/digits/1/model.onnx"
    assert package.manifest.repository == "models"
    assert sorted(p.name for p in (tmp_path / "p/models/digits").iterdir()) == ["1", "labels.txt"]
    labels = (tmp_path / "p/models/digits/labels.txt").read_text(encoding="utf-8")
    assert labels == "".join(f"{digit}\n" for digit in range(10))


def test_a_further_version_lies_beside_the_first(tmp_path: Path) -> None:
    packed("openvino", tmp_path / "p")
    package = packed("openvino", tmp_path / "p", is_further_version=True)
    assert [v.model for v in package.manifest.versions] == [
        "models/digits/1/model.onnx",
        "models/digits/2/model.onnx",
    ]


def test_the_command_names_the_model_its_folder_and_float32(tmp_path: Path) -> None:
    packed("openvino", tmp_path / "p", options=ServingOptions(threads=3, instances=2))
    command = started_with(tmp_path / "p")
    given = dict(zip(command[1::2], command[2::2], strict=True))
    assert given["--model_name"] == "digits"
    assert (tmp_path / "p" / given["--model_path"] / "1" / "model.onnx").is_file()
    assert json.loads(given["--plugin_config"]) == {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": "2",
        "INFERENCE_NUM_THREADS": "6",
    }
    assert "--model_version_policy" not in given


@pytest.mark.parametrize(
    ("options", "argument", "value"),
    [
        (ServingOptions(serve_all=True), "--model_version_policy", '{"all": {}}'),
        (ServingOptions(device="gpu"), "--target_device", "GPU"),
    ],
)
def test_options_become_arguments(
    tmp_path: Path, options: ServingOptions, argument: str, value: str
) -> None:
    packed("openvino", tmp_path / "p", options=options)
    command = started_with(tmp_path / "p")
    assert command[command.index(argument) + 1] == value


def test_a_graphics_processor_has_no_threads_of_ours() -> None:
    assert device_options(ServingOptions(device="gpu")) == {"INFERENCE_PRECISION_HINT": "f32"}


def test_an_ensemble_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    reporter = Reporter()
    options = ServingOptions(ensemble=True)
    assert isinstance(pack("openvino", tmp_path / "p", reporter, options=options), Failed)
    assert rules(reporter) == ["openvino/no-ensemble"]
    assert not (tmp_path / "p").exists()
