"""The arguments of ops, and other models, as JSON Schema: every value "or an expression".

Types, bounds and defaults are Pydantic's schema of the model, descriptions the class's own words.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel

from archc.editor.op_docs import ArgumentDocs, argument_docs

Schema: TypeAlias = dict[str, Any]

EVALUATED = r"^\$[A-Za-z_]|\$\("
"""A text in which something is evaluated: a parameter, or one with an expression in it."""

EXPRESSION: Schema = {"$ref": "#/definitions/expression"}
PATH: Schema = {"type": ["string", "integer"]}

_KEPT = ("type", "enum", "const", "minimum", "maximum", "minItems", "maxItems")


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def or_expression(*alternatives: Schema) -> Schema:
    """Any of some schemas, or an expression."""
    return {"anyOf": [*alternatives, EXPRESSION]}


def described(text: str) -> Schema:
    """A description; once more as Markdown where it is some, which editors show as such."""
    found: Schema = {"description": text}
    return found | {"markdownDescription": text} if "`" in text else found


def closed(properties: dict[str, Schema], **more: Any) -> Schema:
    """A mapping with these keys and no others; a key may be evaluated."""
    return {
        "type": "object",
        "properties": properties,
        "patternProperties": {EVALUATED: {}},
        "additionalProperties": False,
        **more,
    }


def model_properties(model: type[BaseModel], path: str | None = None) -> dict[str, Schema]:
    """A model's fields; `path` is the one that leads to a layer."""
    fields = model.model_json_schema().get("properties", {})
    docs = argument_docs(model, path)
    return {name: _property(fields[name], docs[name]) for name in model.model_fields}


def _property(field: Schema, docs: ArgumentDocs) -> Schema:
    found = described(_description(docs))
    found |= or_expression(PATH) if docs.is_path else _widened(field)
    if field.get("default") is not None:
        found["default"] = field["default"]
    return found


def _description(docs: ArgumentDocs) -> str:
    about = docs.about[:1].upper() + docs.about[1:]
    default = f", `{docs.default}` if left out" if docs.default else ""
    kind = "the path of a layer" if docs.is_path else docs.type
    return f"{about}\n\nTakes {kind}{default}.".strip()


def _widened(schema: Schema) -> Schema:
    """A schema whose values, and their elements, may be expressions; null is no value."""
    alternatives = [_plain(a) for a in schema.get("anyOf", [schema]) if a.get("type") != "null"]
    return or_expression(*alternatives)


def _plain(schema: Schema) -> Schema:
    """What is kept of Pydantic's schema, with lists of fixed length as draft 7 writes them."""
    found = {key: schema[key] for key in _KEPT if key in schema}
    if "prefixItems" in schema:
        found["items"] = [_widened(item) for item in schema["prefixItems"]]
    elif "items" in schema:
        found["items"] = _widened(schema["items"])
    return found
