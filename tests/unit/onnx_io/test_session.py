"""Sessions run models from files and from memory, and say what the models say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archc.onnx_io.model import ValueDef
from archc.onnx_io.session import open_session, run
from archc.shapes.tensor_type import DType
from tests.unit.onnx_io.building import conv_model, image, written


def test_a_session_knows_its_inputs_outputs_and_metadata(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    target.write_bytes(written(conv_model(metadata={"k": "v"})))
    session = open_session(target, threads=2)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("image", "tensor(float)", ["N", 3, 8, 8])
    assert [o.name for o in session.get_outputs()] == ["output"]
    assert session.get_modelmeta().custom_metadata_map == {"k": "v"}


def test_threads_do_not_change_the_answer() -> None:
    data = written(conv_model())
    feeds = {"image": image(4, 3, 8, 8)}
    one, two = (run(open_session(data, threads=n), feeds)["output"] for n in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)


def test_models_as_they_are_written_run_without_a_warning(
    capfd: pytest.CaptureFixture[str],
) -> None:
    run(open_session(written(conv_model())), {"image": image(1, 3, 8, 8)})
    assert capfd.readouterr().err == ""


def test_a_warning_of_the_runtime_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    model = conv_model()
    extra = replace(model.initializers[0], name="unused")
    unused = replace(model, initializers=(*model.initializers, extra))
    open_session(written(unused))
    assert "unused" in capfd.readouterr().err


def test_an_output_of_unknown_size_runs() -> None:
    model = conv_model()
    output = ValueDef("output", DType.FLOAT32, ("N", 4, "floor((H + 1) / 2)", "H*W"))
    results = run(
        open_session(written(replace(model, outputs=(output,)))), {"image": image(1, 3, 8, 8)}
    )
    assert results["output"].shape == (1, 4, 8, 8)
