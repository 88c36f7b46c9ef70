"""Rewrites: a model to a model that gives the same and does less, for inference.

Input: a `ModelDef` as it was lowered, one to one with its spec. Output: a `ModelDef`. Afterwards:
the same inputs and outputs, equal to float rounding; what is folded is a recipe in place of a
weight, and nothing has been read; a node that does the work of several layers is named `a+b`, after
the layer of its kernel first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from archc.onnx_io.model import ModelDef
from archc.rewrites.combine import combine
from archc.rewrites.drop_repeats import drop_repeats
from archc.rewrites.effect import Effect
from archc.rewrites.fold_after import fold_after
from archc.rewrites.fold_before import fold_before
from archc.rewrites.left import left
from archc.rewrites.merge_pads import merge_pads
from archc.rewrites.operators import Operators
from archc.rewrites.reshape_weights import reshape_weights
from archc.weights.fold_step import FoldStep

__all__ = ["REWRITES", "Effect", "Rewrite", "Rewritten", "rewrite"]

Apply: TypeAlias = Callable[[Operators], Iterator[Effect]]


class Rewrite(NamedTuple):
    """A rewrite: its name, what it does in a line, and the function that does it."""

    name: str
    summary: str
    apply: Apply


REWRITES = (
    Rewrite("reshape-weights", "weights in the shape in which they are used", reshape_weights),
    Rewrite("fold-after", "norms, scales and shifts into the kernel before them", fold_after),
    Rewrite("fold-before", "norms, scales and shifts into the kernel after them", fold_before),
    Rewrite("combine", "products with fixed numbers into one, and sums", combine),
    Rewrite("merge-pads", "pads of zeros into the convolution after them", merge_pads),
    Rewrite("drop-repeats", "operators that change nothing behind another", drop_repeats),
)
"""In the order in which they run."""


class Rewritten(NamedTuple):
    """A model after the rewrites, and what each has done.

    Attributes:
        model: the model.
        effects: for each rewrite by its name, its effects in the order in which they came.
        left: why each norm, scale or shift stays that is left, by its layer.
    """

    model: ModelDef
    effects: Mapping[str, tuple[Effect, ...]]
    left: Mapping[str, str]

    @property
    def steps(self) -> tuple[FoldStep, ...]:
        """How weights were folded into others, in the order in which that was done."""
        effects = (effect for found in self.effects.values() for effect in found)
        return tuple(effect.step for effect in effects if effect.step is not None)


def rewrite(
    model: ModelDef, keep: Collection[str] = (), rewrites: Sequence[Rewrite] = REWRITES
) -> Rewritten:
    """The model with fewer operators.

    Args:
        model: a model that archc has lowered.
        keep: names of values that are wanted beside the outputs.
        rewrites: what is done, in this order.
    """
    operators = Operators(model, keep)
    effects = {r.name: tuple(r.apply(operators)) for r in rewrites}
    return Rewritten(operators.finish(), effects, left(operators))
