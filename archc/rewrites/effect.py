"""What a rewrite did."""

from __future__ import annotations

from typing import NamedTuple

from archc.weights.fold_step import FoldStep


class Effect(NamedTuple):
    """One change: the layers that it was about, and what became of them.

    Attributes:
        layer: the layer that is changed or gone.
        text: what was done.
        step: how it was folded into a kernel, where it was.
    """

    layer: str
    text: str
    step: FoldStep | None = None
