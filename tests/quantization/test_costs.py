"""What a build in eight bits says of its layers, and what it stops at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import archc
from archc.cli.main import main
from archc.onnx_io.model import ModelDef
from archc.pipeline.precision import Precision
from archc.quantization.agreement import Exact, agreement
from archc.quantization.guard import LayerCost, costliest
from archc.quantization.observe import spread
from archc.quantization.running import Runner
from archc.runtime.metadata import parse_metadata
from tests.packages.building import Built, draw_weights, write_checkpoint, write_spec
from tests.quantization.eight_bits import in_eight_bits, samples_for

TEXT = """\
input: {image: [3, 16, 16]}
layers:
  first: {conv: 8, kernel: 3}
  a: relu
  wide: {conv: 8, kernel: 3}
  b: relu
  flat: flatten
  fc: {dense: 6}
"""


def built(folder: Path, text: str, count: int = 16, **wanted: object) -> archc.BuildResult:
    spec = write_spec(folder, text)
    given = folder / "samples.npz"
    np.savez(given, **samples_for(spec, count))  # type: ignore[arg-type]  # the second is a bool
    return archc.build(spec, folder / "small.onnx", precision=Precision("int8", given, **wanted))  # type: ignore[arg-type]


def test_a_layer_says_what_float_costs(tmp_path: Path) -> None:
    made = built(tmp_path, TEXT, has_costs=True).quantized
    assert made is not None
    found = {cost.name: cost for cost in made.costs}
    assert found["first"].macs == 8 * 14 * 14 * 27
    assert found["first"].added_bytes == 3 * 8 * 27
    assert found["fc"].macs == 6 * 8 * 12 * 12
    assert not any(cost.is_float for cost in made.costs)
    assert "flat" not in found


def test_without_a_wish_nothing_is_tried_alone(tmp_path: Path) -> None:
    made = built(tmp_path, TEXT).quantized
    assert made is not None
    assert made.costs == ()


def test_explain_names_what_costs_most(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path, TEXT)
    given = tmp_path / "samples.npz"
    np.savez(given, **samples_for(spec, 16))  # type: ignore[arg-type]  # the second is a bool
    status = main([
        "build", str(spec), "-o", str(tmp_path / "small.onnx"), "--precision", "int8",
        "--calibrate", str(given), "--explain",
    ])  # fmt: skip
    assert status == 0
    text = capsys.readouterr().out
    assert "cost most in eight bits:" in text
    assert "42,336 multiply-accumulates" in text


def test_lines_name_the_costliest_first() -> None:
    costs = [LayerCost("c", 12.0, False, 3000, 4_500_000), LayerCost("r", 30.0)]
    assert costliest(costs, 1) == [
        "`c` alone in eight bits: 12.0 dB; in float: 3.00 kB more, "
        "4,500,000 multiply-accumulates of floats"
    ]
    assert costliest(costs)[1] == "`r` alone in eight bits: 30.0 dB; in float: no weights"


def test_all_can_be_left_in_float(tmp_path: Path) -> None:
    """What moves elements or cuts them off goes back to float with what computes around it."""
    text = (
        "input: {image: [4, 16, 16]}\nlayers:\n  t: {conv_transpose: 8, kernel: 3}\n  r: relu\n"
        "  u: {conv_transpose: 6, kernel: 3}\n  s: relu\n  p: {max_pool: 2}\n"
        "  g: global_avg_pool\n  f: flatten\n  h: tanh\n"
    )
    made = built(tmp_path, text, 200, min_agreement=1.0, ranges="minmax").quantized
    assert made is not None
    assert made.agreement is not None
    assert made.agreement.top_1 == 1.0


def test_what_only_moves_elements_stays_in_float(tmp_path: Path) -> None:
    text = "input: {image: [4, 16, 16]}\nlayers:\n  p: {max_pool: 2}\n  f: flatten\n  s: softmax\n"
    made = built(tmp_path, text).quantized
    assert made is not None
    assert made.rounded == 0
    assert "QuantizeLinear" not in {
        node.op_type for node in Built((tmp_path / "small.onnx").read_bytes()).proto.graph.node
    }


def test_one_operator_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path, "input: {image: [4, 16, 16]}\nlayers:\n  c: {conv: 2, kernel: 1}\n")
    given = tmp_path / "samples.npz"
    np.savez(given, **samples_for(spec, 4))  # type: ignore[arg-type]  # the second is a bool
    target = str(tmp_path / "small.onnx")
    main(["build", str(spec), "-o", target, "--precision", "int8", "--calibrate", str(given)])
    assert "int8     1 operator, " in capsys.readouterr().out


def test_a_network_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "input: {x: [4]}\nlayers:\n  fc: {dense: 3}\n  r: relu\n")
    weights = {"fc.weight": np.full((3, 4), 3e38, np.float32), "fc.bias": np.zeros(3, np.float32)}
    checkpoint = write_checkpoint(tmp_path, weights)
    with pytest.raises(archc.SpecError) as caught:
        in_eight_bits(tmp_path, spec, checkpoint, {"x": np.ones((9, 4), np.float32)})
    (found,) = caught.value.diagnostics
    assert found.rule.slug == "quantize/not-finite"
    assert "`output`" in found.message


def test_a_value_within_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    """The sigmoid behind it makes numbers of infinity, so that the outputs do not tell."""
    text = "input: {x: [4]}\nlayers:\n  fc: {dense: 3}\n  r: relu\n  g: {dense: 2}\n  s: sigmoid\n"
    spec = write_spec(tmp_path, text)
    weights = {
        "fc.weight": np.full((3, 4), 3e38, np.float32), "fc.bias": np.zeros(3, np.float32),
        "g.weight": np.ones((2, 3), np.float32), "g.bias": np.zeros(2, np.float32),
    }  # fmt: skip
    checkpoint = write_checkpoint(tmp_path, weights)
    with pytest.raises(archc.SpecError) as caught:
        in_eight_bits(tmp_path, spec, checkpoint, {"x": np.ones((9, 4), np.float32)})
    (found,) = caught.value.diagnostics
    assert found.rule.slug == "quantize/not-finite"
    assert "`r`" in found.message


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_agrees_with_nothing(
    bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    good: dict[str, NDArray[np.generic]] = {"output": np.array([[1.0, 2.0, 3.0]], np.float32)}
    spoiled = {"output": np.array([[1.0, 2.0, bad]], np.float32)}
    monkeypatch.setattr(Runner, "answers", lambda *_: iter([spoiled]))
    with Runner() as runner:
        found = agreement(Exact(runner, [{}], [good]), ModelDef("net", (), (), (), (), 17))
    assert found.top_1 == 0.0
    assert found.decibels == -200.0


def test_samples_are_evenly_spread() -> None:
    assert list(spread(range(192), 64)) == list(range(0, 192, 3))
    assert list(spread(range(10), 4)) == [0, 2, 5, 7]
    assert list(spread(range(3), 4)) == [0, 1, 2]


def test_other_ranges_give_another_digest(tmp_path: Path) -> None:
    """The only weight of an output is 127 or -127 either way: scales and biases tell."""
    spec = write_spec(tmp_path, "input: {x: [4, 32, 32]}\nlayers:\n  c: {depthwise_conv: 1}\n")
    weights = write_checkpoint(tmp_path, draw_weights({"c.weight": (4, 1, 1, 1), "c.bias": (4,)}))
    x = samples_for(spec, 64)["x"]
    x[0, 0, 0, 0] = 20
    small = [in_eight_bits(tmp_path, spec, weights, {"x": x}, ranges=r) for r in ("minmax", "mse")]
    assert len({float(model.weights["x/scale"]) for model in small}) == 2
    assert len({model.weights["c.weight"].tobytes() for model in small}) == 1
    assert len({parse_metadata(model.metadata).weights_digest for model in small}) == 2


def test_a_digest_is_the_same_with_external_data(tmp_path: Path) -> None:
    given = tmp_path / "samples.npz"
    spec = write_spec(tmp_path, TEXT)
    np.savez(given, **samples_for(spec, 4))  # type: ignore[arg-type]  # the second is a bool
    digests = {
        archc.build(
            spec, tmp_path / "m.onnx", precision=Precision("int8", given), external_data=external
        ).weights_digest
        for external in (False, True)
    }
    assert len(digests) == 1


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    spec = write_spec(tmp_path, TEXT)
    shapes = {n: w.shape for n, (_, w) in archc.elaborate(spec).owned_weights().items()}
    weights = write_checkpoint(tmp_path, draw_weights(shapes))
    in_eight_bits(tmp_path, spec, weights, samples_for(spec, 4))
    assert list(folder.iterdir()) == []
