"""What PyTorch exports is read, and takes other weights: outputs are those of PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.session import open_session, run
from archc.pipeline.swapping import SwapOptions, swap_weights
from tests.unit.weights.reading import values

pytestmark = pytest.mark.oracle

TOLERANCE = 1e-5
"""Sums of some hundred products in float32, in another order than PyTorch's."""


def test_an_exported_network_takes_the_weights_of_another(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    def network(seed: int) -> Any:
        torch.manual_seed(seed)
        made = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)
        ).eval()
        nn.init.uniform_(made[1].running_var, 0.5, 2)
        nn.init.normal_(made[1].running_mean)
        return made

    first, second = network(1), network(2)
    image = torch.randn(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls its older exporter deprecated
        torch.onnx.export(
            first, image, tmp_path / "first.onnx", dynamo=False, do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
    state = {
        name: tensor.numpy()
        for name, tensor in first.state_dict().items()
        if tensor.is_floating_point()
    }
    found = values(tmp_path / "first.onnx")
    assert set(found) == set(state)
    assert all(np.array_equal(found[name], state[name]) for name in state)
    torch.save(second.state_dict(), tmp_path / "second.pt")
    reporter = Reporter()
    result = swap_weights(
        tmp_path / "first.onnx", tmp_path / "second.pt", tmp_path / "second.onnx", reporter,
        options=SwapOptions(),
    )  # fmt: skip
    assert not isinstance(result, Failed), reporter.diagnostics
    wanted = second(image).detach().numpy()
    session = open_session(tmp_path / "second.onnx")
    (name,) = [entry.name for entry in session.get_inputs()]
    (output,) = run(session, {name: image.numpy()}).values()
    assert np.abs(output - wanted).max() <= TOLERANCE * np.abs(wanted).max()
