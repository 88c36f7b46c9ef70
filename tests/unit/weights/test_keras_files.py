"""Files of Keras: which variables they give, by which names, and what is left out."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from archc.weights.keras_zip import is_keras, read_keras_zip
from tests.unit.weights.hdf5_files import (
    KERNEL,
    OLD_AND_NEW,
    Array,
    assert_equal,
    named_values,
    notes,
    numbered_values,
    read,
    refused,
    slug,
    state_of,
    write_named,
    write_structure,
)

ONE = np.ones(2, np.float32)


def written(path: Path, fill: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def paths_file(path: Path, layer: str, paths: list[str]) -> Path:
    """The form of Keras 2 with one layer, whose variables have these paths."""

    def fill(file: h5py.File) -> None:
        file.attrs["layer_names"] = [layer.encode()]
        group = file.create_group(layer)
        group.attrs["weight_names"] = [name.encode() for name in paths]
        for number, name in enumerate(paths):
            group[name] = ONE * number

    return written(path, fill)


@OLD_AND_NEW
@pytest.mark.parametrize("suffix", [":0", ""])
def test_weights_of_keras_2_are_read_by_name(tmp_path: Path, libver: str, suffix: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_named(file, suffix=suffix)
    assert_equal(read(path), named_values())
    assert list(read(path)) == list(named_values())
    assert notes(path) == ()


def test_a_whole_model_gives_its_weights_alone(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        write_named(file.create_group("model_weights"))
        file["optimizer_weights/adam/conv/kernel"] = KERNEL
        file.attrs["model_config"] = b'{"class_name": "Lambda"'
        file.attrs["training_config"] = np.zeros(3)

    path = written(tmp_path / "net.h5", fill)
    assert_equal(read(path), named_values())
    assert notes(path) == (
        "used the weights under `model_weights`",
        "left out `optimizer_weights`",
    )


@pytest.mark.parametrize(
    ("layer", "paths", "names"),
    [
        ("fc", ["fc/kernel:0", "fc/bias:0"], ["fc.kernel", "fc.bias"]),
        ("fc", ["model/fc/kernel", "model/fc/bias"], ["fc.kernel", "fc.bias"]),
        ("fc", ["fc_1/kernel:0", "fc_1/bias:0"], ["fc.kernel", "fc.bias"]),
        ("net", ["fc_1/kernel:0", "fc_2/kernel:0"], ["net.fc_1.kernel", "net.fc_2.kernel"]),
        ("net", ["inner/fc/kernel:0"], ["net.inner.fc.kernel"]),
        ("fc", ["fc_W:0", "fc_b:0"], ["fc.kernel", "fc.bias"]),
        ("fc", ["fc_W_1:0", "fc_b_1:0"], ["fc.kernel", "fc.bias"]),
        (
            "bn",
            ["bn_gamma:0", "bn_beta:0", "bn_running_mean:0", "bn_running_std:0"],
            ["bn.gamma", "bn.beta", "bn.moving_mean", "bn.moving_variance"],
        ),
        ("norm", ["mean:0", "variance:0"], ["norm.mean", "norm.variance"]),
        ("conv1/bn", ["conv1/bn/gamma:0"], ["conv1_bn.gamma"]),
        ("lstm", ["lstm/lstm_cell/kernel:0"], ["lstm.lstm_cell.kernel"]),
        ("two", ["two/kernel:0", "model/two/kernel:0"], ["two.0", "two.1"]),
    ],
)
def test_paths_become_names(tmp_path: Path, layer: str, paths: list[str], names: list[str]) -> None:
    path = paths_file(tmp_path / "net.h5", layer, paths)
    expected = {name: ONE * number for number, name in enumerate(names)}
    assert_equal(read(path), expected)


def test_names_that_are_changed_give_notes(tmp_path: Path) -> None:
    path = paths_file(tmp_path / "net.h5", "conv1/bn", ["conv1/bn/gamma:0"])
    assert notes(path) == ("wrote `_` for the slashes in names such as `conv1/bn`",)
    path = paths_file(tmp_path / "net.h5", "two", ["two/kernel:0", "model/two/kernel:0"])
    assert notes(path) == ("numbered the variables of `two`, whose names repeat",)


def test_variables_of_the_model_itself_are_read(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        write_named(file)
        own = file.create_group("top_level_model_weights")
        own.attrs["weight_names"] = [b"net/scale"]
        own["net/scale"] = ONE

    path = written(tmp_path / "net.h5", fill)
    assert_equal(read(path), {**named_values(), "net.scale": ONE})


@pytest.mark.parametrize("missing", ["conv", "conv/conv/kernel:0"])
def test_what_is_listed_but_absent_is_refused(tmp_path: Path, missing: str) -> None:
    def fill(file: h5py.File) -> None:
        write_named(file)
        del file[missing]

    error = refused(written(tmp_path / "net.h5", fill))
    assert error.rule.slug == "weights/malformed-hdf5"
    assert f"`{missing.removeprefix('conv/')}`" in error.message


@OLD_AND_NEW
def test_weights_of_keras_3_are_read_by_number(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_structure(file)
    assert_equal(read(path), numbered_values())
    assert notes(path) == ()


def structure(variables: Mapping[str, str | None]) -> Callable[[h5py.File], None]:
    """Groups `vars` by path with the names they say, each with two variables."""

    def fill(file: h5py.File) -> None:
        for number, (where, name) in enumerate(variables.items()):
            group = file.create_group(f"{where}/vars".lstrip("/"))
            if name is not None:
                group.attrs["name"] = name
            group["0"] = ONE * number
            group["1"] = ONE * number

    return fill


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"layers/conv2d": "c1", "layers/conv2d_1": "c2"}, ["c1", "c2"]),
        ({"layers/functional/layers/dense": "fc", "layers/functional": "net"}, ["net.fc", "net"]),
        ({"": "net", "stem": "conv"}, ["net", "conv"]),
        ({"blocks/conv2d": "a", "blocks/conv2d_1": "b"}, ["a", "b"]),
        ({"blocks/container/conv2d": "a", "blocks/container_1/conv2d": "b"}, ["a", "b"]),
        ({"left/dense": "fc", "right/dense": "fc"}, ["left.dense", "right.dense"]),
        ({"layers/dense": None, "layers/dense_1": None}, ["dense", "dense_1"]),
        ({"_layer_checkpoint_dependencies/dense": None}, ["dense"]),
        ({"stem/conv": None}, ["stem.conv"]),
    ],
    ids=str,
)
def test_structure_becomes_names(
    tmp_path: Path, variables: dict[str, str | None], names: list[str]
) -> None:
    path = written(tmp_path / "net.weights.h5", structure(variables))
    expected = {
        f"{name}.{at}": ONE * number for number, name in enumerate(names) for at in range(2)
    }
    assert_equal(read(path), expected)


def test_layers_without_names_give_a_note(tmp_path: Path) -> None:
    path = written(tmp_path / "net.weights.h5", structure({"layers/dense": None}))
    assert "kind and number" in notes(path)[0]


def test_layers_and_variables_are_in_their_natural_order(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        for number in range(12):
            group = file.create_group(f"layers/conv2d_{number}/vars")
            group.attrs["name"] = f"c{number}"
            for at in range(11):
                group[str(at)] = ONE

    path = written(tmp_path / "net.weights.h5", fill)
    assert list(read(path)) == [f"c{number}.{at}" for number in range(12) for at in range(11)]


def test_what_training_needs_is_left_out(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        write_structure(file)
        file["optimizer/vars/0"] = np.int64(3)
        file["metrics/mean/vars/0"] = np.float32(3)
        seed = file.create_group("layers/layer_0/seed_generator/vars")
        seed.attrs["name"] = "seed_generator_7"
        seed["0"] = np.zeros(2, np.uint32)

    path = written(tmp_path / "net.weights.h5", fill)
    assert_equal(read(path), numbered_values())
    assert notes(path) == (
        "left out `metrics`, `optimizer`, which training needs",
        "left out 1 states of random generators",
    )


def test_another_hdf5_file_is_refused(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["data/images"] = KERNEL

    path = tmp_path / "net.h5"
    assert slug(written(path, fill)) == "weights/unknown-hdf5"
    for group, expected in (
        ("x", "weights/unknown-hdf5"),
        ("model_weights", "weights/unknown-hdf5"),
        ("layers/a/vars", "weights/no-tensors"),
    ):
        with h5py.File(path, "w") as file:
            file.create_group(group)
        assert slug(path) == expected


def test_a_variable_in_a_strange_place_is_refused(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        write_structure(file)
        file["layers/stray"] = KERNEL

    error = refused(written(tmp_path / "net.h5", fill))
    assert error.rule.slug == "weights/malformed-hdf5"
    assert "`layers/stray`" in error.message


def test_a_long_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "net.weights.h5", structure({"layers/dense": "x" * 2000}))
    assert slug(path) == "weights/name-too-long"


def zipped(path: Path, weights: Path, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", '{"module": "os", "class_name": "system"}')
        archive.write(weights, "model.weights.h5")
    return path


@OLD_AND_NEW
def test_an_archive_of_keras_is_read_where_it_lies(tmp_path: Path, libver: str) -> None:
    weights = tmp_path / "net.weights.h5"
    with h5py.File(weights, "w", libver=libver) as file:
        write_structure(file)
        inner = file.create_group("layers/chunked/vars")
        inner.create_dataset("0", data=KERNEL, chunks=(2, 2, 2, 2), compression="gzip")
    path = zipped(tmp_path / "net.keras", weights)
    expected = {**numbered_values(), "chunked.0": KERNEL}
    assert_equal(read(path, read_keras_zip), expected)


def test_a_compressed_archive_of_keras_is_refused(tmp_path: Path) -> None:
    weights = written(tmp_path / "net.weights.h5", write_structure)
    path = zipped(tmp_path / "net.keras", weights, zipfile.ZIP_DEFLATED)
    assert slug(path, read_keras_zip) == "weights/compressed-keras"


def test_an_archive_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert slug(path, read_keras_zip) == "weights/keras-without-h5"


def test_weights_do_not_reach_beyond_their_member(tmp_path: Path) -> None:
    weights = written(tmp_path / "net.weights.h5", write_structure)
    weights.write_bytes(weights.read_bytes()[:-8])
    path = zipped(tmp_path / "net.keras", weights)
    assert slug(path, read_keras_zip) == "weights/truncated"


def test_archives_of_keras_are_told_from_others() -> None:
    assert is_keras({"model.weights.h5"})
    assert is_keras({"config.json", "metadata.json", "model.weights.npz"})
    assert not is_keras({"config.json", "archive/data.pkl"})


@pytest.fixture(scope="module", name="keras")
def _keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    return pytest.importorskip("keras")


def keras_values(model: Any, *, numbered: bool) -> dict[str, Array]:
    """The variables as Keras has them, by layer and name or number."""
    found: dict[str, Array] = {}
    for layer in model.layers:
        for at, variable in enumerate(layer.trainable_weights + layer.non_trainable_weights):
            name = str(at) if numbered else variable.path.split(f"{layer.name}/")[-1]
            found[f"{layer.name}.{name}"] = variable.numpy().astype(np.float32)
    return found


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("application", "options"),
    [
        ("MobileNetV2", {"alpha": 0.35}),
        ("MobileNetV3Small", {}),
        ("DenseNet121", {}),
        ("EfficientNetB0", {}),
        ("ResNet50V2", {}),
        ("Xception", {}),
    ],
)
def test_every_array_of_an_application_is_read(
    tmp_path: Path, keras: Any, application: str, options: dict[str, object]
) -> None:
    model = getattr(keras.applications, application)(
        weights=None, input_shape=(96, 96, 3), include_top=False, **options
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype("f4") for w in model.get_weights()])
    for name in ("net.h5", "net.weights.h5", "net.keras"):
        path = tmp_path / name
        (model.save_weights if "weights" in name else model.save)(path)
        numbered = name != "net.h5"
        reader = {"reader": read_keras_zip} if name == "net.keras" else {}
        assert_equal(read(path, **reader), keras_values(model, numbered=numbered))
        path.unlink()


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_a_trained_model_with_models_in_it_is_read(tmp_path: Path, keras: Any) -> None:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.Dropout(0.5)],
        name="inner",
    )
    image = keras.Input((8, 8, 3))
    shifted = layers.RandomFlip()(image)
    out = layers.Dense(5, name="fc", dtype="bfloat16")(layers.Flatten()(inner(shifted)))
    model = keras.Model(image, out, name="outer")
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 8, 8, 3)), np.zeros((2, 5)), verbose=0)
    conv, dense = inner.get_layer("conv"), model.get_layer("fc")
    expected = {"inner.conv": conv, "fc": dense}
    for name in ("net.h5", "net.weights.h5", "net.keras"):
        path = tmp_path / name
        (model.save_weights if "weights" in name else model.save)(path)
        keys = ("kernel", "bias") if name == "net.h5" else ("0", "1")
        found = read(path, **({"reader": read_keras_zip} if name == "net.keras" else {}))
        assert_equal(
            found,
            {
                f"{layer}.{key}": np.asarray(value.numpy(), np.float32)
                for layer, made in expected.items()
                for key, value in zip(keys, (made.kernel, made.bias), strict=True)
            },
        )


def test_the_reading_ends_with_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "net.h5", write_named)
    with state_of(path) as state:
        source = state.tensors["conv.kernel"]
    with pytest.raises(ValueError, match="closed"):
        list(source.chunks("float32"))
    shutil.rmtree(tmp_path)
