"""YAML's syntax errors at the place of the slip, which is often above where YAML notices it.

A bracket or a quote that is not closed, a lost colon, a line that is indented by itself: YAML goes
on reading and fails further down. The slip is found again from the lines between.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from archc.diagnostics.diagnostic import Related
from archc.diagnostics.place import Source, Span
from archc.language.syntax_words import context_words, syntax_helps, syntax_message

_BRACKETS = {"{": "}", "[": "]"}
_LOST_COLON = re.compile(r"(\s*(?:- +)?)([A-Za-z_][\w-]*)(?: +|:)(\S.*?)\s*(?:#.*)?\Z")
_PLAIN_PAIR = re.compile(r"(\S+)\s+(\S+)\Z")


class Piece(NamedTuple):
    """A scalar that YAML has read: where it lies, its text, and whether it is quoted."""

    span: Span
    text: str
    is_quoted: bool


class Trouble(NamedTuple):
    """What YAML says: the problem, what it was reading, where both are, and the last scalar."""

    problem: str
    line: int
    column: int
    context: str
    opened: tuple[int, int] | None
    last: Piece | None


class Slip(NamedTuple):
    """What is wrong, in the words of this project, and where."""

    span: Span
    message: str
    label: str = ""
    related: tuple[Related, ...] = ()
    helps: tuple[str, ...] = ()


def find_slip(source: Source, trouble: Trouble) -> Slip:
    """The slip that YAML's trouble comes from."""
    return (
        _quote(source, trouble)
        or _bracket(source, trouble)
        or _comma(source, trouble)
        or _colon(source, trouble)
        or _indentation(source, trouble)
        or _as_told(source, trouble)
    )


def _here(source: Source, line: int, column: int) -> Span:
    return Span(source, line, column, line, column + 1)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _quote(source: Source, trouble: Trouble) -> Slip | None:
    """A quote that ends at the next one, lines below, or never."""
    last = trouble.last
    if trouble.context == "while scanning a quoted scalar" and trouble.opened is not None:
        start = _here(source, *trouble.opened)
        return Slip(start, "this quote is not closed", helps=_quote_helps(source, start))
    if last is None or not last.is_quoted or last.span.line == last.span.end_line:
        return None
    span = last.span
    if (span.end_line, span.end_column) != (trouble.line, trouble.column):
        return None
    start = _here(source, span.line, span.column)
    related = Related(_here(source, span.end_line, span.end_column - 1), "it ends only here")
    helps = _quote_helps(source, start)
    return Slip(start, "this quote is not closed on its line", "", (related,), helps)


def _quote_helps(source: Source, start: Span) -> tuple[str, ...]:
    quote = source.line(start.line)[start.column - 1 : start.column]
    return (f"close it with {quote} after the value",) if quote in ("'", '"') else ()


def _bracket(source: Source, trouble: Trouble) -> Slip | None:
    """A bracket that is still open where a line begins something else."""
    if not trouble.context.startswith("while parsing a flow") or trouble.opened is None:
        return None
    line, column = trouble.opened
    opened, found = source.line(line), source.line(trouble.line)
    if trouble.line == line or (found.strip() and _indent(found) > _indent(opened)):
        return None
    bracket = opened[column - 1 : column]
    closing = _BRACKETS.get(bracket)
    if closing is None:
        return None
    helps: tuple[str, ...] = (f"close it with `{closing}`",)
    if "$(" in opened:
        helps += syntax_helps(trouble.problem, opened, "")
    related: tuple[Related, ...] = ()
    if found.strip():
        at = _here(source, trouble.line, _indent(found) + 1)
        related = (Related(at, "this begins something else"),)
    message = f"this `{bracket}` is not closed"
    return Slip(_here(source, line, column), message, "", related, helps)


def _comma(source: Source, trouble: Trouble) -> Slip | None:
    """Two entries of a flow mapping without a comma between: `{conv: 64 kernel: 3}`."""
    last = trouble.last
    is_flow = trouble.context == "while parsing a flow mapping"
    if not is_flow or last is None or last.is_quoted:
        return None
    at_end = (last.span.end_line, last.span.end_column) == (trouble.line, trouble.column)
    pair = _PLAIN_PAIR.match(last.text)
    if pair is None or not at_end or source.line(trouble.line)[trouble.column - 1] != ":":
        return None
    span = last.span
    if span.line != span.end_line:
        end = len(source.line(span.line).rstrip()) + 1
        at = Span(source, span.line, span.column, span.line, max(end, span.column + 1))
    else:
        at = span
    message = f"a `,` is missing between `{pair[1]}` and `{pair[2]}`"
    return Slip(at, message, helps=(f"write `{pair[1]}, {pair[2]}: …`",))


def _colon(source: Source, trouble: Trouble) -> Slip | None:
    """A line without its colon: `relu1 relu`."""
    if trouble.problem.startswith("mapping values"):
        before = source.line(trouble.line)[: trouble.column - 1]
        is_lost = " {" in before and ":" not in before and not before.lstrip().startswith("- {")
        return _without_colon(source, trouble.line) if is_lost else None
    if trouble.problem != "could not find expected ':'" or trouble.opened is None:
        return None
    line = trouble.opened[0]
    return _without_colon(source, line)


def _without_colon(source: Source, line: int) -> Slip | None:
    match = _LOST_COLON.match(source.line(line))
    if match is None:
        text = source.line(line).rstrip()
        at = Span(source, line, _indent(text) + 1, line, max(len(text), _indent(text) + 1) + 1)
        return Slip(at, "a key needs a `:` after it")
    start = match.start(2) + 1
    at = Span(source, line, start, line, start + len(match[2]))
    return Slip(at, "a key needs a `:` after it", helps=(f"write `{match[2]}: {match[3]}`",))


def _indentation(source: Source, trouble: Trouble) -> Slip | None:
    """A line that is indented otherwise than those before and after it."""
    if trouble.problem.startswith("mapping values"):
        return _odd_line_above(source, trouble.line)
    if trouble.problem != "did not find expected key" or trouble.line < 2:
        return None
    here = source.line(trouble.line)
    if not here.strip() or _indent(here) != trouble.column - 1 or here.lstrip().startswith("- "):
        return None
    before = _sibling_above(source, trouble.line)
    if before is None:
        return None
    number, count = before
    there = source.line(number)
    wanted, found, at = _indent(there), _indent(here), trouble.line
    if count == 1 and _run_length(source, trouble.line) > 1:  # the one above is the odd one
        wanted, found, at = found, wanted, number
        number = trouble.line
    if wanted == found:
        return None
    span = _here(source, at, found + 1)
    related = (Related(_here(source, number, wanted + 1), f"this line has {_spaces(wanted)}"),)
    message = f"this line is indented by {_spaces(found)}, its neighbour by {wanted}"
    return Slip(span, message, "", related, (f"indent it by {_spaces(wanted)}",))


def _odd_line_above(source: Source, line: int) -> Slip | None:
    """The line above one that has no mapping, where it alone is indented less than both beside."""
    above, here = _content_indent(source.line(line - 1)), _indent(source.line(line))
    if above >= here or not _is_entry(source.line(line - 1)) or _opens_block(source.line(line - 1)):
        return None
    entries = (t for n in range(line - 2, 0, -1) if _is_entry(t := source.line(n)))
    sibling = next((text for text in entries if _indent(text) <= here), "")
    is_first = _indent(sibling) < above and _opens_block(sibling)  # of several in a block
    if _indent(sibling) != here and not (is_first and _run_length(source, line) > 1):
        return None
    related = (Related(_here(source, line, here + 1), f"this line has {_spaces(here)}"),)
    message = f"this line is indented by {_spaces(above)}, its neighbour by {here}"
    helps = (f"indent it by {_spaces(here)}",)
    return Slip(_here(source, line - 1, above + 1), message, "", related, helps)


def _content_indent(line: str) -> int:
    """Where the content of a line begins, behind the dashes of list items."""
    return len(line) - len(line.lstrip(" -"))


def _spaces(count: int) -> str:
    return f"{count} space{'' if count == 1 else 's'}"


def _is_entry(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _sibling_above(source: Source, line: int) -> tuple[int, int] | None:
    """The first line of the entries just above that share an indent, and how many these are.

    Lines that are indented deeper belong to an entry; the block's parent ends the search.
    """
    here = _indent(source.line(line))
    found: list[int] = []
    for number in range(line - 1, 0, -1):
        text = source.line(number)
        if not _is_entry(text):
            continue
        if found and _indent(text) > _indent(source.line(found[-1])):
            continue
        if found and _indent(text) < _indent(source.line(found[-1])):
            break
        if not found and _indent(text) < here and _opens_block(text):
            return None
        found.append(number)
    return (found[0], len(found)) if found else None


def _opens_block(text: str) -> bool:
    return text.split(" #", maxsplit=1)[0].rstrip().endswith(":")


def _run_length(source: Source, line: int) -> int:
    """The lines from one on that share its indent, deeper ones between them left out."""
    indent, count = _indent(source.line(line)), 0
    lines = source.text.count("\n") + 1
    for number in range(line, lines + 1):
        text = source.line(number)
        if not _is_entry(text) or _indent(text) > indent:
            continue
        if _indent(text) < indent:
            break
        count += 1
        if count > 1:
            break
    return count


def _as_told(source: Source, trouble: Trouble) -> Slip:
    """What YAML says, at the place where it noticed it."""
    line, column = trouble.line, trouble.column
    text, before = source.line(line), source.line(line - 1)
    helps = syntax_helps(trouble.problem, text, before)
    message = syntax_message(trouble.problem, text[column - 1 :])
    at = _here(source, line, column)
    if "\t" in text[: len(text) - len(text.lstrip())]:
        return Slip(at, "a tab indents this line", helps=helps)
    mixed = _other_bracket(source, trouble)
    if mixed is not None:
        return mixed
    if trouble.problem.startswith("mapping values") and not _has_colon(before):
        return _without_colon(source, line - 1) or Slip(at, message, helps=helps)
    if trouble.opened is None or trouble.opened[0] == line:
        return Slip(at, message, helps=helps)
    start, words = _here(source, *trouble.opened), context_words(trouble.context)
    if not text.strip():  # the end of the text shows nothing; what is open there does
        return Slip(start, "the text ends before this does", words, (), helps)
    is_stray = message.endswith("closes nothing")
    related = () if is_stray else (Related(start, words),)
    return Slip(at, message, "", related, helps)


def _other_bracket(source: Source, trouble: Trouble) -> Slip | None:
    """A bracket that is closed by one of another kind: `{conv: 64]`."""
    found = source.line(trouble.line)[trouble.column - 1 : trouble.column]
    opened = trouble.opened
    if opened is None or found not in _BRACKETS.values():
        return None
    bracket = source.line(opened[0])[opened[1] - 1 : opened[1]]
    wanted = _BRACKETS.get(bracket)
    if wanted is None or wanted == found or not trouble.context.startswith("while parsing a flow"):
        return None
    related = (Related(_here(source, *opened), "opened here"),)
    message = f"this `{found}` stands where a `{wanted}` closes the `{bracket}`"
    at = _here(source, trouble.line, trouble.column)
    return Slip(at, message, "", related, (f"write `{wanted}`",))


def _has_colon(line: str) -> bool:
    return not line.strip() or ":" in line
