"""Arrays as h5py stores them, in every layout and element type that is read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from archc.weights.hdf5.chunked_tensor import ChunkedTensor
from archc.weights.stored_tensor import StoredTensor
from tests.unit.weights.hdf5_files import (
    KERNEL,
    OLD_AND_NEW,
    assert_equal,
    read,
    refused,
    slug,
    state_of,
    write_array,
)

DTYPES = [f"{kind}{size}" for kind in ("<i", "<u") for size in (1, 2, 4, 8)] + ["<f2", "<f4", "<f8"]
FILTERS: list[dict[str, object]] = [
    {},
    {"compression": "gzip"},
    {"compression": "gzip", "compression_opts": 9, "shuffle": True},
    {"shuffle": True},
]


@OLD_AND_NEW
@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_size_are_read(tmp_path: Path, libver: str, dtype: str) -> None:
    value = np.array([[0, 1, 2], [3, 100, 127]]).astype(dtype)
    path = write_array(tmp_path / "net.h5", value, libver)
    assert_equal(read(path), {"layer.0": value.astype(np.float32)})


@OLD_AND_NEW
def test_truth_values_are_read(tmp_path: Path, libver: str) -> None:
    value = np.array([True, False, True])
    path = write_array(tmp_path / "net.h5", value, libver)
    assert_equal(read(path), {"layer.0": np.array([1, 0, 1], np.float32)})
    with state_of(path) as state:
        assert state.tensors["layer.0"].dtype == "bool"


@OLD_AND_NEW
def test_two_bytes_of_no_type_are_bfloat16(tmp_path: Path, libver: str) -> None:
    bits = np.array([0x3F80, 0xC000, 0x7F80], np.uint16)
    path = write_array(tmp_path / "net.h5", bits.view("V2"), libver)
    assert_equal(read(path), {"layer.0": np.array([1, -2, np.inf], np.float32)})


@OLD_AND_NEW
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3, 4, 5, 6)])
def test_every_rank_is_read(tmp_path: Path, libver: str, shape: tuple[int, ...]) -> None:
    value = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    path = write_array(tmp_path / "net.h5", value, libver)
    assert_equal(read(path), {"layer.0": value})


def test_contiguous_elements_are_read_where_they_lie(tmp_path: Path) -> None:
    path = write_array(tmp_path / "net.h5", KERNEL)
    with h5py.File(path) as file:
        begin = file["layers/layer/vars/0"].id.get_offset()
    with state_of(path) as state:
        tensor = state.tensors["layer.0"]
        assert isinstance(tensor, StoredTensor)
        assert tensor.begin == begin
        assert tensor.is_contiguous


@OLD_AND_NEW
def test_compact_elements_are_read_where_they_lie(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        inner = file.create_group("layers/layer/vars")
        inner.attrs["name"] = "layer"
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(KERNEL.shape)
        made = h5py.h5d.create(inner.id, b"0", h5py.h5t.IEEE_F32LE, space, create)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, KERNEL)
    assert_equal(read(path), {"layer.0": KERNEL})
    with state_of(path) as state:
        assert isinstance(state.tensors["layer.0"], StoredTensor)


@OLD_AND_NEW
@pytest.mark.parametrize("options", FILTERS, ids=str)
@pytest.mark.parametrize("chunks", [(1, 1, 1), (2, 3, 5), (7, 9, 10), (7, 2, 3), (4, 9, 1)])
def test_chunks_are_put_together(
    tmp_path: Path, libver: str, options: dict[str, object], chunks: tuple[int, ...]
) -> None:
    value = np.random.default_rng(0).normal(size=(7, 9, 10)).astype(np.float32)
    path = write_array(tmp_path / "net.h5", value, libver, chunks=chunks, **options)
    assert_equal(read(path), {"layer.0": value})
    with state_of(path) as state:
        assert isinstance(state.tensors["layer.0"], ChunkedTensor)


@OLD_AND_NEW
@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "V2"])
def test_chunks_are_converted(tmp_path: Path, libver: str, dtype: str) -> None:
    value = np.arange(60).astype("u2" if dtype == "V2" else dtype).reshape(12, 5)
    expected = value.astype(np.float32)
    if dtype == "V2":
        expected = (value.astype(np.uint32) << 16).view(np.float32)
    path = tmp_path / "net.h5"
    write_array(path, value.view(dtype), libver, chunks=(5, 2), compression="gzip", shuffle=True)
    assert_equal(read(path), {"layer.0": expected})
    with state_of(path) as state:
        source = state.tensors["layer.0"]
        assert b"".join(map(bytes, source.chunks(source.dtype))) == value.tobytes()


@pytest.mark.parametrize("libver", ["earliest", "latest", "v110"])
@pytest.mark.parametrize("options", FILTERS, ids=str)
def test_large_indexes_are_read(tmp_path: Path, libver: str, options: dict[str, object]) -> None:
    """More chunks than a page of a fixed array or a node of a tree holds."""
    value = np.arange(5000, dtype=np.float32).reshape(50, 100)
    path = write_array(tmp_path / "net.h5", value, libver, chunks=(1, 2), **options)
    assert_equal(read(path), {"layer.0": value})


@pytest.mark.parametrize("libver", ["earliest", "latest", "v110"])
@pytest.mark.parametrize("options", FILTERS, ids=str)
def test_chunks_in_a_tree_of_the_second_kind_are_read(
    tmp_path: Path, libver: str, options: dict[str, object]
) -> None:
    value = np.arange(12000, dtype=np.float32).reshape(120, 100)
    path = tmp_path / "net.h5"
    write_array(path, value, libver, chunks=(3, 1), maxshape=(None, None), **options)
    assert_equal(read(path), {"layer.0": value})


def test_chunks_larger_than_a_small_array_are_read(tmp_path: Path) -> None:
    value = np.arange(3, dtype=np.float32)
    path = write_array(tmp_path / "net.h5", value, chunks=(1024,), maxshape=(None,))
    assert_equal(read(path), {"layer.0": value})


def test_chunks_allocated_at_once_are_read(tmp_path: Path) -> None:
    """The implicit index: chunks in order, as they are with early allocation and no filter."""
    path = tmp_path / "net.h5"
    value = np.arange(70, dtype=np.float32).reshape(7, 10)
    with h5py.File(path, "w", libver="latest") as file:
        inner = file.create_group("layers/layer/vars")
        inner.attrs["name"] = "layer"
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((2, 3))
        create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple(value.shape)
        made = h5py.h5d.create(inner.id, b"0", h5py.h5t.IEEE_F32LE, space, create)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, value)
    assert_equal(read(path), {"layer.0": value})


def test_an_array_that_grows_along_one_axis_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    write_array(path, np.zeros((8, 2)), "latest", chunks=(1, 1), maxshape=(None, 2))
    error = refused(path)
    assert error.rule.slug == "weights/hdf5-feature"
    assert "can grow" in error.message


@pytest.mark.parametrize("options", [{"chunks": (2,)}, {}])
def test_elements_that_were_never_written_are_refused(
    tmp_path: Path, options: dict[str, object]
) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        inner = file.create_group("layers/layer/vars")
        inner.create_dataset("0", shape=(6,), dtype="f4", fillvalue=1, **options)
    error = refused(path)
    assert error.rule.slug == "weights/malformed-hdf5"
    assert "never written" in error.message
    with h5py.File(path, "a") as file:
        file["layers/layer/vars/0"][:] = np.arange(6)
    assert_equal(read(path), {"layer.0": np.arange(6, dtype=np.float32)})


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(3, ">f4"),
        np.zeros(3, ">i4"),
        np.zeros(3, "c8"),
        np.zeros(3, [("a", "f4"), ("b", "i4")]),
        np.array([b"text"]),
        np.zeros(3, "V3"),
        np.zeros(3, np.longdouble),
    ],
    ids=lambda value: str(value.dtype),
)
def test_other_element_types_are_refused(tmp_path: Path, value: np.ndarray) -> None:
    path = write_array(tmp_path / "net.h5", value)
    error = refused(path)
    assert error.rule.slug == "weights/element-type"
    assert "layers/layer/vars/0" in error.message


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"compression": "lzf"}, "lzf"),
        ({"fletcher32": True}, "fletcher32"),
        ({"scaleoffset": 0}, "scaleoffset"),
    ],
)
def test_other_filters_are_refused(tmp_path: Path, options: dict[str, object], name: str) -> None:
    path = write_array(tmp_path / "net.h5", np.arange(8), "earliest", chunks=(4,), **options)
    error = refused(path)
    assert error.rule.slug == "weights/hdf5-feature"
    assert name in error.message


def test_a_dataset_without_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file.create_group("layers/layer/vars")["0"] = h5py.Empty("f4")
    assert slug(path) == "weights/malformed-hdf5"
