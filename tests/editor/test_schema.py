"""The JSON Schema of the language: which texts it takes; the one in the repository is current."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from archc.editor.json_schema import json_schema, schema_text
from archc.language.library import zoo_folder
from tests.cases.expectations import read_expectations
from tests.conftest import Golden
from tests.editor.schema import complaints, is_refused, misspellings, network, rules_found

ROOT = Path(__file__).parents[2]
SCHEMA = zoo_folder() / "archc.schema.json"
LARGEST_BYTES = 300_000
"""What an editor reads again for each spec should stay small."""

HEADER = "# yaml-language-server: $schema="


def _files(*folders: str) -> list[str]:
    found = (file for folder in folders for file in (ROOT / folder).rglob("*.yaml"))
    return sorted(file.relative_to(ROOT).as_posix() for file in found)


NETWORKS = _files("specs", "examples")
CASES = [
    name
    for name in _files("tests/cases")
    if not any(
        d.severity == "error"
        for d in read_expectations((ROOT / name).read_text(encoding="utf-8")).diagnostics
    )
]


def test_schema_is_a_schema_of_its_draft() -> None:
    Draft7Validator.check_schema(json_schema())


def test_schema_in_the_repository_is_current(golden: Golden) -> None:
    golden(SCHEMA, schema_text())


def test_schema_is_small_enough_for_an_editor() -> None:
    assert len(schema_text().encode()) < LARGEST_BYTES


def test_schema_is_the_same_in_every_process() -> None:
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    command = "from archc.editor.json_schema import schema_text; print(schema_text(), end='')"
    ran = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, check=True, env=environment
    )
    assert ran.stdout.decode() == schema_text()


@pytest.mark.parametrize("name", NETWORKS)
def test_spec_is_valid_and_names_the_schema_in_its_first_line(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    first = text.partition("\n")[0]

    assert first.startswith(HEADER)
    assert ((ROOT / name).parent / first.removeprefix(HEADER)).resolve() == SCHEMA.resolve()
    assert complaints(text) == []


@pytest.mark.parametrize("name", CASES)
def test_valid_case_is_valid(name: str) -> None:
    assert complaints((ROOT / name).read_text(encoding="utf-8")) == []


def test_there_are_cases() -> None:
    assert len(CASES) > 40


TEXTS = {
    "archc": "1", "name": "t", "description": "a text", "source": "a text", "license": "a text",
    "imports": "[blocks]", "params": "{n: 1}", "variants": "{v: {n: 2}}", "let": "{m: $(n + 1)}",
    "input": "{image: [3, 8, 8]}", "preprocess": "{resize: 8}",
    "blocks": "{b: {layers: [relu]}}", "layers": "[relu]", "outputs": "{y: '0'}",
    "labels": "[a, b, c]", "weights": "{prefix: x.}", "expect": "{parameters: 0}",
}  # fmt: skip
"""A value for each top-level key."""

WRONG = {
    "archc": "2", "name": "[t]", "description": "[a]", "source": "{a: b}", "license": "[a]",
    "imports": "blocks", "params": "[n]", "variants": "{v: 3}", "let": "[m]",
    "input": "[3, 8, 8]", "preprocess": "{resize: word}", "blocks": "{b: [relu]}",
    "layers": "relu", "outputs": "logits", "labels": "{a: b}", "weights": "{layout: jax}",
    "expect": "{parameters: many}",
}  # fmt: skip
"""A value that does not fit, for each."""


def _spec(values: dict[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def test_top_level_keys_are_those_that_archc_reads() -> None:
    assert list(json_schema()["properties"]) == list(TEXTS)
    text = _spec(TEXTS)
    assert complaints(text) == []
    assert rules_found(text) == []


@pytest.mark.parametrize("key", TEXTS)
def test_misspelt_top_level_key_is_refused(key: str) -> None:
    for misspelt in misspellings(key):
        text = _spec({misspelt if k == key else k: v for k, v in TEXTS.items()})
        assert is_refused(text), misspelt
        assert rules_found(text), misspelt


@pytest.mark.parametrize("key", WRONG)
def test_top_level_key_with_a_value_of_another_kind_is_refused(key: str) -> None:
    text = _spec(TEXTS | {key: WRONG[key]})
    assert is_refused(text)
    assert rules_found(text)


@pytest.mark.parametrize(
    "layer",
    [
        "relu",
        "$act",
        "my_block",
        "[]",
        "[relu, {conv: 8, kernel: 3, repeat: 2, first: {stride: 2}}]",
        "{conv: 8, kernel: 3}",
        "{conv: {out: 8, kernel: 3}, when: $(1 > 0)}",
        "{batch_norm, scale: false}",
        "{clip, min: 0, max: 6}",
        "{$block: 8, conv: 3, kernal: 2}",
        "{conv: 8, $name: 3}",
        "{my_block: 8, scale: 0.1, dropout: 0.5, conv: basic}",
        "{layers: {conv: {conv: 8, kernel: 3}, relu: relu}, when: $x}",
        "{add: [[], [relu], {x: relu}, {layers: [relu], from: a.b, when: $x}]}",
        "{concat: [{do: [[relu]], if: $x, else: [[]]}], axis: channels}",
        "{concat: {branches: [[], []], axis: 1}}",
        "[{do: [relu]}, {for: [a, b], in: [[1, 2]], do: {x$(a): relu}}, {repeat: 3, do: [relu]}]",
    ],
)
def test_form_of_a_layer_is_taken(layer: str) -> None:
    assert complaints(network(layer)) == []


@pytest.mark.parametrize(
    "layer",
    [
        "3.5",
        "null",
        "{}",
        "{conv: 8, kernal: 3}",
        "{conv: {out: 8, kernal: 3}}",
        "{conv: 8, kernel_size: 3}",
        "{conv: 8, relu: true}",
        "{conv: 8, kernel: 3, wehn: true}",
        "{conv: 8, kernel: 3, when: n > 1}",
        "[{conv: 8, kernel: 3, repeat: 2, first: {strde: 2}}]",
        "{relu, repeat: 2}",
        "{relu, name: b}",
        "{layers: [relu], stride: 2}",
        "{add: {a: relu, b: relu}}",
        "{add: [relu, []]}",
        "{add: [{c: {conv: 8, kernal: 3}}, []]}",
        "[{for: i, do: [relu]}]",
        "[{in: [1, 2], do: [relu]}]",
        "[{for: i, in: [1, 2]}]",
        "[{repeat: 2, if: true, do: [relu]}]",
        "[{do: [relu], else: [relu]}]",
        "{do: [relu]}",
    ],
)
def test_wrong_form_of_a_layer_is_refused_as_archc_refuses_it(layer: str) -> None:
    assert is_refused(network(layer))
    assert rules_found(network(layer))


def test_everything_that_an_editor_shows_is_described() -> None:
    schema = json_schema()
    shown = [*schema["properties"].items()]
    for definition in schema["definitions"].values():
        shown += definition.get("properties", {}).items()
    silent = [name for name, s in shown if not ("description" in s or "$ref" in s)]
    assert silent == []


def test_reference_leads_somewhere() -> None:
    schema = json.loads(schema_text())

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [r for v in value.values() for r in references(v)]
        return [r for v in value for r in references(v)] if isinstance(value, list) else []

    for reference in set(references(schema)):
        found = schema
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
