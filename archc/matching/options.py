"""How a checkpoint is matched with a network: by names, by rules, by structure, by a mapping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["exact", "rules", "auto"]
MODES: tuple[Mode, ...] = ("exact", "rules", "auto")


@dataclass(frozen=True, slots=True)
class Matching:
    """What the caller says of names that differ.

    Attributes:
        mode: `exact` for keys that are the names of weights, `rules` for those that the spec's
            rules make so, `auto` for what structure tells of the others as well.
        mapping: a mapping file, which is used in place of all that.
        is_by_order: for `auto`: what structure leaves open stands in the file as in the network.
    """

    mode: Mode = "rules"
    mapping: Path | None = None
    is_by_order: bool = False


BY_RULES = Matching()
"""By the spec's rules, as without a word of the caller."""


def as_matching(mode: str, mapping: Path | None = None, *, is_by_order: bool = False) -> Matching:
    """What the words of a caller say; a mode is one of `MODES`."""
    chosen = next(known for known in MODES if known == mode)
    return Matching(chosen, mapping, is_by_order)
