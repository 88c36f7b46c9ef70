"""Session start with external data against torch's export in one file, each in fresh processes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure, quartiles_of
from benchmarks.ground import Ground, of_model

NETWORKS = (("vgg16", 0.40), ("resnet50", 0.75), ("mobilenet_v3_large", 0.72))


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    for name, at_most in NETWORKS:
        ours = ground.built(name, ".external", "--external-data")
        theirs = ground.exported(name, "TorchScript")
        starts = max(3 * ground.pairs, 7)
        found = ground.bench([ours], theirs, starts=starts, rounds=1)["start"]
        us, them = of_model(found, ours), of_model(found, theirs)
        first, memory = quartiles_of(us["first_run_ratio"]), quartiles_of(us["peak_ratio"])
        yield Figure(
            f"session start, {name} with external data / torch.onnx.export (TorchScript)",
            f"{1000 * us['start_seconds']['median']:.0f} ms",
            f"{1000 * them['start_seconds']['median']:.0f} ms",
            quartiles_of(us["start_ratio"]),
            at_most,
            f"first run {first.median:.3g}, memory {memory.median:.3g}",
        )
