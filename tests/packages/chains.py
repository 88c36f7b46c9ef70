"""Random chains of layers over one image, each layer with its formula in numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from tests.packages import by_numpy as ref
from tests.packages.by_numpy import ACTIVATIONS, Array, Pads, Pair

Formula: TypeAlias = Callable[[Array, dict[str, Array]], Array]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

SIDES = st.integers(1, 3)
PLAIN = sorted({*ACTIVATIONS} - {"sqrt", "square", "log_softmax", "selu"})


@dataclass
class Chain:
    """Layers in order, what they calculate, and the sizes of their weights.

    Attributes:
        channels: those of the image, then of what comes out so far.
    """

    entering: int
    channels: int
    layers: list[object] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the layer that comes next."""
        return f"l{len(self.layers)}"

    def add(self, layer: object, formula: Formula) -> None:
        self.layers.append(layer)
        self.formulas.append(formula)

    def spec(self) -> str:
        listed = "".join(f"  l{i}: {json.dumps(layer)}\n" for i, layer in enumerate(self.layers))
        return f"input: {{image: [{self.entering}, H, W]}}\nlayers:\n{listed}"

    def answer(self, image: Array, weights: dict[str, Array]) -> Array:
        for formula in self.formulas:
            image = formula(image, weights)
        return image


@dataclass(frozen=True)
class Window:
    """Arguments of a window as a spec writes them, and what they mean."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: str | int | list[int]

    def pads(self, x: Array) -> Pads:
        match self.padding:
            case "same":
                return ref.same_pads(x, self.kernel, self.stride, self.dilation)
            case "valid":
                return ref.NONE
            case int(p):
                return p, p, p, p
            case [h, w]:
                return h, w, h, w
            case [top, left, bottom, right]:
                return top, left, bottom, right
        raise AssertionError(self.padding)

    def arguments(self) -> dict[str, object]:
        given = {"stride": self.stride, "dilation": self.dilation}
        return {**{k: list(v) for k, v in given.items()}, "padding": self.padding}


def _window(draw: Draw, *, most: int | None = None) -> Window:
    """A window; pads are at most `most`, or below the kernel."""
    kernel, stride = draw(st.tuples(SIDES, SIDES)), draw(st.tuples(SIDES, SIDES))
    limits = [k - 1 if most is None else most for k in kernel]
    rows, columns = st.integers(0, limits[0]), st.integers(0, limits[1])
    padding = draw(
        st.one_of(
            st.sampled_from(["same", "valid"]), st.integers(0, min(limits)),
            st.tuples(rows, columns).map(list), st.tuples(rows, columns, rows, columns).map(list),
        )
    )  # fmt: skip
    dilation = draw(st.sampled_from([(1, 1), (2, 1), (2, 2)])) if most is not None else (1, 1)
    return Window(kernel, stride, dilation, padding)


def _conv(draw: Draw, chain: Chain) -> None:
    window, name = _window(draw, most=2), chain.name
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if chain.channels % g == 0]))
    out = groups * draw(st.integers(1, 2))
    layer = {"conv": out, "kernel": list(window.kernel), "groups": groups, "bias": False}
    chain.weights[f"{name}.weight"] = (out, chain.channels // groups, *window.kernel)
    chain.add(
        layer | window.arguments(),
        lambda x, w: ref.conv(
            x, w[f"{name}.weight"], stride=window.stride, pads=window.pads(x),
            dilation=window.dilation, groups=groups,
        ),
    )  # fmt: skip
    chain.channels = out


def _conv_transpose(draw: Draw, chain: Chain) -> None:
    kernel, stride = draw(st.tuples(SIDES, SIDES)), draw(st.tuples(SIDES, SIDES))
    cut, more = draw(st.integers(0, 2)), draw(st.tuples(*[st.integers(0, 2)] * 2))
    out, name = draw(st.integers(1, 3)), chain.name
    layer = {
        "conv_transpose": out, "kernel": list(kernel), "stride": list(stride), "padding": cut,
        "output_padding": list(more), "bias": False,
    }  # fmt: skip
    chain.weights[f"{name}.weight"] = (chain.channels, out, *kernel)
    chain.add(
        layer,
        lambda x, w: ref.conv_transpose(
            x, w[f"{name}.weight"], stride=stride, pads=(cut,) * 4, output_padding=more
        ),
    )
    chain.channels = out


def _pool(draw: Draw, chain: Chain) -> None:
    window, ceil = _window(draw), draw(st.booleans())
    layer = {"stride": list(window.stride), "padding": window.padding, "ceil": ceil}
    is_ceil = ceil and window.padding != "same"
    if draw(st.booleans()):
        chain.add(
            {"max_pool": list(window.kernel), **layer},
            lambda x, _: ref.max_pool(
                x, window.kernel, stride=window.stride, pads=window.pads(x), ceil=is_ceil
            ),
        )
        return
    counts = draw(st.booleans())
    chain.add(
        {"avg_pool": list(window.kernel), **layer, "include_pad": counts},
        lambda x, _: ref.avg_pool(
            x, window.kernel, stride=window.stride, pads=window.pads(x), ceil=is_ceil,
            include_pad=counts,
        ),
    )  # fmt: skip


def _pad(draw: Draw, chain: Chain) -> None:
    top, left, bottom, right = pads = draw(st.tuples(*[st.integers(0, 2)] * 4))
    mode, numpy_mode = draw(
        st.sampled_from([("zeros", "constant"), ("edge", "edge"), ("reflect", "reflect")])
    )
    around = ((0, 0), (0, 0), (top, bottom), (left, right))
    chain.add(
        {"pad": list(pads), "mode": mode},
        lambda x, _: np.asarray(np.pad(x, around, mode=numpy_mode)),
    )


def _slice(draw: Draw, chain: Chain) -> None:
    axis = draw(st.sampled_from([2, 3]))
    start, stop = draw(st.sampled_from([(1, None), (0, -1), (-2, None), (-3, -1), (0, 2)]))
    layer = {"slice": start, "axis": axis} | ({} if stop is None else {"stop": stop})
    chain.add(layer, lambda x, _: x[(slice(None),) * axis + (slice(start, stop),)])


def _upsample(draw: Draw, chain: Chain) -> None:
    if draw(st.booleans()):
        by = draw(st.tuples(SIDES, SIDES))
        chain.add(
            {"upsample": list(by)},
            lambda x, _: ref.nearest(x, (x.shape[2] * by[0], x.shape[3] * by[1])),
        )
        return
    is_aligned = draw(st.booleans())
    chain.add(
        {"upsample": {"like": "image"}, "mode": "bilinear", "align_corners": is_aligned},
        lambda x, w: ref.bilinear(
            x, (w["image"].shape[2], w["image"].shape[3]), align_corners=is_aligned
        ),
    )


def _pointwise(draw: Draw, chain: Chain) -> None:
    op = draw(st.sampled_from(PLAIN))
    chain.add(op, lambda x, _: ACTIVATIONS[op](x))


def _norm(draw: Draw, chain: Chain) -> None:
    op, axes = draw(st.sampled_from([("layer_norm", [1]), ("instance_norm", [2, 3])]))
    layer = {op: {"eps": 0.1, "affine": False}}
    chain.add(layer, lambda x, _: ref.standardised(x, axes, 0.1))


def _merge(draw: Draw, chain: Chain) -> None:
    axis, index = draw(st.sampled_from([("channels", 1), ("height", 2), ("width", 3)]))
    if draw(st.booleans()):
        chain.add(
            {"mul": [[], ["global_max_pool", "sigmoid"]]},
            lambda x, _: x * ref.sigmoid(x.max(axis=(2, 3), keepdims=True)),
        )
        return
    chain.add(
        {"concat": [["tanh"], []], "axis": axis},
        lambda x, _: np.concatenate([np.tanh(x), x], axis=index),
    )
    chain.channels *= 2 if index == 1 else 1


KINDS = (_conv, _conv_transpose, _pool, _pad, _slice, _upsample, _pointwise, _norm, _merge)


@st.composite
def chains(draw: Draw) -> Chain:
    """Up to six layers over an image of one to four channels."""
    channels = draw(st.integers(1, 4))
    chain = Chain(channels, channels)
    for add in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)):
        add(draw, chain)
    return chain
