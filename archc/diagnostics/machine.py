"""Diagnostics for programs: JSON with a version.

`report.schema.json`, beside this file, is its JSON Schema. The document is an object with `version`
(1) and `diagnostics`, an array of objects:

- `rule`: the slug, such as `conv/groups`;
- `severity`: `error` or `warning`;
- `message`: what is wrong, in one line;
- `file`, `line`, `column`, `end_line`, `end_column`: the place; lines and columns count
  characters from 1, the end is exclusive, and they are null where the file is no text;
- `label`: what stands at the place, or an empty string;
- `related`: further places, each with `file` to `end_column` as above and its `label`;
- `trail`: the uses that led to the place, the outermost first, each with `what` was used, how in
  `detail`, and its place as above;
- `notes`, `helps`: arrays of strings; a help may have several lines;
- `fix`: null, or the replacement that a help is: a place as above and its new `text`.

Later versions of archc may add keys; what a key of version 1 means stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.fixes import fix_of
from archc.diagnostics.place import Span

VERSION = 1


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The diagnostics as one JSON document in ASCII, without a final line break."""
    document = {"version": VERSION, "diagnostics": [_diagnostic(d) for d in diagnostics]}
    return json.dumps(document, indent=2)


def _diagnostic(d: Diagnostic) -> dict[str, object]:
    fix = fix_of(d)
    return {
        "rule": d.rule.slug,
        "severity": d.severity.value,
        "message": d.message,
        **_place(d.span),
        "label": d.label,
        "related": [{**_place(r.span), "label": r.label} for r in d.related],
        "trail": [{"what": f.what, "detail": f.detail, **_place(f.span)} for f in d.place.trail],
        "notes": list(d.notes),
        "helps": list(d.helps),
        "fix": None if fix is None else {**_place(fix.span), "text": fix.text},
    }


def _place(span: Span) -> dict[str, object]:
    is_text = bool(span.source.text)
    return {
        "file": span.file,
        "line": span.line if is_text else None,
        "column": span.column if is_text else None,
        "end_line": span.end_line if is_text else None,
        "end_column": span.end_column if is_text else None,
    }
