"""PyTorch checkpoints written by hand, honest and hostile ones, without PyTorch."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}


@dataclass(frozen=True)
class Global:
    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: object
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class New:
    cls: object
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class Built:
    target: object
    state: object


@dataclass(frozen=True)
class Persistent:
    id: object


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    opcodes: bytes


ORDERED_DICT = Call(Global("collections", "OrderedDict"))


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def opcodes(value: object) -> bytes:  # noqa: C901, PLR0911, PLR0912 - one case a kind
    """The value's opcodes, of protocol 2."""
    match value:
        case Raw(raw):
            return raw
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return integer(value)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return text(value)
        case Global(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return opcodes(function) + opcodes(arguments) + b"R"
        case New(cls, arguments):
            return opcodes(cls) + opcodes(arguments) + b"\x81"
        case Built(target, state):
            return opcodes(target) + opcodes(state) + b"b"
        case Persistent(id_):
            return opcodes(id_) + b"Q"
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            items = b"".join(opcodes(k) + opcodes(v) for k, v in value.items())
            return b"}(" + items + b"u"
    raise TypeError(value)


def pickled(value: object) -> bytes:
    return b"\x80\x02" + opcodes(value) + b"."


@dataclass(frozen=True)
class Storage:
    key: str
    kind: str
    count: int
    view: tuple[object, ...] = ()

    def id(self, *, legacy: bool) -> Persistent:
        view = (self.view or None,) if legacy else ()
        kind = Global("torch", self.kind)
        return Persistent(("storage", kind, self.key, "cpu", self.count, *view))


def tensor(
    storage: Storage,
    shape: Sequence[int],
    strides: Sequence[int] | None = None,
    offset: int = 0,
    *,
    legacy: bool = False,
) -> Call:
    strides = row_major(shape) if strides is None else strides
    parts = (storage.id(legacy=legacy), offset, tuple(shape), tuple(strides), False, ORDERED_DICT)
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), parts)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))


def state_of(
    arrays: Mapping[str, npt.NDArray[np.generic]], *, legacy: bool = False
) -> tuple[dict[str, object], dict[str, bytes]]:
    """The state dictionary of some arrays, and the bytes of its storages."""
    state: dict[str, object] = {}
    storages: dict[str, bytes] = {}
    for number, (name, array) in enumerate(arrays.items()):
        storage = Storage(str(number), STORAGES[array.dtype.name], array.size)
        state[name] = tensor(storage, array.shape, legacy=legacy)
        storages[str(number)] = array.tobytes()
    return state, storages


def write_zip(
    path: Path,
    root: object,
    storages: Mapping[str, bytes] | None = None,
    *,
    more: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
    has_byte_order: bool = True,
) -> Path:
    """An archive as `torch.save` writes it; `root` may be the pickle itself."""
    pickle = root if isinstance(root, bytes) else pickled(root)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("net/data.pkl", pickle)
        if has_byte_order:
            archive.writestr("net/byteorder", b"little")
        for key, data in (storages or {}).items():
            archive.writestr(f"net/data/{key}", data)
        archive.writestr("net/version", b"3\n")
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path


def write_legacy(
    path: Path,
    root: object,
    storages: Mapping[str, tuple[int, bytes]] | None = None,
    *,
    head: Sequence[object] = (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}),
    keys: object = None,
) -> Path:
    """A legacy stream; storages are (declared elements, bytes) by key."""
    storages = storages or {}
    data = b"".join(pickled(part) for part in head)
    data += root if isinstance(root, bytes) else pickled(root)
    data += pickled(list(storages) if keys is None else keys)
    for count, content in storages.values():
        data += struct.pack("<q", count) + content
    path.write_bytes(data)
    return path


def legacy_storages(
    arrays: Mapping[str, npt.NDArray[np.generic]],
) -> dict[str, tuple[int, bytes]]:
    return {str(i): (array.size, array.tobytes()) for i, array in enumerate(arrays.values())}
