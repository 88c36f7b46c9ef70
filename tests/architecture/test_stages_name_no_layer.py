"""What is special about an op is a trait of its class; stages ask, and name none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from archc.layers.catalog import OPS
from tests.architecture.sources import trees

STAGES = {path: tree for path, tree in trees().items() if path.startswith("archc/stages/")}
WORDS = set(OPS) - {"max"}  # `max` is a bound of parameters and symbols as well
FAMILIES = {f"archc.layers.{file}" for file in OPS.values()}


def literals(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node


@pytest.mark.parametrize("path", STAGES)
def test_no_op_is_named(path: str) -> None:
    found = literals(STAGES[path])
    named = [f"line {node.lineno}: {node.value}" for node in found if node.value in WORDS]
    assert named == []


@pytest.mark.parametrize("path", STAGES)
def test_no_family_is_imported(path: str) -> None:
    imported = {
        node.module for node in ast.walk(STAGES[path]) if isinstance(node, ast.ImportFrom)
    } | {
        alias.name
        for node in ast.walk(STAGES[path])
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported & FAMILIES == set()
