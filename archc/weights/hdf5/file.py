"""An HDF5 file as a tree of groups, tensors and attributes, walked one object at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import final

from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.elements import ELEMENT_TYPES
from archc.weights.hdf5.attributes import Attributes
from archc.weights.hdf5.dataset import Hdf5Tensor, is_dataset, read_tensor
from archc.weights.hdf5.global_heap import GlobalHeap
from archc.weights.hdf5.image import Image
from archc.weights.hdf5.links import is_group, read_links
from archc.weights.hdf5.object_header import ObjectHeader, read_header
from archc.weights.hdf5.refusal import malformed, unsupported
from archc.weights.hdf5.superblock import open_image
from archc.weights.refusal import OVERLAP, TOO_MANY, CheckpointError
from archc.weights.shown import shown
from archc.weights.stored_tensor import StoredTensor

_MAX_DEPTH = 32
_MAX_OBJECTS = 200_000


@final
class Node:
    """A group or a dataset.

    Attributes:
        path: its path in the file, without a leading slash.
    """

    def __init__(self, tree: _Tree, path: str, header: ObjectHeader) -> None:
        self.path = path
        self._tree = tree
        self._header = header
        self._children: dict[str, Node] = {}

    @property
    def is_dataset(self) -> bool:
        """Whether it is an array."""
        return is_dataset(self._header)

    @cached_property
    def names(self) -> list[str]:
        """The names of a group's objects, in the file's order; a dataset has none."""
        return list(self._links)

    @cached_property
    def attributes(self) -> Attributes:
        """Its attributes."""
        return Attributes(self._tree.image, self._header, self._tree.heap)

    def child(self, name: str) -> Node | None:
        """An object of the group; None where there is none of the name.

        Raises:
            CheckpointError: it is malformed, or was reached on another path.
        """
        if name not in self._children and name in self._links:
            path = f"{self.path}/{name}" if self.path else name
            self._children[name] = self._tree.node(self._links[name], path)
        return self._children.get(name)

    def at(self, path: str) -> Node | None:
        """The object at a path below the group, its parts divided by slashes."""
        node: Node | None = self
        for name in path.split("/"):
            node = None if node is None else node.child(name)
        return node

    @cached_property
    def tensor(self) -> Hdf5Tensor:
        """The dataset's elements.

        Raises:
            CheckpointError: they cannot be read.
        """
        return read_tensor(self._tree.image, self._header)

    @cached_property
    def _links(self) -> dict[str, int]:
        if self.is_dataset:
            return {}
        return read_links(self._tree.image, self._header)


@final
class _Tree:
    """What the nodes of a file share: its bytes, its texts, and which objects were reached."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.heap = GlobalHeap(image)
        self._paths: dict[int, str] = {}

    def node(self, address: int, path: str) -> Node:
        """The object at an address, which no other path may lead to.

        Raises:
            CheckpointError: it is malformed, another path leads to it, or it is one too many.
        """
        name = shown(path)
        if address in self._paths:
            other = shown(self._paths[address])
            message = f"`{other}` and `{name}` are one object"
            raise CheckpointError(OVERLAP, message)
        if path.count("/") >= _MAX_DEPTH or len(self._paths) >= _MAX_OBJECTS:
            message = f"`{name}` lies too deep, or is one object too many"
            raise CheckpointError(TOO_MANY, message)
        self._paths[address] = path
        header = read_header(self.image, address, f"`{name}`" if path else "the root group")
        if is_dataset(header) == is_group(header):
            raise unsupported(f"`{name}` is neither a group nor a dataset")
        return Node(self, path, header)


def open_hdf5(file: CheckpointFile, begin: int = 0, size: int | None = None) -> Node:
    """The root group of the HDF5 file in a stretch of a file, by default all of it.

    Raises:
        CheckpointError: it is no HDF5 file, or malformed.
    """
    image, root = open_image(file, begin, file.size if size is None else size)
    node = _Tree(image).node(root, "")
    if node.is_dataset:
        raise malformed("the root of the file is no group")
    return node


def check_apart(tensors: Mapping[str, Hdf5Tensor]) -> None:
    """Refuses tensors that share bytes of the file.

    Raises:
        CheckpointError: two of them do.
    """
    stretches: list[tuple[int, int, str]] = []
    for name, tensor in tensors.items():
        stretches += [(begin, size, name) for begin, size in _stretches(tensor)]
    end, last = 0, ""
    for begin, size, name in sorted(stretches):
        if begin < end:
            message = f"`{shown(name)}` and `{shown(last)}` share {end - begin} bytes of the file"
            raise CheckpointError(OVERLAP, message)
        end, last = begin + size, name


def _stretches(tensor: Hdf5Tensor) -> list[tuple[int, int]]:
    if not isinstance(tensor, StoredTensor):
        return [(chunk.position, chunk.size) for chunk in tensor.stored]
    size = math.prod(tensor.shape) * ELEMENT_TYPES[tensor.dtype].size_bytes
    return [(tensor.begin, size)] if size else []
