"""The emitter: what layers write their ONNX form with, and the model that comes of it.

emitter = GraphEmitter(opset=17, domains=graph.domains, inputs=graph.inputs)
emitter.enter("conv1", weights={"weight": InitializerDef("conv1.weight", …)})
value = emitter.leave(layer.lower(emitter, [emitter.input(0)], input_types, output_type))
model = emitter.finish("net", [("output", value, output_type)])

A layer is entered, lowered and left before the next one is entered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from typing_extensions import override

from archc.diagnostics.errors import InternalError
from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.graph import Input
from archc.onnx_io.draft import Draft, Scope
from archc.onnx_io.model import (
    BATCH,
    ELEMENT_TYPES,
    InitializerDef,
    ModelDef,
    ValueDef,
    value_of,
)
from archc.onnx_io.sizes import SizeWriter
from archc.shapes.domain import Domains
from archc.shapes.size import Form, Size, Symbol
from archc.shapes.tensor_type import DType, TensorType


@final
class GraphEmitter(Emitter):
    """Collects the nodes and initializers of a model, layer by layer."""

    def __init__(self, *, opset: int, domains: Domains, inputs: Sequence[Input]) -> None:
        self._opset = opset
        self._domains = domains
        self._inputs = tuple(inputs)
        self._draft = Draft()
        self._entering = tuple(self._draft.input(i.name) for i in self._inputs)
        self._seen: dict[int, Tensor] = {}
        self._sizes = SizeWriter(self._draft, opset, self._symbol_axes())
        self._sides: dict[tuple[str, str], Tensor] = {}
        self._scope: Scope | None = None
        self._weights: Mapping[str, InitializerDef] = {}
        self._side_source: str | None = None
        self._wanted_sides: frozenset[str] = frozenset()

    def input(self, index: int) -> Tensor:
        """An input as layers see it: channels first, cast to the element type of its type."""
        if index not in self._seen:
            self._seen[index] = self._enter_input(self._inputs[index], self._entering[index])
        return self._seen[index]

    def enter(
        self,
        path: str,
        *,
        weights: Mapping[str, InitializerDef] | None = None,
        wanted_sides: frozenset[str] = frozenset(),
        side_source: str | None = None,
    ) -> None:
        """Starts the layer at this path.

        Args:
            path: the dotted path of the layer.
            weights: its weights by their short names, each defined under its full name.
            wanted_sides: the side outputs that later layers will ask of it.
            side_source: the path of the layer that its own path argument names.
        """
        if self._scope is not None:
            raise InternalError(f"`{path}` is entered before `{self._scope.path}` is left")
        self._scope = Scope(path)
        self._weights = weights or {}
        self._wanted_sides = wanted_sides
        self._side_source = side_source

    def leave(self, result: Tensor) -> Tensor:
        """Ends the layer: the node that gives its result, and that value, are named as its path."""
        self._current.result = result
        self._scope = None
        return result

    def finish(
        self,
        name: str,
        outputs: Sequence[tuple[str, Tensor, TensorType]],
        metadata: Mapping[str, str] | None = None,
    ) -> ModelDef:
        """The whole model, its values under their final names.

        Raises:
            InternalError: an output is named as an input, a weight or another output is.
        """
        nodes, initializers = self._draft.finish([(o, tensor) for o, tensor, _ in outputs])
        return ModelDef(
            name=name,
            nodes=nodes,
            inputs=tuple(_input_def(i) for i in self._inputs),
            outputs=tuple(value_of(o, tensor_type) for o, _, tensor_type in outputs),
            initializers=initializers,
            opset=self._opset,
            metadata=metadata or {},
        )

    @property
    @override
    def opset(self) -> int:
        return self._opset

    @property
    @override
    def domains(self) -> Domains:
        return self._domains

    @override
    def node(
        self, op_type: str, inputs: Sequence[Tensor | None], /, **attributes: Attribute | None
    ) -> Tensor:
        return self._draft.node(self._current, op_type, inputs, 1, attributes)[0]

    @override
    def nodes(
        self,
        op_type: str,
        inputs: Sequence[Tensor | None],
        outputs: int,
        /,
        **attributes: Attribute | None,
    ) -> tuple[Tensor, ...]:
        return self._draft.node(self._current, op_type, inputs, outputs, attributes)

    @override
    def weight(self, name: str) -> Tensor:
        if name not in self._weights:
            raise InternalError(f"`{self._current.path}` has no weight `{name}`")
        return self._draft.weight(self._weights[name])

    @override
    def constant(self, values: object, dtype: DType) -> Tensor:
        return self._draft.constant(self._current, values, dtype)

    @override
    def shape(self, sizes: Sequence[Size | None]) -> Tensor:
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) == len(sizes):
            return self.constant(known, DType.INT64)
        return self._sizes.shape(sizes)

    @override
    def side_output(self, name: str, tensor: Tensor) -> None:
        self._sides[self._current.path, name] = tensor

    @override
    def side_of(self, name: str) -> Tensor | None:
        return None if self._side_source is None else self._sides.get((self._side_source, name))

    @property
    @override
    def wanted_sides(self) -> frozenset[str]:
        return self._wanted_sides

    @property
    def _current(self) -> Scope:
        if self._scope is None:
            raise InternalError("something is written outside of every layer")
        return self._scope

    def _enter_input(self, given: Input, tensor: Tensor) -> Tensor:
        scope = Scope(given.name)
        if given.nhwc and given.type.is_image:
            # Before the cast, so that fewer bytes are moved.
            (tensor,) = self._draft.node(scope, "Transpose", [tensor], 1, {"perm": (0, 3, 1, 2)})
        if given.dtype is not given.type.dtype:
            to = ELEMENT_TYPES[given.type.dtype]
            (tensor,) = self._draft.node(scope, "Cast", [tensor], 1, {"to": to})
        return tensor

    def _symbol_axes(self) -> dict[str, tuple[Tensor, int]]:
        """An input and an axis of it, as the built model takes it, for N and for each symbol."""
        axes: dict[str, tuple[Tensor, int]] = {}
        for given, tensor in zip(self._inputs, self._entering, strict=True):
            definition = _input_def(given)
            named = {str(dim): axis for axis, dim in enumerate(definition.dims)}
            axes.setdefault(BATCH, (tensor, 0))
            for size in given.type.sizes:
                if isinstance(size, Form) and _is_symbol(size):
                    axes.setdefault(str(size), (tensor, named[str(size)]))
        return axes


def _is_symbol(form: Form) -> bool:
    return (
        form.constant == 0
        and len(form.terms) == 1
        and form.terms[0][1] == 1
        and len(form.terms[0][0]) == 1
        and isinstance(form.terms[0][0][0], Symbol)
    )


def _input_def(given: Input) -> ValueDef:
    nhwc = given.nhwc and given.type.is_image
    return value_of(given.name, TensorType(given.dtype, given.type.axes), nhwc=nhwc)
