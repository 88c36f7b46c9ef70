"""A layer's arguments written out, its defaults included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed
from archc.graph.graph import Node
from archc.graph.layer import Check
from archc.shapes.domain import Domains
from archc.shapes.size import Size


def explicit_arguments(node: Node, domains: Domains) -> dict[str, Any]:
    """The arguments by name, the principal one first, with every default that can be written.

    A default is left out where it is no value, or where a layer takes what is written for what is
    wanted: `bias: true` beside `values`, say.
    """
    layer = node.layer
    values = {name: getattr(layer, name) for name in type(layer).model_fields}
    values |= layer.implied
    written = {name: value for name, value in values.items() if value is not None}
    if _is_accepted(node, written, domains):
        return written
    names = {name for name in written if name in layer.model_fields_set}
    for name in written:
        more = {n: v for n, v in written.items() if n in names or n == name}
        if _is_accepted(node, more, domains):
            names.add(name)
    return {name: value for name, value in written.items() if name in names}


def _is_accepted(node: Node, arguments: Mapping[str, Any], domains: Domains) -> bool:
    layer = type(node.layer).model_validate(dict(arguments))
    return not isinstance(layer.infer(node.input_types, _Trial(domains)), Failed)


@final
class _Trial(Check):
    """Tells only whether a layer takes its arguments: its sizes are known to fit."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    @property
    @override
    def domains(self) -> Domains:
        return self._domains

    @override
    def error(
        self,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        label: str = "",
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed:
        return FAILED

    @override
    def holds(self, size: Size, least: int) -> bool:
        return True

    @override
    def at_least(
        self,
        size: Size,
        least: int,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
    ) -> Failed | None:
        return None

    @override
    def divisible(
        self, size: Size, by: int, rule: Rule, message: str, *, at: str | None = None
    ) -> Failed | None:
        return None

    @override
    def equal(
        self,
        a: Size,
        b: Size,
        rule: Rule,
        message: str,
        *,
        at: str | None = None,
        branch: int | None = None,
        branch_labels: Mapping[int, str] = {},
        axis: int | None = None,
        helps: Iterable[str] = (),
        also: Sequence[tuple[Size, Size]] = (),
    ) -> Failed | None:
        return None
