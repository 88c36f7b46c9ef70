"""Latency in float32 against the better of torch's exports, at one thread; and what onnxslim adds.

Which of the two exports is better is decided by the same runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, exact, geometric_mean, of_latency, quartiles_of
from benchmarks.ground import NETWORKS, PYTHON, Ground, of_model

AT_MOST, MEAN_AT_MOST = 1.03, 1.01
SLIMMED = ("resnet50", "mobilenet_v3_large", "efficientnet_b0")


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    ratios: list[float] = []
    for name in NETWORKS:
        figure = against_exports(ground, name)
        ratios.append(figure.ratio.median)
        yield figure
    mean = geometric_mean(ratios)
    yield Figure("latency, geometric mean of these", "", "", exact(mean), MEAN_AT_MOST)
    for name in SLIMMED:
        yield against_slimmed(ground, name)


def against_exports(ground: Ground, name: str) -> Figure:
    """The model of archc against the better export."""
    ours = ground.built(name)
    older, newer = ground.exported(name, "TorchScript"), ground.exported(name, "dynamo")
    found = ground.bench([ours, newer], older)["latency"]
    between = quartiles_of(of_model(found, newer)["cpu_ratio"]).median
    best, way = (newer, "dynamo") if between < 1 else (older, "TorchScript")
    if best is newer:
        found = ground.bench([ours, older], newer)["latency"]
    title = f"latency, {name} / torch.onnx.export ({way}, the better)"
    return of_latency(title, of_model(found, ours), of_model(found, best), AT_MOST)


def against_slimmed(ground: Ground, name: str) -> Figure:
    """The model of archc against what onnxslim makes of torch's export."""
    slim = slimmed(ground, name)
    ours = ground.built(name)
    found = ground.bench([ours], slim)["latency"]
    title = f"latency, {name} / onnxslim of torch.onnx.export (dynamo)"
    return of_latency(title, of_model(found, ours), of_model(found, slim))


def slimmed(ground: Ground, name: str) -> Path:
    """What onnxslim makes of torch's newer export."""
    target = ground.folder / f"{name}.slim.onnx"
    source = ground.exported(name, "dynamo")
    if not target.exists():
        command = [PYTHON, "-m", "onnxslim", str(source), str(target)]
        subprocess.run(command, capture_output=True, check=True)
    return target
