"""A portable model in eight bits gives in OpenVINO what it gives in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.quantization.eight_bits import both
from tests.quantization.test_networks import HEAD, WHOLE

pytestmark = pytest.mark.openvino

STEPS = 0.05
"""Of the largest logit: each runtime rounds what lies between two levels as it likes."""


@pytest.mark.parametrize("portable", [True, False])
@pytest.mark.parametrize("name", WHOLE)
def test_openvino_agrees(name: str, portable: bool, tmp_path: Path) -> None:
    import openvino

    text = f"input: {{image: [3, 16, 16]}}\nlayers:\n{WHOLE[name]}{HEAD}"
    pair = both(tmp_path, text, is_portable=portable)
    (image,) = pair.samples.values()
    (wanted,) = pair.small.run(image=image).values()
    compiled = openvino.Core().compile_model(str(tmp_path / "small.onnx"), "CPU")
    (found,) = compiled(image).values()
    assert np.abs(found - wanted).max() < STEPS * np.abs(wanted).max()
    exact = pair.exact.run(image=image)["output"]
    assert np.abs(found - exact).max() < 2 * STEPS * np.abs(exact).max()
