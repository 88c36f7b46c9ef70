"""Windows that slide over an image: what convolutions and pools have in common.

Sizes follow TYPES of the language, one `Window` along height and one along width. In ONNX the pads
are written as numbers wherever they do not depend on the input, else as `auto_pad`, and where ONNX
Runtime's `auto_pad` fails (dilated windows, strides beyond the kernel) as a `Pad` whose pads are
computed in the graph.
"""

from collections.abc import Sequence
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed
from archc.graph.emitter import Attribute, Emitter, Tensor
from archc.graph.layer import Check, Reach
from archc.layers.arguments import IntPair, Padding, pair, sides
from archc.shapes.domain import Domains
from archc.shapes.size import Size, add
from archc.shapes.tensor_type import CHANNELS, HEIGHT, WIDTH, Axis, DType, TensorType
from archc.shapes.window import Window

WINDOW_TOO_LARGE = Rule(
    "layer/window-too-large",
    "a kernel is larger than its padded input",
    "A window must lie within the padded input at least once, else nothing comes out.",
)

Windows = tuple[Window, Window]
"""The window along height and the one along width."""


def windows(
    kernel: IntPair,
    stride: IntPair = 1,
    padding: Padding = 0,
    dilation: IntPair = 1,
    *,
    ceil: bool = False,
) -> Windows:
    """The windows along height and width that these arguments mean.

    `same` has no ceiling mode of its own: its output is a ceiling already.
    """
    (k_h, k_w), (s_h, s_w), (d_h, d_w) = pair(kernel), pair(stride), pair(dilation)
    pads = sides(padding)
    if pads is None:
        return Window(k_h, s_h, d_h, same=True), Window(k_w, s_w, d_w, same=True)
    return (
        Window(k_h, s_h, d_h, pads.top, pads.bottom, ceil=ceil),
        Window(k_w, s_w, d_w, pads.left, pads.right, ceil=ceil),
    )


def spatial(x: TensorType) -> tuple[Size, Size]:
    """Height and width of an image."""
    return x.axes[1].size, x.axes[2].size


def slid(over: Windows, x: TensorType, channels: int) -> TensorType:
    """The image with this many channels and a position for each window."""
    height, width = (window.output(n) for window, n in zip(over, spatial(x), strict=True))
    return x.with_axes((Axis(CHANNELS, channels), Axis(HEIGHT, height), Axis(WIDTH, width)))


def reach_of(over: Windows) -> Reach:
    """How the windows extend the receptive field."""
    return Reach((over[0].extent, over[1].extent), (over[0].stride, over[1].stride))


def needs_fit(over: Windows, x: TensorType, check: Check, *, at: str = "kernel") -> Failed | None:
    """Demands that a window lies within the padded input; with a ceiling, that something comes out.

    Reports: layer/window-too-large.
    """
    failed = None
    for window, n, lines in zip(over, spatial(x), ("rows", "columns"), strict=True):
        failed = _fits(window, n, lines, check, at) or failed
    return failed


def _fits(window: Window, n: Size, lines: str, check: Check, at: str) -> Failed | None:
    demands = _demands(window, n)
    if all(check.holds(size, least) for size, least in demands):
        return None
    covers = f"the window covers {window.extent} {lines}"
    if window.dilation > 1 and window.kernel > 1:
        covers += f" ({window.dilation}·({window.kernel} − 1) + 1)"
    has = f"the input has {n}"
    if window.before or window.after:
        padded = add(n, window.before + window.after)
        has = f"the padded input has {padded} ({n} + {window.before} + {window.after})"
    message = f"{covers}, but {has}" + (f", so no {lines} come out" if window.ceil else "")
    is_reckoned = isinstance(n, int) and not (window.same or window.ceil)
    notes = [f"{lines}: {window.arithmetic(n)}"] if is_reckoned else []
    for size, least in demands:
        helps = [] if size is n and least == 1 else ["take a smaller kernel, or more padding"]
        failed = check.at_least(
            size, least, WINDOW_TOO_LARGE, message, at=at, notes=notes, helps=helps
        )
        if failed is not None:
            return failed
    return None


def _demands(window: Window, n: Size) -> list[tuple[Size, int]]:
    """The sizes that must be so large for something to come out of n."""
    if window.same:
        return [(n, 1)]
    if window.ceil:
        return [(n, 1), (window.output(n), 1)]
    return [(add(n, window.before + window.after), window.extent)]


def known_pads(over: Windows, x: TensorType, domains: Domains) -> list[int] | None:
    """The pads (top, left, bottom, right), or None where they depend on the input's size."""
    ends = []
    for window, n in zip(over, spatial(x), strict=True):
        end = (window.before, window.after)
        if window.same:
            pads = window.same_pads(n, domains)
            if pads is None:
                return None
            end = pads
        ends.append(end)
    (top, bottom), (left, right) = ends
    return [top, left, bottom, right]


def in_floor_mode(over: Windows) -> Windows:
    """The same windows without a ceiling: its last window becomes padding at the end."""
    height, width = over
    return height.floor_mode(), width.floor_mode()


def window_attributes(over: Windows) -> dict[str, Attribute | None]:
    """The attributes `kernel_shape`, `strides` and `dilations` of ONNX, defaults left out."""
    strides = [window.stride for window in over]
    dilations = [window.dilation for window in over]
    return {
        "kernel_shape": [window.kernel for window in over],
        "strides": strides if strides != [1, 1] else None,
        "dilations": dilations if dilations != [1, 1] else None,
    }


class Padded(NamedTuple):
    """An image that is ready for a window operator.

    Attributes:
        tensor: the image, padded already where that took a node of its own.
        attributes: `pads` or `auto_pad` for the operator.
        pads: the int64 vector of pads [8] of that node, None where there is none.
    """

    tensor: Tensor
    attributes: dict[str, Attribute | None]
    pads: Tensor | None = None


def padded(
    emit: Emitter,
    image: Tensor,
    x: TensorType,
    over: Windows,
    *,
    fill: float = 0.0,
    is_pool: bool = False,
) -> Padded:
    """The image with its pads for a window operator that takes what lies outside as `fill`.

    The pads that ONNX Runtime's pools have of their own must be below the kernel; the windows must
    be in floor mode.
    """
    pads = known_pads(over, x, emit.domains)
    if pads is None and all(_takes_auto_pad(window) for window in over):
        return Padded(image, {"auto_pad": "SAME_UPPER"})
    if pads is None:
        vector = _same_pads_vector(emit, x, over)
    else:
        height, width = over[0].kernel, over[1].kernel
        kernels = (height, width, height, width)
        if not is_pool or all(p < k for p, k in zip(pads, kernels, strict=True)):
            return Padded(image, {"pads": pads if any(pads) else None})
        vector = pads_vector(emit, pads)
    return Padded(pad(emit, image, x, vector, fill), {}, vector)


def _takes_auto_pad(window: Window) -> bool:
    """Whether ONNX Runtime's `SAME_UPPER` is right: undilated, and never a padding below 0."""
    return window.dilation == 1 and window.kernel >= window.stride


def pads_vector(emit: Emitter, pads: Sequence[int]) -> Tensor:
    """The pads [8] of ONNX `Pad` for (top, left, bottom, right)."""
    top, left, bottom, right = pads
    return emit.constant([0, 0, top, left, 0, 0, bottom, right], DType.INT64)


def pad(emit: Emitter, image: Tensor, x: TensorType, pads: Tensor, fill: float) -> Tensor:
    """The image with a border of `fill`; the pads [8] are ONNX's, the starts of all axes first."""
    return emit.node("Pad", [image, pads, emit.constant(fill, x.dtype)])


def _same_pads_vector(emit: Emitter, x: TensorType, over: Windows) -> Tensor:
    """The pads [8] that `same` means, from the sizes that the input has when the model runs."""
    totals = emit.shape([window.same_total(n) for window, n in zip(over, spatial(x), strict=True)])
    if any(window.extent < window.stride for window in over):
        totals = emit.node("Max", [totals, emit.constant([0, 0], DType.INT64)])
    before = emit.node("Div", [totals, emit.constant(2, DType.INT64)])
    after = emit.node("Sub", [totals, before])
    none = emit.constant([0, 0], DType.INT64)
    return emit.node("Concat", [none, before, none, after], axis=0)
