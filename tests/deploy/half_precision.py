"""A package of a network that takes and gives float16, which archc packs but does not build."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from archc.deploy import mlserver
from archc.deploy.manifest import TensorSpec
from archc.deploy.served import Served, ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.library import nowhere
from archc.onnx_io.session import open_session, run
from archc.onnx_io.writer import WriteResult


def half_precision_package(
    folder: Path,
) -> tuple[Path, NDArray[np.float16], NDArray[np.float16]]:
    """A package for MLServer of the model `half`, images (N, 4) for it, and its answers (N, 3)."""
    source = folder.with_suffix(".onnx")
    weight = np.linspace(-1, 1, 12, dtype=np.float16).reshape(4, 3)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["image", "weight"], ["logits"])],
        "half",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT16, ["N", 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT16, ["N", 3])],
        [numpy_helper.from_array(weight, "weight")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opsets), source)

    def write_model(path: Path, external: bool) -> WriteResult | Failed:
        shutil.copyfile(source, path)
        return WriteResult(path.stat().st_size, None, "0" * 64)

    served = Served(
        name="half",
        form="tensor",
        inputs=(TensorSpec(name="image", dtype="float16", shape=(4,)),),
        outputs=(TensorSpec(name="logits", dtype="float16", shape=(3,)),),
        opset=17,
        ir_version=8,
        has_batch=True,
        preprocess=None,
        labels=(),
        labelled=(),
        probabilities=(),
        place=nowhere("half"),
        write_model=write_model,
    )
    folder.mkdir()
    assert not isinstance(mlserver.write(served, folder, ServingOptions(), Reporter()), Failed)
    images = np.linspace(-2, 2, 8, dtype=np.float16).reshape(2, 4)
    answer: NDArray[Any] = run(open_session(source), {"image": images})["logits"]
    return folder, images, answer
