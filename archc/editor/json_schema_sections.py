"""The sections of a spec beside its layers as JSON Schema."""

from __future__ import annotations

from archc.editor.json_schema_arguments import (
    PATH,
    Schema,
    closed,
    described,
    model_properties,
    or_expression,
    ref,
)
from archc.editor.language_docs import (
    BLOCK_KEYS,
    EXPECT_KEYS,
    INPUT_KEYS,
    PARAMETER_KEYS,
    TOP_KEYS,
    VARIANT_KEYS,
    WEIGHTS_KEYS,
    WHERE_KEYS,
)
from archc.language.spec import LANGUAGE_VERSION, RESERVED_PARAMETERS
from archc.runtime.preprocess import Preprocess
from archc.stages.elaborate.inputs import Where

_IDENTIFIER = "^[A-Za-z_][A-Za-z0-9_]*$"
_SIMPLE_TYPE = "(?:list of )*(?:int|float|bool|str|layer|list)"
_TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}
_NUMBER = or_expression({"type": "number"})
_LIBRARY_KEYS = (
    "archc", "name", "description", "source", "license", "imports", "params", "let", "blocks",
)  # fmt: skip


def root() -> Schema:
    """A whole file: its keys, and which of them a network or a library has."""
    sections = _sections()
    network = {"required": ["input"]}
    library = {"required": ["blocks"], "propertyNames": {"enum": list(_LIBRARY_KEYS)}}
    return {
        "type": "object",
        "properties": {
            key: {**described(about), **sections[key]} for key, about in TOP_KEYS.items()
        },
        "additionalProperties": False,
        "required": ["archc", "name"],
        "if": {"required": ["layers"]},
        "then": network,
        "else": library,
    }


def section_definitions() -> dict[str, Schema]:
    """The definitions that sections use, by name."""
    return {
        "names": {"type": "object", "propertyNames": {"pattern": _IDENTIFIER}},
        "parameters": _parameters(),
        "parameter": _parameter(),
        "expectations": _expectations(),
        "input": _input(),
        "size": or_expression({"type": "integer", "minimum": 1}, {"type": "string"}),
        "where": closed(_said(model_properties(Where), WHERE_KEYS)),
    }


def _sections() -> dict[str, Schema]:
    return {
        "archc": {"const": LANGUAGE_VERSION},
        "name": {"type": ["string", "integer"], "pattern": "^[A-Za-z0-9_-]+$"},
        "description": _TEXT,
        "source": _TEXT,
        "license": _TEXT,
        "imports": {"type": "array", "items": {"type": "string"}},
        "params": {
            "allOf": [ref("parameters")],
            "propertyNames": {"not": {"enum": [*VARIANT_KEYS]}},
        },
        "variants": _mapping(_variant()),
        "let": ref("names"),
        "input": {"type": "object", "minProperties": 1, "additionalProperties": ref("input")},
        "preprocess": closed(model_properties(Preprocess)),
        "blocks": _mapping(_block()),
        "layers": ref("sequence"),
        "outputs": {"type": "object", "additionalProperties": _output()},
        "labels": {"anyOf": [{"type": "string"}, {"type": "array", "items": _scalar()}]},
        "weights": _weights(),
        "expect": ref("expectations"),
    }


def _said(properties: dict[str, Schema], docs: dict[str, str]) -> dict[str, Schema]:
    """Properties with what the language says of them, where they do not say it themselves."""
    return {name: {**schema, **described(docs[name])} for name, schema in properties.items()}


def _mapping(value: Schema) -> Schema:
    names = {"pattern": "^[A-Za-z0-9_-]+$"}
    return {"type": "object", "propertyNames": names, "additionalProperties": value}


def _scalar() -> Schema:
    return {"type": ["string", "number", "boolean"]}


def _parameters() -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": _IDENTIFIER, "not": {"enum": ["input"]}},
        "additionalProperties": ref("parameter"),
    }


def _parameter() -> Schema:
    """A bare type, a bare default, or a mapping with one of them."""
    one_type = {"type": "string", "pattern": f"^{_SIMPLE_TYPE}(?: or {_SIMPLE_TYPE})*$"}
    kinds: dict[str, Schema] = {
        "type": one_type,
        "default": {"not": {"type": "null"}},
        "min": _NUMBER,
        "max": _NUMBER,
        "choices": {"type": "array"},
        "help": _TEXT,
    }
    long = {
        "type": "object",
        "properties": _said(kinds, PARAMETER_KEYS),
        "additionalProperties": False,
        "anyOf": [{"required": ["type"]}, {"required": ["default"]}],
    }
    bare = {"type": ["string", "number", "boolean", "array"]}
    return {"if": {"type": "object"}, "then": long, "else": bare}


def _variant() -> Schema:
    kinds = {"expect": ref("expectations"), "description": _TEXT}
    return {
        "type": "object",
        "properties": _said(kinds, VARIANT_KEYS),
        "additionalProperties": {"not": {"type": "null"}},
    }


def _block() -> Schema:
    reserved = sorted(RESERVED_PARAMETERS)
    kinds = {
        "params": {
            "allOf": [ref("parameters")],
            "propertyNames": {"not": {"enum": reserved}},
        },
        "let": ref("names"),
        "layers": ref("sequence"),
        "description": _TEXT,
    }
    return {
        "type": "object",
        "properties": _said(kinds, BLOCK_KEYS),
        "additionalProperties": False,
        "required": ["layers"],
    }


def _input() -> Schema:
    shape = or_expression(
        {"type": "integer", "minimum": 1},
        {"type": "array", "items": ref("size"), "minItems": 1, "maxItems": 3},
    )
    kinds: dict[str, Schema] = {
        "shape": shape,
        "layout": or_expression({"enum": ["nchw", "nhwc"]}),
        "dtype": or_expression({"enum": ["float32", "float16", "uint8"]}),
        "where": {"type": "object", "additionalProperties": ref("where")},
    }
    long = {
        "type": "object",
        "properties": _said(kinds, INPUT_KEYS),
        "additionalProperties": False,
        "required": ["shape"],
    }
    return {"if": {"type": "object"}, "then": long, "else": shape}


def _output() -> Schema:
    side = {
        "type": "object",
        "properties": {
            "from": or_expression(PATH),
            "layers": ref("sequence"),
            "when": ref("condition"),
        },
        "additionalProperties": False,
    }
    return {"if": {"type": "object"}, "then": side, "else": or_expression(PATH)}


def _weights() -> Schema:
    patterns = {"anyOf": [_scalar(), {"type": "array", "items": _scalar()}]}
    kinds: dict[str, Schema] = {
        "layout": {"enum": ["torch", "keras"]},
        "prefix": {"type": "string"},
        "rename": {"type": "object", "additionalProperties": _scalar()},
        "ignore": patterns,
    }
    return {
        "type": "object",
        "properties": _said(kinds, WEIGHTS_KEYS),
        "additionalProperties": False,
    }


def _expectations() -> Schema:
    size = {"type": ["integer", "string", "null"]}
    kinds: dict[str, Schema] = {
        "parameters": _NUMBER,
        "macs": _NUMBER,
        "outputs": {
            "type": "object",
            "additionalProperties": {"anyOf": [size, {"type": "array", "items": size}]},
        },
    }
    return {
        "type": "object",
        "properties": _said(kinds, EXPECT_KEYS),
        "additionalProperties": False,
    }
