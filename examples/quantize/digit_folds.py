"""The 1,797 digits of scikit-learn, prepared as a spec says, and their folds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model_input import ModelInput
from archc.runtime.preprocess import Preprocess

FOLDS = 5
SIZES = (1, 32, 32)


def prepared(spec: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All images (N, 1, 32, 32), prepared by the spec's `preprocess`, and their labels (N)."""
    steps = yaml.safe_load(spec.read_text(encoding="utf-8"))["preprocess"]
    preprocess = Preprocess.model_validate_json(json.dumps(steps))
    target, reporter = ModelInput("image", SIZES), Reporter()
    scans, labels = load_digits(return_X_y=True)
    gray = np.rint(scans.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    tensors = [to_tensor(Image.fromarray(g), preprocess, target, reporter) for g in gray]
    stack = np.stack([tensor for tensor in tensors if not isinstance(tensor, Failed)])
    assert len(stack) == len(labels), reporter.diagnostics
    return stack, labels.astype(np.int64)


def folds(labels: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each fold, the indices to train on and those to test on; the same every time."""
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return list(splits.split(np.zeros(len(labels)), labels))
