from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.unit.weights.reading import (
    array,
    entry,
    opened,
    refused,
    slug,
    values,
    write_safetensors,
)

FLOATS = struct.pack("<4f", 1, 2, 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize(
    "dtype",
    ["f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "u2", "u4", "u8", "?"],
)
def test_every_element_type_is_read_as_float32(path: Path, dtype: str) -> None:
    stored = np.array([[0, 1, 2], [100, 5, 6]]).astype(dtype)
    save_file({"w": stored}, path)
    np.testing.assert_array_equal(values(path)["w"], stored.astype(np.float32))


def test_bfloat16_is_the_upper_half_of_float32(path: Path) -> None:
    numbers = np.array([1.0, -2.5, np.inf, 2.0**-126], np.float32)
    write_safetensors(
        path, {"w": entry("BF16", [4], 0, 8)}, (numbers.view("<u4") >> 16).astype("<u2").tobytes()
    )
    np.testing.assert_array_equal(values(path)["w"], numbers)


def test_float16_is_given_where_asked_for(path: Path) -> None:
    save_file({"w": np.array([1.5, 1e6, np.nan], np.float32)}, path)
    with opened(path) as checkpoint:
        found = array(checkpoint.tensors["w"], "float16")
    np.testing.assert_array_equal(found, np.array([1.5, np.inf, np.nan], np.float16))


def test_large_tensor_comes_in_bounded_chunks(path: Path) -> None:
    stored = np.arange(700_001, dtype=np.float32)
    save_file({"small": np.zeros(3, np.float32), "w": stored}, path)
    with opened(path) as checkpoint:
        chunks = list(checkpoint.tensors["w"].chunks("float32"))
    assert max(map(len, chunks)) <= 1 << 20
    assert len(chunks) == 3
    assert b"".join(chunks) == stored.tobytes()


def test_checkpoint_tells_format_shape_and_stored_type_without_reading(path: Path) -> None:
    save_file({"w": np.zeros((2, 0, 3), np.float16), "n": np.array(7, np.int64)}, path)
    with opened(path) as checkpoint:
        assert checkpoint.format == "safetensors"
        assert checkpoint.tensors["w"].shape == (2, 0, 3)
        assert checkpoint.tensors["w"].dtype == "float16"
        assert checkpoint.tensors["n"].shape == ()
        assert array(checkpoint.tensors["w"]).size == 0
        assert array(checkpoint.tensors["n"]) == 7


def test_tensors_are_in_the_order_of_the_header(path: Path) -> None:
    header = {"b": entry("F32", [2], 8, 16), "a": entry("F32", [2], 0, 8)}
    write_safetensors(path, header, FLOATS)
    found = values(path)
    assert list(found) == ["b", "a"]
    assert found["b"].tolist() == [3, 4]


def test_prefix_of_data_parallel_is_taken_off_with_a_note(path: Path) -> None:
    save_file({"module.fc.weight": np.ones(2, np.float32)}, path)
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == ["fc.weight"]
        assert checkpoint.notes == ("took the prefix `module.` off all names",)


def test_closed_checkpoint_cannot_be_read(path: Path) -> None:
    save_file({"w": np.ones(2, np.float32)}, path)
    with opened(path) as checkpoint:
        pass
    with pytest.raises(ValueError, match="closed"):
        list(checkpoint.tensors["w"].chunks("float32"))


def test_file_cut_while_open_is_an_error_of_the_system(path: Path) -> None:
    save_file({"w": np.ones(2000, np.float32)}, path)
    with opened(path) as checkpoint:
        path.write_bytes(b"")
        with pytest.raises(OSError, match="shorter"):
            list(checkpoint.tensors["w"].chunks("float32"))


@pytest.mark.parametrize(
    ("header", "buffer", "rule"),
    [
        ({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, FLOATS[:12], "overlap"),
        ({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}, FLOATS[:8], "overlap"),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [2], 8, 16)}, FLOATS, "gap"),
        ({"a": entry("F32", [2], 8, 16)}, FLOATS, "gap"),
        ({"a": entry("F32", [2], 0, 8)}, FLOATS, "gap"),
        ({"a": entry("F32", [4], 0, 16)}, FLOATS[:15], "truncated"),
        ({"a": entry("F32", [3], 0, 16)}, FLOATS, "malformed-header"),
        ({"a": entry("F32", [-1, -4], 0, 16)}, FLOATS, "malformed-header"),
        ({"a": entry("F32", [2**40, 2**40], 0, 16)}, FLOATS, "malformed-header"),
        ({"a": entry("F32", [2**70], 0, 16)}, FLOATS, "malformed-header"),
        ({"a": entry("F32", [1] * 40, 0, 4)}, FLOATS[:4], "malformed-header"),
        ({"a": entry("F32", [4], 16, 0)}, FLOATS, "malformed-header"),
        ({"a": {**entry("F32", [4], 0, 16), "more": 1}}, FLOATS, "malformed-header"),
        ({"a": {"dtype": "F32", "shape": [4]}}, FLOATS, "malformed-header"),
        ({"a": {**entry("F32", [], 0, 4), "shape": 4}}, FLOATS[:4], "malformed-header"),
        ({"a": {**entry("F32", [], 0, 4), "shape": [True]}}, FLOATS[:4], "malformed-header"),
        ({"a": {**entry("F32", [], 0, 4), "shape": [4.0]}}, FLOATS, "malformed-header"),
        ({"a": {**entry("F32", [], 0, 4), "data_offsets": [0]}}, FLOATS, "malformed-header"),
        ({"a": [1]}, FLOATS, "malformed-header"),
        ({"a": entry("F4", [32], 0, 16)}, FLOATS, "element-type"),
        ({"a": entry("C64", [2], 0, 16)}, FLOATS, "element-type"),
        ({"a": {**entry("F32", [], 0, 4), "dtype": ["F32"]}}, FLOATS, "element-type"),
        ({"x" * 1025: entry("F32", [4], 0, 16)}, FLOATS, "name-too-long"),
        ({"__metadata__": {"n": 1}, "a": entry("F32", [4], 0, 16)}, FLOATS, "malformed-header"),
        ({"__metadata__": [], "a": entry("F32", [4], 0, 16)}, FLOATS, "malformed-header"),
        ({"__metadata__": {"format": "pt"}}, b"", "no-tensors"),
        ({}, b"", "no-tensors"),
        (b'{"a":1,"a":2}', b"", "duplicate-name"),
        (b'{"__metadata__":{"k":"1","k":"2"}}', b"", "duplicate-name"),
        (b'{"a":', b"", "malformed-header"),
        (b"{} x", b"", "malformed-header"),
        (b'{"\xff":1}', b"", "malformed-header"),
        (b'{"a":NaN}', b"", "malformed-header"),
        (b'{"a":' + b"9" * 5000 + b"}", b"", "malformed-header"),
        (b'{"a":' + b"[" * 100_000, b"", "malformed-header"),
        (b'{"a":[' + b"[]," * 2_000_001 + b"[]]}", b"", "header-too-large"),
    ],
)
def test_malformed_file_is_refused(path: Path, header: object, buffer: bytes, rule: str) -> None:
    write_safetensors(path, header, buffer)
    assert slug(path) == f"weights/{rule}"


def test_too_many_tensors_are_refused(path: Path) -> None:
    empty = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    names = ",".join(f'"{number}":{empty}' for number in range(100_001))
    write_safetensors(path, f"{{{names}}}".encode())
    assert slug(path) == "weights/too-many-entries"


def test_header_longer_than_the_limit_is_refused_unread(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 100_000_001) + b"{}")
    assert slug(path) == "weights/header-too-large"


def test_header_longer_than_the_file_is_refused(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 5000) + b"{}")
    found = refused(path)
    assert found.rule.slug == "weights/truncated"
    assert found.message == "the header declares 5000 bytes, but only 2 follow"


def test_every_truncation_is_refused(path: Path) -> None:
    save_file({"a": np.ones(3, np.float32), "b": np.zeros((2, 2), np.float16)}, path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert slug(path) in {"weights/truncated", "weights/unknown-format"}


def test_names_are_escaped_and_cut_in_messages(path: Path) -> None:
    name = "\x1b[2J\u202e" + "x" * 500
    write_safetensors(path, {name: entry("F4", [4], 0, 2)}, b"ab")
    message = refused(path).message
    assert message.isprintable()
    assert "\\x1b[2J\\u202exxx" in message
    assert len(message) < 200
