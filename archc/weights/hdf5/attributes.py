"""Attributes of an object: those that are texts or lists of texts.

Specification, sections IV.A.2.m and IV.A.2.v, and III.E for texts of any length. Attributes lie in
the object's header, many or large ones in a fractal heap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

from archc.weights.byte_reader import TOO_LARGE
from archc.weights.hdf5.btree_v2 import ATTRIBUTE_NAMES, records
from archc.weights.hdf5.datatype import (
    Datatype,
    FixedText,
    VariableText,
    read_dataspace,
    read_datatype,
)
from archc.weights.hdf5.fractal_heap import FractalHeap
from archc.weights.hdf5.global_heap import GlobalHeap
from archc.weights.hdf5.image import Fields, Image
from archc.weights.hdf5.object_header import Message, ObjectHeader
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.refusal import DUPLICATE_NAME, TOO_MANY, CheckpointError
from archc.weights.shown import shown

_MAX_ATTRIBUTES = 10_000
_MAX_TEXTS = 1_000_000
_MAX_TEXT_BYTES = 16_000_000


@final
class Attributes:
    """The attributes of an object, of which only those that are asked for are read."""

    def __init__(self, image: Image, header: ObjectHeader, heap: GlobalHeap) -> None:
        self._what = header.what
        self._heap = heap
        self._messages: dict[str, _Attribute] = {}
        for fields in _messages(image, header):
            attribute = _Attribute(fields, f"an attribute of {header.what}")
            if attribute.name in self._messages:
                message = f"{header.what} has two attributes named `{shown(attribute.name)}`"
                raise CheckpointError(DUPLICATE_NAME, message)
            self._messages[attribute.name] = attribute
            if len(self._messages) > _MAX_ATTRIBUTES:
                raise CheckpointError(TOO_MANY, f"{header.what} has too many attributes")

    def __contains__(self, name: str) -> bool:
        return name in self._messages

    def texts(self, name: str) -> list[str] | None:
        """The texts of an attribute; None where there is none of the name.

        Raises:
            CheckpointError: it holds something else, or is malformed.
        """
        attribute = self._messages.get(name)
        return None if attribute is None else attribute.texts(self._heap)

    def text(self, name: str) -> str | None:
        """The text of an attribute; None where there is none of the name, or it is no text.

        Raises:
            CheckpointError: it is malformed.
        """
        attribute = self._messages.get(name)
        if attribute is None or not attribute.is_text:
            return None
        texts = attribute.texts(self._heap)
        return texts[0] if len(texts) == 1 else None

    def long_texts(self, name: str) -> list[str] | None:
        """The texts of an attribute that Keras may have cut in pieces: `name0`, `name1`, ….

        Raises:
            CheckpointError: they hold something else, or are malformed.
        """
        whole = self.texts(name)
        if whole is not None or f"{name}0" not in self:
            return whole
        found: list[str] = []
        for number in range(_MAX_ATTRIBUTES):
            piece = self.texts(f"{name}{number}")
            if piece is None:
                break
            found += piece
        return found


def _messages(image: Image, header: ObjectHeader) -> Iterator[Fields]:
    yield from header.all(Message.ATTRIBUTE)
    info = header.one(Message.ATTRIBUTE_INFO)
    if info is None:
        return
    what = f"the attributes of {header.what}"
    if info.uint(1) != 0:
        raise malformed(f"{what} are of an unknown version")
    info.take(2 if info.uint(1) & 1 else 0)
    heap_address, index = info.address(), info.address()
    if heap_address is None:
        return
    if index is None:
        raise malformed(f"{what} have no index")
    heap = FractalHeap(image, heap_address, what)
    for record in records(image, index, ATTRIBUTE_NAMES, what):
        identifier, flags = record.take(8), record.uint(1)
        if flags & 2:
            raise unsupported(f"{what} are shared between objects")
        yield heap.get(identifier)


@final
class _Attribute:
    """An attribute message: its name at once, its value when it is asked for."""

    def __init__(self, fields: Fields, what: str) -> None:
        version, flags = fields.uint(1), fields.uint(1)
        if not 1 <= version <= 3:
            raise malformed(f"{what} is of version {version}, which is unknown")
        sizes = [fields.uint(2) for _ in range(3)]
        fields.take(1 if version == 3 else 0)
        if version == 1:
            sizes = [(size + 7) // 8 * 8 for size in sizes]
        name = fields.take(sizes[0]).split(b"\0")[0]
        self.name = name.decode("utf-8", "backslashreplace")
        self.what = f"{what}, `{shown(self.name)}`"
        self._shared = bool(flags & 3) and version > 1
        self._type = fields.part(sizes[1], self.what)
        self._space = fields.part(sizes[2], self.what)
        self._data = fields
        self._datatype: Datatype | None = None
        self._texts: list[str] | None = None

    @property
    def datatype(self) -> Datatype:
        """The type of its elements."""
        if self._datatype is None:
            if self._shared:
                raise unsupported(f"{self.what} refers to a type that objects share")
            self._datatype = read_datatype(self._type)
        return self._datatype

    @property
    def is_text(self) -> bool:
        """Whether its elements are texts."""
        return isinstance(self.datatype, FixedText | VariableText)

    def texts(self, heap: GlobalHeap) -> list[str]:
        """Its elements, which must be texts if there are any."""
        if self._texts is None:
            self._texts = self._read_texts(heap)
        return self._texts

    def _read_texts(self, heap: GlobalHeap) -> list[str]:
        shape = read_dataspace(self._space)
        count = 0 if shape is None else math.prod(shape)
        if count == 0:  # an empty list of names is an empty array of numbers
            return []
        kind = self.datatype
        if not isinstance(kind, FixedText | VariableText):
            raise malformed(f"{self.what}, holds no texts")
        if count > _MAX_TEXTS or count * kind.size > self._data.left:
            raise malformed(f"{self.what}, declares {count} texts in {self._data.left} bytes")
        taken = 0
        texts: list[str] = []
        for _ in range(count):
            text = self._text(kind, heap)
            taken += len(text)
            if taken > _MAX_TEXT_BYTES:
                raise CheckpointError(TOO_LARGE, f"{self.what}, is too large")
            texts.append(text)
        return texts

    def _text(self, kind: FixedText | VariableText, heap: GlobalHeap) -> str:
        element = self._data.part(kind.size, self.what)
        if isinstance(kind, FixedText):
            data = element.data.split(b"\0")[0].rstrip(kind.filler)
        else:
            data = heap.get(element)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            text = shown(data.decode("latin-1"))
            raise malformed(f"{self.what}, holds `{text}`, which is no UTF-8") from error
