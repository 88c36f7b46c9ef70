"""Symbolic sizes as integer nodes over the shapes of the model's inputs.

Every size is an int64 vector of one element, so that a shape is their concatenation. Forms and
shapes are written once a model, under `sizes/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import final

from archc.diagnostics.errors import InternalError
from archc.graph.emitter import Attribute, Tensor
from archc.onnx_io.draft import Draft, Scope
from archc.onnx_io.model import BATCH
from archc.shapes.size import Atom, Factors, Floor, Form, Size
from archc.shapes.tensor_type import DType

SHAPE_OF_AXES_OPSET = 15
"""The version from which on Shape takes a first and a last axis."""


@final
class SizeWriter:
    """Writes sizes; `axes` says for each symbol, and for N, an input and an axis that have it."""

    def __init__(self, draft: Draft, opset: int, axes: Mapping[str, tuple[Tensor, int]]) -> None:
        self._draft = draft
        self._opset = opset
        self._axes = axes
        self._constants = Scope("sizes")
        self._written: dict[Form | str, Tensor] = {}
        self._shapes: dict[tuple[Size | None, ...], Tensor] = {}
        self._whole_shapes: dict[str, Tensor] = {}

    def shape(self, sizes: Sequence[Size | None]) -> Tensor:
        """The int64 vector of these sizes, None standing for the batch."""
        key = tuple(sizes)
        if key not in self._shapes:
            self._shapes[key] = self._shape(key)
        return self._shapes[key]

    def _shape(self, sizes: tuple[Size | None, ...]) -> Tensor:
        parts: list[Tensor] = []
        for _, run in groupby(sizes, key=lambda size: isinstance(size, int)):
            members = tuple(run)
            if known := [size for size in members if isinstance(size, int)]:
                parts.append(self._known(*known))
            parts += [self._unknown(size) for size in members if not isinstance(size, int)]
        if len(parts) == 1:
            return parts[0]
        names = ", ".join(BATCH if size is None else _ascii(size) for size in sizes)
        scope = Scope(f"sizes/({names})")
        scope.result = self._node(scope, "Concat", parts, axis=0)
        return scope.result

    def _unknown(self, size: Form | None) -> Tensor:
        return self._symbol(BATCH) if size is None else self._form(size)

    def _form(self, form: Form) -> Tensor:
        if form not in self._written:
            self._written[form] = self._sum(form)
        return self._written[form]

    def _sum(self, form: Form) -> Tensor:
        scope = Scope(f"sizes/{_ascii(form)}")
        # What is taken away comes last, so that the sum starts with a term that is added.
        terms = sorted(form.terms, key=lambda term: term[1] < 0)
        parts = [(c > 0, self._product(scope, factors, abs(c))) for factors, c in terms]
        if form.constant:
            parts.append((form.constant > 0, self._known(abs(form.constant))))
        (is_added, total), *others = parts
        if not is_added:
            total = self._node(scope, "Neg", [total])
        for is_added, part in others:
            total = self._node(scope, "Add" if is_added else "Sub", [total, part])
        scope.result = total
        return total

    def _product(self, scope: Scope, factors: Factors, coefficient: int) -> Tensor:
        first, *others = [self._atom(atom) for atom in factors]
        if coefficient != 1:
            others.append(self._known(coefficient))
        for other in others:
            first = self._node(scope, "Mul", [first, other])
        return first

    def _atom(self, atom: Atom) -> Tensor:
        return self._floor(atom) if isinstance(atom, Floor) else self._symbol(atom.name)

    def _floor(self, floor: Floor) -> Tensor:
        key = Form((((floor,), 1),), 0)
        if key in self._written:
            return self._written[key]
        scope = Scope(f"sizes/{_ascii(key)}")
        dividend, divisor = self._form(floor.form), self._known(floor.divisor)
        if not _is_never_negative(floor.form):
            # ONNX's Div cuts towards zero; Mod has the sign of the divisor, as floors want it.
            rest = self._node(scope, "Mod", [dividend, divisor])
            dividend = self._node(scope, "Sub", [dividend, rest])
        scope.result = self._node(scope, "Div", [dividend, divisor])
        self._written[key] = scope.result
        return scope.result

    def _symbol(self, name: str) -> Tensor:
        if name not in self._written:
            if name not in self._axes:
                raise InternalError(f"no input has an axis of size {name}")
            self._written[name] = self._axis(name, *self._axes[name])
        return self._written[name]

    def _axis(self, name: str, tensor: Tensor, axis: int) -> Tensor:
        scope = Scope(f"sizes/{name}")
        if self._opset >= SHAPE_OF_AXES_OPSET:
            scope.result = self._node(scope, "Shape", [tensor], start=axis, end=axis + 1)
            return scope.result
        if tensor.name not in self._whole_shapes:
            self._whole_shapes[tensor.name] = self._node(self._constants, "Shape", [tensor])
        index = self._draft.constant(scope, [axis], DType.INT64)
        whole = self._whole_shapes[tensor.name]
        scope.result = self._node(scope, "Gather", [whole, index], axis=0)
        return scope.result

    def _known(self, *numbers: int) -> Tensor:
        return self._draft.constant(self._constants, numbers, DType.INT64)

    def _node(
        self, scope: Scope, op_type: str, inputs: Sequence[Tensor], **attributes: Attribute
    ) -> Tensor:
        (output,) = self._draft.node(scope, op_type, inputs, 1, attributes)
        return output


def _is_never_negative(form: Form) -> bool:
    """Whether no symbol, each at least 1, can make the form, or a floor in it, negative."""
    return form.constant >= 0 and all(
        coefficient > 0
        and all(not isinstance(atom, Floor) or _is_never_negative(atom.form) for atom in factors)
        for factors, coefficient in form.terms
    )


def _ascii(size: Size) -> str:
    return str(size).replace("·", "*")
