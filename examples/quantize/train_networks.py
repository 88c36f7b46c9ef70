"""Trains three small networks of the zoo on scikit-learn's handwritten digits.

    python examples/quantize/train_networks.py

Needs torch, scikit-learn and safetensors; takes some minutes on one CPU core. The 360 digits of
the first fold are never seen in training. The seed is fixed.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from digit_folds import folds, prepared
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from trainable import Trainable

HERE = Path(__file__).parent
EPOCHS = {"resnet18": 14, "mobilenet_v2": 14, "mobilenet_v3": 28}
"""Of each network; hard swish with gates learns slowest."""

NETWORKS = tuple(EPOCHS)

BATCH = 64
LEARNING_RATE = 6e-3


def spec_of(network: str) -> Path:
    """The file of a network's spec."""
    return HERE / f"{network}_digits.yaml"


def main(networks: list[str]) -> None:
    """Trains each, prints the accuracy on the digits of the first fold, and writes the weights."""
    for network in networks or NETWORKS:
        images, labels = prepared(spec_of(network))
        known, tested = folds(labels)[0]
        model = trained(network, images[known], labels[known])
        right = count_right(model, images[tested], labels[tested])
        print(f"{network}: {right} of {len(tested)} unseen right, {right / len(tested):.2%}")
        save_file(model.weights(), HERE / f"{network}_digits.safetensors")


def trained(
    network: str, images: NDArray[np.float32], labels: NDArray[np.int64], seed: int = 0
) -> Trainable:
    """A network fitted by AdamW with a rate that rises, then falls to zero along a cosine."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = Trainable(spec_of(network))
    inputs, wanted = torch.from_numpy(images), torch.from_numpy(labels)
    steps = EPOCHS[network] * (len(inputs) // BATCH)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=0.02, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS[network]):
        order = torch.randperm(len(inputs))[: len(inputs) // BATCH * BATCH]
        for batch in order.split(BATCH):
            logits = model(jitter(inputs[batch]))
            loss = nn.functional.cross_entropy(logits, wanted[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    return model


def count_right(model: Trainable, images: NDArray[np.float32], labels: NDArray[np.int64]) -> int:
    """How many images get their label."""
    with torch.no_grad():
        return int((model(torch.from_numpy(images)).argmax(1).numpy() == labels).sum())


def jitter(images: Tensor) -> Tensor:
    """The images, each turned by up to 10 degrees, scaled by up to 10 % and shifted by up to 2."""
    n = len(images)
    angle = (torch.rand(n) * 2 - 1) * math.radians(10)
    zoom = 1 + (torch.rand(n) * 2 - 1) * 0.1
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    shift = (torch.rand(2, n) * 2 - 1) * (2 / 16)
    maps = torch.stack([cos, -sin, shift[0], sin, cos, shift[1]], dim=1).view(n, 2, 3)
    grid = nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


if __name__ == "__main__":
    main(sys.argv[1:])
