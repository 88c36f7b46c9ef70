"""What the class of an op says of it and of its arguments, as an editor shows it."""

from __future__ import annotations

import re
from functools import cache
from inspect import getdoc
from typing import NamedTuple

from pydantic import BaseModel

from archc.language.annotation import describe_type, options_of
from archc.language.values import describe
from archc.layers.catalog import layer_class

_ATTRIBUTES = "Attributes:\n"
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class ArgumentDocs(NamedTuple):
    """What an argument is.

    Attributes:
        about: what it does, in a sentence.
        type: what it takes, in the words of the language.
        default: what it is when left out; empty where it has none.
        options: the words that it takes.
        is_path: whether it leads to a layer.
    """

    name: str
    about: str
    type: str
    default: str
    options: tuple[str, ...]
    is_path: bool


class OpDocs(NamedTuple):
    """What an op is.

    Attributes:
        about: its documentation, without the arguments.
        arguments: its arguments by name, the principal one first.
        wanted: the arguments that a use of it has to give.
        takes_branches: whether it is a merge.
    """

    op: str
    about: str
    arguments: dict[str, ArgumentDocs]
    wanted: tuple[str, ...]
    takes_branches: bool

    @property
    def summary(self) -> str:
        """The first sentence."""
        return self.about.partition("\n\n")[0]


@cache
def op_docs(op: str) -> OpDocs:
    """The documentation of an op."""
    cls = layer_class(op)
    about = (getdoc(cls) or "").partition(_ATTRIBUTES)[0]
    wanted = tuple(n for n, f in cls.model_fields.items() if f.is_required())
    if not wanted:
        wanted = _leading(op)
    arguments = argument_docs(cls, cls.path_argument)
    return OpDocs(op, about.strip(), arguments, wanted, cls.takes_branches)


@cache
def argument_docs(model: type[BaseModel], path: str | None = None) -> dict[str, ArgumentDocs]:
    """The documentation of a model's fields by name; `path` is the one that leads to a layer."""
    listed = (getdoc(model) or "").partition(_ATTRIBUTES)[2]
    said = {m[1]: " ".join(m[2].split()) for m in _ATTRIBUTE.finditer(listed)}
    found = {}
    for name, field in model.model_fields.items():
        options = options_of(field.annotation)
        if field.annotation is bool:
            options = ("true", "false")
        default = "" if field.is_required() or field.default is None else describe(field.default)
        kind = describe_type(field.annotation, tuple(field.metadata))
        found[name] = ArgumentDocs(name, said.get(name, ""), kind, default, options, name == path)
    return found


def _leading(op: str) -> tuple[str, ...]:
    """The arguments without a default that an op begins with; one of them where they exclude."""
    cls = layer_class(op)
    found = []
    for name, field in cls.model_fields.items():
        if field.default is not None or cls.takes_branches:
            break
        found.append(name)
    return tuple(found[:1] if cls.path_argument is not None else found)
