"""The exceptions of the public API.

ArchcError
├── SpecError       the user's mistakes, as diagnostics; raised by public functions only
└── InternalError   a bug of archc
"""

from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic


class ArchcError(Exception):
    """The base of every exception that archc raises on purpose."""


class SpecError(ArchcError):
    """A spec, a checkpoint or an argument has mistakes; `diagnostics` says which and where."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        first = next(iter(diagnostics), None)
        super().__init__(f"{first.span}: {first.message}" if first else "the spec has mistakes")


class InternalError(ArchcError):
    """Something that archc promised to itself does not hold."""
