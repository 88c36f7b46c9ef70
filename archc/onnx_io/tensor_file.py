"""A TensorProto in a model file as an initializer whose elements are read when they are written.

Lengths are compared with sizes before anything is read. What archc does not read elements of
(elements as single numbers, strings, types to come) is passed on as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.onnx_io.element_types import (
    DOUBLES,
    FLOATS,
    INT64S,
    INTS,
    STRING_CODE,
    STRINGS,
    UINT64S,
    field_of,
    value_type,
)
from archc.onnx_io.model import InitializerDef, OtherType, ValueType
from archc.onnx_io.reader import KEPT_BYTES
from archc.onnx_io.stored_file import (
    EXTERNAL_DATA,
    ExternalFile,
    ModelFileError,
    ModelFolder,
    ModelStream,
    Stretches,
    shown,
)
from archc.onnx_io.wire import Field, fields, read

MALFORMED = Rule(
    "onnx/malformed",
    "a file is no ONNX model, or a damaged one",
    "A model is a protobuf message in which every part says how long it is; lengths, sizes and "
    "names must agree before anything is made of them.",
)

_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_TYPED = (FLOATS, INTS, STRINGS, INT64S, DOUBLES, UINT64S)
_IS_EXTERNAL = 1
_MAX_RANK = 64
_LAST_BYTES = bytes(range(0x80))
"""The bytes that a number of variable length can end with; none of them stands within one."""


@dataclass(frozen=True, slots=True)
class StoredElements:
    """The elements of a tensor as they lie in a file, in C order and little-endian.

    Attributes:
        shape: the sizes.
        dtype: the element type.
        file: the model, or a file beside it.
        begin: where the elements begin.
        length_bytes: the bytes that they take.
    """

    shape: tuple[int, ...]
    dtype: str
    file: Stretches
    begin: int
    length_bytes: int

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        """The elements as they are stored; other types than theirs cannot be had."""
        if dtype != self.dtype:
            raise InternalError(f"{self.dtype} elements are asked for as {dtype}")
        yield from self.file.stretch(self.begin, self.length_bytes)


@dataclass(slots=True)
class _Parts:
    dims: list[int] = field(default_factory=list)
    code: int = 0
    name: bytes = b""
    location: int = 0
    raw: Field | None = None
    counts: dict[int, int] = field(default_factory=dict)
    floats: Field | None = None
    external: dict[str, str] = field(default_factory=dict)
    rest: bytearray = field(default_factory=bytearray)


def read_initializer(file: ModelStream, found: Field, folder: ModelFolder) -> InitializerDef:
    """The initializer that a field of a graph holds.

    Raises:
        ModelFileError: its parts do not agree, or its external data are not in the folder.
        ValueError: the bytes are no message.
        OSError: the disk fails.
    """
    parts = _parts(file.stream, found)
    name, dims, kind = _name(parts), tuple(parts.dims), value_type(parts.code)
    length = InitializerDef(name, kind, dims, b"").length_bytes
    is_known = not isinstance(kind, OtherType) or kind.bits > 0
    if parts.location == _IS_EXTERNAL:
        if not is_known:
            raise malformed(f"`{shown(name)}` has external data of no known length")
        begin, elsewhere = _external(parts, name, length, folder)
        stored = StoredElements(dims, kind.value, elsewhere, begin, length)
    elif parts.raw is not None and is_known:
        _check_raw(parts.raw, parts, name, dims, length)
        stored = StoredElements(dims, kind.value, file, parts.raw.content, length)
    else:
        _check_counts(parts, name, kind)
        whole = parts.floats
        if whole is None or length <= KEPT_BYTES or whole.end - whole.content != length:
            encoded = read(file.stream, found.content, found.end)
            return InitializerDef(name, kind, dims, b"", encoded=encoded)
        # Floats are packed into the very bytes that raw data are.
        stored = StoredElements(dims, kind.value, file, whole.content, length)
    is_small = length <= KEPT_BYTES
    source = b"".join(stored.chunks(kind.value)) if is_small else stored
    return InitializerDef(name, kind, dims, source, bytes(parts.rest))


def malformed(why: str) -> ModelFileError:
    """What is raised where the parts of a model do not agree."""
    helps = ("copy or download the file again, or check it with `onnx.checker`",)
    return ModelFileError(MALFORMED, f"the file is no valid ONNX model: {why}", helps=helps)


def _parts(file: BinaryIO, tensor: Field) -> _Parts:
    parts = _Parts()
    for found in fields(file, tensor.content, tensor.end):
        match found.number:
            case n if n == _DIMS:
                _add_dims(parts, file, found)
            case n if n == _TYPE:
                parts.code = found.value or 0
            case n if n == _NAME:
                parts.name = read(file, found.content, found.end)
            case n if n == _RAW:
                if parts.raw is not None:
                    raise malformed("a tensor has raw data twice")
                parts.raw = found
            case n if n == _EXTERNAL:
                _add_entry(parts, file, found)
            case n if n == _LOCATION:
                parts.location = found.value or 0
            case n if n in _TYPED:
                _count(parts, file, found)
            case _:
                parts.rest += read(file, found.start, found.end)
    return parts


def _add_dims(parts: _Parts, file: BinaryIO, found: Field) -> None:
    sizes = [found.value] if found.value is not None else _packed(file, found)
    parts.dims += sizes
    if len(parts.dims) > _MAX_RANK:
        raise malformed(f"a tensor has more than {_MAX_RANK} axes")
    if any(size >= 1 << 63 for size in sizes):
        raise malformed("a tensor has a negative size")


def _packed(file: BinaryIO, found: Field) -> list[int]:
    if found.end - found.content > 10 * _MAX_RANK:
        raise malformed(f"a tensor has more than {_MAX_RANK} axes")
    sizes, size, shift = [], 0, 0
    for byte in read(file, found.content, found.end):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            sizes.append(size)
            size, shift = 0, 0
    return sizes


def _add_entry(parts: _Parts, file: BinaryIO, found: Field) -> None:
    entry = {p.number: read(file, p.content, p.end) for p in fields(file, found.content, found.end)}
    key = entry.get(1, b"").decode()
    if key in parts.external:
        raise malformed(f"external data have `{shown(key)}` twice")
    parts.external[key] = entry.get(2, b"").decode()


def _count(parts: _Parts, file: BinaryIO, found: Field) -> None:
    """Adds the elements of a field of single numbers, packed or not."""
    length = found.end - found.content
    if found.number == FLOATS:
        count = length // 4
    elif found.number == DOUBLES:
        count = length // 8
    elif found.number == STRINGS or found.value is not None:
        count = 1
    else:
        count = length - len(read(file, found.content, found.end).translate(None, _LAST_BYTES))
    if found.number in (FLOATS, DOUBLES) and found.number not in parts.counts:
        parts.floats = found
    parts.counts[found.number] = parts.counts.get(found.number, 0) + count


def _name(parts: _Parts) -> str:
    name = parts.name.decode()
    if not name:
        raise malformed("an initializer has no name")
    return name


def _check_raw(raw: Field, parts: _Parts, name: str, dims: tuple[int, ...], length: int) -> None:
    if parts.counts:
        raise malformed(f"`{shown(name)}` has its elements twice")
    if raw.end - raw.content != length:
        sizes = " × ".join(map(str, dims)) or "one element"
        raise malformed(
            f"`{shown(name)}` holds {raw.end - raw.content} bytes, and {sizes} takes {length}"
        )


def _check_counts(parts: _Parts, name: str, kind: ValueType) -> None:
    """Elements as single numbers are in the field of their type, as many as the sizes say."""
    code, count = parts.code, math.prod(parts.dims)
    if isinstance(kind, OtherType) and not kind.bits and code != STRING_CODE:
        return
    if isinstance(kind, OtherType) and 0 < kind.bits < 8:
        count = -(-count * kind.bits // 8)
    elif kind.value.startswith("complex"):
        count *= 2
    wanted = {field_of(kind): count} if count else {}
    held = {number: n for number, n in parts.counts.items() if n}
    if held != wanted:
        raise malformed(
            f"`{shown(name)}` holds {sum(held.values())} numbers of its type, not {count}"
        )


def _external(
    parts: _Parts, name: str, length: int, folder: ModelFolder
) -> tuple[int, ExternalFile]:
    """Where in which file the elements lie."""
    if parts.raw is not None or parts.counts:
        raise malformed(f"`{shown(name)}` has its elements twice")
    location = parts.external.get("location", "")
    offset = _number(parts, "offset", name) or 0
    declared = _number(parts, "length", name)
    size = folder.size_of(location)
    if declared is not None and declared != length:
        why = f"declares {declared} bytes, and its sizes take {length}"
    elif offset + length > size:
        why = f"takes bytes {offset} to {offset + length} of {size}"
    else:
        return offset, ExternalFile(folder, location)
    raise ModelFileError(
        EXTERNAL_DATA,
        f"`{shown(name)}` {why} in `{shown(location)}`",
        helps=("copy or download both files again",),
    )


def _number(parts: _Parts, key: str, name: str) -> int | None:
    text = parts.external.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise malformed(f"`{shown(name)}` has an external `{key}` that is no number")
    return int(text)
