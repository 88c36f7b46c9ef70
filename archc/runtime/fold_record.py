"""How weights were folded, as it is written into a model: few bytes for what is usual.

The text is JSON, a list. Norms that follow their kernels, under the names that go without saying,
stand together: `{"norm": epsilon, "bias": whether there was one before, "layers": [[into, layer,
channels], …]}`, a layer of the same scope by `.name`. Anything else is a list of all that
`FoldStep` has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from pydantic import BaseModel, ConfigDict, TypeAdapter

from archc.weights.fold_step import FoldStep

_STATISTICS = ("weight", "bias", "running_mean", "running_var")


class _Norms(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    norm: float
    bias: bool = False
    layers: tuple[tuple[str, str, int], ...]

    def steps(self) -> Iterator[FoldStep]:
        for into, written, channels in self.layers:
            layer = f"{_scope(into)}{written}" if written.startswith(".") else written
            yield _usual(into, layer, channels, self.norm, has_bias=self.bias)


RECORD: TypeAdapter[tuple[_Norms | FoldStep, ...]] = TypeAdapter(tuple[_Norms | FoldStep, ...])
"""What the text holds."""


def steps_of(record: Sequence[_Norms | FoldStep]) -> tuple[FoldStep, ...]:
    """The steps of what was read."""
    found: list[FoldStep] = []
    for entry in record:
        found += entry.steps() if isinstance(entry, _Norms) else (entry,)
    return tuple(found)


def format_steps(steps: Sequence[FoldStep]) -> str | None:
    """The text for some steps; none for none."""
    if not steps:
        return None
    entries: list[object] = []
    for key, group in groupby(steps, _key):
        if key is None:
            entries += group
            continue
        epsilon, has_bias = key
        entry: dict[str, object] = {"norm": epsilon, **({"bias": True} if has_bias else {})}
        entries.append({**entry, "layers": [(s.into, _written(s), s.channels) for s in group]})
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def _scope(layer: str) -> str:
    return layer.rpartition(".")[0]


def _written(step: FoldStep) -> str:
    """The layer's name, without the scope that it shares with the one it went into."""
    scope = _scope(step.into)
    return step.layer[len(scope) :] if scope and scope == _scope(step.layer) else step.layer


def _key(step: FoldStep) -> tuple[float, bool] | None:
    """What usual steps have in common that stand together; None for an unusual one."""
    usual = _usual(step.into, step.layer, step.channels, step.epsilon, has_bias=step.has_bias)
    return (step.epsilon, step.has_bias) if step == usual else None


def _usual(into: str, layer: str, channels: int, epsilon: float, *, has_bias: bool) -> FoldStep:
    return FoldStep(
        into, layer, f"{into}.weight", f"{into}.bias", has_bias, is_before=False, kind="norm",
        numbers=tuple(f"{layer}.{name}" for name in _STATISTICS),
        channels=channels, epsilon=epsilon,
    )  # fmt: skip
