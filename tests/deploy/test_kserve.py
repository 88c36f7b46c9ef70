"""Packages for KServe: the manifest against a schema of its fields, the storage, the image."""

from __future__ import annotations

import copy
import json
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archc.deploy.inference_service import resources, service_name
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.elf_files import write_program
from tests.deploy.packing import pack, packed
from tests.unit.runtime.reporting import only, rules

SCHEMA = json.loads((Path(__file__).parent / "kserve.schema.json").read_text(encoding="utf-8"))
IMAGE = "oci+native://registry.example:5000/models/digits"
NATIVE = ServingOptions(storage=IMAGE)


def manifest_of(folder: Path) -> dict[str, Any]:
    text = (folder / "inferenceservice.yaml").read_text(encoding="utf-8")
    manifest: dict[str, Any] = yaml.safe_load(text)
    return manifest


def model_of(folder: Path) -> dict[str, Any]:
    model: dict[str, Any] = manifest_of(folder)["spec"]["predictor"]["model"]
    return model


def is_valid(manifest: object) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return bool(validator.is_valid(manifest))


def image_files(folder: Path) -> list[str]:
    """The paths in the layer of the image in a package."""
    blobs = folder / "image" / "blobs" / "sha256"
    found: list[str] = []
    for blob in blobs.iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            with tarfile.open(blob) as tar:
                found += [member.name for member in tar if not member.isdir()]
    return found


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("target", ["kserve", "kserve:triton", "kserve:openvino"])
@pytest.mark.parametrize(
    "options",
    [
        NATIVE,
        ServingOptions(storage="s3://models/digits", device="gpu", instances=2, threads=4),
        ServingOptions(storage="oci://registry.example/digits:v1"),
    ],
)
def test_the_manifest_validates(target: str, options: ServingOptions, tmp_path: Path) -> None:
    packed(target, tmp_path / "p", options=options)
    jsonschema.validate(manifest_of(tmp_path / "p"), SCHEMA)


MISTAKES = {
    "a misspelt field": (("spec", "predictor", "model"), "protocolversion", "v2"),
    "a text for a number": (("spec", "predictor"), "minReplicas", "1"),
    "a number for a text": (("spec", "predictor", "model", "modelFormat"), "version", 1),
    "a number of processors": (
        ("spec", "predictor", "model", "resources", "requests"), "cpu", 1,
    ),
    "another protocol": (("spec", "predictor", "model"), "protocolVersion", "v1"),
    "another runtime": (("spec", "predictor", "model"), "runtime", "kserve-onnx"),
    "an image by its tag": (("spec", "predictor", "model"), "storageUri", f"{IMAGE}:latest"),
    "a name with a low line": (("metadata",), "name", "mobilenet_v2"),
    "a field at the wrong place": (("spec", "predictor"), "storageUri", "s3://models/digits"),
    "another version of the API": ((), "apiVersion", "serving.kserve.io/v1alpha1"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_schema_refuses(mistake: str, tmp_path: Path) -> None:
    packed("kserve:openvino", tmp_path / "p", options=NATIVE)
    manifest = manifest_of(tmp_path / "p")
    assert is_valid(manifest)
    changed = copy.deepcopy(manifest)
    path, key, value = MISTAKES[mistake]
    part = changed
    for step in path:
        part = part[step]
    part[key] = value
    assert not is_valid(changed)


@pytest.mark.parametrize("lost", ["protocolVersion", "storageUri", "runtime", "modelFormat"])
def test_the_schema_misses_what_is_left_out(lost: str, tmp_path: Path) -> None:
    packed("kserve:openvino", tmp_path / "p", options=NATIVE)
    manifest = manifest_of(tmp_path / "p")
    del manifest["spec"]["predictor"]["model"][lost]
    assert not is_valid(manifest)


def test_openvino_finds_the_versions_at_the_root(tmp_path: Path) -> None:
    package = packed("kserve:openvino", tmp_path / "p", options=NATIVE)
    assert package.manifest.versions[0].model == "models/1/model.onnx"
    assert package.manifest.release == "openvino"
    assert image_files(tmp_path / "p") == ["models/1/model.onnx", "models/labels.txt"]
    model = model_of(tmp_path / "p")
    assert model["runtime"] == "kserve-openvino"
    assert "runtimeVersion" not in model
    assert model["args"][0] == "--plugin_config"
    assert json.loads(model["args"][1])["INFERENCE_PRECISION_HINT"] == "f32"


def test_triton_finds_a_folder_a_model(tmp_path: Path) -> None:
    package = packed("kserve", tmp_path / "p", options=NATIVE)
    assert package.manifest.versions[0].model == "models/digits/1/model.onnx"
    assert {"models/digits/config.pbtxt", "models/digits/1/model.onnx"} < set(
        image_files(tmp_path / "p")
    )
    # ONNX Runtime refuses weights of a second file behind the link of a modelcar.
    assert not list((tmp_path / "p").rglob("*.data"))
    release = package.manifest.release
    assert release is not None
    assert release.startswith("triton:")
    model = model_of(tmp_path / "p")
    assert model["runtime"] == "kserve-tritonserver"
    # KServe's own choice of an image is years older than the release that was checked.
    assert model["runtimeVersion"] == f"{release.partition(':')[2]}-py3"


def test_the_release_of_triton_can_be_chosen(tmp_path: Path) -> None:
    packed("kserve:triton:25.01", tmp_path / "p", options=NATIVE)
    assert model_of(tmp_path / "p")["runtimeVersion"] == "25.01-py3"


def test_an_image_is_named_by_its_digest(tmp_path: Path) -> None:
    packed("kserve:openvino", tmp_path / "p", options=ServingOptions(storage=f"{IMAGE}:v7"))
    index = json.loads((tmp_path / "p/image/index.json").read_text(encoding="utf-8"))
    (entry,) = index["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "v7"}
    assert model_of(tmp_path / "p")["storageUri"] == f"{IMAGE}@{entry['digest']}"
    readme = (tmp_path / "p/README.md").read_text(encoding="utf-8")
    assert "oci:image:v7 docker://registry.example:5000/models/digits:v7" in readme
    assert entry["digest"] in readme


def test_a_folder_is_named_as_it_is_given(tmp_path: Path) -> None:
    options = ServingOptions(storage="s3://models/digits")
    packed("kserve:openvino", tmp_path / "p", options=options)
    assert model_of(tmp_path / "p")["storageUri"] == "s3://models/digits"
    assert "s3://models/digits" in (tmp_path / "p/README.md").read_text(encoding="utf-8")


def test_the_annotations_say_what_was_built(tmp_path: Path) -> None:
    package = packed("kserve:openvino", tmp_path / "p", options=NATIVE)
    annotations = manifest_of(tmp_path / "p")["metadata"]["annotations"]
    assert annotations["archc.dev/model"] == "digits"
    assert annotations["archc.dev/spec-digest"] == f"sha256:{package.manifest.spec_digest}"
    digest = package.manifest.versions[0].weights_digest
    assert annotations["archc.dev/weights-digest"] == f"sha256:{digest}"


def test_two_packages_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        packed("kserve:openvino", tmp_path / name, options=NATIVE)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*"))
    assert files == sorted(p.relative_to(tmp_path / "b") for p in (tmp_path / "b").rglob("*"))
    for path in files:
        one, other = tmp_path / "a" / path, tmp_path / "b" / path
        if one.is_file() and "golden" not in path.parts and path.name != "archc-package.json":
            assert one.read_bytes() == other.read_bytes()


def test_a_shell_makes_a_modelcar_for_one_processor(tmp_path: Path) -> None:
    shell = write_program(tmp_path / "busybox", machine=183)
    options = ServingOptions(storage="oci://registry.example/digits", shell=shell)
    packed("kserve:openvino", tmp_path / "p", options=options)
    files = image_files(tmp_path / "p")
    assert {"bin/busybox", "bin/sh", "bin/ln", "bin/sleep", "bin/ls", "bin/["} < set(files)
    blobs = tmp_path / "p/image/blobs/sha256"
    index = json.loads((tmp_path / "p/image/index.json").read_text(encoding="utf-8"))
    image = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text(encoding="utf-8"))
    assert [m["platform"] for m in image["manifests"]] == [{"architecture": "arm64", "os": "linux"}]


def test_a_modelcar_without_a_shell_is_warned_of(tmp_path: Path) -> None:
    reporter = Reporter()
    options = ServingOptions(storage="oci://registry.example/digits")
    assert not isinstance(
        pack("kserve:openvino", tmp_path / "p", reporter, options=options), Failed
    )
    assert only(reporter).rule.slug == "kserve/no-shell"
    assert "`--storage oci+native://registry.example/digits`" in only(reporter).helps[0]
    assert not reporter.has_errors


def test_an_ensemble_is_warned_of(tmp_path: Path) -> None:
    reporter = Reporter()
    options = ServingOptions(storage=IMAGE, ensemble=True)
    package = pack("kserve", tmp_path / "p", reporter, options=options)
    assert not isinstance(package, Failed)
    assert package.manifest.ensemble == "digits_pictures"
    assert only(reporter).rule.slug == "kserve/ensemble"
    assert "models/digits_pictures/config.pbtxt" in image_files(tmp_path / "p")


@pytest.mark.parametrize(
    ("target", "options", "slug"),
    [
        ("kserve:openvino", ServingOptions(), "kserve/no-storage"),
        ("kserve:onnx", NATIVE, "kserve/runtime"),
        ("kserve:openvino:2024", NATIVE, "kserve/runtime"),
        ("kserve:openvino", ServingOptions(storage="ftp://models"), "kserve/storage"),
        ("kserve:openvino", ServingOptions(storage=IMAGE, ensemble=True), "openvino/no-ensemble"),
        (
            "kserve:openvino",
            ServingOptions(storage=IMAGE, shell=Path(__file__)),
            "kserve/not-static",
        ),
    ],
)
def test_a_mistake_is_an_error_and_nothing_is_written(
    target: str, options: ServingOptions, slug: str, tmp_path: Path
) -> None:
    reporter = Reporter()
    assert isinstance(pack(target, tmp_path / "p", reporter, options=options), Failed)
    assert rules(reporter) == [slug]
    assert only(reporter).helps
    assert not (tmp_path / "p").exists()


@given(st.text(max_size=80))
def test_every_model_has_a_name_that_kubernetes_takes(model: str) -> None:
    schema = SCHEMA["properties"]["metadata"]["properties"]["name"]
    jsonschema.validate(service_name(model), schema)


def test_resources_grow_with_the_model_its_copies_and_threads() -> None:
    one = resources(14 << 20, ServingOptions())
    assert one == {
        "requests": {"cpu": "1", "memory": "1280Mi"},
        "limits": {"cpu": "2", "memory": "2560Mi"},
    }
    more = resources(500 << 20, ServingOptions(instances=2, threads=4, device="gpu"))
    assert more["requests"] == {"cpu": "8", "memory": "4096Mi"}
    assert more["limits"]["nvidia.com/gpu"] == "1"
