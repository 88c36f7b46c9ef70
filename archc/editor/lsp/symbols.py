"""What names refer to: parameters, blocks, layers and variants, each declared at one place."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.place import Source, Span
from archc.editor.lsp.document import Document
from archc.language.tree import Scalar


class Kind(Enum):
    """What can be referred to."""

    NAME = "parameter"
    BLOCK = "block"
    LAYER = "layer"
    VARIANT = "variant"


class Symbol(NamedTuple):
    """Something that is declared at one place and referred to from others.

    Attributes:
        span: where its name is declared.
        block: for a parameter, the block that it belongs to; empty for the file's own.
    """

    kind: Kind
    name: str
    path: Path
    span: Span
    block: str = ""


def path_of(source: Source) -> Path:
    """The file that a source is the text of."""
    return Path(source.name).resolve()


def is_same(a: Span, b: Span) -> bool:
    """Whether two spans are one place; a file may have been read more than once."""
    return a[1:] == b[1:] and (a.source is b.source or path_of(a.source) == path_of(b.source))


def bare(document: Document, scalar: Scalar) -> Span:
    """The span of a scalar without its quotes."""
    if not scalar.is_quoted:
        return scalar.span
    start, end = document.lines.offsets(scalar.span)
    return document.span(start + 1, end - 1)
