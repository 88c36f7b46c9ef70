"""Completion: what could stand at the cursor, by the part that the word there plays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from archc.diagnostics.reporter import Reporter
from archc.editor import language_docs as docs
from archc.editor.lsp.completion_item import Item, Sort
from archc.editor.lsp.cursor import Cursor, cursor_at
from archc.editor.lsp.document import Document
from archc.editor.lsp.importable import importable
from archc.editor.lsp.layer_completion import (
    argument_items,
    key_snippet,
    layer_items,
    modifier_items,
    name_items,
    op_arguments,
    parameter_about,
)
from archc.editor.lsp.references import is_layer_typed, parameter_of
from archc.editor.lsp.words import Role
from archc.editor.op_docs import argument_docs
from archc.language.spec import Parameter
from archc.language.tree import Mapping, Sequence
from archc.runtime.preprocess import Preprocess
from archc.stages.elaborate.trace import Trace, trace_spec

PATH_BOUND = 200


class Completion(NamedTuple):
    """The things that could stand at a place, and the characters that they take the place of."""

    items: tuple[Item, ...]
    start: int
    end: int


def complete(document: Document, offset: int) -> Completion | None:
    """What could stand at an offset, or None where nothing is known."""
    cursor = cursor_at(document, offset)
    if cursor is None:
        return None
    is_expression = "$" in cursor.before and cursor.word.role is not Role.PATH
    give = _names if is_expression else _GIVEN.get(cursor.word.role)
    items = give(cursor) if give is not None else ()
    unique = {item.label: item for item in items}
    start = cursor.start
    if cursor.word.role in (Role.PATH, Role.IMPORT):
        start -= len(cursor.before)
    return Completion(tuple(unique.values()), start, cursor.end)


# Expressions.


def _names(cursor: Cursor) -> Iterator[Item]:
    """The names in reach, in an expression the functions too; after `input.` its properties."""
    if cursor.before.endswith("."):
        if cursor.before.endswith("input."):
            for name, about in docs.INPUT_PROPERTIES.items():
                yield Item(name, Sort.NAME, name, about=about)
        return
    for name, declared in cursor.names.items():
        kind = {Role.LET: "derived", Role.LOOP_NAME: "loop"}.get(declared.role, "parameter")
        yield Item(name, Sort.NAME, name, kind)
    if cursor.word.layer is not None or cursor.word.block:
        yield Item("input", Sort.NAME, "input", "the tensor that enters")
    if "$(" in cursor.before:
        for name, (call, about) in docs.FUNCTIONS.items():
            yield Item(name, Sort.FUNCTION, f"{name}($1)", call, about)


# Values.


def _values(cursor: Cursor) -> Iterator[Item]:
    """The words that an argument, parameter or key takes, and the names in reach."""
    word, file = cursor.word, cursor.document.file
    parameter = parameter_of(cursor.document, word)
    if parameter is not None and file is not None:
        yield from _parameter_values(parameter, cursor)
        if is_layer_typed(parameter, file) and parameter.choices is None:
            yield from layer_items(cursor)
    known = op_arguments(cursor)
    argument = known.get(word.argument or next(iter(known), ""))
    if argument is not None:
        yield from (Item(option, Sort.WORD, option) for option in argument.options)
    if word.section == "preprocess" and word.op is None:
        option = argument_docs(Preprocess).get(word.argument or "")
        yield from (Item(o, Sort.WORD, o) for o in (option.options if option else ()))
    for value in docs.KEY_VALUES.get((word.section, word.argument or ""), ()):
        yield Item(value, Sort.WORD, value)
    if word.section == "params" or (word.block and word.layer is None and word.section != "let"):
        yield from _types(cursor)
    yield from name_items(cursor)


def _parameter_values(parameter: Parameter, cursor: Cursor) -> Iterator[Item]:
    if parameter.choices is not None and isinstance(parameter.choices, Sequence):
        for choice in parameter.choices.items:
            if not isinstance(choice, Sequence | Mapping):
                yield Item(choice.text, Sort.WORD, choice.text)
    default = parameter.default
    is_bool = str(parameter.type) == "bool"
    if default is not None and not isinstance(default, Sequence | Mapping):
        is_bool = is_bool or isinstance(default.value, bool)
    if is_bool:
        yield from (Item(value, Sort.WORD, value) for value in ("true", "false"))
    del cursor


def _types(cursor: Cursor) -> Iterator[Item]:
    del cursor
    yield from (Item(name, Sort.WORD, name, "type", about) for name, about in docs.TYPES.items())


# Keys, paths, files.


def _keys(table: dict[str, str], cursor: Cursor) -> Iterator[Item]:
    for name, about in table.items():
        if name not in cursor.word.beside:
            yield Item(name, Sort.KEY, key_snippet(name, cursor), about=about)


def _section_keys(cursor: Cursor) -> Iterator[Item]:
    section = cursor.word.section
    if section == "preprocess":
        known = argument_docs(Preprocess)
        table = {name: argument.about for name, argument in known.items()}
    elif section == "input":
        is_where = cursor.word.argument not in (None, "") and "shape" not in cursor.word.beside
        table = {**docs.INPUT_KEYS, **(docs.WHERE_KEYS if is_where else {})}
    else:
        table = docs.SECTIONS.get(section, {})
    return _keys(table, cursor)


def _settings(cursor: Cursor) -> Iterator[Item]:
    """The parameters that a variant can give a value."""
    file = cursor.document.file
    for name, parameter in (file.params if file is not None else {}).items():
        if name not in cursor.word.beside:
            yield Item(name, Sort.NAME, key_snippet(name, cursor), *parameter_about(parameter))
    yield from _keys(docs.VARIANT_KEYS, cursor)


def _paths(cursor: Cursor) -> Iterator[Item]:
    """The layers that a path could lead to from here, the nearest first."""
    spec = cursor.document.spec
    if spec is None:
        return
    document, asked = cursor.document, cursor.word.text
    trace = trace_spec(spec.file, Reporter(), document.variant, asked)
    paths = trace.reachable or _all_paths(trace)
    for path in dict.fromkeys(paths[:PATH_BOUND]):
        yield Item(path, Sort.PATH, path)
    yield Item("input", Sort.PATH, "input", "the tensor that enters")


def _all_paths(trace: Trace) -> list[str]:
    """The full names of layers, for a path that this variant does not look up."""
    names = (use.name for uses in trace.uses.values() for use in uses)
    return sorted((n for n in names if not n.startswith("?")), key=lambda n: n.count("."))


def _imports(cursor: Cursor) -> Iterator[Item]:
    for name, about in importable(cursor.document.path):
        yield Item(name, Sort.FILE, name, about)


_GIVEN: dict[Role, Callable[[Cursor], Iterable[Item]]] = {
    Role.TOP_KEY: lambda cursor: _keys(docs.TOP_KEYS, cursor),
    Role.KEY: _section_keys,
    Role.SETTING: _settings,
    Role.OP: layer_items,
    Role.ARGUMENT: argument_items,
    Role.MODIFIER: modifier_items,
    Role.CONTROL: lambda cursor: _keys(docs.CONTROL_KEYS, cursor),
    Role.VALUE: _values,
    Role.TYPE: _types,
    Role.PATH: _paths,
    Role.IMPORT: _imports,
}
