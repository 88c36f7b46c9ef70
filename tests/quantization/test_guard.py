"""The guard measures on samples held back, leaves in float what costs most, and claims nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import archc
from archc.pipeline.precision import Precision
from archc.quantization.agreement import agreement
from archc.quantization.quantize import Quantized
from archc.runtime.metadata import parse_metadata
from tests.packages.building import Built, draw_weights, write_checkpoint, write_spec
from tests.quantization.eight_bits import samples_for

TEXT = """\
input: {image: [3, 16, 16]}
layers:
  first: {conv: 8, kernel: 3}
  a: relu
  wide: {conv: 8, kernel: 3}
  b: relu
  last: {conv: 8, kernel: 3}
  c: relu
  flat: flatten
  fc: {dense: 6}
"""
FAR = 100_000.0
"""What one channel is larger than the others: eight bits then have nothing left for those."""


def spoiled(folder: Path) -> tuple[Path, Path]:
    """A network in which one channel that does not matter takes the whole range of `b`."""
    spec = write_spec(folder, TEXT)
    shapes = {n: w.shape for n, (_, w) in archc.elaborate(spec).owned_weights().items()}
    weights = draw_weights(shapes, seed=4)
    weights["wide.weight"][0] *= FAR
    weights["wide.bias"][0] = FAR
    weights["last.weight"][:, 0] /= FAR
    weights["fc.bias"][:] = 0
    return spec, write_checkpoint(folder, weights)


def quantized(folder: Path, samples: NDArray[Any], **wanted: Any) -> tuple[Quantized, Built]:
    spec, weights = spoiled(folder)
    given = folder / "samples.npz"
    np.savez(given, image=samples)
    path = folder / "small.onnx"
    result = archc.build(spec, path, weights=weights, precision=Precision("int8", given, **wanted))
    assert result.quantized is not None
    return result.quantized, Built(path.read_bytes())


def pictures(folder: Path, count: int) -> NDArray[Any]:
    return samples_for(write_spec(folder, TEXT), count)["image"]


def test_what_costs_most_is_left_in_float(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 64)
    alone, _ = quantized(tmp_path, samples, ranges="minmax")
    assert alone.agreement is not None
    assert alone.agreement.top_1 is not None
    assert alone.agreement.top_1 < 0.9
    found, small = quantized(tmp_path, samples, ranges="minmax", min_agreement=0.95)
    assert found.agreement is not None
    assert found.agreement.top_1 is not None
    assert found.agreement.top_1 >= 0.95
    left = [cost.name for cost in found.costs if cost.is_float]
    assert left
    assert set(left) <= {"wide", "last"}
    assert found.costs[0].name in ("wide", "last")
    assert [c.decibels for c in found.costs] == sorted(c.decibels for c in found.costs)
    assert found.rounded == alone.rounded - len(left)
    record = parse_metadata(small.metadata).precision
    assert record is not None
    assert record.left_in_float == tuple(left)
    assert record.top_1 == found.agreement.top_1


def test_the_share_is_measured_on_what_was_held_back(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 40)
    found, small = quantized(tmp_path, samples, min_agreement=0.9)
    held_back = samples[3::4]
    spec, weights = spoiled(tmp_path)
    exact = Built(archc.build_bytes(spec, weights=weights))
    ours = small.run(image=held_back)["output"].argmax(1)
    equal = ours == exact.run(image=held_back)["output"].argmax(1)
    assert found.agreement is not None
    assert found.agreement.top_1 == equal.mean()
    assert found.agreement.samples == 10
    assert found.seen == 30


def rule_of(folder: Path, samples: NDArray[Any], **wanted: Any) -> archc.Diagnostic:
    with pytest.raises(archc.SpecError) as caught:
        quantized(folder, samples, **wanted)
    (found,) = caught.value.diagnostics
    assert not (folder / "small.onnx").exists()
    return found


def test_no_accuracy_is_claimed_on_few_samples(tmp_path: Path) -> None:
    found = rule_of(tmp_path, pictures(tmp_path, 7), min_agreement=0.5)
    assert found.rule.slug == "quantize/unproven"
    known, _ = quantized(tmp_path, pictures(tmp_path, 7))
    assert known.agreement is None


def test_what_cannot_be_reached_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missed(*arguments: Any) -> Any:
        return agreement(*arguments)._replace(top_1=0.5)

    monkeypatch.setattr("archc.quantization.guard.agreement", missed)
    found = rule_of(tmp_path, pictures(tmp_path, 24), min_agreement=0.9)
    assert found.rule.slug == "quantize/too-little-agreement"
    assert "50.00%" in found.message
