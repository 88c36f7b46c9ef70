"""What is converted is what the formats' own libraries read, and nothing is written on failure."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.checkpoint import Checkpoint
from archc.weights.checkpoint_file import open_file
from archc.weights.convert import Converted, convert
from tests.unit.weights.reading import entry, opened, values, write_safetensors
from tests.unit.weights.torch_files import Storage, state_of, tensor, write_zip

ARRAYS: dict[str, npt.NDArray[np.generic]] = {
    "odd": np.arange(3, dtype=np.uint8),
    "half": np.linspace(-1, 1, 10).astype(np.float16).reshape(5, 2),
    "conv.weight": np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 2, 2),
    "double": np.array([1e-300, 2.5]),
    "counter": np.array(7),
    "mask": np.array([True, False, True]),
    "none": np.zeros((0, 3), np.float32),
    "naïve.名": np.ones(1, np.int32),
}


def source_file(folder: Path) -> Path:
    save_file(ARRAYS, folder / "in.safetensors")
    return folder / "in.safetensors"


def converted(path: Path, target: Path, dtype: str | None = None) -> Converted:
    reporter = Reporter()
    with opened(path) as checkpoint:
        result = convert(checkpoint, target, reporter, dtype=dtype)
    assert not isinstance(result, Failed), reporter.diagnostics
    assert not reporter.diagnostics
    assert result.bytes_written == target.stat().st_size
    return result


def failure(path: Path, target: Path) -> str:
    reporter = Reporter()
    with opened(path) as checkpoint:
        assert isinstance(convert(checkpoint, target, reporter), Failed)
    (diagnostic,) = reporter.diagnostics
    return diagnostic.rule.slug


def loaded(path: Path) -> Mapping[str, npt.NDArray[np.generic]]:
    """The arrays as safetensors' and numpy's own readers give them."""
    if path.suffix == ".safetensors":
        return dict(load_file(path))
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def assert_same(
    found: Mapping[str, npt.NDArray[np.generic]], wanted: Mapping[str, npt.NDArray[np.generic]]
) -> None:
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("name", ["out.safetensors", "out.npz"])
def test_arrays_keep_their_types_and_elements(tmp_path: Path, name: str) -> None:
    converted(source_file(tmp_path), tmp_path / name)
    assert_same(loaded(tmp_path / name), ARRAYS)


@pytest.mark.parametrize("name", ["out.safetensors", "out.npz"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_only_floating_point_numbers_take_another_type(
    tmp_path: Path, name: str, dtype: str
) -> None:
    converted(source_file(tmp_path), tmp_path / name, dtype)
    wanted = {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in ARRAYS.items()}
    assert_same(loaded(tmp_path / name), wanted)


@pytest.mark.parametrize("name", ["out.safetensors", "out.npz"])
def test_the_same_tensors_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    path = source_file(tmp_path)
    converted(path, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    converted(path, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_safetensors_are_aligned_and_read_again_by_archc(tmp_path: Path) -> None:
    target = tmp_path / "out.safetensors"
    converted(source_file(tmp_path), target)
    assert int.from_bytes(target.read_bytes()[:8], "little") % 8 == 0
    found = values(target)
    assert set(found) == set(ARRAYS)
    again = tmp_path / "again.safetensors"
    converted(target, again)
    assert again.read_bytes() == target.read_bytes()
    with safe_open(target, "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_bfloat16_stays_in_safetensors_and_is_widened_for_numpy(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xC040], np.uint16)
    path = write_safetensors(
        tmp_path / "in.safetensors", {"w": entry("BF16", [2], 0, 4)}, bits.tobytes()
    )
    assert not converted(path, tmp_path / "out.safetensors").notes
    assert (tmp_path / "out.safetensors").read_bytes()[-4:] == bits.tobytes()
    (note,) = converted(path, tmp_path / "out.npz").notes
    assert "bfloat16 became float32" in note
    assert_same(loaded(tmp_path / "out.npz"), {"w": np.array([1, -3], np.float32)})


def test_truth_values_are_written_as_0_and_1(tmp_path: Path) -> None:
    path = write_safetensors(
        tmp_path / "in.safetensors", {"m": entry("BOOL", [3], 0, 3)}, b"\x00\x02\xff"
    )
    converted(path, tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes()[-3:] == b"\x00\x01\x01"


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64])
def test_views_of_a_storage_are_written_in_their_order(tmp_path: Path, kind: type) -> None:
    array: npt.NDArray[np.generic] = np.arange(6).astype(kind).reshape(2, 3)
    storage_type = {"f4": "FloatStorage", "i8": "LongStorage", "f8": "DoubleStorage"}
    _, storages = state_of({"x": array})
    storages["t"] = np.ascontiguousarray(array.T).tobytes()
    state = {"w": tensor(Storage("t", storage_type[array.dtype.str[1:]], 6), (2, 3), (1, 2))}
    path = write_zip(tmp_path / "in.pt", state, storages)
    converted(path, tmp_path / "out.safetensors")
    assert_same(loaded(tmp_path / "out.safetensors"), {"w": array})


def test_numbers_that_become_infinite_are_told(tmp_path: Path) -> None:
    array = np.array([7e4, -1e30, np.inf, np.nan, 65504.0], np.float32)
    save_file({"w": array, "v": array[4:]}, tmp_path / "in.safetensors")
    reporter = Reporter()
    with opened(tmp_path / "in.safetensors") as checkpoint:
        convert(checkpoint, tmp_path / "out.npz", reporter, dtype="float16")
    (warning,) = reporter.diagnostics
    assert warning.rule.slug == "weights/overflow"
    assert warning.message.startswith("2 numbers are beyond")
    assert warning.notes == ("in `w`",)
    assert np.isinf(loaded(tmp_path / "out.npz")["w"]).tolist() == [True, True, True, False, False]


def test_a_file_may_take_its_own_place(tmp_path: Path) -> None:
    path = source_file(tmp_path)
    converted(path, path, "float16")
    assert load_file(path)["conv.weight"].dtype == np.float16


@pytest.mark.parametrize("name", ["out.pt", "out", "out.NPZ", "npz"])
def test_a_name_that_says_no_form_is_refused(tmp_path: Path, name: str) -> None:
    assert failure(source_file(tmp_path), tmp_path / name) == "weights/output-form"
    assert not (tmp_path / name).exists()


def test_a_folder_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.npz").mkdir()
    path = source_file(tmp_path)
    assert failure(path, tmp_path / "out.npz") == "weights/output"
    assert failure(path, tmp_path / "none" / "out.npz") == "weights/output"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a\\..\\x", "x\0y"])
def test_names_that_are_paths_are_not_unpacked_by_others(tmp_path: Path, name: str) -> None:
    save_file({name: np.ones(1)}, tmp_path / "in.safetensors")
    assert failure(tmp_path / "in.safetensors", tmp_path / "out.npz") == "weights/output-name"
    converted(tmp_path / "in.safetensors", tmp_path / "out.safetensors")


@pytest.mark.parametrize("name", ["__metadata__", "w\ud800"])
def test_names_that_the_format_cannot_have_are_refused(tmp_path: Path, name: str) -> None:
    sources: Mapping[str, WeightSource] = {name: Once(b"\0\0\0\0")}
    path = source_file(tmp_path)
    reporter = Reporter()
    with Checkpoint(str(path), "made", sources, open_file(str(path))) as checkpoint:
        result = convert(checkpoint, tmp_path / "out.safetensors", reporter)
    assert isinstance(result, Failed)
    assert reporter.diagnostics[0].rule.slug == "weights/output-name"


@dataclass(frozen=True)
class Once:
    """A source of an element, or of one that cannot be read."""

    data: bytes | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (1,)

    @property
    def dtype(self) -> str:
        return "float32"

    def chunks(self, dtype: str) -> Iterator[bytes]:
        assert dtype == self.dtype
        if self.data is None:
            raise OSError(5, "the disk fails")
        yield self.data


@pytest.mark.parametrize("name", ["out.safetensors", "out.npz"])
def test_a_source_that_cannot_be_read_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_bytes(b"before")
    path = source_file(tmp_path)
    sources: Mapping[str, WeightSource] = {"a": Once(b"\0\0\0\0"), "b": Once(None)}
    reporter = Reporter()
    with Checkpoint(str(path), "made", sources, open_file(str(path))) as checkpoint:
        assert isinstance(convert(checkpoint, target, reporter), Failed)
    (diagnostic,) = reporter.diagnostics
    assert diagnostic.rule.slug == "weights/unreadable"
    assert target.read_bytes() == b"before"
    assert {p.name for p in tmp_path.iterdir()} == {"in.safetensors", name}


def test_memory_follows_the_chunk(tmp_path: Path) -> None:
    size_bytes = 48 << 20
    header = {"w": entry("F32", [size_bytes // 4], 0, size_bytes)}
    path = write_safetensors(tmp_path / "in.safetensors", header)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + size_bytes)
    for name, dtype in (("a.safetensors", None), ("b.npz", None), ("c.safetensors", "float16")):
        with opened(path) as checkpoint:
            tracemalloc.start()
            convert(checkpoint, tmp_path / name, Reporter(), dtype=dtype)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < size_bytes // 4
