"""Latency in float32 against the better of torch's exports, at one thread; and what onnxslim adds.

Which of the two exports is better is decided by the same runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, exact, geometric_mean, of_latency, quartiles_of
from benchmarks.ground import NETWORKS, PYTHON, Ground, of_model
from tests.zoo.variants import VARIANTS

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
    """The model of archc against the better export.

    torch's exports take one height and width alone, and so does archc's here; what the same model
    costs with open sizes stands beside it.
    """
    opened, ours = ground.built(name), fixed(ground, name)
    older, newer = ground.exported(name, "TorchScript"), ground.exported(name, "dynamo")
    models = list(dict.fromkeys([ours, opened, newer]))
    found = ground.bench(models, older)["latency"]
    between = quartiles_of(of_model(found, newer)["cpu_ratio"]).median
    best, way = (newer, "dynamo") if between < 1 else (older, "TorchScript")
    if best is newer:
        found = ground.bench([*models[:-1], older], newer)["latency"]
    title = f"latency, {name} / torch.onnx.export ({way}, the better)"
    figure = of_latency(title, of_model(found, ours), of_model(found, best), AT_MOST)
    if opened == ours:
        return figure
    open_sizes = of_model(found, opened)["cpu_ratio"]["median"]
    return replace(figure, further=f"{figure.further}; with open sizes {open_sizes:.3g}")


def fixed(ground: Ground, name: str) -> Path:
    """The model for the network's own height and width alone."""
    facts = VARIANTS[name]
    if facts.is_fixed_size:
        return ground.built(name)
    words = [word for axis in "HW" for word in ("--set", f"{axis}={facts.size}")]
    return ground.built(name, ".fixed", *words)


def against_slimmed(ground: Ground, name: str) -> Figure:
    """The model of archc against what onnxslim makes of torch's export."""
    slim = slimmed(ground, name)
    ours = fixed(ground, name)
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
