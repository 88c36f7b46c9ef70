"""Writes a checkpoint with seeded weights of a zoo variant, and the reference's answers to it.

    python tools/oracle.py resnet50 --weights resnet50.safetensors --answers resnet50.npz
    python tools/oracle.py resnet50 --weights resnet50.pth --answers resnet50.npz --size 160 192

The answers hold `input` (N, C, H, W), `logits` (N, classes), and for each answer the largest
difference between the reference in float32 and in float64, as `logits_float64_error`; with
`--side`, the side heads' answers stand beside them under their names. Needs torch and torchvision.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.zoo.oracle_answers import write_answers
from tests.zoo.variants import VARIANTS


def main() -> None:
    """Writes both files and prints what they hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("variant", choices=VARIANTS, metavar="VARIANT")
    parser.add_argument("--weights", type=Path, required=True, help=".safetensors, .pth or .pt")
    parser.add_argument("--answers", type=Path, required=True, help=".npz")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="default: its own")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", action="store_true", help="the side heads' answers as well")
    chosen = parser.parse_args()
    size = tuple(chosen.size) if chosen.size else None

    answers = write_answers(
        chosen.variant, chosen.weights, chosen.answers,
        size=size, batch=chosen.batch, seed=chosen.seed, side=chosen.side,
    )  # fmt: skip
    for name, array in answers.items():
        shown = f"{array.shape}, spread {array.std():.3g}" if array.ndim else f"{array:.3g}"
        print(f"{name}: {shown}")


if __name__ == "__main__":
    main()
