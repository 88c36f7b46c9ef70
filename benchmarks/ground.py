"""What the benchmarks stand on: commands, and files that several of them need, each made once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.paired import run_once

PYTHON = sys.executable
ARCHC = str(Path(PYTHON).with_name("archc"))

NETWORKS = ("lenet5", "alexnet", "vgg16", "resnet50", "googlenet", "inception_v3", "mobilenet_v2",
            "mobilenet_v3_large", "efficientnet_b0")  # fmt: skip
"""The nine whose latency is compared."""

Way = Literal["TorchScript", "dynamo"]
WAYS: tuple[Way, ...] = ("TorchScript", "dynamo")
"""The two exporters of torch: the older one, and the one that stands on torch.export."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder of files, and how long is measured.

    Attributes:
        folder: where files lie.
        pairs: how often a pair of whole processes is run.
        seconds: how long latencies are measured.
    """

    folder: Path
    pairs: int
    seconds: float

    def weights(self, name: str) -> Path:
        """A checkpoint of a network, with seeded weights."""
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            run_once([
                PYTHON, "-m", "tools.oracle", name, "--weights", str(path),
                "--answers", str(self.folder / "answers.npz"), "--batch", "1",
            ])  # fmt: skip
        return path

    def export_command(self, name: str, way: Way, target: Path) -> list[str]:
        """What a user of torch runs."""
        module = [PYTHON, "-m", "benchmarks.export_with_torch"]
        flags = ["--dynamo"] if way == "dynamo" else []
        return [*module, name, str(self.weights(name)), str(target), *flags]

    def exported(self, name: str, way: Way) -> Path:
        """What it writes, in one file."""
        path = self.folder / f"{name}.{way}.onnx"
        if not path.exists():
            run_once(self.export_command(name, way, path))
        return path

    def build_command(self, name: str, target: Path, *words: str) -> list[str]:
        """What a user of archc runs."""
        return [ARCHC, "build", name, "--weights", str(self.weights(name)), "-o", str(target),
                *words]  # fmt: skip

    def built(self, name: str, form: str = "", *words: str) -> Path:
        """What it writes; `form` tells models of the same network apart."""
        path = self.folder / f"{name}{form}.archc.onnx"
        if not path.exists():
            run_once(self.build_command(name, path, *words))
        return path

    def bench(
        self, models: Iterable[Path], against: Path, *, starts: int = 0, rounds: int | None = None
    ) -> Mapping[str, Any]:
        """The document of `archc bench`, at one thread."""
        command = [ARCHC, "bench", *map(str, models), "--vs", str(against), "--format", "json",
                   "--starts", str(starts), "--seconds", str(self.seconds)]  # fmt: skip
        if rounds is not None:
            command += ["--runs", str(rounds)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{ran.stderr[-2000:]}")
        found: Mapping[str, Any] = json.loads(ran.stdout)
        return found


def of_model(entries: Iterable[Mapping[str, Any]], model: Path) -> Mapping[str, Any]:
    """The entry of a model in a list of `archc bench`."""
    return next(entry for entry in entries if entry["model"] == str(model))
