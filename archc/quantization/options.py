"""The words of the options: in which precisions models are built, and how ranges are chosen."""

from __future__ import annotations

KINDS = ("fp32", "fp16", "int8")
"""The precisions that a model can have."""

RANGES = ("auto", "minmax", "percentile", "mse")
"""How ranges of eight bits are chosen: with the least noise, or by one of `ranges.METHODS`."""
