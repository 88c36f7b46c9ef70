"""A torch module from any spec whose operators are known here: what is trained is what is built.

The spec is built one to one (`-O0`), and the module runs its operators with torch. Parameters and
statistics bear the initializers' names with `/` in place of `.`, since torch does not allow dots.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx.helper import get_attribute_value
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

import archc

_MOMENTUM = 0.1


class Trainable(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """The network of a spec with fresh weights.

    Args:
        spec: the spec's file.
    """

    def __init__(self, spec: Path) -> None:
        super().__init__()
        stream = io.BytesIO()
        archc.build(spec, stream, optimization=0)
        graph = onnx.load_from_string(stream.getvalue()).graph
        self._nodes = [
            (node.op_type, list(node.input), node.output[0], _attributes(node))
            for node in graph.node
        ]
        self._ends = graph.input[0].name, graph.output[0].name
        for initializer in graph.initializer:
            self._add(initializer.name, torch.tensor(onnx.numpy_helper.to_array(initializer)))

    def _add(self, name: str, drawn: Tensor) -> None:
        last = name.rpartition(".")[2]
        if last in ("running_mean", "running_var"):
            self.register_buffer(_own(name), torch.full_like(drawn, float(last == "running_var")))
        elif drawn.dim() > 1:
            fan = drawn[0].numel()
            weight = torch.randn(drawn.shape) * math.sqrt(2 / fan)
            self.register_parameter(_own(name), nn.Parameter(weight))
        elif drawn.dim() == 1:
            # The one vector called `weight` is a norm's factor.
            self.register_parameter(
                _own(name), nn.Parameter(torch.full_like(drawn, float(last == "weight")))
            )
        else:
            self.register_buffer(_own(name), drawn.clone(), persistent=False)

    def weights(self) -> dict[str, Tensor]:
        """The weights by the spec's names."""
        return {name.replace("/", "."): t.contiguous() for name, t in self.state_dict().items()}

    def forward(self, image: Tensor) -> Tensor:
        """The logits (N, classes) of images (N, C, H, W)."""
        values = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        values = {name.replace("/", "."): tensor for name, tensor in values.items()}
        values[self._ends[0]] = image
        for kind, inputs, output, attributes in self._nodes:
            arguments = [values[name.replace("/", ".")] for name in inputs]
            if kind == "BatchNormalization":
                x, scale, bias, mean, variance = arguments
                epsilon = attributes["epsilon"]
                result = F.batch_norm(
                    x, mean, variance, scale, bias, self.training, _MOMENTUM, epsilon
                )
            else:
                result = _OPERATORS[kind](*arguments, **attributes)
            values[output.replace("/", ".")] = result
        logits: Tensor = values[self._ends[1]]
        return logits


def _own(name: str) -> str:
    return name.replace(".", "/")


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}


def _conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, pads: list[int] | None = None,
    strides: list[int] | None = None, group: int = 1, **_: object,
) -> Tensor:  # fmt: skip
    return F.conv2d(x, weight, bias, strides or 1, (pads or [0, 0])[:2], groups=group)


def _max_pool(x: Tensor, *, kernel_shape: list[int], strides: list[int], pads: list[int]) -> Tensor:
    return F.max_pool2d(x, kernel_shape, strides, pads[:2])


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "Clip": torch.clamp,
    "Conv": _conv,
    "Flatten": lambda x, axis: x.flatten(axis),
    "Gemm": lambda x, weight, bias, **_: F.linear(x, weight, bias),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda x, **_: F.hardsigmoid(x),
    "HardSwish": F.hardswish,
    "MaxPool": _max_pool,
    "Mul": torch.mul,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
}
