"""Handwritten digits from a spec to predictions: `make demo`, or `python examples/digits/demo.py`.

Validates the spec, builds the trained network, verifies it against torch's answers and recognises
a dozen held-out digits, each by the `archc` command that a user would type. It ends with the
accuracy over all held-out digits in ONNX Runtime, and fails where that is below 97 %.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
from archc.runtime.predict import predict
from archc.runtime.preprocess import Preprocess

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HELD_OUT = HERE / "held_out"
LEAST_ACCURACY = 0.97


def main() -> int:
    """Runs the demonstration; the exit status is 0 when every part succeeded."""
    model = Path("build") / "digits.onnx"
    (ROOT / model).parent.mkdir(exist_ok=True)
    folder = HERE.relative_to(ROOT)
    spec, weights = folder / "digits.yaml", folder / "lenet5_digits.safetensors"
    commands: list[list[str | Path]] = [
        ["validate", spec],
        ["summary", spec],
        ["build", spec, "--weights", weights, "-o", model],
        ["verify", model, "--against", folder / "answers.npz"],
        ["run", model, *(path.relative_to(ROOT) for path in a_dozen())],
    ]
    for command in commands:
        if archc(command) != 0:
            return 1
    return accuracy(ROOT / model)


def a_dozen() -> list[Path]:
    """The first held-out picture of each digit, and two more."""
    pictures = sorted(HELD_OUT.glob("*.png"))
    first = {path.name[0]: path for path in reversed(pictures)}
    return [*(first[digit] for digit in sorted(first)), *pictures[-2:]]


def archc(arguments: list[str | Path]) -> int:
    """Echoes one `archc` command and runs it from the top folder; its exit status."""
    line = [str(argument) for argument in arguments]
    print(f"\n$ archc {shlex.join(line)}", flush=True)
    # The command that belongs to this Python, whatever else is on the path.
    command = Path(sys.executable).parent / ("archc.exe" if os.name == "nt" else "archc")
    if not command.exists():
        print(f"there is no {command}: install archc first, `pip install -e .`")
        return 1
    status = subprocess.run([str(command), *line], cwd=ROOT, check=False).returncode
    if status != 0:
        print(f"archc ended with exit status {status}")
    return status


def accuracy(path: Path) -> int:
    """Prints the share of held-out digits that are recognised; 0 where it suffices, else 1."""
    reporter = Reporter()
    pictures = sorted(HELD_OUT.glob("*.png"))
    digits = recognise(path, pictures, reporter)
    if isinstance(digits, Failed):
        for found in reporter.diagnostics:
            print(f"{found.span.file}: {found.message}")
        return 1
    right = sum(
        int(picture.name[0]) == digit for picture, digit in zip(pictures, digits, strict=True)
    )
    share = right / len(pictures)
    print(f"\nheld-out digits right in ONNX Runtime: {right} of {len(pictures)}, {share:.2%}")
    return 0 if share >= LEAST_ACCURACY else 1


def recognise(path: Path, pictures: list[Path], reporter: Reporter) -> list[int] | Failed:
    """The digits that a model sees, prepared by the preprocessing that its file records."""
    model = open_model(path, reporter)
    if isinstance(model, Failed):
        return model
    steps, target = model.record.preprocess or Preprocess(), model.inputs[0]
    tensors = []
    for picture in pictures:
        tensor = to_tensor(picture, steps, target, reporter)
        if isinstance(tensor, Failed):
            return tensor
        tensors.append(tensor)
    outputs = predict(model, {target.name: np.stack(tensors)}, reporter)
    if isinstance(outputs, Failed):
        return outputs
    return [int(digit) for digit in outputs["logits"].argmax(axis=1)]


if __name__ == "__main__":
    sys.exit(main())
