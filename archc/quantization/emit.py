"""The model in eight bits: the float model with its values rounded between the operators.

Each rounded value goes through `QuantizeLinear` and `DequantizeLinear` (opset 13), kernels come
from int8 and biases from int32 through `DequantizeLinear`; every runtime that knows the pairs runs
in integers what stands between them. A clamp behind an operator in eight bits is not written: the
range of uint8 ends where it cuts off. Where a model need not be portable, a SiLU between eight bits
is ONNX Runtime's `QuickGelu`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from archc.onnx_io.constants import pack
from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef, OtherType
from archc.quantization.ramps import top_level
from archc.quantization.ranges import LAST_LEVEL, Scale
from archc.quantization.rounded_kernel import Kernels, RoundedKernel
from archc.quantization.units import Unit, rounded_values, worthwhile
from archc.shapes.tensor_type import DType

INT8 = OtherType("int8", 3, 8)
INT32 = OtherType("int32", 6, 32)
MICROSOFT = ("com.microsoft", 1)
"""The domain of ONNX Runtime's own operators, and its version."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """What goes in eight bits, and how.

    Attributes:
        units: the operators.
        scales: for each value that has a scale of its own.
        kernels: what rounds the kernels.
    """

    units: tuple[Unit, ...]
    scales: Mapping[str, Scale]
    kernels: Kernels = field(default_factory=Kernels)

    def without(self, names: Collection[str]) -> Rounding:
        """The same with some operators left in float, and those that then gain nothing."""
        return replace(self, units=worthwhile(u for u in self.units if u.name not in names))


def emit(model: ModelDef, rounding: Rounding) -> ModelDef:
    """The model with what `rounding` says in eight bits."""
    return _Emission(model, rounding).finish()


@final
class _Emission:
    def __init__(self, model: ModelDef, rounding: Rounding) -> None:
        self._model = model
        self._rounding = rounding
        self._shared = rounded_values(rounding.units, model)
        self._units = {unit.node.outputs[0]: unit for unit in rounding.units}
        self._old = {i.name: i for i in model.initializers}
        self._new: dict[str, InitializerDef] = {}
        self._nodes: list[NodeDef] = []
        self._restored: dict[str, str] = {}

    def finish(self) -> ModelDef:
        for entry in self._model.inputs:
            self._round(entry.name)
        clamped = {
            unit.clamp.outputs[0]
            for unit in self._rounding.units
            if unit.clamp is not None and unit.output in self._shared
        }
        for node in self._model.nodes:
            if node.outputs[0] not in clamped:
                self._add(node)
        nodes = self._needed()
        used = dict.fromkeys(name for node in nodes for name in node.inputs)
        known = {**self._old, **self._new}
        initializers = tuple(known[name] for name in used if name in known)
        other_opsets = self._model.other_opsets
        if any(node.domain == MICROSOFT[0] for node in nodes):
            other_opsets = tuple(dict.fromkeys((*other_opsets, MICROSOFT)))
        return replace(
            self._model, nodes=nodes, initializers=initializers, other_opsets=other_opsets
        )

    def _needed(self) -> tuple[NodeDef, ...]:
        """The nodes without those that give back in float what only bytes are taken of."""
        needed = {output.name for output in self._model.outputs}
        nodes = []
        for node in reversed(self._nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                nodes.append(node)
        return tuple(reversed(nodes))

    def _add(self, node: NodeDef) -> None:
        unit = self._units.get(node.outputs[0])
        if unit is not None and unit.kind == "ramp":
            self._ramp(unit)
            return
        if unit is not None and unit.kind == "silu":
            self._silu(unit)
            return
        inputs = [self._restored.get(name, name) for name in node.inputs]
        outputs = node.outputs
        if unit is not None and unit.kind == "kernel" and unit.inputs[0] in self._shared:
            inputs[1:] = self._kernel(unit)
        if unit is not None and unit.clamp is not None and unit.output in self._shared:
            outputs = (unit.output,)
        self._nodes.append(replace(node, inputs=tuple(inputs), outputs=outputs))
        for value in outputs:
            self._round(value)

    def _ramp(self, unit: Unit) -> None:
        """Writes an operator as its input's bytes, cut off and read as numbers from 0 to 1."""
        value, output = unit.inputs[0], unit.node.outputs[0]
        cut, gate = f"{output}/ramp/quantized", f"{output}/ramp"
        small, top = f"{value}/quantized", top_level(self._rounding.scales[self._shared[value]])
        if top < LAST_LEVEL:
            most = self._constant(f"{cut}/max", top, DType.UINT8)
            self._nodes.append(NodeDef("Clip", cut, (small, "", most), (cut,)))
            small = cut
        numbers = (
            self._constant(f"{gate}/scale", 1 / top, DType.FLOAT32),
            self._constant(f"{gate}/zero_point", 0, DType.UINT8),
        )
        self._nodes.append(NodeDef("DequantizeLinear", gate, (small, *numbers), (gate,)))
        if unit.node.op_type == "HardSigmoid":
            self._restored[output] = gate
            return
        product = (self._restored[value], gate)
        self._nodes.append(NodeDef("Mul", unit.name, product, (output,)))
        self._round(output)

    def _silu(self, unit: Unit) -> None:
        """Writes a SiLU as one operator in float: x · sigmoid(alpha · x)."""
        (value,), (output,) = unit.inputs, unit.node.outputs
        taken = (self._restored.get(value, value),)
        self._nodes.append(
            NodeDef("QuickGelu", unit.name, taken, (output,), {"alpha": 1.0}, MICROSOFT[0])
        )
        self._round(output)

    def _round(self, value: str) -> None:
        """Writes the pair of a value, where it is rounded."""
        if value not in self._shared:
            return
        owner = self._shared[value]
        scale = self._rounding.scales[owner]
        numbers = (
            self._constant(f"{owner}/scale", scale.scale, DType.FLOAT32),
            self._constant(f"{owner}/zero_point", scale.zero_point, DType.UINT8),
        )
        small, back = f"{value}/quantized", f"{value}/dequantized"
        self._nodes += [
            NodeDef("QuantizeLinear", small, (value, *numbers), (small,)),
            NodeDef("DequantizeLinear", back, (small, *numbers), (back,)),
        ]
        self._restored[value] = back

    def _kernel(self, unit: Unit) -> list[str]:
        """The values of a kernel and a bias that come from integers."""
        kernel = self._old[unit.node.inputs[1]]
        bias = self._old.get(unit.node.inputs[2]) if len(unit.node.inputs) > 2 else None
        scale = self._rounding.scales[self._shared[unit.inputs[0]]]
        rounded = self._rounding.kernels.rounded(unit, kernel, bias, scale)
        own = self._own_name(kernel.name, unit)
        found = [self._integers(own, rounded, kernel.dims)]
        if rounded.bias is not None:
            name = bias.name if bias is not None else f"{kernel.name.rpartition('.')[0]}.bias"
            own = self._own_name(name, unit)
            found.append(self._integer_bias(own, rounded.scales, rounded.bias, scale))
        return found

    def _own_name(self, name: str, unit: Unit) -> str:
        """A name for a weight, which several operators may share, each with scales of its own."""
        return name if name not in self._new else f"{name}/{unit.node.outputs[0]}"

    def _integers(self, name: str, rounded: RoundedKernel, dims: tuple[int, ...]) -> str:
        self._new[name] = InitializerDef(name, INT8, dims, rounded.kernel)
        scales = rounded.scales.astype("<f4").tobytes()
        count = (len(rounded.scales),)
        return self._dequantized(name, scales, InitializerDef("", INT8, count, bytes(count[0])))

    def _integer_bias(
        self, name: str, along: NDArray[np.float32], bias: bytes, scale: Scale
    ) -> str:
        count = (len(along),)
        self._new[name] = InitializerDef(name, INT32, count, bias)
        scales = (np.float32(scale.scale) * along).astype("<f4").tobytes()
        zeros = InitializerDef("", INT32, count, bytes(4 * count[0]))
        return self._dequantized(name, scales, zeros)

    def _dequantized(self, name: str, scales: bytes, zeros: InitializerDef) -> str:
        """The value of integers [out, …] with a scale for each output.

        The zero points are written out: without them ONNX Runtime 1.31 leaves `Gemm` in float, and
        resnet50 takes 1.07 times as long, mobilenet_v3_large 1.24 times.
        """
        count = (len(scales) // 4,)
        parts = {
            f"{name}/scale": InitializerDef("", DType.FLOAT32, count, scales),
            f"{name}/zero_point": zeros,
        }
        for part, initializer in parts.items():
            self._new[part] = replace(initializer, name=part)
        back = f"{name}/dequantized"
        node = NodeDef("DequantizeLinear", back, (name, *parts), (back,), {"axis": 0})
        self._nodes.append(node)
        return back

    def _constant(self, name: str, number: float, dtype: DType) -> str:
        dims, data = pack(number, dtype)
        self._new[name] = InitializerDef(name, dtype, dims, data)
        return name
