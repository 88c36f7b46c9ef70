"""Documents as a JSON Schema sees them, and the schema of the language that judges them."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.json_schema import json_schema
from archc.language.tree import Mapping, Scalar, Tree
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import Spec, read_spec
from archc.stages.parse import parse


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(json_schema())


def plain(tree: Tree) -> Any:
    """A tree as JSON has it, with keys as they are written."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Mapping):
        return {entry.key.text: plain(entry.value) for entry in tree}
    return [plain(item) for item in tree.items]


@cache
def _validator_of(definition: str) -> Draft7Validator:
    definitions = json_schema()["definitions"]
    return Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": definitions})


def refused_layers(layers: list[str], definition: str = "item") -> list[str]:
    """Which of some layers a definition of the schema refuses: that of an item of a list."""
    items = document(listed(layers))["layers"]
    return [
        layer
        for layer, item in zip(layers, items, strict=True)
        if not _validator_of(definition).is_valid(item)
    ]


def misfits(layers: list[str]) -> list[str]:
    """In which of some layers archc itself finds a value of a wrong type."""
    text = listed(layers)
    reporter = Reporter()
    spec = read_spec(Source("net.yaml", text), reporter)
    assert isinstance(spec, Spec)
    validate_spec(spec, Choices(), reporter)
    start = text[: text.index("layers:")].count("\n") + 2
    lines = {d.span.line for d in reporter.diagnostics if d.rule.slug == "argument/type"}
    return [layer for number, layer in enumerate(layers, start) if number in lines]


def listed(layers: list[str]) -> str:
    """A spec with these layers, each on a line of its own."""
    lines = "".join(f"  - {layer}\n" for layer in layers)
    return f"archc: 1\nname: t\ninput: {{image: [4, 8, 8]}}\nlayers:\n{lines}"


def document(text: str) -> Any:
    tree = parse(Source("net.yaml", text), Reporter())
    assert not isinstance(tree, Failed)
    return plain(tree)


def complaints(text: str) -> list[str]:
    """What the schema says of a text: nothing where it is a spec."""
    return [e.message for e in validator().iter_errors(document(text))]


def is_refused(text: str) -> bool:
    return not validator().is_valid(document(text))


def rules_found(text: str, name: str = "net.yaml") -> list[str]:
    """The rules of the errors that archc itself finds in a text."""
    reporter = Reporter()
    spec = read_spec(Source(name, text), reporter)
    if isinstance(spec, Spec):
        validate_spec(spec, Choices(), reporter)
    return [d.rule.slug for d in reporter.diagnostics if d.severity.value == "error"]


def network(layer: str) -> str:
    """A spec with one layer, written in brackets or as a word."""
    return f"archc: 1\nname: t\ninput: {{image: [4, 8, 8]}}\nlayers:\n  a: {layer}\n"


def misspellings(word: str) -> list[str]:
    """A word with a letter left out, put in, replaced, and two in each other's place."""
    middle = len(word) // 2
    found = [
        word[:middle] + word[middle + 1 :],
        word[:middle] + word[middle] + word[middle:],
        f"{word}s",
        word[:-1] + "x",
        f"x{word[1:]}",
        word[: middle - 1] + word[middle : middle + 1] + word[middle - 1] + word[middle + 1 :],
    ]
    return [text for text in dict.fromkeys(found) if text and text != word]
