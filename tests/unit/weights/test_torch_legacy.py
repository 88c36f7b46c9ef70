from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.weights.reading import array, opened, refused, slug, values
from tests.unit.weights.torch_files import (
    MAGIC,
    Call,
    Global,
    Raw,
    Storage,
    legacy_storages,
    opcodes,
    pickled,
    state_of,
    tensor,
    write_legacy,
)

NUMBERS = np.arange(12, dtype=np.float32)
MACHINE = {"protocol_version": 1001, "little_endian": True}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "?"])
def test_every_storage_is_read_as_float32(path: Path, dtype: str) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "first": np.ones(3, np.float16),
        "fc.weight": np.array([[0, 1, 2], [100, 5, 6]]).astype(dtype),
        "none": np.zeros((2, 0), np.float32),
    }
    state, _ = state_of(arrays, legacy=True)
    write_legacy(path, state, legacy_storages(arrays))
    with opened(path) as checkpoint:
        assert checkpoint.format == "torch legacy stream"
        assert list(checkpoint.tensors) == list(arrays)
        for name, stored in arrays.items():
            assert checkpoint.tensors[name].dtype == stored.dtype.name
            found = array(checkpoint.tensors[name])
            np.testing.assert_array_equal(found, stored.astype(np.float32))


def test_storages_lie_in_the_order_of_the_keys(path: Path) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {"a": NUMBERS[:2], "b": NUMBERS[5:9]}
    state, _ = state_of(arrays, legacy=True)
    storages = dict(reversed(legacy_storages(arrays).items()))
    write_legacy(path, state, storages)
    assert {name: v.tolist() for name, v in values(path).items()} == {
        "a": [0, 1],
        "b": [5, 6, 7, 8],
    }


def test_views_of_storages_are_read(path: Path) -> None:
    root = Storage("0", "FloatStorage", 12)
    view = Storage("0", "FloatStorage", 12, ("77", 4, 6))
    state = {
        "whole": tensor(root, [12], legacy=True),
        "part": tensor(view, [2, 2], [1, 2], 1, legacy=True),
    }
    write_legacy(path, state, {"0": (12, NUMBERS.tobytes())})
    assert values(path)["part"].tolist() == [[5, 7], [6, 8]]


@pytest.mark.parametrize(
    ("view", "shape", "rule"),
    [
        (("7", 4, 9), [1], "outside-storage"),
        (("7", 4, 6), [7], "outside-storage"),
        (("7", -1, 6), [1], "malformed-pickle"),
        (("7", 4, "6"), [1], "malformed-pickle"),
        (("7", 4), [1], "malformed-pickle"),
    ],
)
def test_view_beyond_its_storage_is_refused(
    path: Path, view: tuple[object, ...], shape: list[int], rule: str
) -> None:
    state = {"w": tensor(Storage("0", "FloatStorage", 12, view), shape, legacy=True)}
    write_legacy(path, state, {"0": (12, NUMBERS.tobytes())})
    assert slug(path) == f"weights/{rule}"


def test_pickle_of_python_2_is_read(path: Path) -> None:
    def old(word: str) -> bytes:
        return b"U" + bytes([len(word)]) + word.encode()

    kind = opcodes(Global("torch", "FloatStorage"))
    id_ = b"(" + old("storage") + kind + old("0") + old("cpu") + b"K\x0cNtQ"
    made = Call(Global("torch._utils", "_rebuild_tensor"), (Raw(id_), 0, (2,), (1,)))
    items = [[Raw(old("fc.weight")), made], [Raw(old("epoch")), 3]]
    root = Call(Global("collections", "OrderedDict"), (items,))
    write_legacy(path, root, {"0": (12, NUMBERS.tobytes())}, keys=[Raw(old("0"))])
    assert values(path)["fc.weight"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        ((MAGIC, 1000, MACHINE), "malformed-stream"),
        ((MAGIC, "1001", MACHINE), "malformed-stream"),
        ((MAGIC, 1001, {"little_endian": False}), "byte-order"),
        (((MAGIC,), 1001, MACHINE), "malformed-stream"),
        ((MAGIC, 1001, Global("collections", "OrderedDict")), "refused-global"),
        ((MAGIC, Global("os", "system"), MACHINE), "refused-global"),
    ],
)
def test_other_head_is_refused(path: Path, head: tuple[object, ...], rule: str) -> None:
    state, _ = state_of({"w": NUMBERS}, legacy=True)
    write_legacy(path, state, legacy_storages({"w": NUMBERS}), head=head)
    assert slug(path) == f"weights/{rule}"


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ([], "malformed-stream"),
        (["0", "0"], "duplicate-name"),
        (["0", "1"], "malformed-stream"),
        ("0", "malformed-stream"),
        ([0], "malformed-stream"),
        (Global("os", "system"), "refused-global"),
    ],
)
def test_other_keys_are_refused(path: Path, keys: object, rule: str) -> None:
    state, _ = state_of({"w": NUMBERS}, legacy=True)
    write_legacy(path, state, legacy_storages({"w": NUMBERS}), keys=keys)
    assert slug(path) == f"weights/{rule}"


@pytest.mark.parametrize(
    ("declared", "written", "rule"),
    [
        (12, 11, "storage-size"),
        (12, -1, "storage-size"),
        (12, 2**62, "storage-size"),
        (13, 12, "truncated"),
        (2**50, 2**50, "truncated"),
        (11, 11, "malformed-stream"),
    ],
)
def test_storage_of_another_size_than_declared_is_refused(
    path: Path, declared: int, written: int, rule: str
) -> None:
    state = {"w": tensor(Storage("0", "FloatStorage", declared), [1], legacy=True)}
    write_legacy(path, state, {"0": (written, NUMBERS.tobytes())})
    assert slug(path) == f"weights/{rule}"


def test_storage_declared_with_two_sizes_is_refused(path: Path) -> None:
    state = {
        "v": tensor(Storage("0", "FloatStorage", 12), [1], legacy=True),
        "w": tensor(Storage("0", "DoubleStorage", 12), [1], legacy=True),
    }
    write_legacy(path, state, {"0": (12, NUMBERS.tobytes())})
    assert slug(path) == "weights/storage-size"


def test_bytes_behind_the_last_storage_are_refused(path: Path) -> None:
    state, _ = state_of({"w": NUMBERS}, legacy=True)
    write_legacy(path, state, legacy_storages({"w": NUMBERS}))
    path.write_bytes(path.read_bytes() + b"PK\x05\x06")
    assert refused(path).message == "4 bytes follow the last storage"


def test_every_truncation_is_refused(path: Path) -> None:
    state, _ = state_of({"w": NUMBERS[:3]}, legacy=True)
    write_legacy(path, state, legacy_storages({"w": NUMBERS[:3]}))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert slug(path) in {"weights/truncated", "weights/unknown-format"}


def test_whole_model_of_a_legacy_stream_is_refused(path: Path) -> None:
    module = Raw(opcodes(("module", Global("net", "Net"), "net.py", "class Net: ...")) + b"Q")
    write_legacy(path, pickled({"model": module}))
    found = refused(path)
    assert found.rule.slug == "weights/refused-global"
    assert "`net.Net`" in found.message
