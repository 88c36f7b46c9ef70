"""Stored elements to those of built models, by numpy, which a plain copy does without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from archc.weights.elements import ELEMENT_TYPES

Array = npt.NDArray[np.generic]

_TARGETS: Mapping[str, np.dtype[np.generic]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
}


def converted(array: Array, stored: str, target: str) -> memoryview:
    """The elements of an array in C order, as bytes of `target` (float32 or float16).

    The array holds stored elements as numpy sees them: bfloat16 as its bits in uint16. A value
    beyond the target's range becomes infinite, as in every framework.
    """
    if stored == "bfloat16":
        array = (array.astype("<u4") << np.uint32(16)).view("<f4")
    elif stored == "bool":
        array = array != 0
    # Overflow gives infinity by intent, and signalling NaNs occur.
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.ascontiguousarray(array.astype(_TARGETS[target], copy=False))
    return result.reshape(-1).view(np.uint8).data


def converted_bytes(data: bytes, stored: str, target: str) -> memoryview:
    """Stored bytes, contiguous, as bytes of `target` (float32 or float16)."""
    return converted(np.frombuffer(data, ELEMENT_TYPES[stored].code), stored, target)


def gathered(
    data: bytes,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    stored: str,
    target: str,
    step: int,
) -> Iterator[memoryview]:
    """The elements of a strided tensor in C order as bytes of `target`, `step` elements at a time.

    `data` is the stretch of storage from the first element to the last; strides are in elements.
    """
    kind = ELEMENT_TYPES[stored]
    view = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, kind.code),
        shape,
        tuple(stride * kind.size_bytes for stride in strides),
        writeable=False,
    )
    flat = np.ascontiguousarray(view).reshape(-1)
    for at in range(0, flat.size, step):
        yield converted(flat[at : at + step], stored, target)
