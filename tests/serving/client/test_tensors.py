"""The binary form of tensors, against numpy's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from archc.serving.client.tensors import (
    DATATYPES,
    MalformedTensorError,
    UnknownDatatypeError,
    decode,
    encode,
)

SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


@given(st.sampled_from(sorted(DATATYPES)), st.data())
def test_arrays_come_back_bit_for_bit(datatype: str, data: st.DataObject) -> None:
    array = data.draw(arrays.arrays(DATATYPES[datatype], SHAPES))
    sent = encode(array)
    assert (sent.datatype, sent.shape) == (datatype, array.shape)
    assert sent.data == array.tobytes()
    back = decode("x", *sent)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_an_array_in_another_order_is_sent_row_by_row_in_little_endian() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    assert encode(array).data == np.array([0, 3, 1, 4, 2, 5], "<f4").tobytes()
    assert np.array_equal(decode("x", *encode(array)), array)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_byte_strings_come_back(texts: list[bytes]) -> None:
    sent = encode(texts)
    assert (sent.datatype, sent.shape) == ("BYTES", (len(texts), 1))
    assert decode("x", *sent).reshape(-1).tolist() == texts
    as_array = np.empty(len(texts), object)
    as_array[:] = texts
    assert encode(as_array) == ("BYTES", (len(texts),), sent.data)


def test_the_length_of_a_byte_string_is_four_bytes_little_endian() -> None:
    assert encode([b"ab", b""]).data == b"\x02\0\0\0ab\0\0\0\0"


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("FP32", [2], b"\0" * 7),
        ("FP32", [2], b"\0" * 9),
        ("FP32", [1 << 60, 8], b""),
        ("FP32", [-1], b""),
        ("UINT8", [-1, -1], b"\0"),
        ("FP32", [1 << 62, 1 << 62, 0], b""),
        ("FP32", [1] * 100, b"\0\0\0\0"),
        ("BYTES", [1], b""),
        ("BYTES", [1], b"\x05\0\0\0ab"),
        ("BYTES", [1], b"\x05\0"),
        ("BYTES", [1], b"\0\0\0\0\0\0\0\0"),
        ("BYTES", [1 << 60], b""),
    ],
)
def test_a_tensor_of_another_length_is_malformed(
    datatype: str, shape: list[int], data: bytes
) -> None:
    with pytest.raises(MalformedTensorError):
        decode("x", datatype, shape, data)


def test_elements_that_numpy_has_not_are_known_as_such() -> None:
    with pytest.raises(UnknownDatatypeError, match="BF16"):
        decode("x", "BF16", [1], b"\0\0")
    with pytest.raises(TypeError, match="complex64"):
        encode(np.zeros(1, np.complex64))


@given(
    st.sampled_from([*DATATYPES, "BYTES"]),
    st.lists(st.integers(-2, 1 << 62), max_size=4),
    st.binary(max_size=40),
)
def test_whatever_comes_is_an_array_or_malformed(
    datatype: str, shape: list[int], data: bytes
) -> None:
    try:
        array = decode("x", datatype, shape, data)
    except MalformedTensorError:
        return
    assert list(array.shape) == shape
