"""Datasets: arrays of numbers, as tensors that are read from where they lie."""

from __future__ import annotations

import math
from typing import TypeAlias

from archc.weights.hdf5.chunk_index import Grid, read_chunks
from archc.weights.hdf5.chunked_tensor import ChunkedTensor, check_chunks
from archc.weights.hdf5.datatype import Number, read_dataspace, read_datatype
from archc.weights.hdf5.image import Image
from archc.weights.hdf5.layout import Chunked, Stretch, read_filters, read_layout
from archc.weights.hdf5.object_header import Message, ObjectHeader
from archc.weights.hdf5.refusal import malformed, outside
from archc.weights.refusal import ELEMENT_TYPE, CheckpointError
from archc.weights.stored_tensor import StoredTensor, contiguous_strides

Hdf5Tensor: TypeAlias = StoredTensor | ChunkedTensor


def is_dataset(header: ObjectHeader) -> bool:
    """Whether an object is an array."""
    return any(kind == Message.LAYOUT for kind, _ in header.messages)


def read_tensor(image: Image, header: ObjectHeader) -> Hdf5Tensor:
    """A dataset as a tensor, known to lie in the file with all its elements.

    Raises:
        CheckpointError: it is malformed, of an element type that archc cannot convert, was never
            written, or lies elsewhere.
    """
    if header.one(Message.EXTERNAL_FILES) is not None:
        raise outside(f"{header.what} has its elements in other files")
    space, kind = header.one(Message.DATASPACE), header.one(Message.DATATYPE)
    place, pipeline = header.one(Message.LAYOUT), header.one(Message.FILTERS)
    if space is None or kind is None or place is None:
        raise malformed(f"{header.what} lacks its sizes, its element type or its place")
    layout = read_layout(place, image.begin)
    filters = () if pipeline is None else read_filters(pipeline)
    number, shape = read_datatype(kind), read_dataspace(space)
    if not isinstance(number, Number):
        described = getattr(number, "described", "texts")
        message = f"{header.what} is stored as {described}, which are not supported"
        help_ = "store weights as little-endian numbers, for example as float32"
        raise CheckpointError(ELEMENT_TYPE, message, helps=[help_])
    if shape is None:
        raise malformed(f"{header.what} is a dataset without any content")
    if isinstance(layout, Chunked):
        return _chunked(image, layout, filters, number, shape, header.what)
    if filters:
        raise malformed(f"{header.what} has filters, but no chunks")
    return _stored(image, layout, number, shape, header.what)


def _stored(
    image: Image, layout: Stretch, number: Number, shape: tuple[int, ...], what: str
) -> StoredTensor:
    size = math.prod(shape) * number.size
    begin = image.begin
    if size:
        if layout.position is None:
            raise malformed(f"the elements of {what} were never written")
        if layout.size != size:
            sizes = " × ".join(map(str, shape)) or "one element"
            message = f"{what} takes {layout.size} bytes, but {sizes} of {number.name} is {size}"
            raise malformed(message)
        begin = image.position(layout.position - image.begin, size, what)
    return StoredTensor(image.file, number.name, shape, contiguous_strides(shape), begin)


def _chunked(
    image: Image,
    layout: Chunked,
    filters: tuple[int, ...],
    number: Number,
    shape: tuple[int, ...],
    what: str,
) -> ChunkedTensor:
    if len(layout.sizes) != len(shape) or layout.element_bytes != number.size:
        raise malformed(f"{what} has chunks of another form than its own")
    grid = Grid(shape, layout.sizes, number.size, bool(filters), what)
    chunks = read_chunks(image, layout, grid)
    check_chunks(grid, chunks, filters)
    return ChunkedTensor(image.file, number.name, grid, chunks, filters, layout.partial_plain)
