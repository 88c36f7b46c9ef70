"""Latency in eight bits against float32 of the same build, at one thread; and the stock quantiser.

Samples are noise, since only the time counts; what eight bits do to answers is measured by
`python -m benchmarks eight_bits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, of_latency
from benchmarks.ground import PYTHON, Ground, of_model
from benchmarks.paired import run_once
from tests.zoo.variants import VARIANTS

NETWORKS = (("resnet50", 0.33), ("alexnet", 0.30), ("mobilenet_v2", 0.60),
            ("mobilenet_v3_large", 0.88), ("efficientnet_b0", 0.86))  # fmt: skip
SAMPLES = 8


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    for name, at_most in NETWORKS:
        samples = noise(ground, name)
        exact = ground.built(name)
        words = ("--precision", "int8", "--calibrate", str(samples))
        rounded = ground.built(name, ".int8", *words)
        portable = ground.built(name, ".portable", *words, "--portable")
        ways = {"stock": "default", "stock u8s8": "u8s8"}
        stock = {word: quantized(ground, name, way) for word, way in ways.items()}
        found = ground.bench([rounded, portable, *stock.values()], exact)["latency"]
        ours, base = of_model(found, rounded), of_model(found, exact)
        others = ", ".join(
            f"{way} {of_model(found, path)['cpu_ratio']['median']:.3g}"
            for way, path in {"portable": portable, **stock}.items()
        )
        figure = of_latency(f"latency, {name} int8 / float32", ours, base, at_most)
        yield Figure(
            figure.name, figure.ours, figure.theirs, figure.ratio, at_most,
            f"{figure.further}; {others}",
        )  # fmt: skip


def noise(ground: Ground, name: str) -> Path:
    """Samples of noise, under the name of the network's input."""
    facts = VARIANTS[name]
    path = ground.folder / f"{name}.npz"
    shape = (SAMPLES, facts.channels, facts.size, facts.size)
    samples = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.savez(path, image=samples)
    return path


def quantized(ground: Ground, name: str, way: str) -> Path:
    """What the stock quantiser makes of archc's float model."""
    target = ground.folder / f"{name}.stock-{way}.onnx"
    if not target.exists():
        samples = ground.folder / f"{name}.npz"
        module = [PYTHON, "-m", "benchmarks.quantize_with_stock"]
        run_once([*module, str(ground.built(name)), str(samples), str(target), way])
    return target
