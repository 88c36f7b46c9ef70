"""The values of expressions and parameters, for the variant that is shown and for the others."""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.lsp.document import Document
from archc.editor.lsp.expressions import mentions
from archc.editor.lsp.words import Role, Word
from archc.language.expression import Name
from archc.language.spec import SpecFile
from archc.language.values import InputValue, Value, describe
from archc.stages.elaborate import is_complete, root_context

SHOWN_VALUES = 8
SHOWN_VARIANTS = 24


def value_lines(document: Document, word: Word) -> list[str]:
    """The values of a word's expression, one line, or one a variant where they differ."""
    file, spec = document.file, document.spec
    if file is None or spec is None or "$" not in word.text:
        return []
    if not _is_of_root(document, word):
        return _seen(document, word)
    by_variant: dict[str, str] = {}
    for variant in _variants(file):
        evaluator, context = root_context(file, Reporter(), variant=variant)
        value = evaluator.scalar(word.scalar, context)
        if not isinstance(value, Failed):
            by_variant[variant or "defaults"] = describe(value)
    return _lines(f"`{word.text}`", by_variant)


def parameter_lines(document: Document, name: str) -> list[str]:
    """The values of a parameter or `let` of the file, by variant where they differ."""
    file = document.file
    if file is None:
        return []
    by_variant: dict[str, str] = {}
    for variant in _variants(file):
        _, context = root_context(file, Reporter(), variant=variant)
        found = context.environment.find(name)
        if found is not None and not isinstance(found[0], Failed):
            by_variant[variant or "defaults"] = describe(found[0])
    return _lines(f"`{name}`", by_variant)


def _is_of_root(document: Document, word: Word) -> bool:
    """Whether an expression sees nothing but the parameters and `let` of the file."""
    if word.block:
        return False
    for mention in mentions(document, word):
        if not isinstance(mention.node, Name):
            continue
        declared = mention.declared
        if declared is None or declared.role not in (Role.PARAMETER, Role.LET):
            return False
    return True


def _variants(file: SpecFile) -> list[str | None]:
    first: list[str | None] = [None] if is_complete(file) else []
    return [*first, *file.variants][:SHOWN_VARIANTS]


def _seen(document: Document, word: Word) -> list[str]:
    """The values that elaborating has come upon."""
    trace = document.trace
    values = trace.values.get(word.scalar.span, []) if trace is not None else []
    shown = _shown(values)
    return [f"`{word.text}` = {', '.join(shown)}"] if shown else []


def _shown(values: Iterable[Value]) -> list[str]:
    texts = [f"`{describe(v)}`" for v in values if not isinstance(v, InputValue)]
    return texts if len(texts) <= SHOWN_VALUES else [*texts[:SHOWN_VALUES], "…"]


def _lines(what: str, by_variant: dict[str, str]) -> list[str]:
    values = dict.fromkeys(by_variant.values())
    if len(values) <= 1:
        return [f"{what} = `{value}`" for value in values]
    rows: dict[str, list[str]] = {}
    for variant, value in by_variant.items():
        rows.setdefault(value, []).append(variant)
    return [f"{what} = `{value}`: {', '.join(names)}" for value, names in rows.items()]
