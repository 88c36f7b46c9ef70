"""Window arithmetic: the sizes and pads of convolutions and pools along one axis.

Sizes are floor((n + p + p' − d(k − 1) − 1) / s) + 1, as in ONNX Conv and MaxPool; `same` is as in
Keras; in ceiling mode a last window that would start beyond the input and its leading padding is
dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from archc.shapes.domain import Bound, Domain, Domains, is_fixed, lower_bound
from archc.shapes.size import Size, add, ceil_div, floor_div, scale, subtract


@dataclass(frozen=True, slots=True)
class Window:
    """A window along one axis: kernel, stride, dilation and the pads before and after.

    `same` says that the pads follow from the input's size; then `before` and `after` are 0.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    same: bool = False
    ceil: bool = False

    @property
    def extent(self) -> int:
        """The stretch of input that one window covers: d(k − 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def output(self, n: Size) -> Size:
        """The size that comes out of n."""
        if self.same:
            return ceil_div(n, self.stride)
        return floor_div(add(n, self._offset), self.stride)

    def arithmetic(self, n: Size) -> str:
        """How the size that comes out of n is reckoned: `floor((5 + 2·0 − 7) / 1) + 1 = −1`."""
        out = str(self.output(n)).replace("-", "−")
        if self.same:
            return f"ceil({n} / {self.stride}) = {out}"
        pads = f"{self.before} + {self.after}"
        if self.before == self.after:
            pads = f"2·{self.before}"
        rounded = "ceil" if self.ceil else "floor"
        return f"{rounded}(({n} + {pads} − {self.extent}) / {self.stride}) + 1 = {out}"

    @property
    def _offset(self) -> int:
        """The e in floor((n + e) / s)."""
        pads = self.before + self.after
        if not self.ceil:
            return pads - self.extent + self.stride
        return min(pads - self.extent - 1 + 2 * self.stride, self.before - 1 + self.stride)

    def floor_mode(self) -> Window:
        """The same windows in floor mode: a ceiling's last window becomes padding at the end.

        This holds for every input size, since the ceiling's clamp does not depend on it.
        """
        if not self.ceil:
            return self
        after = self._offset - self.before + self.extent - self.stride
        return Window(self.kernel, self.stride, self.dilation, self.before, after)

    def same_pads(self, n: Size, domains: Domains) -> tuple[int, int] | None:
        """The pads before and after that `same` means at n, if they do not depend on the input."""
        total = self.same_total(n)
        fixed = 0 if _is_never_positive(total, domains) else is_fixed(total, domains)
        return None if fixed is None else (fixed // 2, fixed - fixed // 2)

    def same_total(self, n: Size) -> Size:
        """The padding in all that `same` means at n, none where it is negative.

        It is (m − 1)·s + d(k − 1) + 1 − n for an output of m.
        """
        return subtract(add(scale(self.output(n), self.stride), self.extent - self.stride), n)

    def transposed_output(self, n: Size, output_padding: int) -> Size:
        """The size that a transposed convolution makes of n: (n − 1)·s − p − p' + extent + op."""
        if self.same:
            return scale(n, self.stride)
        grow = self.extent - self.stride - self.before - self.after + output_padding
        return add(scale(n, self.stride), grow)


def _is_never_positive(size: Size, domains: Domains) -> bool:
    negative = scale(size, -1)
    if isinstance(negative, int):
        return negative >= 0
    if len(negative.symbols) > 1:
        return False
    bound = lower_bound(negative, 0, domains)
    return isinstance(bound, Bound) and bound.least <= domains.get(bound.symbol, Domain()).first
