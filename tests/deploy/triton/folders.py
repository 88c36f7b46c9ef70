"""Writing small model folders for Triton, as `cases` describes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 10
SIZE = 8

CONFIG = """name: "NAME"
backend: "onnxruntime"
max_batch_size: 8
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 8, 8 ] } ]
output [ { name: "logits" data_type: TYPE_FP32 dims: [ 10 ] label_filename: "labels.txt" } ]
version_policy { latest { num_versions: 1 } }
instance_group [ { count: 1 kind: KIND_CPU } ]
dynamic_batching { }
model_warmup [ { name: "zeros" batch_size: 1
  inputs { key: "input" value { data_type: TYPE_FP32 dims: [ 3, 8, 8 ] zero_data: true } } } ]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
"""
BATCHING = "dynamic_batching { }\n"
WARMUP = CONFIG[CONFIG.index("model_warmup") : CONFIG.index("parameters")]
OUTPUT = CONFIG[CONFIG.index("output [") : CONFIG.index("version_policy")]
INPUT = CONFIG[CONFIG.index("input [") : CONFIG.index("output [")]


@dataclass(frozen=True)
class Model:
    """A small classifier: the mean over height and width, then a matrix."""

    batch: int | str = "N"
    size: tuple[int | str, int | str] = (SIZE, SIZE)
    output_batch: int | str = "N"
    is_bytes: bool = False
    further_output: bool = False
    opset: int = 17
    ir_version: int = 8
    is_external: bool = False

    def write(self, path: Path) -> None:
        """Writes the file, and its weights beside it if they are external."""
        inputs = [self._input()]
        nodes = [
            helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
        ]
        nodes = [*self._to_pixels(), *nodes]
        outputs = [_value("logits", [self.output_batch, CLASSES])]
        if self.further_output:
            outputs.append(_value("flat", [self.batch, 3]))
        numbers = np.linspace(-1, 1, 3 * CLASSES, dtype=np.float32).reshape(3, CLASSES)
        matrix = numpy_helper.from_array(numbers, "matrix")
        graph = helper.make_graph(nodes, "net", inputs, outputs, [matrix])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = self.ir_version
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.is_external:
            onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        else:
            path.write_bytes(model.SerializeToString())

    def _input(self) -> onnx.ValueInfoProto:
        if self.is_bytes:
            return helper.make_tensor_value_info(
                "input", TensorProto.UINT8, [self.batch, *self.size, 3]
            )
        return _value("input", [self.batch, 3, *self.size])

    def _to_pixels(self) -> list[onnx.NodeProto]:
        if not self.is_bytes:
            return [helper.make_node("Identity", ["input"], ["pixels"])]
        return [
            helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["pixels"], perm=[0, 3, 1, 2]),
        ]


def _value(name: str, sizes: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


Change = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """A model folder.

    Attributes:
        changes: what is replaced in the configuration; None for no configuration.
        model: what lies in version 1; None for a version without a model.
        rules: the rules of the errors, as the offline check reports them; none where it loads.
        warnings: those of the warnings.
        labels: the lines of the file of labels; None for no file.
        alter: what is done to the folder at the end.
    """

    changes: tuple[Change, ...] | None = ()
    model: Model | None = Model()
    rules: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    labels: int | None = CLASSES
    alter: Callable[[Path], object] | None = None

    def write(self, repository: Path, name: str) -> Path:
        """Writes the folder into a repository."""
        folder = repository / name
        folder.mkdir(parents=True)
        if self.changes is not None:
            (folder / "config.pbtxt").write_text(self._config(name), encoding="utf-8")
        if self.labels is not None:
            text = "".join(f"class {i}\n" for i in range(self.labels))
            (folder / "labels.txt").write_text(text, encoding="utf-8")
        if self.model is not None:
            self.model.write(folder / "1" / "model.onnx")
        else:
            (folder / "1").mkdir()
        if self.alter is not None:
            self.alter(folder)
        return folder

    def _config(self, name: str) -> str:
        text = CONFIG
        for old, new in self.changes or ():
            assert old in text, old
            text = text.replace(old, new)
        return text.replace('"NAME"', f'"{name}"')
