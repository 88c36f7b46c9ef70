"""A configuration whose fields are known and have values of the right type, with their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from archc.deploy.triton.schema_table import ENUMS, MESSAGES
from archc.diagnostics.place import Place, Span


@dataclass(frozen=True, slots=True)
class Group:
    """A message: its fields that were given, by name; a field that is no list has one value.

    A map has a group for each entry, with `key` and `value`.
    """

    message: str
    span: Span
    fields: Mapping[str, tuple[Value, ...]]

    @property
    def place(self) -> Place:
        """The whole message."""
        return Place(self.span)

    def has(self, name: str) -> bool:
        """Whether a field was given."""
        return name in self.fields

    def place_of(self, name: str) -> Place:
        """Where the first value of a field stands; the whole message where it was left out."""
        found = self.fields.get(name)
        return Place(found[0].span) if found else self.place

    def text(self, name: str) -> str:
        """A string, or the name of an enumeration's value; its default where it was left out."""
        found = self.fields.get(name)
        if found:
            return str(found[0].data)
        names = ENUMS.get(MESSAGES[self.message][name])
        return names[0] if names else ""

    def integer(self, name: str) -> int:
        """A whole number; 0 where it was left out."""
        found = self.fields.get(name)
        data = found[0].data if found else 0
        return data if isinstance(data, int) else 0

    def flag(self, name: str) -> bool:
        """Whether a field is set to true."""
        found = self.fields.get(name)
        return bool(found and found[0].data is True)

    def integers(self, name: str) -> tuple[int, ...]:
        """The numbers of a list."""
        found = self.fields.get(name, ())
        return tuple(value.data for value in found if isinstance(value.data, int))

    def group(self, name: str) -> Group | None:
        """A message; None where it was left out."""
        return next(iter(self.groups(name)), None)

    def groups(self, name: str) -> tuple[Group, ...]:
        """The messages of a list."""
        found = self.fields.get(name, ())
        return tuple(value.data for value in found if isinstance(value.data, Group))

    def entries(self, name: str) -> Mapping[str, Value]:
        """A map's values by key; of equal keys the last one counts, as it does for protobuf."""
        found: dict[str, Value] = {}
        for entry in self.groups(name):
            key, value = entry.fields["key"][0], entry.fields["value"][0]
            found[str(key.data)] = value
        return found


class Value(NamedTuple):
    """A value and its place; one of an enumeration has its name."""

    data: Data
    span: Span


Data: TypeAlias = str | int | float | bool | Group
