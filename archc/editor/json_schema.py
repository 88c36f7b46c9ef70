"""The JSON Schema of the language, draft 7, which YAML language servers know best.

What an op takes is read off its class, so a new op is in the schema as soon as it is there. Later
drafts would add little (`prefixItems`, `unevaluatedProperties`), and editors' support of them is
younger.
"""

from __future__ import annotations

import json

from archc.editor.json_schema_arguments import EVALUATED, Schema
from archc.editor.json_schema_layers import layer_definitions
from archc.editor.json_schema_sections import root, section_definitions


def json_schema() -> Schema:
    """The schema of a spec."""
    expression = {
        "type": "string",
        "pattern": EVALUATED,
        "description": "A parameter, `$name`, or an expression, `$(…)`.",
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "archc spec",
        "description": "A convolutional network, to be compiled to ONNX.",
        **root(),
        "definitions": {"expression": expression, **section_definitions(), **layer_definitions()},
    }


def schema_text() -> str:
    """The schema as a file holds it: a definition a line, so that changes of it can be read."""
    schema = json_schema()
    definitions = schema.pop("definitions")
    head = [f'"{key}": {_json(value)}' for key, value in schema.items()]
    lines = [f'"{name}": {_json(value)}' for name, value in definitions.items()]
    listed = ",\n".join(lines)
    return "{\n" + ",\n".join([*head, f'"definitions": {{\n{listed}\n}}']) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
