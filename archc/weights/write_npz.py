"""The `.npz` writer: a zip with one member for each array, not compressed, streamed.

A member is a header that says type and sizes, then the elements (NumPy, `numpy.lib.format`). Dates
are left at the begin of the format's time, so that the same tensors give the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from typing import BinaryIO

import numpy as np

from archc.weights.elements import ELEMENT_TYPES
from archc.weights.written_tensor import WrittenTensor

_ZIP64_BYTES = 1 << 31
_HEADER_BYTES = 1 << 16


def write_npz(
    tensors: Mapping[str, WrittenTensor], file: BinaryIO, *, written: Callable[[int], None]
) -> None:
    """Writes the tensors to a file; their types are such as numpy has.

    Raises:
        OSError: the file cannot be written.
        TensorReadError: a tensor cannot be read.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in tensors.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            is_large = tensor.length_bytes + _HEADER_BYTES >= _ZIP64_BYTES
            with archive.open(member, "w", force_zip64=is_large) as stream:
                header = {
                    "descr": _code(tensor.dtype),
                    "fortran_order": False,
                    "shape": tensor.shape,
                }
                np.lib.format.write_array_header_1_0(stream, header)
                for chunk in tensor.chunks():
                    stream.write(chunk)
                    written(memoryview(chunk).nbytes)


def _code(dtype: str) -> str:
    code = ELEMENT_TYPES[dtype].code
    assert code is not None  # a checkpoint has no such tensor
    return "|b1" if dtype == "bool" else code
