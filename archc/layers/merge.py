"""Merges: several branches (N, …) into one tensor, elementwise or one behind the other.

All branches have one element type, and equal sizes but for the axis that `concat` joins along;
`mul` takes a size of 1 against any other (a gate). The axes keep the names of the first branch.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Emitter, Tensor
from archc.graph.layer import Check, Features, Layer
from archc.layers.arguments import NEEDS_FLOAT
from archc.layers.axes import AxisArgument, needs_axis
from archc.shapes.size import Size, add
from archc.shapes.tensor_type import Axis, TensorType

ELEMENT_TYPES = Rule(
    "merge/element-types",
    "a merge has branches of different element types",
    "Elements are calculated with, or put beside each other, as they are; nothing is cast.",
)
RANKS = Rule(
    "merge/ranks",
    "a merge has branches with different numbers of axes",
    "Axes are never added or left out in silence; `keep_dims` of a pool or `reshape` does it.",
)
SIZES = Rule(
    "merge/sizes",
    "a merge has branches of different sizes",
    "Sizes must be equal for every admitted input; `concat` may differ along its axis alone, and "
    "`mul` may have a size of 1.",
)


class _Joined(NamedTuple):
    """The size of one axis of the merge so far, and the branch that gave it."""

    size: Size
    branch: int


class _Merge(Layer):
    """A layer whose inputs are its branches, at least one.

    Class traits:
        calculates: whether it is arithmetic, which needs floats.
        is_gate: whether a size of 1 meets any other.
    """

    takes_branches: ClassVar[bool] = True
    calculates: ClassVar[bool] = True
    is_gate: ClassVar[bool] = False
    features: ClassVar[Features] = "kept"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the branches together.

        Reports: layer/needs-float, merge/element-types, merge/ranks, merge/sizes.
        """
        return self._joined(inputs, None, check)

    def _joined(
        self, inputs: tuple[TensorType, ...], along: int | None, check: Check
    ) -> TensorType | Failed:
        """The type of the branches together, their sizes added up along one axis if any."""
        first, most = inputs[0], _like_most(inputs, along)
        failed = self._float_fault(inputs, check)
        joined = [_Joined(size, most) for size in inputs[most].sizes]
        for branch, other in enumerate(inputs):
            if branch == most:
                continue
            fault = self._kind_fault(inputs, most, branch, check)
            if fault:
                failed = fault
                continue
            for i, size in enumerate(other.sizes):
                if i + 1 == along:
                    joined[i] = _Joined(add(joined[i].size, size), most)
                    continue
                rest = self._pairs(joined, other, i + 1, along)
                met = self._met(joined[i], _Joined(size, branch), inputs, i, rest, check)
                if isinstance(met, Failed):
                    failed = met
                    break
                joined[i] = met
        if failed:
            return failed
        return first.with_axes(
            Axis(axis.name, met.size) for axis, met in zip(first.axes, joined, strict=True)
        )

    def _pairs(
        self, joined: list[_Joined], other: TensorType, start: int, along: int | None
    ) -> list[tuple[Size, Size]]:
        """The sizes of two branches that have to be equal, from an axis on."""
        pairs = zip(joined[start:], other.sizes[start:], strict=True)
        return [
            (so_far.size, size)
            for i, (so_far, size) in enumerate(pairs, start)
            if i + 1 != along and not (self.is_gate and 1 in (so_far.size, size))
        ]

    def _float_fault(self, inputs: tuple[TensorType, ...], check: Check) -> Failed | None:
        for branch, x in enumerate(inputs):
            if self.calculates and not x.dtype.is_float:
                message = f"`{self.op}` needs float numbers, but branch {branch} gives {x}"
                return check.error(NEEDS_FLOAT, message, branch=branch)
        return None

    def _kind_fault(
        self, inputs: tuple[TensorType, ...], most: int, branch: int, check: Check
    ) -> Failed | None:
        first, other = inputs[most], inputs[branch]
        labels = _labels(inputs, most, branch)
        if other.rank != first.rank:
            message = (
                f"`{self.op}` joins branches of different numbers of axes: {first.rank} and "
                f"{other.rank}"
            )
            return check.error(RANKS, message, branch=branch, branch_labels=labels)
        if other.dtype is not first.dtype:
            message = (
                f"`{self.op}` joins branches of different element types: {first.dtype.value} and "
                f"{other.dtype.value}"
            )
            return check.error(ELEMENT_TYPES, message, branch=branch, branch_labels=labels)
        return None

    def _met(
        self,
        so_far: _Joined,
        new: _Joined,
        inputs: tuple[TensorType, ...],
        axis: int,
        rest: list[tuple[Size, Size]],
        check: Check,
    ) -> _Joined | Failed:
        """One axis of the merge with one more branch."""
        if self.is_gate and 1 in (so_far.size, new.size):
            return new if so_far.size == 1 else so_far
        if so_far.size == new.size:
            return so_far
        name = inputs[so_far.branch].axes[axis].name or f"axis {axis + 1}"
        message = (
            f"`{self.op}` joins branches of different {_plural(name)}: {so_far.size} and {new.size}"
        )
        labels = _labels(inputs, so_far.branch, new.branch)
        failed = check.equal(
            so_far.size, new.size, SIZES, message, branch=new.branch, branch_labels=labels,
            axis=axis, helps=_projection(inputs, so_far, new, axis), also=rest,
        )  # fmt: skip
        return failed or so_far


def _like_most(inputs: tuple[TensorType, ...], along: int | None) -> int:
    """The first branch that has the sizes of most, so that an odd one is told from the others."""
    kinds = [tuple(size for i, size in enumerate(x.sizes, 1) if i != along) for x in inputs]
    if all(kind == kinds[0] for kind in kinds):
        return 0
    return max(range(len(kinds)), key=lambda i: (kinds.count(kinds[i]), -i))


def _projection(
    inputs: tuple[TensorType, ...], so_far: _Joined, new: _Joined, axis: int
) -> tuple[str, ...]:
    """The help for branches of different channels: a convolution that makes them equal."""
    if not inputs[new.branch].is_image or axis > 0:
        return ()
    layer = f"{{conv: {so_far.size}, kernel: 1}}"
    return (f"make their channels equal, or end branch {new.branch} with `{layer}`",)


def _labels(inputs: tuple[TensorType, ...], *branches: int) -> dict[int, str]:
    return {branch: f"this branch gives {inputs[branch]}" for branch in branches}


def _plural(name: str) -> str:
    return {"height": "heights", "width": "widths"}.get(name, name)


class _Chained(_Merge):
    """A merge that is one ONNX operator of two operands, from left to right."""

    operator: ClassVar[str]

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        result, *others = tensors
        for other in others:
            result = emit.node(self.operator, [result, other])
        return result


class _Variadic(_Merge):
    """A merge that is one ONNX operator of all branches."""

    operator: ClassVar[str]

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        return tensors[0] if len(tensors) == 1 else emit.node(self.operator, tensors)


@final
class Add(_Chained):
    """y = a + b + …, elementwise over branches of equal sizes (N, …).

    Source: ONNX Add; He et al., Deep residual learning, 2015.
    """

    op: ClassVar[str] = "add"
    operator: ClassVar[str] = "Add"


@final
class Sub(_Chained):
    """y = a − b − …, elementwise over branches of equal sizes (N, …), from left to right.

    Source: ONNX Sub.
    """

    op: ClassVar[str] = "sub"
    operator: ClassVar[str] = "Sub"


@final
class Mul(_Chained):
    """y = a · b · …, elementwise over branches (N, …); a size of 1 meets any other, as a gate does.

    Source: ONNX Mul; Hu et al., Squeeze-and-excitation networks, 2017.
    """

    op: ClassVar[str] = "mul"
    operator: ClassVar[str] = "Mul"
    is_gate: ClassVar[bool] = True


@final
class Average(_Variadic):
    """y = (a + b + …) / the number of branches, elementwise over equal sizes (N, …).

    Source: ONNX Mean.
    """

    op: ClassVar[str] = "average"
    operator: ClassVar[str] = "Mean"


@final
class Maximum(_Variadic):
    """y = max(a, b, …), elementwise over branches of equal sizes (N, …).

    Source: ONNX Max; Goodfellow et al., Maxout networks, 2013.
    """

    op: ClassVar[str] = "maximum"
    operator: ClassVar[str] = "Max"


@final
class Concat(_Merge):
    """The branches one behind the other along `axis`; all other sizes of (N, …) are equal.

    Source: ONNX Concat.

    Attributes:
        axis: the axis along which they stand.
    """

    op: ClassVar[str] = "concat"
    calculates: ClassVar[bool] = False
    features: ClassVar[Features] = "chained"

    axis: AxisArgument = "channels"

    @override
    def infer(self, inputs: tuple[TensorType, ...], check: Check) -> TensorType | Failed:
        """The type of the branches one behind the other.

        Reports: layer/unknown-axis, merge/element-types, merge/ranks, merge/sizes.
        """
        along = needs_axis(inputs[0], self.axis, self.op, check)
        if isinstance(along, Failed):
            return along
        return self._joined(inputs, along, check)

    @override
    def lower(
        self,
        emit: Emitter,
        tensors: Sequence[Tensor],
        inputs: tuple[TensorType, ...],
        output: TensorType,
    ) -> Tensor:
        if len(tensors) == 1:
            return tensors[0]
        return emit.node("Concat", tensors, axis=inputs[0].axis_index(self.axis))


LAYERS: tuple[type[Layer], ...] = (Add, Sub, Mul, Average, Maximum, Concat)
