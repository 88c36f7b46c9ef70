"""Writes the zoo's tables of facts from the reference implementations.

    python tools/reference_tables.py [VARIANT …]

Each table in `tests/zoo/tables/` holds the names and shapes of the weights in the order of a
checkpoint, the parameter count, the multiply-accumulates of convolutions and dense layers at the
default size, and the default input. Nothing is computed and no weight is given memory. Needs
torch and torchvision.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from tests.zoo.reference import bare_model
from tests.zoo.variants import TABLES, VARIANTS


def count_macs(model: torch.nn.Module, shape: tuple[int, int, int]) -> int:
    """The multiply-accumulates of convolutions and dense layers for one sample (C, H, W)."""
    counts: list[int] = []

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        # A weight's rows each give one output channel, from as many products as they are long.
        counts.append(output[0].numel() * module.weight[0].numel())

    with ExitStack() as hooks, torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                hooks.callback(module.register_forward_hook(count).remove)
        model(torch.empty(1, *shape, device="meta"))
    return sum(counts)


def facts(name: str) -> dict[str, Any]:
    """The table of a variant, ready for JSON."""
    variant = VARIANTS[name]
    model = bare_model(name)
    heads = tuple(f"{prefix}." for _, prefix in variant.side_heads.values())
    shapes = {
        key: list(value.shape)
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    learned = {key: value.numel() for key, value in model.named_parameters()}
    shape = (variant.channels, variant.size, variant.size)
    found: dict[str, Any] = {
        "input": list(shape),
        "classes": variant.classes,
        "parameters": sum(n for key, n in learned.items() if not key.startswith(heads)),
        "macs": count_macs(model, shape),
        "weights": {key: s for key, s in shapes.items() if not key.startswith(heads)},
    }
    if heads:
        found["side_parameters"] = sum(n for key, n in learned.items() if key.startswith(heads))
        found["side_weights"] = {key: s for key, s in shapes.items() if key.startswith(heads)}
    return found


def as_text(found: dict[str, Any]) -> str:
    """The table as JSON with one weight a line."""
    lines = []
    for key, value in found.items():
        if isinstance(value, dict):
            rows = ",\n".join(f'    "{name}": {json.dumps(s)}' for name, s in value.items())
            lines.append(f'  "{key}": {{\n{rows}\n  }}')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Writes the tables of the named variants, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="left out: all")
    TABLES.mkdir(exist_ok=True)
    for name in parser.parse_args().variants or VARIANTS:
        found = facts(name)
        (TABLES / f"{name}.json").write_text(as_text(found), encoding="utf-8")
        print(f"{name}: {found['parameters']:,} parameters, {found['macs']:,} macs")


if __name__ == "__main__":
    main()
