"""Arrays of numpy and files of Keras that are refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

from tests.packages.building import draw_weights, write_checkpoint
from tests.rendered.scenarios import Scene, scenario
from tests.unit.weights.hdf5_files import KERNEL, write_named, write_structure

_ARCHIVE = ["weights", "inspect", "net.keras"]
_H5 = ["weights", "inspect", "net.h5"]


@scenario("weights/malformed-array")
def malformed_array(folder: Path) -> Scene:
    array = io.BytesIO()
    np.save(array, KERNEL)
    with zipfile.ZipFile(folder / "net.npz", "w") as archive:
        archive.writestr("conv.weight.npy", array.getvalue() + bytes(8))
    return ["weights", "inspect", "net.npz"]


@scenario("weights/object-array")
def object_array(folder: Path) -> Scene:
    np.savez(folder / "net.npz", params=np.array([{"weight": KERNEL}], dtype=object))
    return ["weights", "inspect", "net.npz"]


@scenario("weights/unknown-hdf5")
def unknown_hdf5(folder: Path) -> Scene:
    with h5py.File(folder / "net.h5", "w") as file:
        file["images"] = KERNEL
    return _H5


@scenario("weights/malformed-hdf5")
def malformed_hdf5(folder: Path) -> Scene:
    with h5py.File(folder / "net.h5", "w") as file:
        write_named(file)
        del file["conv/conv/kernel:0"]
    return _H5


@scenario("weights/hdf5-feature")
def hdf5_feature(folder: Path) -> Scene:
    with h5py.File(folder / "net.h5", "w") as file:
        write_structure(file)
        file["layers/again"] = h5py.SoftLink("/layers/layer_1")
    return _H5


@scenario("weights/hdf5-outside")
def hdf5_outside(folder: Path) -> Scene:
    with h5py.File(folder / "net.h5", "w") as file:
        inner = file.create_group("layers/layer/vars")
        inner.attrs["name"] = "layer"
        inner["0"] = h5py.ExternalLink("/home/me/secret.h5", "/key")
    return _H5


@scenario("weights/compressed-keras")
def compressed_keras(folder: Path) -> Scene:
    with h5py.File(folder / "net.h5", "w") as file:
        write_structure(file)
    with zipfile.ZipFile(folder / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.write(folder / "net.h5", "model.weights.h5")
    return _ARCHIVE


@scenario("weights/keras-without-h5")
def keras_without_h5(folder: Path) -> Scene:
    with zipfile.ZipFile(folder / "net.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
    return _ARCHIVE


_MIXED = """\
archc: 1
name: net
input: {image: [2, 4, 4]}
layers:
  flat: flatten
  part: {slice: , axis: features, start: 0, stop: 24}
  fc: {dense: 3}
weights: {layout: keras}
"""


@scenario("weights/feature-order")
def feature_order(folder: Path) -> Scene:
    (folder / "net.yaml").write_text(_MIXED, encoding="utf-8")
    write_checkpoint(folder, draw_weights({"fc.kernel": (24, 3), "fc.bias": (3,)}))
    return ["build", "net.yaml", "--weights", "net.safetensors"]
