"""The files of the package, read once, and their modules."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import archc

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "archc"

OF_EXTRAS = {"grpc", "tritonclient"}
"""Libraries that come with the extras of the package alone."""


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each file of the package, by its path from the root."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@cache
def modules() -> dict[str, ModuleType]:
    """Every module of the package, imported; but for those whose extra is not installed."""
    found = pkgutil.walk_packages([str(PACKAGE)], "archc.")
    imported = {m.name: _imported(m.name) for m in found}
    return {"archc": archc} | {name: module for name, module in imported.items() if module}


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OF_EXTRAS:
            raise
        return None
