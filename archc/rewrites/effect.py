"""What a rewrite did, and what it had to leave."""

from __future__ import annotations

from typing import NamedTuple

from archc.weights.fold_step import FoldStep


class Effect(NamedTuple):
    """One change: the layers that it was about, and what became of them.

    Attributes:
        layer: the layer that is changed or gone.
        text: what was done, or why it stays.
        is_left: whether it stays as it is.
        into: the layer that does its work now, where another one does.
        step: how it was folded into a kernel, where it was.
    """

    layer: str
    text: str
    is_left: bool = False
    into: str | None = None
    step: FoldStep | None = None
