"""Checkpoints with seeded weights, inputs, and the answers that any faithful build must give.

torch is imported when a function is called, so that this module can be imported without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.zoo.reference import answers as run
from tests.zoo.reference import reference_model
from tests.zoo.variants import VARIANTS

if TYPE_CHECKING:
    import torch

Answers: TypeAlias = dict[str, NDArray[np.float32]]

FAITHFUL = 1e-4
"""Of the largest answer: rounding stays below it, a wrong epsilon or padding rule well above."""

ERROR_MARGIN = 4.0
"""How often the reference's own rounding error another order of summation may make."""


def make_answers(
    variant: str,
    directory: Path,
    *,
    size: tuple[int, int] | None = None,
    batch: int = 2,
    seed: int = 0,
    side: bool = False,
    suffix: str = ".safetensors",
) -> tuple[Path, Path]:
    """The paths of a new checkpoint and of the answers to it, in a directory.

    The suffix is the checkpoint's; `write_answers` says what the files hold.
    """
    weights, answers = directory / f"{variant}.weights{suffix}", directory / f"{variant}.npz"
    write_answers(variant, weights, answers, size=size, batch=batch, seed=seed, side=side)
    return weights, answers


def write_answers(
    variant: str,
    weights: Path,
    answers: Path,
    *,
    size: tuple[int, int] | None = None,
    batch: int = 2,
    seed: int = 0,
    side: bool = False,
) -> Answers:
    """The answers of `compute_answers`, once they and the checkpoint are written.

    The checkpoint's suffix is `.safetensors`, `.pth` or `.pt`, that of the answers `.npz`.
    """
    model = reference_model(variant, seed)
    save_weights(model, weights)
    found = compute_answers(model, variant, size=size, batch=batch, seed=seed, side=side)
    np.savez(answers, **found)  # type: ignore[arg-type]  # numpy's stub confuses its flag with names
    return found


def compute_answers(
    model: torch.nn.Module,
    variant: str,
    *,
    size: tuple[int, int] | None = None,
    batch: int = 2,
    seed: int = 0,
    side: bool = False,
) -> Answers:
    """An input and what the model answers.

    `input` is float32 (N, C, H, W), `logits` float32 (N, classes), and if asked the side heads'
    answers stand under their names; `NAME_float64_error` is the largest difference between each
    answer and the same model's in float64.
    """
    import torch

    facts = VARIANTS[variant]
    shape = (batch, facts.channels, *(size or (facts.size, facts.size)))
    image = torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
    single = run(model, variant, image, side=side)
    double = run(model.double(), variant, image.double(), side=side)
    model.float()
    found: Answers = {"input": image.numpy()}
    for name, answer in single.items():
        found[name] = answer.numpy()
        error = (answer.double() - double[name]).abs().max().item()
        found[f"{name}_float64_error"] = np.array(error, np.float32)
    return found


def save_weights(model: torch.nn.Module, path: Path) -> None:
    """Writes the state dict, in the format that the path's suffix names.

    Raises:
        ValueError: the suffix names none.
    """
    import torch

    state = model.state_dict()
    match path.suffix:
        case ".safetensors":
            from safetensors.torch import save_file

            save_file({name: array.contiguous() for name, array in state.items()}, path)
        case ".pth" | ".pt":
            torch.save(state, path)
        case _:
            raise ValueError(f"no weight format has the suffix `{path.suffix}`")


def tolerance(answers: Mapping[str, NDArray[np.float32]], name: str = "logits") -> float:
    """The largest difference that rounding explains.

    It is 1e-4 of the largest answer, or four times what float32 costs the reference itself where
    that is more: a deep network amplifies the rounding of its first layers.
    """
    largest = float(np.abs(answers[name]).max())
    return max(FAITHFUL * largest, ERROR_MARGIN * float(answers[f"{name}_float64_error"]))


def assert_faithful(
    got: NDArray[np.float32],
    answers: Mapping[str, NDArray[np.float32]],
    name: str = "logits",
) -> None:
    """Passes where an answer is the reference's but for rounding, with the same top class."""
    wanted = answers[name]
    assert got.shape == wanted.shape
    difference, allowed = float(np.abs(got - wanted).max()), tolerance(answers, name)
    assert difference <= allowed, f"`{name}` differs by {difference:.3g}, above {allowed:.3g}"
    assert (got.argmax(axis=1) == wanted.argmax(axis=1)).all()
