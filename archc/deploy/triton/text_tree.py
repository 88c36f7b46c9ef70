"""What a text in protobuf's text format says, before it is known which fields there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from archc.diagnostics.place import Span


class Scalar(NamedTuple):
    """A value that is no message.

    Attributes:
        kind: what it looks like: a string, a number, or a name such as `true` or `TYPE_FP32`.
        text: a number or a name as it is written, `-` and the rest without a space between.
        content: the bytes of a string, its parts joined and its escapes resolved.
        span: where it stands.
    """

    kind: Literal["string", "number", "name"]
    text: str
    content: bytes
    span: Span


@dataclass(frozen=True, slots=True)
class Message:
    """Fields between braces, or those of the whole text."""

    fields: tuple[Field, ...]
    span: Span


Item: TypeAlias = Scalar | Message


@dataclass(frozen=True, slots=True)
class Field:
    """A field with its value, or with a list of them.

    Attributes:
        name: its name.
        span: where the name stands.
        items: its values; one where it is no list.
        is_list: whether they stand between brackets.
        has_colon: whether a colon follows the name.
    """

    name: str
    span: Span
    items: tuple[Item, ...]
    is_list: bool
    has_colon: bool
