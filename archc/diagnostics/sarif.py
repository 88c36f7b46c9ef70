"""Diagnostics as SARIF 2.1.0, for code scanning and for viewers.

Source: OASIS Standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". One log
with one run. Columns count Unicode code points from 1, ends are exclusive, and lines end where
YAML says; the run states both. Files are URIs relative to `%SRCROOT%`, the folder that the caller
names. A result has

- its rule, with summary and why among the rules of the driver, and its level;
- a message with the notes and the helps below the first line;
- further places as related locations, and the uses that led there as a stack, innermost first;
- a fix where a help is an exact replacement.

A place in an option's value, which is no file, is a logical location.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.fixes import fix_of
from archc.diagnostics.locations import file_name, relative_uri
from archc.diagnostics.place import LINE_BREAKS, Span
from archc.version import __version__

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT_ID = "%SRCROOT%"

_Json: TypeAlias = dict[str, Any]


def render_sarif(diagnostics: Iterable[Diagnostic], root: Path) -> str:
    """The diagnostics as one SARIF log in ASCII, without a final line break.

    Args:
        diagnostics: what was found.
        root: the folder that files are named relative to.
    """
    found = tuple(diagnostics)
    rules = list(dict.fromkeys(d.rule for d in found))
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_Run(rules, root).run(found)]}
    return json.dumps(log, indent=2)


def _rule(rule: Rule) -> _Json:
    subject = rule.slug.partition("/")[0]
    why = f"{_sentence(rule.why)} `archc explain {rule.slug}` says more."
    return {
        "id": rule.slug,
        "shortDescription": {"text": _sentence(rule.summary)},
        "fullDescription": {"text": f"{_sentence(rule.summary)} {_sentence(rule.why)}"},
        "help": {"text": why, "markdown": why},
        "properties": {"tags": [subject]},
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


class _Run:
    def __init__(self, rules: Sequence[Rule], root: Path) -> None:
        self._rules = rules
        self._indices = {rule.slug: index for index, rule in enumerate(rules)}
        self._root = root

    def run(self, found: Iterable[Diagnostic]) -> _Json:
        driver = {
            "name": "archc",
            "version": __version__,
            "rules": [_rule(rule) for rule in self._rules],
        }
        return {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "newlineSequences": list(LINE_BREAKS),
            "originalUriBaseIds": {ROOT_ID: {"description": {"text": "The root of the sources."}}},
            "invocations": [{"executionSuccessful": True}],
            "results": [self._result(d) for d in found],
        }

    def _result(self, d: Diagnostic) -> _Json:
        result: _Json = {
            "ruleId": d.rule.slug,
            "ruleIndex": self._indices[d.rule.slug],
            "level": d.severity.value,
            "message": {"text": message_of(d)},
            "locations": [self._location(d.span)],
        }
        if d.related:
            result["relatedLocations"] = [
                {"id": number, **self._location(related.span, related.label)}
                for number, related in enumerate(d.related)
            ]
        if d.place.trail:
            steps = [self._location(d.span, d.label)]
            steps += [self._location(f.span, f.label) for f in reversed(d.place.trail)]
            result["stacks"] = [{"frames": [{"location": step} for step in steps]}]
        fix = fix_of(d)
        if fix is not None and file_name(fix.span) is not None:
            change = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}}
            artifact = {"artifactLocation": self._artifact(fix.span), "replacements": [change]}
            result["fixes"] = [{"description": {"text": fix.help}, "artifactChanges": [artifact]}]
        return result

    def _location(self, span: Span, label: str = "") -> _Json:
        location: _Json
        if file_name(span) is None:
            location = {"logicalLocations": [{"fullyQualifiedName": span.file, "kind": "option"}]}
        else:
            physical: _Json = {"artifactLocation": self._artifact(span)}
            if span.source.text:
                physical["region"] = _region(span)
            location = {"physicalLocation": physical}
        if label:
            location["message"] = {"text": label}
        return location

    def _artifact(self, span: Span) -> _Json:
        uri = relative_uri(span.file, self._root)
        return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": ROOT_ID}


def _region(span: Span) -> _Json:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def message_of(d: Diagnostic) -> str:
    """A diagnostic in plain text: the message with its label, then its notes and helps."""
    first = f"{d.message}: {d.label}" if d.label else d.message
    notes = [f"note: {note}" for note in d.notes]
    return "\n".join([first, *notes, *(f"help: {help_text}" for help_text in d.helps)])
