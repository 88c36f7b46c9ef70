"""What a network computes in eight bits: its operators by kind, and the values that are rounded.

Activations are uint8 with a zero point, kernels int8 without one and a scale an output channel.
ONNX Runtime runs an operator in eight bits where all that it takes comes from `DequantizeLinear`
and what it gives goes into `QuantizeLinear`. Convolutions alone in eight bits would gain little:
what stands between them is rounded as well. Sources: Jacob et al., Quantization and Training of
Neural Networks, 2018; ONNX Runtime, QDQ format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from archc.onnx_io.check import value_types
from archc.onnx_io.constants import unpack_float
from archc.onnx_io.encode import encode_structure
from archc.onnx_io.model import ELEMENT_TYPES, ModelDef, NodeDef
from archc.quantization.ramps import is_ramp
from archc.rewrites.operators import Operators
from archc.shapes.tensor_type import DType

Kind: TypeAlias = Literal["kernel", "meeting", "passing", "clamp", "curve", "ramp", "silu"]
"""What an operator is: with a kernel, of several values, one that moves elements, one that cuts
them off, a function of each, one that a ramp from 0 to 1 makes (see `ramps`), or the product of a
value and its sigmoid, which is one function in float between eight bits."""

_LIGHT = frozenset(("passing", "clamp", "silu"))
"""What is as fast in float."""

_KINDS: dict[str, Kind] = {
    "Conv": "kernel",
    "Gemm": "kernel",
    "Add": "meeting",
    "Mul": "meeting",
    "Concat": "meeting",
    "AveragePool": "meeting",
    "GlobalAveragePool": "meeting",
    "MaxPool": "passing",
    "Flatten": "passing",
    "Reshape": "passing",
    "Transpose": "passing",
    "Relu": "clamp",
    "Clip": "clamp",
    "HardSwish": "curve",
    "HardSigmoid": "curve",
    "Sigmoid": "curve",
    "LeakyRelu": "curve",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """An operator that may run in eight bits.

    Attributes:
        node: the operator.
        kind: what it is.
        inputs: the values that it takes, without constants and weights.
        output: the value that it gives, behind the clamp that follows it.
        clamp: the clamp that becomes the range of its output, if one follows.
    """

    node: NodeDef
    kind: Kind
    inputs: tuple[str, ...]
    output: str
    clamp: NodeDef | None = None

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.node.name

    @property
    def groups(self) -> int:
        """The parts into which the channels of a kernel fall."""
        groups = self.node.attributes.get("group", 1)
        assert isinstance(groups, int)
        return groups


def units_of(model: ModelDef, *, is_portable: bool = False) -> tuple[Unit, ...]:
    """The operators of a model that may run in eight bits, in order.

    Args:
        model: the model.
        is_portable: whether ramps stay operators of their own, and SiLUs a sigmoid and a product.
    """
    operators = Operators(model)
    others = _not_float32(model)
    found: list[Unit] = []
    clamps: set[str] = set()
    for node in operators:
        if node.outputs[0] in clamps:
            continue
        if not is_portable and is_gate(operators, node):
            continue
        unit = _unit(operators, node)
        if unit is None or others.intersection((*unit.inputs, unit.output)):
            continue
        if not is_portable and is_ramp(operators, node) and _has_own_scale(operators, node):
            unit = replace(unit, kind="ramp")
        elif not is_portable and (value := _gated(operators, node)) is not None:
            unit = Unit(node, "silu", (value,), node.outputs[0])
        if unit.clamp is not None:
            clamps.add(unit.clamp.outputs[0])
        found.append(unit)
    return worthwhile(found)


def _not_float32(model: ModelDef) -> set[str]:
    """The values of other element types, such as the bytes of a picture."""
    known = value_types(encode_structure(model))
    return {name for name, (code, _) in known.items() if code != ELEMENT_TYPES[DType.FLOAT32]}


def worthwhile(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """The operators without those that gain nothing in eight bits.

    What moves elements or cuts them off, or is computed in float anyway, goes in eight bits only
    where an operator that computes does so before or behind it, or before or behind others like it.
    """
    found = tuple(units)
    reached = {
        value for unit in found if unit.kind not in _LIGHT for value in (*unit.inputs, unit.output)
    }
    light = [unit for unit in found if unit.kind in _LIGHT]
    # They form trees: once down, then up to the roots, then down all other branches.
    for unit in (*light, *reversed(light), *light):
        ends = {*unit.inputs, unit.output}
        if reached & ends:
            reached |= ends
    return tuple(unit for unit in found if reached.issuperset((*unit.inputs, unit.output)))


def _unit(operators: Operators, node: NodeDef) -> Unit | None:
    kind = _KINDS.get(node.op_type)
    if kind is None or len(node.outputs) != 1:
        return None
    inputs = tuple(name for name in node.inputs if name and operators.initializer(name) is None)
    if kind == "kernel":
        kernel = operators.initializer(node.inputs[1])
        if kernel is None or kernel.dtype is not DType.FLOAT32 or len(inputs) != 1:
            return None
        if node.op_type == "Gemm" and {**node.attributes} != {"transB": 1}:
            return None
    if kind == "meeting" and node.op_type in ("Add", "Mul") and len(inputs) != 2:
        return None
    if kind == "clamp" and not is_clamp(operators, node):
        return None
    clamp = _clamp_behind(operators, node) if kind in ("kernel", "meeting") else None
    if clamp is None:
        return Unit(node, kind, inputs, node.outputs[0])
    return Unit(node, kind, inputs, clamp.outputs[0], clamp)


def is_gate(operators: Operators, node: NodeDef) -> bool:
    """Whether an operator is the sigmoid of a SiLU, x · sigmoid(x), and nothing else takes it."""
    if node.op_type != "Sigmoid" or node.domain:
        return False
    product = operators.only_taker(node.outputs[0])
    return (
        product is not None
        and product.op_type == "Mul"
        and {*product.inputs} == {node.inputs[0], node.outputs[0]}
    )


def _gated(operators: Operators, node: NodeDef) -> str | None:
    """The x of a product that is the SiLU of x; None for any other node."""
    if node.op_type != "Mul":
        return None
    for name in node.inputs:
        gate = operators.giver(name)
        if gate is not None and is_gate(operators, gate):
            return gate.inputs[0]
    return None


def _has_own_scale(operators: Operators, node: NodeDef) -> bool:
    """Whether the scale of what a node takes can be chosen for it alone.

    What moves elements gives on the scale of what it takes, the range of a clamp ends at 0, and a
    ramp gives numbers from 0 to 1 on a scale of its own.
    """
    giver = operators.giver(node.inputs[0])
    if giver is None:
        return True
    is_ruled = _KINDS.get(giver.op_type) == "passing" or giver.op_type == "HardSigmoid"
    return not is_ruled and not is_clamp(operators, giver)


def _clamp_behind(operators: Operators, node: NodeDef) -> NodeDef | None:
    """The clamp that can become the range of what a node gives; not where floats are wanted."""
    clamp = operators.only_taker(node.outputs[0])
    if clamp is None or node.op_type == "Concat" or operators.is_kept(clamp.outputs[0]):
        return None
    return clamp if is_clamp(operators, clamp) else None


def is_clamp(operators: Operators, node: NodeDef) -> bool:
    """Whether an operator only cuts off what is below 0, and perhaps what is above a number."""
    if node.domain or node.op_type not in ("Relu", "Clip"):
        return False
    if node.op_type == "Relu":
        return True
    least = operators.initializer(node.inputs[1]) if len(node.inputs) > 1 else None
    if least is None or not isinstance(least.source, bytes) or least.dtype is not DType.FLOAT32:
        return False
    return unpack_float(least.source, least.dtype) == 0.0


def rounded_values(units: Collection[Unit], model: ModelDef) -> dict[str, str]:
    """The values that are rounded to eight bits, each with the one whose scale it shares.

    A value is rounded where an operator in eight bits takes it. What moves elements shares the
    scale of what it takes, so that nothing is rounded twice.
    """
    taken = {value for unit in units for value in unit.inputs}
    given = {unit.output: unit for unit in units}
    outputs = {output.name for output in model.outputs}
    found: dict[str, str] = {}
    for value in _in_order(units, taken, model):
        unit = given.get(value)
        if unit is not None and unit.kind == "passing":
            found[value] = found.get(unit.inputs[0], unit.inputs[0])
        elif value in taken or (unit is not None and value not in outputs):
            found[value] = value
    return found


def _in_order(units: Collection[Unit], taken: set[str], model: ModelDef) -> Iterator[str]:
    names = {i.name for i in model.initializers}
    yield from (i.name for i in model.inputs if i.name in taken)
    wanted = taken | {unit.output for unit in units}
    for node in model.nodes:
        yield from (value for value in node.outputs if value in wanted and value not in names)
