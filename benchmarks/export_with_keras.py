"""What a user of Keras runs instead of `archc build`: network, weights, `model.export`.

python -m benchmarks.export_with_keras ResNet50 resnet50.weights.h5 out.onnx
python -m benchmarks.export_with_keras ResNet50 resnet50.weights.h5

Without a third argument the weights are drawn and written.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np


def main() -> None:
    """Exports the named network of keras.applications, or writes weights for it."""
    name, weights, *output = sys.argv[1:]
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    if not output:
        model.save_weights(weights)
        return
    model.load_weights(weights)
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # or it says "never called"
    model.export(output[0], format="onnx", verbose=False)


if __name__ == "__main__":
    main()
