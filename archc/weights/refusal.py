"""How a reader gives up: one exception, which `open_checkpoint` alone catches and reports."""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.diagnostic import Rule


class CheckpointError(Exception):
    """A checkpoint that is not read further: the broken rule and what its diagnostic says.

    It never leaves this package: `open_checkpoint` turns it into a diagnostic.
    """

    def __init__(
        self, rule: Rule, message: str, *, notes: Iterable[str] = (), helps: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.notes = tuple(notes)
        self.helps = tuple(helps)
