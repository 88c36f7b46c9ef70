"""Diagnostics as workflow commands of GitHub, which become annotations on a pull request.

Source: GitHub's "Workflow commands for GitHub Actions" and the escapes of `@actions/core`. Lines
and columns count from 1; the end, exclusive in a span, is inclusive here, and columns mean
something on one line only. GitHub keeps ten errors and ten warnings of a step and drops the rest,
so the last of each says how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from archc.diagnostics.cells import shorten, visible
from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.locations import file_name, relative_name
from archc.diagnostics.sarif import message_of

KEPT = 10
"""Annotations of one severity that GitHub keeps of a step."""

LONGEST_MESSAGE = 16_000
LONGEST_TITLE = 250
"""Characters; GitHub takes 64 kB of UTF-8 and 255 characters."""


def render_github(diagnostics: Iterable[Diagnostic], root: Path, *, limit: int | None) -> str:
    """A workflow command a line, without a final line break; empty for none.

    Args:
        diagnostics: what was found.
        root: the folder that files are named relative to: the workspace.
        limit: how many of a severity are given, the last of them a count of the rest; None for
            all, of which GitHub shows ten.
    """
    found = tuple(diagnostics)
    lines: list[str] = []
    for severity in Severity:
        same = [d for d in found if d.severity is severity]
        shown = same if limit is None or len(same) <= limit else same[: max(limit - 1, 0)]
        lines += (_annotation(d, root) for d in shown)
        if len(shown) < len(same):
            count = len(same) - len(shown)
            word = f"{severity.value}{'s' * (count > 1)}"
            message = f"{count} further {word}: `archc validate --all` shows every one"
            lines.append(f"::{severity.value} title=archc::{message}")
    return "\n".join(lines)


def _annotation(d: Diagnostic, root: Path) -> str:
    properties: dict[str, str | int] = {}
    name = file_name(d.span)
    if name is not None:
        properties["file"] = visible(relative_name(name, root))
        if d.span.source.text:
            properties |= _lines(d)
    properties["title"] = shorten(f"archc {visible(d.rule.slug)}", LONGEST_TITLE)
    listed = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items())
    text = "\n".join(map(visible, _told(d)))
    return f"::{d.severity.value} {listed}::{_escaped(shorten(text, LONGEST_MESSAGE))}"


def _told(d: Diagnostic) -> list[str]:
    """What an annotation says: it has no place but its own, so the others stand in its text."""
    places = [(r.label, r.span) for r in d.related]
    places += [(frame.label, frame.span) for frame in reversed(d.place.trail)]
    first, *rest = message_of(d).split("\n")
    return [first, *(f"{span}: {label}" for label, span in places), *rest]


def _lines(d: Diagnostic) -> dict[str, str | int]:
    span = d.span
    if span.line == span.end_line:
        last = max(span.end_column - 1, span.column)
        columns = {"col": span.column, "endColumn": last}
        return {"line": span.line, "endLine": span.line, **columns}
    # An end at the start of a line is the end of the line before.
    return {"line": span.line, "endLine": span.end_line - (span.end_column == 1)}


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(value: str | int) -> str:
    return _escaped(str(value)).replace(":", "%3A").replace(",", "%2C")
