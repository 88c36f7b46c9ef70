"""Writes archc/deploy/triton/schema_table.py from the descriptor that tritonclient has.

    pip install 'tritonclient[grpc]'
    python tools/triton_schema.py > archc/deploy/triton/schema_table.py
    ruff format archc/deploy/triton/schema_table.py

A test compares the table with the descriptor, so a field that Triton adds is not overlooked.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pprint import pformat
from typing import Any

descriptors = import_module("google.protobuf.descriptor_pb2")
model_config = import_module("tritonclient.grpc.model_config_pb2")

HEAD = '''"""The messages of Triton's model configuration, written by tools/triton_schema.py.

Taken from `model_config_pb2` of tritonclient {version}, which is generated from
https://github.com/triton-inference-server/common, `protobuf/model_config.proto`.

A type ends in `*` where the field is a list, and in `in NAME` where the field is one of those of
that name of which only one may be given; `map K V` is a list of entries with a `key` and a `value`.
"""

from collections.abc import Mapping

'''

SCALARS = {
    "TYPE_STRING": "string",
    "TYPE_BOOL": "bool",
    "TYPE_INT32": "int32",
    "TYPE_INT64": "int64",
    "TYPE_UINT32": "uint32",
    "TYPE_UINT64": "uint64",
    "TYPE_FLOAT": "float",
    "TYPE_DOUBLE": "double",
}


def schema() -> tuple[dict[str, dict[str, str]], dict[str, tuple[str, ...]]]:
    """The messages with their fields' types, and the enumerations by ascending number."""
    file = descriptors.FileDescriptorProto()
    model_config.DESCRIPTOR.CopyToProto(file)
    prefix = f".{file.package}."
    everything = dict(_messages(file.message_type, ""))
    entries = {name for name, m in everything.items() if m.options.map_entry}
    messages = {
        name: {field.name: _type(field, message, everything, prefix) for field in message.field}
        for name, message in everything.items()
        if name not in entries
    }
    enums = {name: _names(enum) for name, enum in _enums(file, everything)}
    return dict(sorted(messages.items())), dict(sorted(enums.items()))


def _messages(found: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for message in found:
        name = prefix + message.name
        yield name, message
        yield from _messages(message.nested_type, f"{name}.")


def _enums(file: Any, messages: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((enum.name, enum) for enum in file.enum_type)
    for name, message in messages.items():
        yield from ((f"{name}.{enum.name}", enum) for enum in message.enum_type)


def _names(enum: Any) -> tuple[str, ...]:
    numbers = [value.number for value in enum.value]
    if numbers != list(range(len(numbers))):
        raise SystemExit(f"the numbers of {enum.name} are not 0, 1, 2, …: extend the table's form")
    return tuple(value.name for value in enum.value)


def _type(field: Any, message: Any, everything: dict[str, Any], prefix: str) -> str:
    kind = field.Type.Name(field.type)
    name = SCALARS.get(kind) or field.type_name.removeprefix(prefix)
    entry = everything.get(name)
    if entry is not None and entry.options.map_entry:
        return " ".join(["map", *(_type(part, entry, everything, prefix) for part in entry.field)])
    if field.label == field.LABEL_REPEATED:
        return f"{name}*"
    if field.HasField("oneof_index"):
        return f"{name} in {message.oneof_decl[field.oneof_index].name}"
    return name


def main() -> None:
    """Prints the table."""
    messages, enums = schema()
    print(HEAD.format(version=version("tritonclient")), end="")
    for name, value in (("MESSAGES", messages), ("ENUMS", enums)):
        kind = "Mapping[str, str]" if name == "MESSAGES" else "tuple[str, ...]"
        shown = pformat(value, width=95, sort_dicts=False)
        print(f"{name}: Mapping[str, {kind}] = {shown}\n")


if __name__ == "__main__":
    main()
