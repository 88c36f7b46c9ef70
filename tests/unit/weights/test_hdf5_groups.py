"""Groups, links and attributes as h5py stores them, few and many, older and newer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from archc.weights.checkpoint_file import open_file
from archc.weights.hdf5.file import Node, open_hdf5
from archc.weights.refusal import CheckpointError
from tests.unit.weights.hdf5_files import (
    KERNEL,
    LAYERS,
    OLD_AND_NEW,
    assert_equal,
    named_values,
    numbered_values,
    read,
    refused,
    slug,
    write_named,
    write_structure,
)

MANY = {
    f"a_layer_with_a_rather_long_name_{number}": {"kernel": np.full(2, number, np.float32)}
    for number in range(400)
}


@OLD_AND_NEW
@pytest.mark.parametrize("layers", [LAYERS, MANY], ids=["few", "many"])
def test_groups_and_lists_of_names_of_any_length_are_read(
    tmp_path: Path, libver: str, layers: dict[str, dict[str, np.ndarray]]
) -> None:
    """With newer versions, many links and a large attribute lie in fractal heaps."""
    named, numbered = tmp_path / "named.h5", tmp_path / "numbered.h5"
    with h5py.File(named, "w", libver=libver) as file:
        write_named(file, layers)
    with h5py.File(numbered, "w", libver=libver) as file:
        write_structure(file, layers)
    assert_equal(read(named), named_values(layers))
    assert_equal(read(numbered), numbered_values(layers))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_thousands_of_links_are_read(tmp_path: Path, libver: str) -> None:
    """A doubling table with indirect blocks below the first, and deep trees."""
    path = tmp_path / "net.h5"
    names = {f"{number}_{'y' * (number % 200)}" for number in range(8_000)}
    with h5py.File(path, "w", libver=libver) as file:
        for name in names:
            file.create_group(name)
    assert libver == "earliest" or path.read_bytes().count(b"FHIB") > 1
    with opened(path) as root:
        assert set(root.names) == names
        assert len(root.names) == len(names)


@contextmanager
def opened(path: Path) -> Iterator[Node]:
    file = open_file(str(path))
    try:
        yield open_hdf5(file)
    finally:
        file.close()


@OLD_AND_NEW
def test_links_in_the_order_of_their_creation_are_read(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver, track_order=True) as file:
        write_named(file, MANY)
    assert_equal(read(path), named_values(MANY))


@OLD_AND_NEW
@pytest.mark.parametrize("count", [1, 7, 9, 300])
def test_any_number_of_attributes_is_read(tmp_path: Path, libver: str, count: int) -> None:
    path = tmp_path / "net.h5"
    texts = {f"attribute {number}": "ü" * number for number in range(count)}
    with h5py.File(path, "w", libver=libver) as file:
        for name, text in texts.items():
            file.attrs[name] = text
    with opened(path) as root:
        assert {name: root.attributes.text(name) for name in texts} == texts
        assert root.attributes.text("attribute") is None


@OLD_AND_NEW
def test_texts_of_every_form_are_read(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    names = ["a", "bcd", "", "é" * 40]
    encoded = [name.encode() for name in names]
    plain = names[:3]
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["fixed"] = encoded
        file.attrs["variable"] = names
        file.attrs["unicode"] = np.array(encoded, h5py.string_dtype("utf-8", 90))
        file.attrs["ascii"] = np.array(plain, h5py.string_dtype("ascii"))
        file.attrs["one"] = np.bytes_(b"alone")
        file.attrs["none"] = []
        file.attrs["empty"] = h5py.Empty("S1")
        file.attrs["number"] = 3
        padded = h5py.h5t.C_S1.copy()
        padded.set_size(6)
        padded.set_strpad(h5py.h5t.STR_SPACEPAD)
        space = h5py.h5s.create_simple((2,))
        made = h5py.h5a.create(file.id, b"padded", padded, space)
        made.write(np.array([b"x y   ", b"      "]), mtype=padded)
    with opened(path) as root:
        attributes = root.attributes
        assert attributes.texts("ascii") == plain
        for form in ("fixed", "variable", "unicode"):
            assert attributes.texts(form) == names
            assert attributes.text(form) is None
        assert attributes.text("one") == "alone"
        assert attributes.texts("none") == attributes.texts("empty") == []
        assert attributes.text("number") is None
        assert attributes.texts("padded") == ["x y", ""]
        assert attributes.texts("absent") is None
        with pytest.raises(CheckpointError, match="holds no texts"):
            attributes.texts("number")


@OLD_AND_NEW
def test_a_list_that_keras_cuts_in_pieces_is_read(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_named(file)
        names = list(LAYERS)
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = [name.encode() for name in names[:2]]
        file.attrs["layer_names1"] = [name.encode() for name in names[2:]]
    assert_equal(read(path), named_values())


def test_headers_that_continue_elsewhere_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        for number in range(60):
            file.attrs[f"padding {number}"] = np.zeros(number)
        write_named(file)
        for number in range(60):
            file.attrs[f"more padding {number}"] = np.zeros(number)
    assert_equal(read(path), named_values())


@OLD_AND_NEW
def test_a_soft_link_is_refused(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_structure(file)
        file["layers/other"] = h5py.SoftLink("/layers/layer_1")
    error = refused(path)
    assert error.rule.slug == "weights/hdf5-feature"
    assert "`other`" in error.message


_watchers: list[list[str]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        for paths in _watchers:
            paths.append(arguments[0])


@contextmanager
def opened_paths() -> Iterator[list[str]]:
    """The paths of the files that Python opens within."""
    if not _watchers:
        sys.addaudithook(_watch)  # there for the rest of the process
    paths: list[str] = []
    _watchers.append(paths)
    yield paths
    _watchers[:] = [[]]


@OLD_AND_NEW
def test_nothing_outside_the_file_is_read(tmp_path: Path, libver: str) -> None:
    """The three ways by which HDF5 reads other files; h5py follows all of them."""
    canary = tmp_path / "canary"
    with h5py.File(canary, "w") as file:
        file["secret"] = np.full(4, 7, np.float32)
        begin = file["secret"].id.get_offset()
    for form in ("link", "storage", "virtual"):
        path = tmp_path / f"{form}.h5"
        with h5py.File(path, "w", libver=libver) as file:
            inner = file.create_group("layers/layer/vars")
            inner.attrs["name"] = "layer"
            if form == "link":
                inner["0"] = h5py.ExternalLink(str(canary), "/secret")
            elif form == "storage":
                inner.create_dataset("0", (4,), "f4", external=[(str(canary), begin, 16)])
            else:
                layout = h5py.VirtualLayout((4,), "f4")
                layout[:] = h5py.VirtualSource(str(canary), "secret", (4,))
                inner.create_virtual_dataset("0", layout)
        with h5py.File(path) as file:
            assert list(file["layers/layer/vars/0"]) == [7, 7, 7, 7]
        with opened_paths() as paths:
            error = refused(path)
        assert paths == [str(path)]
        assert error.rule.slug == "weights/hdf5-outside"
        assert "secret" not in error.message


@OLD_AND_NEW
def test_an_object_with_two_names_is_refused(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_structure(file)
        file["layers/again"] = file["layers/layer_1"]
    assert slug(path) == "weights/overlap"


@OLD_AND_NEW
def test_a_group_within_itself_is_refused(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_structure(file)
        file["layers/layer_1/loop"] = file["layers"]
    assert slug(path) == "weights/overlap"


@OLD_AND_NEW
def test_a_type_with_a_name_is_refused(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        inner = file.create_group("layers/layer/vars")
        inner["type"] = np.dtype("<f4")
        inner.create_dataset("0", (2,), inner["type"], data=[1, 2])
    assert slug(path) == "weights/hdf5-feature"
    with h5py.File(path, "a", libver=libver) as file:
        inner = file["layers/layer/vars"]
        inner.attrs.create("name", 3, dtype=inner["type"])
        file["type"] = inner["type"]
        del inner["type"]
    assert slug(path) == "weights/hdf5-feature"


def test_groups_nested_too_deep_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file["/".join(["layers"] * 40) + "/vars/0"] = KERNEL
    assert slug(path) == "weights/too-many-entries"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("sizes", [(4, 4), (8, 4), (4, 8), (8, 8)])
def test_addresses_and_lengths_of_any_size_are_read(
    tmp_path: Path, libver: str, sizes: tuple[int, int]
) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        access = file.id.get_access_plist()
    create = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    create.set_sizes(*sizes)
    made = h5py.h5f.create(bytes(path), h5py.h5f.ACC_TRUNC, create, access)
    with h5py.File(made) as file:
        write_named(file, {**LAYERS, **MANY})
        inner = file.create_group("top_level_model_weights")
        inner.attrs["weight_names"] = ["chunked"]
        inner.create_dataset("chunked", data=KERNEL, chunks=(1, 2, 1, 2), compression="gzip")
    assert_equal(read(path), {**named_values({**LAYERS, **MANY}), "chunked": KERNEL})


def test_a_file_in_pages_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", fs_strategy="page", fs_page_size=4096) as file:
        write_structure(file)
    assert_equal(read(path), numbered_values())


def test_bytes_before_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        write_structure(file)
    assert slug(path) == "weights/malformed-hdf5"


def test_what_a_file_has_behind_its_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        write_structure(file)
    with path.open("ab") as raw:
        raw.write(b"more")
    assert_equal(read(path), numbered_values())
