"""A model file of any origin as a `ModelDef`: weights stay in their files until they are written.

Read are the names, the types of inputs and outputs, the initializers and the properties. All else
(attributes of nodes, functions, graphs within nodes, sparse initializers, operators of other
domains) is passed on byte for byte. A model of 500 MB costs what its graph costs.

An initializer that stands among the inputs as well is a constant with a default that nobody
overrides: it is taken off the inputs, and the format is raised to the version that allows it (4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import onnx

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.embedded import check_embedded
from archc.onnx_io.encode import encode_properties, encode_structure
from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef, ValueDef
from archc.onnx_io.stored_file import (
    UNREADABLE,
    ModelFileError,
    ModelFolder,
    ModelStream,
    shown,
)
from archc.onnx_io.tensor_file import malformed, read_initializer
from archc.onnx_io.value_file import read_value
from archc.onnx_io.wire import Field, fields, read

TOO_MANY = Rule(
    "onnx/too-many-entries",
    "a model has too many entries",
    "The largest networks have some ten thousand operators; a bound keeps a hostile file cheap.",
)

MAX_ENTRIES = 1 << 20
"""Operators, initializers, values and properties of a model together."""

_GRAPH = 7
_INPUT, _OUTPUT, _VALUE = 11, 12, 13
_NODE_NAME, _OP_TYPE, _DOMAIN = 3, 4, 7
_DEFAULT_DOMAIN = "ai.onnx"
"""Another name of the default domain, whose own name is empty."""

_FIRST_IR_WITHOUT_INPUTS = 4
"""The first version of the format whose initializers need not be inputs (onnx.proto)."""


@dataclass(frozen=True)
class ModelFile:
    """An open model file, and what is in it. A context manager.

    Attributes:
        path: where the file lies.
        model: the model, whose weights can be read while the file is open only.
    """

    path: Path
    model: ModelDef
    _stream: ModelStream = field(repr=False)
    _folder: ModelFolder = field(repr=False)

    def close(self) -> None:
        """Closes the file; its weights cannot be read any more."""
        self._stream.close()
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_model_file(path: Path, reporter: Reporter) -> ModelFile | Failed:
    """The model in an ONNX file, of archc or of any other program.

    Reports: onnx/unreadable, onnx/malformed, onnx/external-data, onnx/nested-external-data,
        onnx/too-deep, onnx/too-many-entries.
    """
    place = Place(Span(Source(str(path), ""), 1, 1, 1, 1))
    try:
        return _open(path)
    except ModelFileError as error:
        return reporter.error(
            error.rule, error.message, place, notes=error.notes, helps=error.helps
        )
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return reporter.error(UNREADABLE, f"the model cannot be read: {why}", place)
    except ValueError as error:
        refused = malformed(shown(str(error)))
        return reporter.error(refused.rule, refused.message, place, helps=refused.helps)


def _open(path: Path) -> ModelFile:
    stream = ModelStream(path)
    folder = ModelFolder(path.parent)
    try:
        model = _Reader(stream, folder).model()
        _check_parses(model)
    except BaseException:
        stream.close()
        folder.close()
        raise
    return ModelFile(path, model, stream, folder)


def _check_parses(model: ModelDef) -> None:
    """What is passed on unread is read once by protobuf's own parser, weights left out."""
    try:
        onnx.load_model_from_string(encode_structure(model) + encode_properties(model.metadata))
    # Protobuf's error, which it names otherwise in each of its implementations.
    except Exception as error:
        raise malformed("a part of it is no protobuf message") from error


class _Reader:
    """Reads the fields of ModelProto and GraphProto (onnx.proto)."""

    def __init__(self, stream: ModelStream, folder: ModelFolder) -> None:
        self._stream = stream
        self._file = stream.stream
        self._folder = folder
        self._entries = 0
        self._rest = bytearray()
        self._ir = 0
        self._producer = ["", ""]
        self._opsets: dict[str, int] = {}
        self._properties: dict[str, str] = {}

    def model(self) -> ModelDef:
        graph: Field | None = None
        for found in fields(self._file, 0, self._stream.size):
            if found.number != _GRAPH:
                self._add_field(found)
            elif graph is None and found.value is None:
                graph = found
            else:
                raise malformed("it has two graphs")
        if graph is None:
            raise malformed("it has no graph")
        opset = self._opsets.pop("", 0) or self._opsets.get(_DEFAULT_DOMAIN, 0)
        self._opsets.pop(_DEFAULT_DOMAIN, None)
        return replace(
            self._graph(graph),
            opset=opset,
            metadata=self._properties,
            producer=(self._producer[0], self._producer[1]),
            ir=max(self._ir, _FIRST_IR_WITHOUT_INPUTS),
            other_opsets=tuple(self._opsets.items()),
            rest=bytes(self._rest),
        )

    def _add_field(self, found: Field) -> None:
        """Takes a field of the model beside its graph."""
        self._count()
        match found.number:
            case 1:
                self._ir = found.value or 0
            case 2 | 3:
                self._producer[found.number - 2] = self._text(found)
            case 8:
                parts = {part.number: part for part in self._parts(found)}
                version = parts[2].value if 2 in parts else None
                domain = self._text(parts[1]) if 1 in parts else ""
                if self._opsets.setdefault(domain, version or 0) != (version or 0):
                    raise malformed(f"it imports `{shown(domain)}` in two versions")
            case 14:
                entry = {part.number: self._text(part) for part in self._parts(found)}
                self._properties[entry.get(1, "")] = entry.get(2, "")
            case _:
                check_embedded(self._file, "model", found)
                self._rest += self._bytes(found.start, found.end)

    def _graph(self, graph: Field) -> ModelDef:
        name, rest = "", bytearray()
        nodes: list[NodeDef] = []
        initializers: dict[str, InitializerDef] = {}
        values: dict[int, list[ValueDef]] = {_INPUT: [], _OUTPUT: [], _VALUE: []}
        for found in self._parts(graph):
            self._count()
            match found.number:
                case 1:
                    check_embedded(self._file, "graph", found)
                    nodes.append(self._node(found))
                case 2:
                    name = self._text(found)
                case 5:
                    initializer = read_initializer(self._stream, found, self._folder)
                    if initializer.name in initializers:
                        raise malformed(f"it has two tensors `{shown(initializer.name)}`")
                    initializers[initializer.name] = initializer
                case number if number in values:
                    values[number].append(read_value(self._file, found))
                case _:
                    check_embedded(self._file, "graph", found)
                    rest += self._bytes(found.start, found.end)
        return ModelDef(
            name=name,
            nodes=tuple(nodes),
            inputs=tuple(v for v in values[_INPUT] if v.name not in initializers),
            outputs=tuple(values[_OUTPUT]),
            initializers=tuple(initializers.values()),
            opset=0,
            values=tuple(values[_VALUE]),
            graph_rest=bytes(rest),
        )

    def _node(self, found: Field) -> NodeDef:
        """A node by its names alone, and the whole of it as it stands."""
        inputs: list[str] = []
        outputs: list[str] = []
        texts = {_NODE_NAME: "", _OP_TYPE: "", _DOMAIN: ""}
        for part in self._parts(found):
            if part.number == 1:
                inputs.append(self._text(part))
            elif part.number == 2:
                outputs.append(self._text(part))
            elif part.number in texts:
                texts[part.number] = self._text(part)
        if not texts[_OP_TYPE]:
            raise malformed("an operator has no type")
        return NodeDef(
            texts[_OP_TYPE],
            texts[_NODE_NAME],
            tuple(inputs),
            tuple(outputs),
            domain=texts[_DOMAIN],
            encoded=self._bytes(found.content, found.end),
        )

    def _parts(self, found: Field) -> Iterator[Field]:
        if found.value is not None:
            raise malformed(f"a number stands at byte {found.start} in place of a message")
        return fields(self._file, found.content, found.end)

    def _bytes(self, start: int, end: int) -> bytes:
        return read(self._file, start, end)

    def _text(self, found: Field) -> str:
        return self._bytes(found.content, found.end).decode()

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise ModelFileError(TOO_MANY, f"the model has more than {MAX_ENTRIES} entries")
