"""The files for MLServer; that it runs them is tests/servers/test_mlserver_package.py."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from archc.deploy.mlserver import REQUIREMENTS
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.packing import pack, packed
from tests.unit.runtime.reporting import rules


def settings_of(package: Path, name: str = "digits") -> dict[str, Any]:
    text = (package / "models" / name / "model-settings.json").read_text(encoding="utf-8")
    settings: dict[str, Any] = json.loads(text)
    return settings


def test_a_package_has_what_the_server_needs(tmp_path: Path) -> None:
    package = packed("mlserver", tmp_path / "p")
    assert package.manifest.versions[0].model == "models/digits/model.onnx"
    assert package.manifest.labels == "models/digits/labels.txt"
    assert package.manifest.release == "1.7.1"
    assert {
        path.relative_to(tmp_path / "p").as_posix() for path in (tmp_path / "p").rglob("*.*")
    } >= {
        "README.md",
        "requirements.txt",
        "models/settings.json",
        "models/digits/archc_onnx.py",
        "models/digits/model-settings.json",
    }
    requirements = (tmp_path / "p/requirements.txt").read_text(encoding="utf-8")
    assert requirements.splitlines() == list(REQUIREMENTS)


def test_the_settings_say_what_the_model_takes_and_gives(tmp_path: Path) -> None:
    packed("mlserver", tmp_path / "p", options=ServingOptions(threads=2, instances=3))
    settings = settings_of(tmp_path / "p")
    assert settings["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 1]}]
    (logits,) = settings["outputs"]
    assert (logits["name"], logits["datatype"], logits["shape"]) == ("logits", "FP32", [-1, 10])
    assert json.loads(logits["parameters"]["labels"]) == [str(digit) for digit in range(10)]
    assert settings["versions"] == ["1"]
    assert settings["parameters"]["version"] == "1"
    assert settings["parameters"]["extra"] == {
        "threads": 2,
        "instances": 3,
        "device": "cpu",
        "max_batch_size": 16,
        "max_batch_time": 0.001,
    }
    implementation = settings["implementation"].split(".")
    tree = ast.parse((tmp_path / f"p/models/digits/{implementation[0]}.py").read_text("utf-8"))
    assert implementation[1] in [n.name for n in tree.body if isinstance(n, ast.ClassDef)]


def test_the_class_is_written_for_every_python_of_mlserver(tmp_path: Path) -> None:
    packed("mlserver", tmp_path / "p")
    source = (tmp_path / "p/models/digits/archc_onnx.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 9))
    assert max(map(len, source.splitlines())) <= 100


def test_the_servers_own_batching_stays_off(tmp_path: Path) -> None:
    packed("mlserver", tmp_path / "p")
    assert not {"max_batch_size", "max_batch_time"} & set(settings_of(tmp_path / "p"))


def test_requests_of_many_sizes_are_not_merged(tmp_path: Path) -> None:
    packed("mlserver", tmp_path / "p", network="mobilenet_v2", form="tensor")
    settings = settings_of(tmp_path / "p", "mobilenet_v2")
    assert settings["inputs"][0]["shape"] == [-1, 3, -1, -1]
    assert settings["parameters"]["extra"]["max_batch_size"] == 0


@pytest.mark.parametrize(
    ("network", "batch", "bytes_"),
    [("digits", 16, 16 << 20), ("mobilenet_v2", 64, 2 * 64 * 3 * 224 * 224)],
)
def test_the_largest_batch_fits_into_a_message(
    network: str, batch: int, bytes_: int, tmp_path: Path
) -> None:
    options = ServingOptions(max_batch_size=batch)
    packed("mlserver", tmp_path / "p", network=network, options=options)
    settings = json.loads((tmp_path / "p/models/settings.json").read_text(encoding="utf-8"))
    assert settings["grpc_max_message_length"] == bytes_
    assert settings["host"] == "127.0.0.1"
    assert settings["parallel_workers"] == 0
    assert not [key for key in settings if key.endswith("_port")]


def test_an_ensemble_is_refused(tmp_path: Path) -> None:
    reporter = Reporter()
    options = ServingOptions(ensemble=True)
    assert isinstance(pack("mlserver", tmp_path / "p", reporter, options=options), Failed)
    assert rules(reporter) == ["mlserver/no-ensemble"]
