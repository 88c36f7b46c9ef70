"""What is computed is what the formulas say: against a simulation in numpy that shares no code."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import archc
from archc.pipeline.precision import Precision
from archc.quantization.rounding_up import rounded_together
from archc.runtime.metadata import parse_metadata
from tests.packages.building import Built, draw_weights, write_checkpoint, write_spec
from tests.quantization.eight_bits import both, in_eight_bits, samples_for

TEXT = """\
input: {x: [12]}
layers:
  first: {dense: 8}
  r: relu
  second: {dense: 4}
"""

Numbers = NDArray[np.float64]


def levels(x: Numbers, least: float, most: float) -> tuple[Numbers, float]:
    """Numbers as uint8 counted from the zero point, and the step between two."""
    least, most = min(least, 0.0), max(most, 0.0)
    step = float(np.float32((most - least) / 255))
    zero = round(-least / step)
    return np.clip(np.rint(x / step) + zero, 0, 255) - zero, step


def dense(x: Numbers, step: float, weight: Numbers, bias: Numbers, means: Numbers) -> Numbers:
    """A dense layer of levels and an int8 kernel, its bias corrected by the inputs' means."""
    scales: Numbers = np.abs(weight).max(axis=1) / 127
    scales = scales.astype(np.float32).astype(np.float64)
    kernel = np.clip(np.rint(weight / scales[:, None]), -127, 127)
    moved = (kernel * scales[:, None] - weight) @ means
    whole = np.rint((bias - moved) / (step * scales))
    result: Numbers = (x @ kernel.T + whole) * step * scales
    return result


def test_two_dense_layers_are_the_integers_of_the_formulas(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, TEXT)
    shapes = {n: w.shape for n, (_, w) in archc.elaborate(spec).owned_weights().items()}
    weights = draw_weights(shapes)
    x = np.random.default_rng(0).standard_normal((7, 12)).astype(np.float32)
    small = in_eight_bits(
        tmp_path, spec, write_checkpoint(tmp_path, weights), {"x": x}, ranges="minmax"
    )
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    exact = x.astype(np.float64)
    middle = np.maximum(exact @ w["first.weight"].T + w["first.bias"], 0)
    entered, step = levels(exact, exact.min(), exact.max())
    first = dense(entered, step, w["first.weight"], w["first.bias"], exact.mean(axis=0))
    between, next_step = levels(first, 0.0, middle.max())
    wanted = dense(between, next_step, w["second.weight"], w["second.bias"], middle.mean(axis=0))
    found = small.run(x=x)["output"]
    # Float32 in place of float64 may take a number at the border of two steps to the other one.
    border = next_step * np.abs(w["second.weight"]).max()
    assert np.abs(found - wanted).max() <= border
    assert np.median(np.abs(found - wanted)) < border / 50


@pytest.mark.parametrize(("layer", "most"), [("hard_swish", 9.0), ("hard_sigmoid", 9.0)])
@pytest.mark.parametrize("spread", [0.5, 3.0, 9.0])
def test_ramps_are_right_to_a_step(layer: str, most: float, spread: float, tmp_path: Path) -> None:
    spec = write_spec(
        tmp_path, f"input: {{x: [1, 1, 64]}}\nlayers:\n  c: {{conv: 1, kernel: 1}}\n"
        f"  a: {layer}\n  d: {{conv: 1, kernel: 1}}\n",
    )  # fmt: skip
    one = np.ones((1, 1, 1, 1), np.float32)
    zero = np.zeros(1, np.float32)
    weights = {"c.weight": one, "c.bias": zero, "d.weight": one, "d.bias": zero}
    x = np.linspace(-spread, spread, 64, dtype=np.float32).reshape(1, 1, 1, 64)
    small = in_eight_bits(
        tmp_path, spec, write_checkpoint(tmp_path, weights), {"x": x}, ranges="minmax"
    )
    gate = np.clip(x.astype(np.float64) / 6 + 0.5, 0, 1)
    wanted = gate if layer == "hard_sigmoid" else x * gate
    entered = 2 * spread / 255 + (min(spread, 3) + 3) / 255 * (spread + 3) / 6
    steepest = 1 / 6 if layer == "hard_sigmoid" else 1.5
    left = (wanted.max() - wanted.min()) / 255
    assert np.abs(small.run(x=x)["output"] - wanted).max() < steepest * entered + left
    kinds = [node.op_type for node in small.proto.graph.node]
    assert "HardSwish" not in kinds
    assert "HardSigmoid" not in kinds


def test_biases_are_corrected_by_what_rounding_moves(tmp_path: Path) -> None:
    """Inputs far from 0 on average: without the correction every output would be moved."""
    spec = write_spec(tmp_path, "input: {x: [256]}\nlayers:\n  fc: {dense: 32, bias: false}\n")
    weights = draw_weights({"fc.weight": (32, 256)})
    x = np.random.default_rng(0).uniform(0.5, 1, (32, 256)).astype(np.float32)
    small = in_eight_bits(
        tmp_path, spec, write_checkpoint(tmp_path, weights), {"x": x}, ranges="minmax"
    )
    error = small.run(x=x)["output"] - x @ weights["fc.weight"].T
    assert np.abs(error.mean(axis=0)).mean() < 0.3 * np.abs(error).mean()


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), groups=st.sampled_from([1, 2, 4]), d=st.integers(1, 6))
def test_weights_are_rounded_so_that_their_errors_cancel(seed: int, groups: int, d: int) -> None:
    """Against all ways to round up or down: seldom far from the best, never worse than nearest."""
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((groups, d, d))
    covariance = mixed @ mixed.transpose(0, 2, 1)
    weights = random.uniform(-127, 127, (4, d))
    ones = np.ones(4)
    found = rounded_together(weights, ones, covariance, 127)
    nearest = np.clip(np.rint(weights), -127, 127)
    for at in range(4):
        own = covariance[at // (4 // groups)]
        ways = np.array(list(product(*[(np.floor(w), np.ceil(w)) for w in weights[at]])))
        costs = np.einsum("nd,de,ne->n", ways - weights[at], own, ways - weights[at])

        def cost(levels: Numbers, at: int = at, own: Numbers = own) -> float:
            return float((levels - weights[at]) @ own @ (levels - weights[at]))

        assert costs.min() - 1e-9 <= cost(found[at].astype(np.float64))
        assert cost(found[at].astype(np.float64)) <= cost(nearest[at]) + 1e-9
        assert np.abs(found[at] - weights[at]).max() <= 1


def test_noise_of_first_kernels_is_less_than_with_nearest_levels(tmp_path: Path) -> None:
    """Neighbours in a picture are much alike, so that errors of their weights can cancel."""
    text = "input: {x: [1, 32, 32]}\nlayers:\n  c: {conv: 16, kernel: 5, bias: false}\n"
    spec = write_spec(tmp_path, text)
    weights = draw_weights({"c.weight": (16, 1, 5, 5)})
    # Whole numbers from 0 to 255 are exact in eight bits: only the weights are rounded.
    x = np.clip(np.rint(samples_for(spec, 16)["x"] * 60 + 128), 0, 255)
    x[:2, 0, 0, 0] = 0, 255
    checkpoint = write_checkpoint(tmp_path, weights)
    small = in_eight_bits(tmp_path, spec, checkpoint, {"x": x}, ranges="minmax")
    scale = np.abs(weights["c.weight"]).max(axis=(1, 2, 3), keepdims=True) / 127
    levels = {"c.weight": (np.rint(weights["c.weight"] / scale) * scale).astype(np.float32)}
    exact = Built(archc.build_bytes(spec, weights=checkpoint)).run(x=x)["output"]
    nearest = Built(archc.build_bytes(spec, weights=write_checkpoint(tmp_path, levels)))
    theirs = nearest.run(x=x)["output"] - exact
    assert ((small.run(x=x)["output"] - exact) ** 2).sum() < 0.7 * (theirs**2).sum()


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    text = "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n  h: hard_swish\n"
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (both(folder, text).small.content for folder in folders)
    assert first == second


def test_a_model_says_how_it_was_rounded(tmp_path: Path) -> None:
    text = "input: {image: [3, 16, 16]}\nlayers:\n  c: {conv: 4, kernel: 3}\n"
    record = parse_metadata(both(tmp_path, text, count=16).small.metadata).precision
    assert record is not None
    assert (record.kind, record.samples, record.held_back) == ("int8", 12, 4)
    assert record.method in ("minmax", "percentile", "mse")
    assert record.top_1 is None
    assert record.left_in_float == ()


def test_outliers_are_cut_off_where_that_makes_less_error(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "input: {x: [4, 32, 32]}\nlayers:\n  c: {conv: 4, kernel: 1}\n")
    weights = write_checkpoint(tmp_path, draw_weights({"c.weight": (4, 4, 1, 1), "c.bias": (4,)}))
    x = samples_for(spec, 64)["x"]
    x[0, 0, 0, 0] = 20
    found: dict[str, Any] = {}
    for method in ("minmax", "percentile", "mse"):
        small = in_eight_bits(tmp_path, spec, weights, {"x": x}, ranges=method)
        found[method] = float(small.weights["x/scale"])
    assert found["mse"] < 0.8 * found["minmax"]
    assert found["percentile"] < 0.6 * found["minmax"]


def test_precision_is_an_option_of_python_programs_too(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, TEXT)
    given = tmp_path / "samples.npz"
    np.savez(given, x=np.ones((3, 12), np.float32))
    made = Built(archc.build_bytes(spec, precision=Precision("int8", given)))
    assert made.weights["first.weight"].dtype == np.int8
