"""An explanation as text for a terminal, in the colours of diagnostics.

conv/groups: groups that do not divide the channels

Each group of filters sees …

wrong:

    conv: {conv: 64, kernel: 3, groups: 3}

    error[conv/groups]: `groups: 3` does not divide 64 input channels
    …

corrected:

    conv: {conv: 64, kernel: 3, groups: 2}
"""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.cells import wrap
from archc.diagnostics.text import SMALLEST_WIDTH, render_text
from archc.explanations.explanation import Explanation
from archc.explanations.page import Fence, Part

_CYAN, _BOLD = "1;36", "1"
_INDENT = 4


def render_explanation(explanation: Explanation, *, width: int = 100, color: bool = False) -> str:
    """The explanation in lines of at most `width` cells; what is to be copied is not broken."""
    rule, page, _ = explanation
    width = max(width, SMALLEST_WIDTH)
    blocks = _wrapped(f"{rule.slug}: {rule.summary}", width)
    blocks = [_paint(blocks[0], _BOLD, color), *_wrapped(sentence(rule.why), width)]
    for title, parts in (("", page.more), ("wrong", page.wrong), ("corrected", page.corrected)):
        if title and parts:
            blocks.append(_paint(f"{title}:", _CYAN, color))
        blocks += [block for part in parts for block in _block(part, width)]
        if title == "wrong" and explanation.found:
            blocks.append(_indented(message(explanation, width=width - _INDENT, color=color)))
    return "\n\n".join(blocks)


def message(explanation: Explanation, *, width: int = 100, color: bool = False) -> str:
    """What archc says of the wrong example, without the line that counts; empty for no spec."""
    return render_text(explanation.found, width=width, color=color).rpartition("\n\n")[0]


def sentence(text: str) -> str:
    """A clause as a sentence; one that begins with a name begins as the name does."""
    start = text[:1].upper() + text[1:] if text[:2].isalpha() or text[1:2] == " " else text
    return start if start.endswith((".", "?")) else f"{start}."


def _block(part: Part, width: int) -> Iterable[str]:
    if isinstance(part, Fence):
        return [_indented(part.text.rstrip("\n"))]
    return _wrapped(part.replace("\n", " "), width)


def _wrapped(text: str, width: int) -> list[str]:
    return ["\n".join(wrap(text, width))]


def _indented(text: str) -> str:
    return "\n".join(f"{'':{_INDENT}}{line}".rstrip() for line in text.split("\n"))


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
