"""Completion of layers: ops, blocks, their arguments, modifiers and loops."""

from __future__ import annotations

from collections.abc import Iterator

from archc.editor import language_docs as docs
from archc.editor.lsp.completion_item import Item, Sort
from archc.editor.lsp.cursor import HERE, Cursor
from archc.editor.lsp.references import block_of, is_layer_typed, op_value
from archc.editor.op_docs import ArgumentDocs, OpDocs, op_docs
from archc.language.spec import Block, Parameter
from archc.language.tree import Mapping
from archc.layers.catalog import OPS


def name_items(cursor: Cursor) -> Iterator[Item]:
    """The names in reach, each as the value that it has."""
    for name, declared in cursor.names.items():
        where = f"of {declared.block}" if declared.block else ""
        yield Item(f"${name}", Sort.NAME, f"\\${name}", where)


def layer_items(cursor: Cursor) -> Iterator[Item]:
    """The ops and blocks; beside them modifiers where they are keys, or a loop in a list."""
    file = cursor.document.file
    names = file.block_names if file is not None else ()
    for name in names:
        block = file.block(name) if file is not None else None
        if block is not None:
            wanted = [p.name for p in block.params.values() if p.default is None]
            yield Item(name, Sort.BLOCK, _use(name, wanted, cursor), f"block of {block.file.name}")
    for op in OPS:
        if op not in names:
            known = op_docs(op)
            yield Item(op, Sort.OP, _op_snippet(known, cursor), "op", known.summary)
    if cursor.is_key and not cursor.has_colon:
        yield from modifier_items(cursor)
    elif not cursor.is_flow and not cursor.is_key:
        yield from _loops(cursor)
    for item in name_items(cursor):
        declared = cursor.names.get(item.label[1:])
        if file is None or declared is None:
            continue
        owner = file.blocks.get(declared.block) if declared.block else file
        parameter = owner.params.get(declared.key.text) if owner is not None else None
        if parameter is not None and is_layer_typed(parameter, file):
            yield item


def _op_snippet(known: OpDocs, cursor: Cursor) -> str:
    if known.takes_branches:
        inner = f"{known.op}: [[$1], []]"
        return inner if cursor.is_key else f"{{{inner}}}"
    return _use(known.op, list(known.wanted), cursor)


def _use(name: str, wanted: list[str], cursor: Cursor) -> str:
    """A use of an op or block with places for the arguments that it has to have."""
    if cursor.has_colon or not wanted:
        return name
    first, *others = wanted
    rest = "".join(f", {other}: ${{{i}:{other}}}" for i, other in enumerate(others, 2))
    inner = f"{name}: ${{1:{first}}}{rest}"
    return inner if cursor.is_key else f"{{{inner}}}"


def modifier_items(cursor: Cursor) -> Iterator[Item]:
    """The modifiers that are not given."""
    for name, about in docs.MODIFIERS.items():
        if name not in cursor.word.beside and name != "branches":
            yield Item(name, Sort.MODIFIER, f"{name}: $1", "modifier", about)


def _loops(cursor: Cursor) -> Iterator[Item]:
    """Control items, which stand in a list of layers."""
    at = cursor.word.scalar.span
    if cursor.document.source.line(at.line)[: at.column - 1].strip() != "-":
        return
    bodies = {
        "for": "for: ${1:i}\n  in: \\$(range(${2:2}))\n  do:\n    - $0",
        "repeat": "repeat: ${1:2}\n  do:\n    - $0",
        "if": "if: \\$($1)\n  do:\n    - $0",
    }
    for name, snippet in bodies.items():
        yield Item(name, Sort.MODIFIER, snippet, "control item", docs.CONTROL_KEYS[name])


def argument_items(cursor: Cursor) -> Iterator[Item]:
    """The arguments of the op or block at hand that are not given, and the modifiers."""
    word = cursor.word
    block = block_of(cursor.document, word.op) if word.op is not None else None
    given = {*word.beside} - {HERE}
    if block is not None:
        given |= set() if _is_inside(cursor) else {next(iter(block.params), "")}
        for name, parameter in _not_given(block, given).items():
            yield Item(name, Sort.ARGUMENT, key_snippet(name, cursor), *parameter_about(parameter))
    else:
        known = op_arguments(cursor)
        given |= set() if _is_inside(cursor) else {next(iter(known), "")}
        for argument in known.values():
            if argument.name not in given:
                about = argument.about
                yield Item(argument.name, Sort.ARGUMENT, key_snippet(argument.name, cursor),
                           argument.type, about)  # fmt: skip
    yield from modifier_items(cursor)


def _is_inside(cursor: Cursor) -> bool:
    """Whether all arguments stand in the op's own value, the principal one among them."""
    layer, op = cursor.word.layer, cursor.word.op
    entries = layer.entries if isinstance(layer, Mapping) else ()
    return any(entry.key is op and isinstance(entry.value, Mapping) for entry in entries)


def _not_given(block: Block, given: set[str]) -> dict[str, Parameter]:
    return {name: p for name, p in block.params.items() if name not in given}


def parameter_about(parameter: Parameter) -> tuple[str, str]:
    """What stands beside a parameter in the list, and what it is for."""
    return str(parameter.type or "parameter"), parameter.help


def op_arguments(cursor: Cursor) -> dict[str, ArgumentDocs]:
    """The arguments of the op at hand; none where it is a block or not known."""
    op = op_value(cursor.document, cursor.word.op) if cursor.word.op is not None else None
    return op_docs(op).arguments if op is not None and op in OPS else {}


def key_snippet(name: str, cursor: Cursor) -> str:
    """A key with a place for its value, where that does not follow already."""
    return name if cursor.has_colon else f"{name}: $1"
