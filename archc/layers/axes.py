"""Arguments that name an axis or give a size, and how they are looked up in the input's type."""

from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Le
from pydantic import InstanceOf
from pydantic.json_schema import SkipJsonSchema

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.layer import Check
from archc.layers.arguments import MOST
from archc.shapes.size import Form
from archc.shapes.tensor_type import TensorType

UNKNOWN_AXIS = Rule(
    "layer/unknown-axis",
    "an axis is named or numbered that the input does not have",
    "An axis is channels, height, width, or features once flattened, or a number from 1 on; the "
    "batch is axis 0 and no layer may work along it, since it would mix samples.",
)

AxisArgument: TypeAlias = Literal["channels", "features", "height", "width"] | int
"""An axis by name, or by a number that counts the batch as 0."""

SymbolicSize: TypeAlias = SkipJsonSchema[InstanceOf[Form]]
"""A size of the input passed on whole, such as `$input.height`."""

Signed: TypeAlias = Annotated[int, Ge(-MOST), Le(MOST)]


def needs_axis(
    x: TensorType, axis: AxisArgument, op: str, check: Check, *, at: str = "axis"
) -> int | Failed:
    """The position of the axis that an argument means, the batch being 0.

    Reports: layer/unknown-axis.
    """
    index = x.axis_index(axis)
    if index is not None:
        return index
    helps = []
    if isinstance(axis, int) and axis <= 0:
        wrong = f"`{op}` cannot go along axis {axis}" + (", the batch" if axis == 0 else "")
        helps.append(f"axes are counted from 1 to {x.rank - 1}, the batch is axis 0")
    elif isinstance(axis, int):
        wrong = f"`{op}` goes along axis {axis}, but the last axis of its input {x} is {x.rank - 1}"
    else:
        wrong = f"`{op}` goes along `{axis}`, which its input {x} does not have"
    names = ", ".join(["N", *(name or "unnamed" for name in x.names)])
    notes = [f"the axes of the input are ({names})"]
    return check.error(UNKNOWN_AXIS, wrong, at=at, notes=notes, helps=helps)
