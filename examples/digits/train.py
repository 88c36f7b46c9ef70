"""Trains LeNet-5 on scikit-learn's handwritten digits; writes the checkpoint and known answers.

    python examples/digits/train.py

Needs torch, scikit-learn and safetensors; takes less than a minute on one CPU core. The digits in
`held_out/` are never seen in training. Pictures go through archc's own preprocessing, as it stands
in `digits.yaml`, so the network is trained on what the built model will be given.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from prepare import HELD_OUT, pictures
from safetensors.torch import save_file
from torch import Tensor, nn

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model_input import ModelInput
from archc.runtime.preprocess import Preprocess

HERE = Path(__file__).parent
SPEC = HERE / "digits.yaml"
CHECKPOINT = HERE / "lenet5_digits.safetensors"
ANSWERS = HERE / "answers.npz"

SEED = 0
EPOCHS = 60
BATCH = 48
LEARNING_RATE = 3e-3
ANSWER_COUNT = 8


class LeNet5(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """LeNet-5 as `digits.yaml` writes it; its attributes are the spec's names."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.f5 = nn.Linear(400, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        """The logits (N, 10) of images (N, 1, 32, 32)."""
        s2 = nn.functional.avg_pool2d(self.c1(image).tanh(), 2)
        s4 = nn.functional.avg_pool2d(self.c3(s2).tanh(), 2)
        f5 = self.f5(s4.flatten(1)).tanh()
        logits: Tensor = self.output(self.f6(f5).tanh())
        return logits


def main() -> None:
    """Trains, prints the accuracy on the held-out digits, and writes both files."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels, is_held_out = load()
    held_images, held_labels = images[is_held_out], labels[is_held_out]
    model = LeNet5()
    train(model, images[~is_held_out], labels[~is_held_out])
    model.eval()
    with torch.no_grad():
        logits = model(held_images)
    right = int((logits.argmax(1) == held_labels).sum())
    print(f"held out: {right} of {len(held_labels)} right, {right / len(held_labels):.2%}")
    save_file(model.state_dict(), CHECKPOINT)
    np.savez(ANSWERS, image=held_images[:ANSWER_COUNT], logits=logits[:ANSWER_COUNT])


def load() -> tuple[Tensor, Tensor, NDArray[np.bool_]]:
    """All images (N, 1, 32, 32), their labels (N), and which of them are held out."""
    steps = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["preprocess"]
    preprocess = Preprocess.model_validate_json(json.dumps(steps))
    target = ModelInput("image", (1, 32, 32))
    reporter = Reporter()
    scans, labels = pictures()
    tensors = [to_tensor(scan, preprocess, target, reporter) for scan in scans]
    stack = np.stack([tensor for tensor in tensors if not isinstance(tensor, Failed)])
    assert not reporter.diagnostics
    held_out = [int(path.stem.split("_")[1]) for path in HELD_OUT.glob("*.png")]
    return torch.from_numpy(stack), torch.from_numpy(labels), np.isin(range(len(scans)), held_out)


def train(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Fits the model by Adam with a rate that falls to zero along a cosine."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = nn.functional.cross_entropy(
                model(jitter(images[batch])), labels[batch], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total / len(images):.4f}")


def jitter(images: Tensor) -> Tensor:
    """The images, each turned by up to 12 degrees, scaled by up to 10 % and shifted by up to 2."""
    n = len(images)
    angle = (torch.rand(n) * 2 - 1) * math.radians(12)
    zoom = 1 + (torch.rand(n) * 2 - 1) * 0.1
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    shift = (torch.rand(2, n) * 2 - 1) * (2 / 16)
    maps = torch.stack([cos, -sin, shift[0], sin, cos, shift[1]], dim=1).view(n, 2, 3)
    grid = nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


if __name__ == "__main__":
    main()
