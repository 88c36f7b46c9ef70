"""The readers of NumPy's arrays: an `.npz` archive, and a folder of `.npy` files.

An archive is a zip with one `.npy` member for each array, plain or deflated. What a member's header
declares must be exactly what the member holds. Arrays of Python objects are pickles and are
refused; texts and dates are left out. NumPy has no bfloat16: programs that store it (ml_dtypes,
JAX) leave two bytes of no type, `|V2`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile, ReadAt
from archc.weights.checkpoint_folder import CheckpointFolder
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.inflated import Inflated
from archc.weights.npy_header import NpyError, NpyHeader, read_npy_header
from archc.weights.refusal import (
    AGAIN,
    DUPLICATE_NAME,
    ELEMENT_TYPE,
    TOO_MANY,
    TRUNCATED,
    CheckpointError,
)
from archc.weights.shown import listed, shown
from archc.weights.state_dict import (
    MAX_TENSORS,
    NO_TENSORS,
    State,
    check_name,
    without_prefixes,
)
from archc.weights.stored_tensor import StoredTensor, contiguous_strides
from archc.weights.zip_directory import MALFORMED_ZIP, Member

FORMAT = "npz"
FOLDER_FORMAT = "folder of npy files"

SUFFIX = ".npy"

MALFORMED_ARRAY = Rule(
    "weights/malformed-array",
    "an array of numpy is malformed",
    "Its header must be one that numpy writes, and the elements must be as many as it declares.",
)
OBJECT_ARRAY = Rule(
    "weights/object-array",
    "an array of numpy holds Python objects",
    "Such an array is a pickle, which can have any function called; weights are arrays of numbers.",
)

_MAX_RANK = 64
_TYPES: Mapping[str, str] = {
    "f4": "float32",
    "f2": "float16",
    "f8": "float64",
    "V2": "bfloat16",
    **{f"i{size}": f"int{8 * size}" for size in (1, 2, 4, 8)},
    **{f"u{size}": f"uint{8 * size}" for size in (1, 2, 4, 8)},
    "b1": "bool",
}
_OBJECTS = "O"
_LEFT_OUT = frozenset("SaUmM")
"""Codes of texts, durations and dates."""
_UNSIGNED = {2: "H", 4: "I", 8: "Q"}
"""Codes of the standard library's arrays whose elements take so many bytes."""


@dataclass(frozen=True, slots=True)
class _Swapped:
    """The bytes of a file whose elements are big-endian, as little-endian ones."""

    file: ReadAt
    size_bytes: int

    def read(self, begin: int, count: int) -> bytes:
        """The bytes from `begin`; both it and `count` are of whole elements."""
        elements = array(_UNSIGNED[self.size_bytes], self.file.read(begin, count))
        elements.byteswap()
        return elements.tobytes()


@dataclass(frozen=True, slots=True)
class _Stored:
    """An array's file or member: its name with the suffix, its bytes from a position on."""

    path: str
    file: ReadAt
    begin: int
    size: int

    def header(self) -> NpyHeader:
        """What the array declares, compared with the bytes it has.

        Raises:
            CheckpointError: it is malformed, or has fewer or more bytes.
        """
        at = 0

        def take(count: int) -> bytes:
            nonlocal at
            taken = self.file.read(self.begin + at, min(count, self.size - at))
            at += len(taken)
            return taken

        try:
            return read_npy_header(take)
        except NpyError as error:
            raise CheckpointError(MALFORMED_ARRAY, f"`{shown(self.path)}` {error}") from error


def read_npz(file: CheckpointFile, members: Mapping[str, Member]) -> State[StoredTensor]:
    """The arrays of an `.npz` archive in its order, and notes on their names.

    Args:
        file: the archive.
        members: what it holds.

    Raises:
        CheckpointError: a member is no array, declares other sizes than it has, holds objects, or
            is of an element type that archc cannot convert.
    """
    return _state(_members(file, members.values()), lambda path: path)


def read_npy_folder(folder: CheckpointFolder) -> State[StoredTensor]:
    """The arrays of a folder by their paths with dots, in the order of these.

    Raises:
        CheckpointError: as `read_npz`; or a file is reached through a link.
    """
    paths, others = folder.files(SUFFIX)
    state = _state(_files(folder, paths), lambda path: path.replace("/", "."))
    notes = (f"left out what is no array: {listed(others)}",) if others else ()
    return State(state.tensors, (*notes, *state.notes), state.is_averaged)


def _members(file: CheckpointFile, members: Iterable[Member]) -> Iterable[_Stored]:
    for member in members:
        if not member.name.endswith(SUFFIX):
            message = f"the archive holds arrays of numpy, and `{shown(member.name)}`"
            raise CheckpointError(MALFORMED_ZIP, message)
        if member.is_plain:
            yield _Stored(member.name, file, member.begin, member.size)
        elif member.is_deflated:
            yield _Stored(member.name, Inflated(file, member), 0, member.size)
        else:
            message = f"the member `{shown(member.name)}` is encrypted, or packed in an unusual way"
            raise CheckpointError(
                MALFORMED_ZIP, message, helps=["write it again with `numpy.savez`"]
            )


def _files(folder: CheckpointFolder, paths: Iterable[str]) -> Iterable[_Stored]:
    for path in paths:
        file = folder.file(path)
        yield _Stored(path, file, 0, file.size)


def _state(found: Iterable[_Stored], named: Callable[[str], str]) -> State[StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    others: list[str] = []
    for stored in found:
        name = named(stored.path.removesuffix(SUFFIX))
        check_name("", name)
        if len(tensors) + len(others) == MAX_TENSORS:
            raise CheckpointError(TOO_MANY, f"there are more than {MAX_TENSORS} arrays")
        if name in tensors:
            raise CheckpointError(DUPLICATE_NAME, f"two arrays are named `{shown(name)}`")
        tensor = _tensor(stored)
        if tensor is None:
            others.append(name)
        else:
            tensors[name] = tensor
    if not tensors:
        raise CheckpointError(NO_TENSORS, "there are no arrays of numbers")
    state = without_prefixes(tensors)
    notes = (f"left out arrays of texts and dates: {listed(others)}",) if others else ()
    return State(state.tensors, (*notes, *state.notes), state.is_averaged)


def _tensor(stored: _Stored) -> StoredTensor | None:
    """The array's numbers; None where it holds texts or dates."""
    header = stored.header()
    order, code = header.code[0], header.code[1:]
    path = shown(stored.path)
    if code == _OBJECTS:
        raise CheckpointError(
            OBJECT_ARRAY,
            f"`{path}` holds Python objects",
            notes=["nothing of the file was run"],
            helps=["save arrays of numbers alone, each under a name of its own"],
        )
    if code[0] in _LEFT_OUT:
        return None
    if code not in _TYPES:
        help_ = "convert it before saving, for example with `array.astype(numpy.float32)`"
        message = f"`{path}` is stored as `{shown(header.code)}`, which is not supported"
        raise CheckpointError(ELEMENT_TYPE, message, helps=[help_])
    dtype = _TYPES[code]
    size_bytes = ELEMENT_TYPES[dtype].size_bytes
    _check_length(stored, header, size_bytes)
    is_swapped = order == ">" and size_bytes > 1
    return StoredTensor(
        _Swapped(stored.file, size_bytes) if is_swapped else stored.file,
        dtype,
        header.shape,
        _strides(header),
        stored.begin + header.length,
    )


def _check_length(stored: _Stored, header: NpyHeader, size_bytes: int) -> None:
    path, shape = shown(stored.path), header.shape
    if len(shape) > _MAX_RANK:
        message = f"`{path}` has {len(shape)} axes, more than {_MAX_RANK}"
        raise CheckpointError(MALFORMED_ARRAY, message)
    declared = math.prod(shape) * size_bytes
    held = stored.size - header.length
    if declared != held:
        sizes = " × ".join(map(str, shape)) or "one element"
        message = (
            f"`{path}` has {held} bytes, but {shown(sizes)} of `{header.code}` is"
            f" {shown(str(declared))}"
        )
        rule = TRUNCATED if declared > held else MALFORMED_ARRAY
        raise CheckpointError(rule, message, helps=[AGAIN])


def _strides(header: NpyHeader) -> tuple[int, ...]:
    if header.is_fortran:
        return contiguous_strides(header.shape[::-1])[::-1]
    return contiguous_strides(header.shape)
