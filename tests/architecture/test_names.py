from __future__ import annotations

import ast
import importlib
from pathlib import PurePosixPath

import archc
from tests.architecture.sources import PACKAGE, trees

BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    found = [path for path in trees() if BANNED & set(PurePosixPath(path).with_suffix("").parts)]
    assert found == []


def test_no_module_is_private() -> None:
    names = {path: PurePosixPath(path).stem for path in trees()}
    assert [p for p, n in names.items() if n.startswith("_") and not n.startswith("__")] == []


def test_every_public_name_can_be_imported() -> None:
    assert sorted(archc.__all__) == archc.__all__
    assert dir(archc) == archc.__all__
    assert all(hasattr(archc, name) for name in archc.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("archc")
        for alias in node.names
    }
    assert sorted(seen) == archc.__all__
    for name, module in seen.items():
        assert getattr(importlib.import_module(module or ""), name) is getattr(archc, name)


def test_every_module_says_what_it_is() -> None:
    assert [path for path, tree in trees().items() if not ast.get_docstring(tree)] == []


def test_every_public_class_and_function_says_what_it_is() -> None:
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees().items()
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert found == []
