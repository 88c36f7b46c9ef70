"""Keras's own networks, with seeded weights that show every mistake, and their answers.

Keras runs on torch, and is imported when a function is called, so that this module can be imported
without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tests.zoo.keras.network import Network

if TYPE_CHECKING:
    import keras

BRANCH_SCALE = 0.25
"""How loud a residual branch is beside its shortcut; deep networks of equals amplify rounding."""

QUIET, NORMAL = 0.3, 1.0
"""The spread after a convolution: below one before a batch norm, so that its epsilon counts."""

BIAS = 1.0
"""The spread of convolutions' biases: with smaller ones no maximum is below a padding's zeros."""

GATES = ("squeeze_excite", "_se_")
"""In the names of layers that make gates; a gate that grew with its input would square it."""


def reference_model(network: Network, seed: int) -> keras.Model:
    """The reference network at its default size, with seeded weights.

    Random data goes through once. Each kernel is scaled on the way so that activations stay of
    order one at every depth, and batch norms take the statistics of that data, moved off them, so
    that a build which ignores any of them is wrong. The data are of the default size: padding
    reaches less of larger maps, where activations would grow from layer to layer, and in deep
    networks rounding with them until no two implementations agree.
    """
    default = (network.size, network.size)
    model = bare_model(network, default)
    drawn = _Calibration(np.random.default_rng(seed))
    with ExitStack() as wrapped:
        for layer in model.layers:
            wrapped.enter_context(drawn.wrap(layer))
        answers(model, draw_image(network, default, batch=2, seed=seed))
    image = draw_image(network, default, batch=1, seed=seed + 1)
    logits = _logits(resized(model, network, default), image)
    kernel = [weight for weight in model.trainable_weights if weight.name == "kernel"][-1]
    kernel.assign(kernel / float(logits.std()))
    return model


def bare_model(network: Network, size: tuple[int, int]) -> keras.Model:
    """The reference network for images of a height and width, with Keras's own draw of weights."""
    keras = _keras()
    keras.utils.clear_session()  # which numbers layers without names anew
    constructor = getattr(keras.applications, network.constructor)
    if not network.is_published:
        return constructor(weights=None, input_shape=(*size, 3), **network.keras_settings)
    with _without_download(keras, import_module(constructor.__module__)):
        return constructor(input_shape=(*size, 3), **network.keras_settings)


def resized(model: keras.Model, network: Network, size: tuple[int, int]) -> keras.Model:
    """The network that Keras builds for another height and width, with the same weights."""
    other = bare_model(network, size)
    other.set_weights(model.get_weights())
    for layer in other.layers:
        if isinstance(layer, _keras().layers.Normalization):
            layer.finalize_state()
    return other


def draw_image(
    network: Network, size: tuple[int, int], *, batch: int, seed: int
) -> NDArray[np.float32]:
    """Images (N, C, H, W) as they enter the network."""
    generator = np.random.default_rng(seed + 1)
    shape = (batch, 3, *size)
    if network.takes_pixels:
        return generator.uniform(0, 255, shape).astype(np.float32)
    return generator.standard_normal(shape, np.float32)


def answers(model: keras.Model, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What Keras predicts (N, classes) for images (N, C, H, W)."""
    found: NDArray[np.float32] = model.predict(np.moveaxis(image, 1, -1), verbose=0)
    return found


def preprocessed(network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The input (C, H, W) that `preprocess_input` makes of a picture (H, W, C)."""
    module = getattr(_keras().applications, network.module)
    return np.moveaxis(module.preprocess_input(pixels.astype(np.float32)), -1, 0)


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    torch.set_num_threads(1)
    return keras


@contextmanager
def _without_download(keras: Any, module: Any) -> Iterator[None]:
    """Lets Keras build a network as for its published weights, but of any size and without them."""
    input_shape = module.imagenet_utils.obtain_input_shape

    def any_shape(*args: Any, **more: Any) -> Any:
        return input_shape(*args, **{**more, "weights": None})

    with (
        patch.object(module.imagenet_utils, "obtain_input_shape", any_shape),
        patch.object(module.file_utils, "get_file"),
        patch.object(keras.Model, "load_weights"),
    ):
        yield


def _logits(model: keras.Model, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What enters the softmax; the kernel before it is scaled so that this is of order one.

    A softmax of larger logits gives a single class everything, and hides all mistakes but the
    worst. Logits grow with the size of the image, where padding takes part in fewer values.
    """
    last = model.layers[-1]
    last.activation = _keras().activations.linear
    return answers(model, image)


class _Calibration:
    """Draws a layer's weights, and fits them to the data when it first passes through."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    @contextmanager
    def wrap(self, layer: Any) -> Iterator[None]:
        """Fits the layer whenever it is called in this context."""
        layers = _keras().layers
        if isinstance(layer, layers.BatchNormalization):
            fit: Any = self._fit_statistics
        elif isinstance(layer, layers.Normalization) and layer.weights:
            fit = self._fit_normalization
        elif any(v.path.endswith("kernel") for v in layer.trainable_weights):
            fit = partial(self._fit_kernel, layer.call)
        else:
            yield
            return
        call = layer.call
        layer.call = partial(self._fitted, fit, layer, call)
        yield
        layer.call = call

    def _fitted(self, fit: Any, layer: Any, call: Any, inputs: Any, *args: Any, **more: Any) -> Any:
        fit(layer, inputs)
        return call(inputs, *args, **more)

    def _fit_kernel(self, call: Any, layer: Any, inputs: Any) -> None:
        kernels = [v for v in layer.trainable_weights if v.name.endswith("kernel")]
        biases = [v for v in layer.trainable_weights if v.name == "bias"]
        for kernel in kernels:
            kernel.assign(self._generator.standard_normal(kernel.shape, np.float32))
        for bias in biases:
            bias.assign(np.zeros(bias.shape, np.float32))
        activation, layer.activation = layer.activation, None
        spread = float(_keras().ops.std(call(inputs)))
        layer.activation = activation
        is_quiet = not biases or any(gate in layer.name for gate in GATES)
        wanted = _loudness(layer) * (QUIET if is_quiet else NORMAL)
        kernels[-1].assign(kernels[-1] * (wanted / spread))
        for bias in biases:
            width = BIAS if len(kernels[-1].shape) == 4 else 0.1
            bias.assign(self._generator.normal(0, width, bias.shape))

    def _fit_normalization(self, layer: Any, inputs: Any) -> None:
        mean, variance = _moments(inputs)
        layer.adapt_mean.assign(mean * self._generator.uniform(0.8, 1.25, mean.shape))
        layer.adapt_variance.assign(variance * self._generator.uniform(0.8, 1.25, mean.shape))
        layer.finalize_state()

    def _fit_statistics(self, layer: Any, inputs: Any) -> None:
        mean, variance = _moments(inputs)
        # A 1×1 map gives few samples: leaning on the other channels keeps variances from vanishing.
        variance = (variance + variance.mean()) / 2
        noise = self._generator.normal(0, 0.1, mean.shape)
        layer.moving_mean.assign(mean + noise * np.sqrt(variance))
        layer.moving_variance.assign(variance * self._generator.uniform(0.8, 1.25, mean.shape))
        if layer.scale:
            layer.gamma.assign(_loudness(layer) * self._generator.uniform(0.6, 1.4, mean.shape))
        if layer.center:
            layer.beta.assign(self._generator.normal(0, 0.2, mean.shape))


def _moments(inputs: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ops = _keras().ops
    mean, variance = ops.moments(inputs, axes=(0, 1, 2))
    return ops.convert_to_numpy(mean), ops.convert_to_numpy(variance)


def _loudness(layer: Any) -> float:
    """How loud a layer's output is made: less where it ends a residual branch.

    Keras adds the branch last where the shortcut has weights as well.
    """
    layers = _keras().layers
    for node in layer._outbound_nodes:
        if isinstance(node.operation, layers.Add):
            added = [tensor._keras_history.operation for tensor in node.input_tensors]
            fitted = [other for other in added if other.trainable_weights]
            return BRANCH_SCALE if fitted[-1] is layer else 1.0
        if isinstance(node.operation, layers.Dropout):
            after = [following.operation for following in node.operation._outbound_nodes]
            return BRANCH_SCALE if isinstance(after[0], layers.Add) else 1.0
    return 1.0
