"""Bytes beyond the weights: what a model's file has beside the elements of its tensors.

The names of classes, which the files of torch's older exporter do not have, are left aside; all
else that archc's files say of themselves counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.encode import encode_properties
from archc.onnx_io.model_file import open_model_file
from benchmarks.figures import Figure, exact
from benchmarks.ground import NETWORKS, Ground

LABELS = "archc.labels"


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    for name in NETWORKS:
        ours, names = beyond(ground.built(name))
        theirs, _ = beyond(ground.exported(name, "TorchScript"))
        plain = ours - names
        title = f"bytes beyond the weights, {name} / torch.onnx.export (TorchScript)"
        further = f"with the names of classes {ours / theirs:.3g}"
        yield Figure(title, f"{plain:,} B", f"{theirs:,} B", exact(plain / theirs), 1, further)


def beyond(path: Path) -> tuple[int, int]:
    """The bytes of a file without its tensors' elements, and those of the names of classes."""
    opened = open_model_file(path, Reporter())
    assert not isinstance(opened, Failed), path
    with opened:
        model = opened.model
        elements = sum(initializer.length_bytes for initializer in model.initializers)
        labels = {key: text for key, text in model.metadata.items() if key == LABELS}
        return path.stat().st_size - elements, len(encode_properties(labels))
