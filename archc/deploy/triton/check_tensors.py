"""Rules on the inputs and outputs that a configuration declares, whatever the backend."""

from __future__ import annotations

import math
from itertools import groupby

from archc.deploy.triton.examined import Examined
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Reporter
from archc.weights.shown import shown

TENSOR = Rule(
    "triton/tensor",
    "an input or output is not declared completely",
    "Triton refuses a tensor without a name, a type or sizes, and sizes that are neither 1 or "
    "more nor −1.",
)
FORMAT = Rule(
    "triton/format",
    "an input's format does not fit its sizes",
    "`FORMAT_NHWC` and `FORMAT_NCHW` speak of one picture: three sizes, the batch left out.",
)
RESHAPE = Rule(
    "triton/reshape",
    "a reshape changes the number of elements",
    "A reshape gives the same elements other sizes; Triton refuses what cannot be.",
)

ANY = -1
"""A size that the caller chooses."""


def check_tensors(model: Examined, reporter: Reporter) -> None:
    """Checks the declared inputs and outputs by themselves.

    Reports: triton/tensor, triton/format, triton/reshape.
    """
    for kind in ("input", "output"):
        seen: set[str] = set()
        for tensor in model.config.groups(kind):
            _check_tensor(kind, tensor, reporter)
            _check_reshape(model, tensor, reporter)
            name = tensor.text("name")
            if name and name in seen:
                message = f"the {kind} `{shown(name)}` is declared twice"
                reporter.error(TENSOR, message, tensor.place_of("name"))
            seen.add(name)


def _check_tensor(kind: str, tensor: Group, reporter: Reporter) -> None:
    name = shown(tensor.text("name"))
    what = f"the {kind} `{name}`" if name else f"an {kind}"
    if not name:
        reporter.error(TENSOR, f"{what} has no name", tensor.place)
    if tensor.text("data_type") == "TYPE_INVALID":
        helps = ("write `data_type: TYPE_FP32`, or what it is",)
        reporter.error(TENSOR, f"{what} has no type", tensor.place_of("data_type"), helps=helps)
    dims = tensor.integers("dims")
    if not dims:
        helps = ("write `dims: [ … ]`, the batch left out",)
        reporter.error(TENSOR, f"{what} has no sizes", tensor.place_of("dims"), helps=helps)
    if any(size < 1 and size != ANY for size in dims):
        message = f"{what} has a size that is neither 1 or more nor -1"
        reporter.error(TENSOR, message, tensor.place_of("dims"))
    if kind == "input" and tensor.text("format") != "FORMAT_NONE" and len(dims) not in {0, 3}:
        reporter.error(
            FORMAT,
            f"{what} has the sizes {written(dims)}, and `{tensor.text('format')}` wants three",
            tensor.place_of("format"),
            helps=("leave the batch out of `dims`, or leave out `format`",),
        )
    if tensor.flag("is_shape_tensor") or tensor.flag("is_non_linear_format_io"):
        message = f"{what} is declared in a way that only TensorRT knows"
        reporter.error(TENSOR, message, tensor.place)


def _check_reshape(model: Examined, tensor: Group, reporter: Reporter) -> None:
    reshape = tensor.group("reshape")
    dims = tensor.integers("dims")
    if reshape is None or not dims:
        return
    shape = reshape.integers("shape")
    name = shown(tensor.text("name"))
    if not shape and model.max_batch_size == 0:
        message = f"`{name}` is reshaped to nothing, and has no batch"
        reporter.error(RESHAPE, message, reshape.place)
    elif any(size < 1 and size != ANY for size in shape):
        message = f"`{name}` is reshaped to a size that is neither 1 or more nor -1"
        reporter.error(RESHAPE, message, reshape.place)
    elif _parts(dims) != _parts(shape):
        message = f"`{name}` is reshaped from {written(dims)} to {written(shape)}"
        counts = f"{math.prod(dims)} elements do not become {math.prod(shape)}"
        if ANY in (*dims, *shape):
            counts = "the elements between the sizes -1 are not the same"
        helps = ("`dims` is what clients send, `shape` what the model takes: mend one of them",)
        reporter.error(RESHAPE, message, reshape.place, notes=(counts,), helps=helps)


def _parts(sizes: tuple[int, ...]) -> list[int]:
    """The elements before, between and behind the sizes that the caller chooses."""
    parts: list[int] = [1]
    for is_any, group in groupby(sizes, lambda size: size == ANY):
        if is_any:
            parts += [1 for _ in group]
        else:
            parts[-1] *= math.prod(group)
    return parts


def written(sizes: tuple[int, ...]) -> str:
    """Sizes as a configuration has them."""
    return f"[ {', '.join(map(str, sizes))} ]"
