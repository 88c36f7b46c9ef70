"""Writes a program that makes the Pydantic models of `archc validate SPEC`, and nothing else.

Each class stands there with its bases, its configuration and its fields, and is completed where
validating has completed it. Types of archc itself are `object`.

python -m benchmarks.models_alone resnet50 > models_alone.py
"""

from __future__ import annotations

import contextlib
import io
import sys
import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel

HEAD = """
import os
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # as archc does
import pydantic, typer, yaml
from typing import Annotated, Literal
from annotated_types import Ge, Le, MinLen
from pydantic import AllowInfNan, BaseModel, ConfigDict, Field
yaml.CSafeLoader
app = typer.Typer()
"""
_KNOWN = {"Ge", "Le", "MinLen", "AllowInfNan"}


def main() -> None:
    """Prints the program."""
    from archc.cli.main import main as archc

    with contextlib.redirect_stdout(io.StringIO()):
        assert archc(["validate", sys.argv[1]]) == 0
    found = list(dict.fromkeys(_below(BaseModel)))
    print(HEAD)
    for model in found:
        print("\n".join(_class(model, found)))
    for model in found:
        if model.__pydantic_complete__ and model.model_config.get("defer_build"):
            print(f"{_name(model)}.model_rebuild(force=True)")


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        if one.__module__.startswith("archc."):
            yield one
        yield from _below(one)


def _name(model: type[BaseModel]) -> str:
    return f"{model.__module__}.{model.__qualname__}".replace(".", "_")


def _class(model: type[BaseModel], known: list[type[BaseModel]]) -> Iterator[str]:
    bases = [_name(base) for base in model.__bases__ if base in known]
    yield f"class {_name(model)}({', '.join(bases) or 'BaseModel'}):"
    plain = {k: v for k, v in model.model_config.items() if isinstance(v, bool | str)}
    yield f"    model_config = ConfigDict(**{plain | {'arbitrary_types_allowed': True}!r})"
    for name in getattr(model, "__annotations__", {}):
        field = model.model_fields.get(name)
        if field is None:
            continue
        hint = _hint(field.annotation)
        kept = [repr(m) for m in field.metadata if type(m).__name__ in _KNOWN]
        whole = f"Annotated[{', '.join([hint, *kept])}]" if kept else hint
        yield f"    {name}: {whole}" + ("" if field.is_required() else " = None")


def _hint(annotation: object) -> str:
    """The text of a type."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        kept = [repr(m) for m in parts[1:] if type(m).__name__ in _KNOWN]
        return f"Annotated[{', '.join([_hint(parts[0]), *kept])}]" if kept else _hint(parts[0])
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, parts))}]"
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(map(_hint, parts))
    if origin is not None:
        return f"{origin.__name__}[{', '.join('...' if p is ... else _hint(p) for p in parts)}]"
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and annotation.__module__ == "builtins":
        return annotation.__name__
    return "object"


if __name__ == "__main__":
    main()
