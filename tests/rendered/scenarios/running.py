"""Models that cannot be run, pictures that they do not take, and answers that do not fit."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image

from archc.diagnostics.reporter import Reporter
from archc.runtime.answers import MAX_ARRAY_BYTES
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import Model, open_model
from archc.runtime.model_input import ModelInput
from archc.runtime.predict import predict
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType
from tests.rendered.scenarios import Scene, scenario
from tests.unit.runtime.encoded_pictures import png_of_zeros
from tests.unit.runtime.tiny_models import dense_answer, images, write_dense

_RUN = ["run", "net.onnx", "cat.png"]
_VERIFY = ["verify", "net.onnx", "--against", "answers.npz"]


def _write(folder: Path, *, element_type: int = TensorProto.FLOAT) -> None:
    """A model of gray pictures of 2 × 2 pixels, and a picture."""
    write_dense(folder / "net.onnx", element_type=element_type)
    Image.new("L", (2, 2)).save(folder / "cat.png")


def _answers(folder: Path, *, without: str = "", **arrays: NDArray[np.generic]) -> Scene:
    """The comparison of the model with these answers, the rest of them right."""
    _write(folder)
    known = {"image": images(), "logits": dense_answer(images()), **arrays}
    known.pop(without, None)
    np.savez(folder / "answers.npz", allow_pickle=False, **known)
    return _VERIFY


def _fed(target: ModelInput, preprocess: Preprocess) -> Scene:
    """What is said of a picture for a target."""
    reporter = Reporter()
    Image.new("RGB", (4, 4)).save("cat.png")
    to_tensor("cat.png", preprocess, target, reporter)
    return reporter.diagnostics


@scenario("run/no-such-file")
def no_such_file(folder: Path) -> Scene:
    _write(folder)
    return ["run", "net.onnx", "cta.png"]


@scenario("run/not-a-model")
def not_a_model(folder: Path) -> Scene:
    _write(folder)
    return ["run", "cat.png", "cat.png"]


@scenario("run/input-type")
def input_type(folder: Path) -> Scene:
    _write(folder, element_type=TensorProto.DOUBLE)
    return _RUN


@scenario("run/failed")
def failed(folder: Path) -> Scene:
    _write(folder)
    # Words and numbers of ONNX Runtime's own differ between its releases.
    why = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Gemm node. "
        "Name:'classifier/fc' Status Message: Failed to allocate memory for requested buffer of "
        "size 4294967296"
    )
    reporter = Reporter()
    model = open_model(Path("net.onnx"), reporter)
    assert isinstance(model, Model)
    with patch("archc.runtime.predict.run", side_effect=RuntimeError(why)):
        predict(model, {"image": images()}, reporter)
    return reporter.diagnostics


@scenario("run/not-an-image")
def not_an_image(folder: Path) -> Scene:
    _write(folder)
    (folder / "cat.png").write_text("<html>404 Not Found</html>", encoding="utf-8")
    return _RUN


@scenario("run/image-too-large")
def image_too_large(folder: Path) -> Scene:
    _write(folder)
    (folder / "cat.png").write_bytes(png_of_zeros(100_000, 100_000))
    return _RUN


@scenario("run/pixel-range")
def pixel_range(folder: Path) -> Scene:
    _write(folder)
    Image.fromarray(np.ones((2, 2), np.float32)).save(folder / "cat.tif")
    return ["run", "net.onnx", "cat.tif"]


@scenario("run/input-is-no-image")
def input_is_no_image(folder: Path) -> Scene:
    return _fed(ModelInput("features", (512,)), Preprocess())


@scenario("run/channels")
def channels(folder: Path) -> Scene:
    return _fed(ModelInput("image", (1, 4, 4)), Preprocess())


@scenario("run/size")
def size(folder: Path) -> Scene:
    return _fed(ModelInput("image", (3, 224, 224)), Preprocess())


@scenario("run/bytes-normalised")
def bytes_normalised(folder: Path) -> Scene:
    target = ModelInput("image", (3, 4, 4), DType.UINT8, nhwc=True)
    return _fed(target, Preprocess(mean=0.5, std=0.25))


@scenario("verify/not-answers")
def not_answers(folder: Path) -> Scene:
    _write(folder)
    np.save(folder / "answers.npy", images())
    return ["verify", "net.onnx", "--against", "answers.npy"]


@scenario("verify/answers-too-large")
def answers_too_large(folder: Path) -> Scene:
    _write(folder)
    count = MAX_ARRAY_BYTES // 4 + 1
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}\n".encode()
    with zipfile.ZipFile(folder / "answers.npz", "w") as archive:
        magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
        archive.writestr("logits.npy", magic + header)
    return _VERIFY


@scenario("verify/missing-input")
def missing_input(folder: Path) -> Scene:
    return _answers(folder, without="image", imgae=images())


@scenario("verify/missing-output")
def missing_output(folder: Path) -> Scene:
    return _answers(folder, without="logits", logit=dense_answer(images()))


@scenario("verify/input-shape")
def input_shape(folder: Path) -> Scene:
    return _answers(folder, image=images()[0])


@scenario("verify/input-values")
def input_values(folder: Path) -> Scene:
    _write(folder, element_type=TensorProto.UINT8)
    np.savez(folder / "answers.npz", image=images() / 2, logits=dense_answer(images()))
    return _VERIFY


@scenario("verify/output-shape")
def output_shape(folder: Path) -> Scene:
    return _answers(folder, image=images(1), logits=dense_answer(images(1))[0])


@scenario("verify/not-finite")
def not_finite(folder: Path) -> Scene:
    return _answers(folder, logits=np.full((2, 3), np.nan, np.float32))
