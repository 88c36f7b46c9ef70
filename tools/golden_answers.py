"""Writes the golden answers of small variants from the reference implementations.

    python tools/golden_answers.py [VARIANT …]

Weights and inputs are drawn by `tests/zoo/recipe.py`, so a golden file in `tests/zoo/golden/` holds
nothing but the input's shape and the logits, computed in float64. Needs torch and torchvision.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from tests.zoo.recipe import draw_input, draw_weights
from tests.zoo.reference import empty_model
from tests.zoo.variants import GOLDEN, GOLDEN_CLASSES, VARIANTS

BATCH = 2
SANE = (0.01, 100.0)


def golden_logits(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The reference's logits (N, classes) in float64 for the recipe's weights and input."""
    model = empty_model(name, GOLDEN_CLASSES)
    shapes = {
        key: tuple(value.shape)
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    state = {key: torch.from_numpy(array) for key, array in draw_weights(shapes).items()}
    model.load_state_dict(state, strict=False)
    with torch.no_grad():
        return model.double()(torch.from_numpy(draw_input(shape)).double())


def golden_text(name: str) -> str:
    """The golden file of a variant.

    Raises:
        ValueError: the logits' spread is so small or large that a mistake could hide.
    """
    shape = (BATCH, VARIANTS[name].channels, *GOLDEN[name])
    logits = golden_logits(name, shape)
    if not SANE[0] < logits.std().item() < SANE[1]:
        raise ValueError(f"{name}: the logits' spread is {logits.std().item():.3g}")
    rows = ",\n".join(f"    [{', '.join(f'{x:.9g}' for x in row)}]" for row in logits.tolist())
    return f'{{\n  "input": {json.dumps(shape)},\n  "logits": [\n{rows}\n  ]\n}}\n'


def main() -> None:
    """Writes the golden files of the named variants, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="left out: all")
    folder = Path(__file__).resolve().parents[1] / "tests" / "zoo" / "golden"
    folder.mkdir(exist_ok=True)
    for name in parser.parse_args().variants or GOLDEN:
        (folder / f"{name}.json").write_text(golden_text(name), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
