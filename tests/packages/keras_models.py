"""Small models of Keras and the specs that say the same, each with every kind of layer somewhere.

Imported in oracle tests alone. Images are (H, W, C) to Keras, sizes odd and unequal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.packages.building import Arrays
from tests.packages.by_numpy import Array

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from keras import layers as kl


class Pair(NamedTuple):
    """A model and its spec, but for `weights: {layout: keras}`."""

    model: Any
    spec: str


def plain() -> Pair:
    x = image = kl.Input((11, 8, 3), name="image")
    x = kl.Conv2D(6, (3, 5), strides=2, padding="same", name="stem")(x)
    x = kl.BatchNormalization(epsilon=1e-3, name="stem_bn")(x)
    x = kl.ReLU()(x)
    x = kl.Conv2D(8, 3, groups=2, padding="same", use_bias=False, name="grouped")(x)
    x = kl.BatchNormalization(scale=False, name="unscaled")(x)
    x = kl.DepthwiseConv2D((3, 2), depth_multiplier=2, padding="same", name="depth")(x)
    x = kl.BatchNormalization(center=False, name="uncentred")(x)
    x = kl.SeparableConv2D(5, 3, depth_multiplier=3, padding="same", name="sep")(x)
    x = kl.PReLU(shared_axes=[1, 2], name="prelu")(x)
    x = kl.LayerNormalization(epsilon=1e-3, name="ln")(x)
    x = kl.Flatten(name="flat")(x)
    x = kl.BatchNormalization(name="flat_bn")(x)
    x = kl.Activation("tanh")(x)
    x = kl.Dense(7, name="fc1")(x)
    x = kl.Dense(4, use_bias=False, activation="softmax", name="fc2")(x)
    return Pair(
        keras.Model(image, x),
        """\
input: {image: [3, 11, 8]}
layers:
  stem: {conv: 6, kernel: [3, 5], stride: 2, padding: same}
  stem_bn: {batch_norm: {eps: 1e-3}}
  relu: relu
  grouped: {conv: 8, kernel: 3, groups: 2, padding: same, bias: false}
  unscaled: {batch_norm: {eps: 1e-3, scale: false}}
  depth: {depthwise_conv: [3, 2], multiplier: 2, padding: same}
  uncentred: {batch_norm: {eps: 1e-3, center: false}}
  sep:
    layers:
      depthwise: {depthwise_conv: 3, multiplier: 3, padding: same, bias: false}
      pointwise: {conv: 5, kernel: 1}
  prelu: prelu
  ln: {layer_norm: {eps: 1e-3}}
  flat: flatten
  flat_bn: {batch_norm: {eps: 1e-3}}
  tanh: tanh
  drop: {dropout: 0.5}
  fc1: {dense: 7}
  fc2: {dense: 4, bias: false}
  probabilities: softmax
""",
    )


def generator() -> Pair:
    """Dense features that become an image: what comes out of the dense layer is reordered."""
    z = kl.Input((5,), name="z")
    x = kl.Dense(4 * 3 * 6, name="grow")(z)
    x = kl.BatchNormalization(epsilon=1e-3, name="bn")(x)
    x = kl.LeakyReLU(negative_slope=0.2)(x)
    x = kl.Reshape((4, 3, 6))(x)
    x = kl.Conv2DTranspose(5, 3, strides=2, padding="valid", name="up1")(x)
    x = kl.Conv2DTranspose(2, (2, 4), padding="valid", use_bias=False, name="up2")(x)
    return Pair(
        keras.Model(z, x),
        """\
input: {z: [5]}
layers:
  grow: {dense: 72}
  bn: {batch_norm: {eps: 1e-3}}
  act: {leaky_relu: 0.2}
  shape: {reshape: [6, 4, 3]}
  up1: {conv_transpose: 5, kernel: 3, stride: 2}
  up2: {conv_transpose: 2, kernel: [2, 4], bias: false}
""",
    )


def joined() -> Pair:
    """Features of two images and of a pool, one behind the other."""
    image = kl.Input((5, 7, 2), name="image")
    a = kl.Conv2D(3, 3, name="a")(image)
    b = kl.Conv2D(4, 2, strides=2, name="b")(image)
    parts = [kl.Flatten()(a), kl.GlobalAveragePooling2D()(a), kl.Flatten()(b)]
    x = kl.Concatenate()(parts)
    x = kl.LayerNormalization(epsilon=1e-3, name="ln")(x)
    x = kl.Dense(6, activation="relu", name="fc1")(x)
    x = kl.Dense(3, name="fc2")(x)
    return Pair(
        keras.Model(image, x),
        """\
input: {image: [2, 5, 7]}
layers:
  a: {conv: 3, kernel: 3}
  fa: flatten
  pa: {global_avg_pool: {keep_dims: false}, from: a}
  b: {conv: 4, kernel: 2, stride: 2, from: image}
  fb: flatten
  all: {concat: [{from: fa, layers: []}, {from: pa, layers: []}, {from: fb, layers: []}]}
  ln: {layer_norm: {eps: 1e-3}}
  fc1: {dense: 6}
  relu: relu
  fc2: {dense: 3}
""",
    )


def nested() -> Pair:
    """A model within a model, its layers under its name."""
    inner_in = kl.Input((6, 9, 4))
    y = kl.Conv2D(4, 3, padding="same", name="conv1")(inner_in)
    y = kl.BatchNormalization(epsilon=1e-3, name="bn1")(y)
    inner = keras.Model(inner_in, y, name="inner")
    image = kl.Input((6, 9, 3), name="image")
    x = kl.Conv2D(4, 1, name="stem")(image)
    x = inner(x)
    x = kl.GlobalMaxPooling2D()(x)
    x = kl.Dense(5, name="fc")(x)
    return Pair(
        keras.Model(image, x),
        """\
input: {image: [3, 6, 9]}
layers:
  stem: {conv: 4, kernel: 1}
  inner:
    layers:
      conv1: {conv: 4, kernel: 3, padding: same}
      bn1: {batch_norm: {eps: 1e-3}}
  pool: {global_max_pool: {keep_dims: false}}
  fc: {dense: 5}
""",
    )


PAIRS: dict[str, Callable[[], Pair]] = {
    "plain": plain, "generator": generator, "joined": joined, "nested": nested,
}  # fmt: skip


def draw(model: Any, seed: int = 0) -> None:
    """Draws every variable anew, statistics and biases as well."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape) * 0.3
        if variable.name in ("moving_variance", "gamma"):
            values = np.abs(values) + 0.5
        variable.assign(values.astype(np.float32))


def variables(model: Any, prefix: str = "", *, numbered: bool = False) -> Arrays:
    """The variables of a model by the names that archc's readers of Keras's files give them."""
    found: Arrays = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found |= variables(layer, f"{prefix}{layer.name}.", numbered=numbered)
            continue
        for number, variable in enumerate(layer.weights):
            last = str(number) if numbered else variable.name
            found[f"{prefix}{layer.name}.{last}"] = np.array(variable.value.detach().cpu().numpy())
    return found


def answer(model: Any, image: Array) -> Array:
    """What the model gives at inference."""
    import torch

    with torch.no_grad():
        return np.array(model(torch.from_numpy(image), training=False).cpu().numpy())
