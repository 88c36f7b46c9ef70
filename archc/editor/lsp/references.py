"""What a place in a spec refers to, where that is declared, and all places that refer to it."""

from __future__ import annotations

from pathlib import Path

from archc.diagnostics.place import Span
from archc.editor.lsp.document import Document
from archc.editor.lsp.expressions import mention_at, mentions, span_of
from archc.editor.lsp.layer_paths import layer_places, path_symbol
from archc.editor.lsp.symbols import Kind, Symbol, bare, is_same, path_of
from archc.editor.lsp.words import DECLARING, Declaration, Role, Word
from archc.editor.lsp.workspace import Workspace
from archc.language.expression import Literal, Name
from archc.language.library import find_import
from archc.language.spec import Block, Parameter, SpecFile
from archc.language.tree import Mapping, Scalar
from archc.language.values import LayerValue, Text
from archc.layers.catalog import OPS


def symbol_at(document: Document, offset: int) -> Symbol | None:
    """What the word, or the name in an expression, at an offset refers to."""
    word = document.word_at(offset)
    if word is None:
        return None
    mention = mention_at(document, word, offset)
    if mention is not None:
        is_text = isinstance(mention.node, Literal)
        declared = mention.declared
        return (
            _block_symbol(document, mention.text) if is_text else _name_symbol(declared, document)
        )
    if word.role is Role.PATH:
        return path_symbol(document, word, offset)
    return None if "$" in word.text else _plain_symbol(document, word)


def _plain_symbol(document: Document, word: Word) -> Symbol | None:
    """What a word without expressions refers to, or declares."""
    if word.role in (*DECLARING, Role.SETTING):
        return _name_symbol(word.names.find(word.text), document)
    if word.role is Role.ARGUMENT:
        return _argument_symbol(document, word)
    if takes_layer(document, word):
        return _block_symbol(document, word.text)
    kinds = {Role.LAYER_NAME: Kind.LAYER, Role.VARIANT: Kind.VARIANT}
    kind = kinds.get(word.role)
    return Symbol(kind, word.text, document.path, word.scalar.span) if kind is not None else None


def definition(workspace: Workspace, document: Document, offset: int) -> tuple[Path, Span] | None:
    """Where what stands at an offset is declared; the start of the file for an import."""
    word = document.word_at(offset)
    if word is not None and word.role is Role.IMPORT:
        found = find_import(word.text, document.source)
        if found is None:
            return None
        path = found.resolve()
        other = workspace.at(path)
        return None if other is None else (path, other.span(0, 0))
    symbol = symbol_at(document, offset)
    return None if symbol is None else (symbol.path, symbol.span)


def references(workspace: Workspace, symbol: Symbol) -> list[tuple[Document, Span]]:
    """All places that refer to a symbol, its declaration included, in all open documents."""
    home = workspace.at(symbol.path)
    if home is None:
        return []
    documents = [home, *(d for d in workspace.users_of(symbol.path) if d is not home)]
    found = [(document, span) for document in documents for span in _in(document, symbol)]
    return list({(d.path, *s[1:]): (d, s) for d, s in found}.values())


def _in(document: Document, symbol: Symbol) -> list[Span]:
    if symbol.kind is Kind.LAYER:
        return layer_places(document, symbol)
    if symbol.kind is Kind.VARIANT:
        return [symbol.span] if path_of(symbol.span.source) == document.path else []
    found = []
    for word in document.words:
        if _names(document, word, symbol):
            found.append(bare(document, word.scalar))
        for mention in mentions(document, word):
            if symbol.kind is Kind.BLOCK:
                is_it = isinstance(mention.node, Literal) and mention.text == symbol.name
            else:
                declared = mention.declared
                is_it = declared is not None and is_same(declared.key.span, symbol.span)
                is_it = is_it and isinstance(mention.node, Name)
            if is_it and (symbol.kind is Kind.NAME or _is_block(document, symbol)):
                found.append(span_of(document, mention))
    return found


def _names(document: Document, word: Word, symbol: Symbol) -> bool:
    """Whether a word itself is a name of a symbol."""
    if word.text != symbol.name:
        return False
    if symbol.kind is Kind.BLOCK:
        return takes_layer(document, word) and _is_block(document, symbol)
    if is_same(word.scalar.span, symbol.span):
        return True
    if word.role is Role.SETTING:
        declared = word.names.find(word.text)
        return declared is not None and is_same(declared.key.span, symbol.span)
    if word.role is not Role.ARGUMENT or not symbol.block:
        return False
    found = _argument_symbol(document, word)
    return found is not None and is_same(found.span, symbol.span)


def _is_block(document: Document, symbol: Symbol) -> bool:
    block = document.file.block(symbol.name) if document.file is not None else None
    return block is not None and is_same(block.span, symbol.span)


def takes_layer(document: Document, word: Word) -> bool:
    """Whether a word names an op or a block: in the place of a layer, or as a layer's value."""
    if word.role in (Role.OP, Role.BLOCK):
        return True
    if word.role is not Role.VALUE:
        return False
    parameter, file = parameter_of(document, word), document.file
    return parameter is not None and file is not None and is_layer_typed(parameter, file)


def parameter_of(document: Document, word: Word) -> Parameter | None:
    """The parameter that a word declares, or gives a value."""
    file = document.file
    if word.op is not None:
        block = block_of(document, word.op)
        if block is None:
            return None
        return block.params.get(word.argument or next(iter(block.params), ""))
    if file is None or word.argument is None:
        return None
    if word.block:
        own = file.blocks.get(word.block)
        return own.params.get(word.argument) if own is not None and word.layer is None else None
    return file.params.get(word.argument) if word.section in ("params", "variants") else None


def is_layer_typed(parameter: Parameter, file: SpecFile) -> bool:
    """Whether a parameter takes a layer."""
    if parameter.type is not None:
        return "layer" in str(parameter.type).split()
    default = parameter.default
    if isinstance(default, Mapping):
        return True
    return isinstance(default, Scalar) and (default.text in OPS or bool(file.block(default.text)))


def block_of(document: Document, op: Scalar) -> Block | None:
    """The block that an op's word names, or has as its first value where it is an expression."""
    file = document.file
    if file is None:
        return None
    if "$" not in op.text:
        return file.block(op.text)
    name = op_value(document, op)
    return file.block(name) if name is not None else None


def op_value(document: Document, op: Scalar) -> str | None:
    """The name of an op or block that a word means: itself, or its value."""
    if "$" not in op.text:
        return op.text
    good = document.good
    trace = good.trace if good is not None else None
    values = trace.values.get(op.span, []) if trace is not None else []
    for value in values:
        if isinstance(value, Text):
            return str(value)
        if isinstance(value, LayerValue):
            return str(value.name)
    return None


def _name_symbol(declared: Declaration | None, document: Document) -> Symbol | None:
    if declared is None:
        return None
    key = declared.key
    return Symbol(Kind.NAME, key.text, document.path, key.span, declared.block)


def _argument_symbol(document: Document, word: Word) -> Symbol | None:
    block = block_of(document, word.op) if word.op is not None else None
    parameter = block.params.get(word.text) if block is not None else None
    if block is None or parameter is None:
        return None
    path = path_of(parameter.span.source)
    return Symbol(Kind.NAME, parameter.name, path, parameter.span, block.name)


def _block_symbol(document: Document, name: str) -> Symbol | None:
    block = document.file.block(name) if document.file is not None else None
    if block is None:
        return None
    return Symbol(Kind.BLOCK, name, path_of(block.span.source), block.span)
