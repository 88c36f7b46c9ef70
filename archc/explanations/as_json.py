"""Explanations for programs: the values that the JSON form of `archc explain` holds.

Of a rule in a list: `rule` (the slug), `summary` and `why`. Of one that is asked for by its name
also `more` (paragraphs in Markdown), `wrong` and `corrected` (arrays of examples, each with its
`form` and its `text`; what stands between examples has the form `markdown`), and `message`: what
archc says of the wrong example, where that is a spec, or an empty string.
"""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.explanations.as_text import message
from archc.explanations.explanation import Explanation
from archc.explanations.page import Fence, Part


def listed(rule: Rule) -> dict[str, object]:
    """A rule of a list."""
    return {"rule": rule.slug, "summary": rule.summary, "why": rule.why}


def explained(explanation: Explanation) -> dict[str, object]:
    """A rule with its examples."""
    rule, page, _ = explanation
    return {
        **listed(rule),
        "more": "\n\n".join(part for part in page.more if isinstance(part, str)),
        "wrong": [_example(part) for part in page.wrong],
        "message": message(explanation),
        "corrected": [_example(part) for part in page.corrected],
    }


def _example(part: Part) -> dict[str, str]:
    form, text = part if isinstance(part, Fence) else ("markdown", part)
    return {"form": form, "text": text}
