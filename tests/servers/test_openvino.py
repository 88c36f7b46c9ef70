"""OpenVINO, asked for float32, gives the golden answers of packages; run by `make openvino`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archc.deploy.manifest import Form, Manifest
from archc.deploy.openvino_proof import OPENVINO_TOLERANCE, openvino_version, prove_openvino
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.packing import packed
from tests.unit.runtime.reporting import only

pytestmark = pytest.mark.openvino


@pytest.mark.parametrize("form", ["image", "tensor"])
@pytest.mark.parametrize("network", ["digits", "mobilenet_v2"])
def test_openvino_gives_the_golden_answers(network: str, form: Form, tmp_path: Path) -> None:
    package = packed("openvino", tmp_path / "p", network=network, form=form)
    reporter = Reporter()
    proof = prove_openvino(package.folder, package.manifest, reporter)
    assert not isinstance(proof, Failed), reporter.diagnostics
    ((number, (logits,)),) = proof.items()
    assert number == 1
    assert logits.samples >= 2
    assert logits.relative <= OPENVINO_TOLERANCE
    assert logits.same_top == logits.samples


def test_the_storage_for_kserve_gives_them_too(tmp_path: Path) -> None:
    options = ServingOptions(storage="s3://models/digits")
    package = packed("kserve:openvino", tmp_path / "p", options=options)
    assert not isinstance(prove_openvino(package.folder, package.manifest, Reporter()), Failed)


def test_every_version_is_proved(tmp_path: Path) -> None:
    packed("openvino", tmp_path / "p")
    package = packed("openvino", tmp_path / "p", is_further_version=True)
    proof = prove_openvino(package.folder, package.manifest, Reporter())
    assert not isinstance(proof, Failed)
    assert list(proof) == [1, 2]


def test_other_answers_are_an_error(tmp_path: Path) -> None:
    package = packed("openvino", tmp_path / "p")
    golden = tmp_path / "p" / package.manifest.versions[0].golden
    arrays = dict(np.load(golden))
    arrays["logits"] = arrays["logits"] + np.float32(0.01)
    np.savez(golden, **arrays)
    reporter = Reporter()
    assert isinstance(prove_openvino(package.folder, package.manifest, reporter), Failed)
    found = only(reporter)
    assert found.rule.slug == "openvino/other-answers"
    assert openvino_version() in found.notes[0]


@pytest.mark.parametrize(
    ("lost", "slug"),
    [("image", "verify/missing-input"), ("logits", "verify/missing-output")],
)
def test_golden_answers_that_lack_an_array_are_an_error(
    lost: str, slug: str, tmp_path: Path
) -> None:
    package = packed("openvino", tmp_path / "p")
    golden = tmp_path / "p" / package.manifest.versions[0].golden
    np.savez(golden, **{name: a for name, a in np.load(golden).items() if name != lost})
    reporter = Reporter()
    assert isinstance(prove_openvino(package.folder, package.manifest, reporter), Failed)
    assert only(reporter).rule.slug == slug


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_file_that_openvino_does_not_take_is_an_error(content: bytes, tmp_path: Path) -> None:
    package = packed("openvino", tmp_path / "p")
    manifest: Manifest = package.manifest
    (tmp_path / "p" / manifest.versions[0].model).write_bytes(content)
    reporter = Reporter()
    assert isinstance(prove_openvino(package.folder, manifest, reporter), Failed)
    assert only(reporter).rule.slug == "openvino/not-loaded"
