"""Whole builds: against `cp` of the weights, against torch's and Keras's exporters; their memory.

Exporters are run as their users run them: imports, model, checkpoint, export. Of torch's two the
faster one counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, exact, of_processes
from benchmarks.ground import ARCHC, PYTHON, WAYS, Ground
from benchmarks.paired import run_once, run_pairs

AGAINST_COPY = (("vgg16", ("-O0",), 4.0), ("resnet50", ("-O1",), 10.0))
AGAINST_TORCH = (("vgg16", 0.15), ("resnet50", 0.10), ("mobilenet_v3_large", 0.08))
AGAINST_KERAS = (("keras/resnet50", "ResNet50"), ("keras/mobilenet_v2", "MobileNetV2"))
ALLOWED_MIB = 100.0
"""What a build may take beside twice the largest tensor."""


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    for name, words, at_most in AGAINST_COPY:
        weights = ground.weights(name)
        ours = ground.build_command(name, ground.folder / "a.onnx", *words)
        copy = ["cp", str(weights), str(ground.folder / "copy")]
        pairs = run_pairs(ours, copy, pairs=max(2 * ground.pairs, 5))
        yield of_processes(f"build {name} {' '.join(words)} / cp of its weights", pairs, at_most)
        yield memory(name, weights, max(sample.peak_mib for sample in pairs.ours))
    for name, at_most in AGAINST_TORCH:
        yield against_torch(ground, name, at_most)
    for name, constructor in AGAINST_KERAS:
        yield against_keras(ground, name, constructor)


def memory(name: str, weights: Path, peak_mib: float) -> Figure:
    """The peak of a build beside what it may take."""
    allowed = ALLOWED_MIB + 2 * largest_mib(weights)
    title = f"peak memory, build {name} / 100 MiB and twice the largest tensor"
    return Figure(title, f"{peak_mib:.0f} MiB", f"{allowed:.0f} MiB", exact(peak_mib / allowed), 1)


def largest_mib(weights: Path) -> float:
    """The MiB of the largest tensor of a safetensors file, by its header."""
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    return max(4 * math.prod(map(int, shape)) for shape in shapes) / 2**20


def against_torch(ground: Ground, name: str, at_most: float) -> Figure:
    """A build against the faster of torch's exporters."""
    target = ground.folder / "t.onnx"
    commands = {way: ground.export_command(name, way, target) for way in WAYS}
    ground.weights(name)
    seconds = {way: run_once(command).wall_seconds for way, command in commands.items()}
    way = min(WAYS, key=seconds.__getitem__)
    ours = ground.build_command(name, ground.folder / "a.onnx")
    run_once(ours)
    pairs = run_pairs(ours, commands[way], pairs=ground.pairs, warmup=0)
    other = max(WAYS, key=seconds.__getitem__)
    title = f"build {name} / torch.onnx.export ({way}, the faster; {other} {seconds[other]:.1f} s)"
    return of_processes(title, pairs, at_most)


def against_keras(ground: Ground, name: str, constructor: str) -> Figure:
    """A build from Keras's weights against Keras's own export."""
    weights = ground.folder / f"{constructor}.weights.h5"
    module = [PYTHON, "-m", "benchmarks.export_with_keras", constructor, str(weights)]
    if not weights.exists():
        run_once(module)
    target = ground.folder / "a.onnx"
    ours = [ARCHC, "build", name, "--weights", str(weights), "-o", str(target)]
    run_once(ours)
    theirs = [*module, str(ground.folder / "k.onnx")]
    pairs = run_pairs(ours, theirs, pairs=ground.pairs, warmup=0)
    return of_processes(f"build {name} / model.export of Keras", pairs)
