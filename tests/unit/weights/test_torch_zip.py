from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.weights.reading import array, opened, refused, slug, values
from tests.unit.weights.torch_files import (
    ORDERED_DICT,
    Built,
    Call,
    Global,
    New,
    Persistent,
    Raw,
    Storage,
    opcodes,
    pickled,
    state_of,
    tensor,
    write_zip,
)

NUMBERS = np.arange(24, dtype=np.float32)
STORAGE = Storage("0", "FloatStorage", 24)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # The name's ending says nothing.
    return tmp_path / "net.jpg"


def ordered(state: dict[str, object]) -> Built:
    """A state dictionary as PyTorch writes it: ordered, with its metadata as an attribute."""
    items = Raw(opcodes(ORDERED_DICT) + opcodes(state)[1:])
    return Built(items, {"_metadata": {"": {"version": 1}}})


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "?"])
def test_every_storage_is_read_as_float32(path: Path, dtype: str) -> None:
    stored = np.array([[0, 1, 2], [100, 5, 6]]).astype(dtype)
    state, storages = state_of({"fc.weight": stored})
    write_zip(path, ordered(state), storages)
    with opened(path) as checkpoint:
        assert checkpoint.format == "torch zip"
        assert checkpoint.notes == ()
        source = checkpoint.tensors["fc.weight"]
        assert source.shape == (2, 3)
        assert source.dtype == stored.dtype.name
        np.testing.assert_array_equal(array(source), stored.astype(np.float32))
        np.testing.assert_array_equal(array(source, "float16"), stored.astype(np.float16))


def test_bfloat16_is_the_upper_half_of_float32(path: Path) -> None:
    numbers = np.array([1.0, -2.5, np.inf], np.float32)
    data = (numbers.view("<u4") >> 16).astype("<u2").tobytes()
    write_zip(path, {"w": tensor(Storage("0", "BFloat16Storage", 3), [3])}, {"0": data})
    np.testing.assert_array_equal(values(path)["w"], numbers)


def test_bool_is_true_for_any_byte_but_zero(path: Path) -> None:
    write_zip(path, {"w": tensor(Storage("0", "BoolStorage", 3), [3])}, {"0": b"\0\1\xff"})
    assert values(path)["w"].tolist() == [0, 1, 1]


def test_overflow_becomes_infinite_without_a_warning(path: Path) -> None:
    state, storages = state_of({"w": np.array([1e300, -1e300, np.nan])})
    write_zip(path, state, storages)
    np.testing.assert_array_equal(
        values(path)["w"], np.array([np.inf, -np.inf, np.nan], np.float32)
    )


def test_tensors_without_axes_and_without_elements(path: Path) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "bn.num_batches_tracked": np.array(5),
        "none": np.zeros((0, 3), np.float32),
    }
    state, storages = state_of(arrays)
    write_zip(path, state, storages)
    found = values(path)
    assert found["bn.num_batches_tracked"] == 5
    assert found["none"].shape == (0, 3)


def test_storage_without_elements_may_have_no_member(path: Path) -> None:
    write_zip(path, {"none": tensor(Storage("0", "FloatStorage", 0), [0])}, {})
    assert values(path)["none"].shape == (0,)


def test_tensors_may_share_a_storage(path: Path) -> None:
    state = {"a": tensor(STORAGE, [4], [1], 2), "b": tensor(STORAGE, [2, 12])}
    write_zip(path, state, {"0": NUMBERS.tobytes()})
    found = values(path)
    assert found["a"].tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(found["b"], NUMBERS.reshape(2, 12))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ([4, 6], [1, 4], 0),
        ([2, 3, 4], [1, 8, 2], 0),
        ([3], [5], 4),
        ([2, 3], [0, 1], 7),
        ([1, 3, 1], [99, 1, 77], 21),
    ],
)
def test_strided_tensor_is_gathered(
    path: Path, shape: list[int], strides: list[int], offset: int
) -> None:
    write_zip(path, {"w": tensor(STORAGE, shape, strides, offset)}, {"0": NUMBERS.tobytes()})
    expected = np.lib.stride_tricks.as_strided(
        NUMBERS[offset:], shape, [4 * stride for stride in strides]
    )
    with opened(path) as checkpoint:
        np.testing.assert_array_equal(array(checkpoint.tensors["w"]), expected)
        np.testing.assert_array_equal(array(checkpoint.tensors["w"], "float16"), expected)


def test_large_transposed_tensor_comes_in_bounded_chunks(path: Path) -> None:
    stored = np.arange(600_000, dtype=np.float32)
    storage = Storage("0", "FloatStorage", stored.size)
    write_zip(path, {"w": tensor(storage, [1000, 600], [1, 1000])}, {"0": stored.tobytes()})
    with opened(path) as checkpoint:
        chunks = list(checkpoint.tensors["w"].chunks("float32"))
    assert len(chunks) == 3
    assert b"".join(chunks) == stored.reshape(600, 1000).T.tobytes()


def test_other_ways_to_rebuild_a_tensor(path: Path) -> None:
    plain = tensor(STORAGE, [2])
    parts = plain.arguments
    utils = "torch._utils"
    untyped = Persistent(("storage", Global("torch.storage", "UntypedStorage"), "1", "cpu", 8))
    untyped_parts = (untyped, 1, (3,), (1,), False, ORDERED_DICT, Global("torch", "uint16"))
    subclass = (Global(utils, "_rebuild_tensor_v2"), Global("torch", "Tensor"), parts, {"tag": 1})
    parameter = New(Global("torch.nn.parameter", "Parameter"), (plain,))
    state = {
        "v1": Call(Global(utils, "_rebuild_tensor"), parts[:4]),
        "v2": Call(Global(utils, "_rebuild_tensor_v2"), (*parts, None)),
        "v3": Call(Global(utils, "_rebuild_tensor_v3"), untyped_parts),
        "parameter": Call(Global(utils, "_rebuild_parameter"), (plain, True, ORDERED_DICT)),
        "with_state": Call(
            Global(utils, "_rebuild_parameter_with_state"), (plain, True, ORDERED_DICT, {})
        ),
        "subclass": Call(Global("torch._tensor", "_rebuild_from_type_v2"), subclass),
        "old_parameter": Built(parameter, (True, False, ORDERED_DICT)),
        "size": Call(
            Global(utils, "_rebuild_tensor"),
            (parts[0], 0, Call(Global("torch", "Size"), ((2,),)), (1,)),
        ),
    }
    more = np.array([1, 2, 3, 4], np.uint16).tobytes()
    write_zip(path, state, {"0": NUMBERS.tobytes(), "1": more})
    found = values(path)
    assert list(found) == list(state)
    assert found.pop("v3").tolist() == [2, 3, 4]
    assert all(value.tolist() == [0, 1] for value in found.values())


def test_what_training_stores_beside_the_weights_is_left_out(path: Path) -> None:
    dtype = Built(Call(Global("numpy", "dtype"), ("f8", False, True)), (3, "<", None, -1, -1, 0))
    encoded = Call(Global("_codecs", "encode"), ("abc", "latin1"))
    array_ = Call(
        Global("numpy._core.multiarray", "_reconstruct"),
        (Global("numpy", "ndarray"), (0,), encoded),
    )
    root = {
        "epoch": 3,
        "lr": 0.1,
        "name": "net",
        "history": [1.0, None, True, -5, 2**40, (1, 2)],
        "state_dict": state_of({"w": NUMBERS})[0],
        "optimizer": {"state": {0: {"step": tensor(STORAGE, [1])}}, "param_groups": [{"lr": 0.1}]},
        "best": Call(Global("numpy.core.multiarray", "scalar"), (dtype, encoded)),
        "random": Built(array_, (1, (2,), dtype, False, encoded)),
        "args": Built(New(Global("argparse", "Namespace")), {"out": "x"}),
        "out": Call(Global("pathlib", "PosixPath"), ("/", "tmp")),
        "seen": Call(Global("__builtin__", "set"), ([1, 2],)),
        "counts": Call(Global("collections", "Counter"), ({30: 1, 60: 1},)),
        "default": Call(Global("collections", "defaultdict"), (Global("builtins", "list"),)),
        "device": Call(Global("torch", "device"), ("cuda", 0)),
        "dtype": Global("torch", "float16"),
        "i": Call(Global("__builtin__", "complex"), (0.0, 1.0)),
        "pairs": {(0, "a"): 1, None: 2, 1.5: 3, True: 4},
    }
    write_zip(path, root, {"0": NUMBERS.tobytes()})
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == ["w"]
        assert checkpoint.notes == ("used the weights under `state_dict`",)


def test_pickle_of_protocol_4_is_read(path: Path) -> None:
    def short(word: str) -> bytes:
        return b"\x8c" + bytes([len(word)]) + word.encode() + b"\x94"

    def named(module: str, name: str) -> Raw:
        return Raw(short(module) + short(name) + b"\x93\x94")

    storage = Persistent(("storage", named("torch", "FloatStorage"), "0", "cpu", 24))
    made = Call(named("torch._utils", "_rebuild_tensor"), (storage, 0, (2,), (1,)))
    body = opcodes({"w": made, "set": Raw(b"\x8f(K\x01K\x02\x90"), "frozen": Raw(b"(K\x01\x91")})
    frame = b"\x95" + struct.pack("<Q", len(body) + 1)
    write_zip(path, b"\x80\x04" + frame + body + b".", {"0": NUMBERS.tobytes()})
    assert values(path)["w"].tolist() == [0, 1]


@pytest.mark.parametrize(("storage", "size"), [(25, 96), (23, 96), (2**40, 96), (24, 0), (0, 96)])
def test_storage_of_another_size_than_declared_is_refused(
    path: Path, storage: int, size: int
) -> None:
    state = {"w": tensor(Storage("0", "FloatStorage", storage), [0])}
    write_zip(path, state, {"0": bytes(size)})
    found = refused(path)
    assert found.rule.slug == "weights/storage-size"
    assert f"storage `0` has {size} bytes" in found.message


def test_missing_storage_is_refused(path: Path) -> None:
    write_zip(path, {"w": tensor(STORAGE, [1])}, {"1": NUMBERS.tobytes()})
    assert slug(path) == "weights/storage-size"


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "rule"),
    [
        ([25], [1], 0, "outside-storage"),
        ([24], [1], 1, "outside-storage"),
        ([2, 3], [12, 6], 1, "outside-storage"),
        ([2], [2**60], 0, "outside-storage"),
        ([2**60], [1], 0, "outside-storage"),
        ([1], [1], 24, "outside-storage"),
        ([2**20, 2**20], [0, 0], 0, "expanded"),
        ([2**25], [0], 0, "expanded"),
        ([-1], [1], 0, "malformed-pickle"),
        ([2], [-1], 1, "malformed-pickle"),
        ([1], [1], -1, "malformed-pickle"),
        ([1], [1, 1], 0, "malformed-pickle"),
        ([2**64], [0], 0, "malformed-pickle"),
        ([True], [1], 0, "malformed-pickle"),
        (["2"], [1], 0, "malformed-pickle"),
        ([1] * 33, [1] * 33, 0, "malformed-pickle"),
    ],
)
def test_tensor_beyond_its_storage_is_refused(
    path: Path, shape: list[int], strides: list[int], offset: int, rule: str
) -> None:
    state = {"w": tensor(STORAGE, shape, strides, offset)}
    write_zip(path, state, {"0": NUMBERS.tobytes()})
    assert slug(path) == f"weights/{rule}"


def test_complex_and_quantized_tensors_are_refused_by_name(path: Path) -> None:
    state = {"fft": tensor(Storage("0", "ComplexFloatStorage", 12), [12])}
    write_zip(path, state, {"0": NUMBERS.tobytes()})
    found = refused(path)
    assert found.rule.slug == "weights/element-type"
    assert found.message == "`fft` is stored as `complex64`, which is not supported"


def test_big_endian_archive_is_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages)
    path.write_bytes(path.read_bytes().replace(b"net/byteorderlittle", b"net/byteorderBIGend"))
    assert slug(path) == "weights/byte-order"


def test_archive_of_old_pytorch_names_no_byte_order(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages, has_byte_order=False)
    np.testing.assert_array_equal(values(path)["w"], NUMBERS)


@pytest.mark.parametrize("member", ["net/constants.pkl", "net/code/__torch__.py"])
def test_torchscript_is_refused(path: Path, member: str) -> None:
    write_zip(path, {}, more={member: b""})
    found = refused(path)
    assert found.rule.slug == "weights/torchscript"
    assert "state_dict" in found.helps[0]


def test_whole_model_is_refused_with_the_name_of_its_class(path: Path) -> None:
    write_zip(path, {"model": Built(New(Global("__main__", "Net")), {})})
    found = refused(path)
    assert found.rule.slug == "weights/refused-global"
    assert "`net/data.pkl` names `__main__.Net` (before byte" in found.message
    assert "model.state_dict()" in found.helps[0]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"[Content_Types].xml": b""}, "a document"),
        ({"readme.txt": b"", "best/net.pth": b""}, "no `data.pkl`"),
        ({"a/b/data.pkl": b""}, "no `data.pkl`"),
        ({"data.pkl": b""}, "no `data.pkl`"),
        ({}, "no `data.pkl`"),
    ],
)
def test_other_zip_archive_is_named(path: Path, members: dict[str, bytes], said: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    found = refused(path)
    assert found.rule.slug == "weights/unknown-zip"
    assert said in found.message


def test_two_pickles_are_refused(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    write_zip(path, state, storages, more={"other/data.pkl": pickled(state)})
    assert slug(path) == "weights/malformed-zip"


def test_truncated_pickle_is_refused_at_every_byte(path: Path) -> None:
    state, storages = state_of({"w": NUMBERS})
    whole = pickled(state)
    for size in range(len(whole)):
        write_zip(path, whole[:size], storages)
        found = refused(path)
        assert found.rule.slug == "weights/truncated"
        assert "the pickle `net/data.pkl` ends too early" in found.message
