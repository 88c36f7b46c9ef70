"""What the caller decides where a checkpoint is not the network's own: the policies of a build.

Without a policy every weight is that of the checkpoint. Each policy is said by the caller, told in
the notes of the build, and recorded in the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DRAW = "init"
"""Draw the weights from the seed."""

DROP = "drop"
"""Leave the last layers out."""

FIRST = "slice"
"""Take the first classes."""

HEADS = (DRAW, DROP, FIRST)
"""What becomes of last layers with another number of classes."""

STEMS = ("sum", "repeat", DRAW)
"""What becomes of first convolutions with another number of input channels."""


@dataclass(frozen=True, slots=True)
class WeightPolicies:
    """How a checkpoint that does not fit as it is becomes the weights of a network.

    Attributes:
        head: where the last layers give another number of classes than in the checkpoint, or are
            not in it: `init` draws them from the seed, `drop` leaves them out, so that features
            come out, `slice` takes the first classes.
        stem: where the first convolutions take another number of channels: `sum` adds the kernels
            up to a single channel, `repeat` repeats them, scaled, `init` draws them.
        prefix: taken off the keys that have it, before the rules of the spec.
        ema: whether the averaged copy of the weights is taken, which the checkpoint has beside
            the plain ones or in their place.
        allow_missing: patterns of weights' names; those not in the checkpoint are drawn.
        ignore: patterns of names in the checkpoint, as the spec's rules give them, to leave out.
        match: where names differ: `exact` takes keys that are names of weights, `rules` those that
            the spec's rules make so, `auto` what structure tells of the others as well.
        mapping: a mapping file that says which key is which weight, in place of all that.
        by_order: for `auto`: what structure leaves open stands in the file as in the network.
    """

    head: str | None = None
    stem: str | None = None
    prefix: str = ""
    ema: bool = False
    allow_missing: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    match: str = "rules"
    mapping: Path | None = None
    by_order: bool = False

    def __post_init__(self) -> None:
        """Takes a single pattern for a list of one."""
        for option in ("allow_missing", "ignore"):
            given = getattr(self, option)
            patterns = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, option, patterns)


AS_IT_IS = WeightPolicies()
"""The checkpoint as it is."""
