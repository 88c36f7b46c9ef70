"""Hover: what the word at a place is, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archc.diagnostics.place import Span
from archc.editor import language_docs as docs
from archc.editor.lsp.document import Document
from archc.editor.lsp.expressions import Mention, mention_at, span_of
from archc.editor.lsp.figures import number, span_of_numbers
from archc.editor.lsp.references import block_of, op_value, parameter_of, takes_layer
from archc.editor.lsp.values import parameter_lines, value_lines
from archc.editor.lsp.words import Declaration, Role, Word
from archc.editor.op_docs import ArgumentDocs, argument_docs, op_docs
from archc.language.expression import Attribute, Call, Name
from archc.language.library import find_import
from archc.language.spec import Block, Parameter
from archc.language.tree import Scalar, shown, written
from archc.layers.catalog import OPS
from archc.runtime.preprocess import Preprocess
from archc.stages.elaborate.trace import Use

SHOWN_USES = 12


class Hover(NamedTuple):
    """What is said of a place, and which characters it is said of."""

    text: str
    span: Span


def hover(document: Document, offset: int) -> Hover | None:
    """What the word at an offset is, or None where there is nothing to say."""
    word = document.word_at(offset)
    if word is None:
        return None
    mention = mention_at(document, word, offset)
    parts = [] if mention is None else _mention(document, mention)
    span = word.scalar.span if mention is None or not parts else span_of(document, mention)
    say = _SAID.get(word.role)
    if say is not None and (not parts or word.role is Role.OP):
        parts += say(document, word)
    if mention is None or word.text != f"${mention.text}":
        parts += value_lines(document, word)
    text = "\n\n".join(part for part in parts if part)
    return Hover(text, span) if text else None


# Layers.


def uses_of(document: Document, word: Word) -> list[Use]:
    """The uses of the layer that a word belongs to."""
    trace = document.trace
    if trace is None or word.layer is None:
        return []
    return trace.uses.get(word.layer.span, [])


def layer_text(document: Document, uses: list[Use]) -> str:
    """The name, types and costs of a layer, or of all layers that one place stands for."""
    typed = [use for use in uses if use.before is not None]
    figures = document.figures
    if not typed or figures is None:
        return ""
    first = typed[0]
    if len(typed) > 1:
        return _table(document, typed)
    cost = figures.cost(first)
    lines = [
        f"**`{first.name}`**: `{figures.shown(first.before)}` → `{figures.shown(first.after)}`"
    ]
    if first.after is not None:
        lines[0] += f" {first.after.dtype.value}"
        formula = figures.formula(first.after)
        lines += [f"`{formula}`"] if formula else []
    facts = [f"{cost.parameters:,} parameters", f"{number(cost.macs)} MACs"]
    field = figures.field(first)
    facts += [f"receptive field {field}"] if field else []
    return "\n\n".join([*lines, ", ".join(facts)])


def _table(document: Document, uses: list[Use]) -> str:
    figures = document.figures
    assert figures is not None
    costs = [figures.cost(use) for use in uses]
    total = sum(cost.parameters for cost in costs)
    rows = [
        f"used {len(uses)} times; {total:,} parameters in all,"
        f" {span_of_numbers(cost.macs for cost in costs)} MACs each",
        "",
        "| layer | in | out | parameters | MACs | receptive field |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for use, cost in list(zip(uses, costs, strict=True))[:SHOWN_USES]:
        cells = [
            f"`{use.name}`", figures.shown(use.before), figures.shown(use.after),
            f"{cost.parameters:,}", number(cost.macs), figures.field(use),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    rows += ["| … | | | | | |"] if len(uses) > SHOWN_USES else []
    return "\n".join(rows)


def _layer_name(document: Document, word: Word) -> list[str]:
    return [layer_text(document, uses_of(document, word))]


def _op(document: Document, word: Word) -> list[str]:
    used = layer_text(document, uses_of(document, word))
    return [part for part in (op_text(document, word.scalar), used) if part]


def op_text(document: Document, op: Scalar) -> str:
    """The documentation of the op or block that a word names."""
    block = block_of(document, op)
    if block is not None:
        return block_text(block)
    name = op_value(document, op)
    if name not in OPS or name is None:
        return ""
    known = op_docs(name)
    listed = [_argument_line(argument) for argument in known.arguments.values()]
    return "\n\n".join([f"**{name}**", known.about, "\n".join(listed)])


def block_text(block: Block) -> str:
    """What a block is: its parameters, and where it is defined."""
    lines = [f"**{block.name}**, a block of `{block.file.name}`"]
    params = [f"- {parameter_text(p)}" for p in block.params.values()]
    return "\n\n".join([*lines, "\n".join(params)])


def parameter_text(parameter: Parameter) -> str:
    """A parameter in a line: its type, default, bounds and help."""
    text = f"`{parameter.name}`"
    if parameter.type is not None:
        text += f": {parameter.type}"
    if parameter.default is not None:
        text += f" = `{shown(written(parameter.default))}`"
    for bound, words in ((parameter.minimum, "at least"), (parameter.maximum, "at most")):
        text += f", {words} `{shown(written(bound))}`" if bound is not None else ""
    if parameter.choices is not None:
        text += f", one of `{shown(written(parameter.choices))}`"
    return f"{text}: {parameter.help}" if parameter.help else text


def _argument_line(argument: ArgumentDocs) -> str:
    default = f", default `{argument.default}`" if argument.default else ""
    about = f": {argument.about}" if argument.about else ""
    return f"- `{argument.name}` ({argument.type}{default}){about}"


# Arguments, values, keys.


def _argument(document: Document, word: Word) -> list[str]:
    if word.op is None:
        return []
    block = block_of(document, word.op)
    if block is not None:
        parameter = block.params.get(word.argument or next(iter(block.params), ""))
        return [f"{parameter_text(parameter)}"] if parameter is not None else []
    op = op_value(document, word.op)
    if op is None or op not in OPS:
        return []
    known = op_docs(op).arguments
    argument = known.get(word.argument or next(iter(known), ""))
    return [f"{_argument_line(argument)[2:]}"] if argument is not None else []


def _value(document: Document, word: Word) -> list[str]:
    if takes_layer(document, word) and "$" not in word.text:
        return [op_text(document, word.scalar)]
    if word.op is not None:
        return _argument(document, word)
    parameter = parameter_of(document, word)
    return [parameter_text(parameter)] if parameter is not None else []


def _declared(document: Document, word: Word) -> list[str]:
    declared = word.names.find(word.text) or Declaration(word.role, word.scalar, None, word.block)
    return _declaration(document, declared)


def _declaration(document: Document, declared: Declaration) -> list[str]:
    name, file = declared.key.text, document.file
    where = f" of the block `{declared.block}`" if declared.block else ""
    if declared.role is Role.LET and declared.value is not None:
        said = f"`{name}`, derived{where}: `{shown(written(declared.value))}`"
    elif declared.role is Role.LOOP_NAME:
        values = f" in `{shown(written(declared.value))}`" if declared.value is not None else ""
        return [f"`{name}`, a name of the loop{values}"]
    else:
        owner = file.blocks.get(declared.block) if declared.block and file is not None else file
        parameter = owner.params.get(name) if owner is not None else None
        said = parameter_text(parameter) if parameter is not None else f"`{name}`"
        said = f"parameter{where} {said}"
    return [said] if declared.block else [said, *parameter_lines(document, name)]


def _mention(document: Document, mention: Mention) -> list[str]:
    if isinstance(mention.node, Call) and mention.text in docs.FUNCTIONS:
        call, about = docs.FUNCTIONS[mention.text]
        return [f"`{call}`: {about}"]
    if isinstance(mention.node, Attribute):
        return [docs.INPUT_PROPERTIES.get(mention.text, "")]
    if isinstance(mention.node, Name) and mention.text == "input" and mention.declared is None:
        return ["`input`: the tensor that enters here"]
    return _declaration(document, mention.declared) if mention.declared is not None else []


def _block(document: Document, word: Word) -> list[str]:
    block = document.file.blocks.get(word.text) if document.file is not None else None
    return [block_text(block)] if block is not None else []


def _variant(document: Document, word: Word) -> list[str]:
    variant = document.file.variants.get(word.text) if document.file is not None else None
    if variant is None:
        return []
    values = [f"{e.key.text}: {written(e.value)}" for e in variant.values]
    about = f": {variant.description}" if variant.description else ""
    return [f"**{word.text}**{about}", "\n".join(f"- `{value}`" for value in values)]


def _path(document: Document, word: Word) -> list[str]:
    trace = document.trace
    targets = trace.targets.get(word.scalar.span, []) if trace is not None else []
    names = {target.name for target in targets}
    uses = [u for found in (trace.uses.values() if trace else ()) for u in found if u.name in names]
    return [layer_text(document, uses)]


def _import(document: Document, word: Word) -> list[str]:
    found = find_import(word.text, document.source)
    return [f"`{found.name}`, a spec file" if found is not None else ""]


def _key(_: Document, word: Word) -> list[str]:
    if word.section == "preprocess":
        known = argument_docs(Preprocess).get(word.text)
        return [_argument_line(known)[2:]] if known is not None else []
    table = docs.SECTIONS.get(word.section, {})
    if word.section == "input" and word.text not in table:
        table = docs.WHERE_KEYS
    return _table_entry(table, word.text)


def _table_entry(table: dict[str, str], name: str) -> list[str]:
    return [f"`{name}`: {table[name]}"] if name in table else []


_SAID: dict[Role, Callable[[Document, Word], list[str]]] = {
    Role.TOP_KEY: lambda _, word: _table_entry(docs.TOP_KEYS, word.text),
    Role.KEY: _key,
    Role.IMPORT: _import,
    Role.PARAMETER: _declared,
    Role.SETTING: _declared,
    Role.LET: _declared,
    Role.LOOP_NAME: _declared,
    Role.TYPE: lambda _, word: _table_entry(docs.TYPES, word.text),
    Role.VARIANT: _variant,
    Role.BLOCK: _block,
    Role.LAYER_NAME: _layer_name,
    Role.OP: _op,
    Role.ARGUMENT: _argument,
    Role.MODIFIER: lambda _, word: _table_entry(docs.MODIFIERS, word.text),
    Role.CONTROL: lambda _, word: _table_entry(docs.CONTROL_KEYS, word.text),
    Role.PATH: _path,
    Role.VALUE: _value,
}
