"""archc's reader of configurations against protobuf's own: the same accepted, the same values."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from archc.deploy.triton.read_config import parse_config
from archc.deploy.triton.schema_table import ENUMS, MESSAGES
from archc.deploy.triton.values import Group, Value
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.triton.config_texts import broken_texts, config_texts

pytestmark = pytest.mark.triton

ACCEPTED = [
    "",
    "name: 'a'",
    'name: "a" "b" \'c\'',
    "max_batch_size: 0x10, input [ { dims: [ 1, -1 ] }, < dims: 2; dims: 3 > ]",
    'input { name: "x" } input: { name: "y" }',
    'parameters: { key: "a" value: { string_value: "1" } }',
    'parameters: [ { key: "a" }, { value < string_value: "2" > } ]',
    'parameters { key: "a" value { string_value: "1" } } parameters { key: "a" }',
    "version_policy: { latest { num_versions: 2 } }",
    "version_policy { specific: { versions: [1, 3] } }",
    "instance_group [ { kind: 2 count: 007 } ]",
    "dynamic_batching { }",
    "name: '' name: 'b'",
    "# nothing else",
    "input []",
    "sequence_batching { direct { minimum_slot_utilization: -.5e-1f } }",
]
REFUSED = [
    "name",
    "name: ",
    'name: "a',
    "name: a",
    'name: "a" name: "b"',
    "max_batch_size: '8'",
    "max_batch_size: 8.0",
    "max_batch_size: 08",
    "max_batch_size: 3000000000",
    "max_batch_size 8",
    "max_batch_size: [8]",
    "nme: 'a'",
    "input { data_type: FP32 }",
    "input { name: 'x' ",
    "input { name: 'x' >",
    "input }",
    "input: 3",
    "input [ { }, ]",
    "input { dims: [ 1 2 ] }",
    "input { dims: [ , ] }",
    "dynamic_batching { } ensemble_scheduling { }",
    "version_policy { latest { } all { } }",
    "max_batch_size: 8 // eight",
    "name: 'a' 'b",
    r"name: '\xff'",
    "parameters { key: 'a' key: 'b' }",
    "dynamic_batching { preserve_ordering: 2 }",
    "[some.extension]: 3",
]


def official(text: str) -> dict[str, Any] | None:
    """The configuration by protobuf's reader; None where it refuses the text."""
    text_format = import_module("google.protobuf.text_format")
    descriptors = import_module("tritonclient.grpc.model_config_pb2")
    try:
        message = text_format.Parse(text, descriptors.ModelConfig())
    except (text_format.ParseError, UnicodeDecodeError):
        return None
    return _of_message(message)


def ours(text: str) -> dict[str, Any] | None:
    """The same by archc's reader."""
    reporter = Reporter()
    config = parse_config(Source("config.pbtxt", text), reporter)
    assert isinstance(config, Failed) == reporter.has_errors
    return None if isinstance(config, Failed) else _of_group(config)


def _of_message(message: Any) -> dict[str, Any]:
    return {field.name: _of_field(field, value) for field, value in message.ListFields()}


def _of_field(field: Any, value: Any) -> Any:
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {str(key): _of_item(field, value[key]) for key in value}
    if field.is_repeated:
        return [_of_item(field, item) for item in value]
    return _of_item(field, value)


def _of_item(field: Any, value: Any) -> Any:
    if hasattr(value, "ListFields"):
        return _of_message(value)
    if field.enum_type is not None:
        found = field.enum_type.values_by_number.get(value)
        return found.name if found else str(value)
    return value


def _of_group(group: Group) -> dict[str, Any]:
    """What protobuf lists: a scalar that has its default is not there."""
    found: dict[str, Any] = {}
    for name, values in group.fields.items():
        kind, _, choice = MESSAGES[group.message][name].partition(" in ")
        if kind.startswith("map "):
            entries = {key: _plain(value) for key, value in group.entries(name).items()}
            found[name] = entries
        elif kind.endswith("*"):
            found[name] = [_plain(value) for value in values]
        elif choice or kind in MESSAGES or not _is_default(values[0], kind):
            found[name] = _plain(values[0])
    return found


def _is_default(value: Value, kind: str) -> bool:
    return value.data == ENUMS[kind][0] if kind in ENUMS else value.data in {"", 0}


def _plain(value: Value) -> Any:
    return _of_group(value.data) if isinstance(value.data, Group) else value.data


def same(a: Any, b: Any) -> bool:
    """Equal but for the digits that a 32-bit float lacks."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-6, nan_ok=True)
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_is_right_is_read_alike(text: str) -> None:
    wanted = official(text)
    assert wanted is not None
    assert same(ours(text), wanted)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_refused_by_both(text: str) -> None:
    assert official(text) is None
    assert ours(text) is None


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(config_texts())
def test_any_configuration_is_read_alike(text: str) -> None:
    wanted, found = official(text), ours(text)
    event("accepted" if wanted is not None else "refused")
    assert same(found, wanted), (found, wanted)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(broken_texts())
def test_any_broken_text_is_judged_alike(text: str) -> None:
    wanted, found = official(text), ours(text)
    event("accepted" if wanted is not None else "refused")
    assert same(found, wanted), (found, wanted)


def test_the_table_is_the_descriptor() -> None:
    from tools.triton_schema import schema

    messages, enums = schema()
    assert messages == MESSAGES
    assert enums == ENUMS
