"""Files of Keras made with h5py, and reading them: all values, or the one refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from archc.weights.checkpoint_file import CheckpointFile, open_file
from archc.weights.hdf5.dataset import Hdf5Tensor
from archc.weights.hdf5_keras import read_keras_h5
from archc.weights.refusal import CheckpointError
from archc.weights.state_dict import State
from tests.unit.weights.reading import array

Array = npt.NDArray[np.generic]
Reader = Callable[[CheckpointFile], State[Hdf5Tensor]]

OLD_AND_NEW = pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])

KERNEL = np.arange(36, dtype=np.float32).reshape(3, 3, 2, 2)
LAYERS: Mapping[str, Mapping[str, Array]] = {
    "input": {},
    "conv": {"kernel": KERNEL, "bias": np.array([1.5, -2.0], np.float32)},
    "bn": {
        "gamma": np.ones(2, np.float16),
        "beta": np.zeros(2, np.float64),
        "moving_mean": np.array([3, 4], np.int32),
        "moving_variance": np.array([5, 6], np.uint8),
    },
}


@contextmanager
def state_of(path: Path, reader: Reader = read_keras_h5) -> Iterator[State[Hdf5Tensor]]:
    file = open_file(str(path))
    try:
        yield reader(file)
    finally:
        file.close()


def read(path: Path, reader: Reader = read_keras_h5) -> dict[str, Array]:
    with state_of(path, reader) as state:
        return {name: array(tensor) for name, tensor in state.tensors.items()}


def notes(path: Path, reader: Reader = read_keras_h5) -> tuple[str, ...]:
    with state_of(path, reader) as state:
        return state.notes


def refused(path: Path, reader: Reader = read_keras_h5) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught, state_of(path, reader):
        pass
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    return caught.value


def slug(path: Path, reader: Reader = read_keras_h5) -> str:
    return refused(path, reader).rule.slug


def write_named(
    group: h5py.Group, layers: Mapping[str, Mapping[str, Array]] = LAYERS, suffix: str = ":0"
) -> None:
    """The form of Keras 2: attributes with the names of layers and variables."""
    group.attrs["layer_names"] = [name.encode() for name in layers]
    for layer, variables in layers.items():
        made = group.create_group(layer)
        paths = {f"{layer}/{name}{suffix}": value for name, value in variables.items()}
        made.attrs["weight_names"] = [path.encode() for path in paths]
        for path, value in paths.items():
            made[path] = value


def write_structure(
    group: h5py.Group, layers: Mapping[str, Mapping[str, Array]] = LAYERS, kind: str = "layer"
) -> None:
    """The form of Keras 3: a group for each layer, variables by number."""
    for number, (layer, variables) in enumerate(layers.items()):
        inner = group.create_group(f"layers/{kind}_{number}/vars")
        inner.attrs["name"] = layer
        for at, value in enumerate(variables.values()):
            inner[str(at)] = value


def write_array(path: Path, value: Array, libver: str = "earliest", **options: object) -> Path:
    """A file with one variable, `layer.0`, in a dataset of these options."""
    with h5py.File(path, "w", libver=libver) as file:
        inner = file.create_group("layers/layer/vars")
        inner.attrs["name"] = "layer"
        inner.create_dataset("0", data=value, **options)
    return path


def named_values(layers: Mapping[str, Mapping[str, Array]] = LAYERS) -> dict[str, Array]:
    return {
        f"{layer}.{name}": value.astype(np.float32)
        for layer, variables in layers.items()
        for name, value in variables.items()
    }


def numbered_values(layers: Mapping[str, Mapping[str, Array]] = LAYERS) -> dict[str, Array]:
    return {
        f"{layer}.{at}": value.astype(np.float32)
        for layer, variables in layers.items()
        for at, value in enumerate(variables.values())
    }


def assert_equal(found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
