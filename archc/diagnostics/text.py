"""Diagnostics as text for a terminal: the user's own lines, with marks under what is meant.

    error[conv/groups]: `groups: 3` does not divide 64 input channels
      --> specs/net.yaml:14:13
       |
    14 |     groups: 3
       |             ^ must divide 64 and 128
       = note: `stem` gives float32 (N, 64, 112, 112)
       = help: use a divisor of 64, for example 2

Lines are cut or wrapped to the width; only a file's name and a rule's never are: both are followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from archc.diagnostics.cells import ELLIPSIS, cells, fitting, pieces, shorten, visible, wrap
from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.place import Frame, Span

SHOWN_FILES = 10
SMALLEST_WIDTH = 40
SHOWN_FRAMES = 6
LONGEST_HELP = 500
"""Cells; a help is there to be pasted, so what it quotes is cut only beyond this."""

LONGEST_STRETCH = 1_000
"""Characters of a line beside a mark that are looked at; a hostile line may have millions."""

_RED, _YELLOW, _BLUE, _CYAN, _BOLD = "1;31", "1;33", "1;34", "1;36", "1"
_COLORS = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW}
_QUOTED = re.compile(r"`([^`]*)`")


def render_text(
    diagnostics: Iterable[Diagnostic],
    *,
    width: int = 100,
    color: bool = False,
    limit: int | None = 20,
    context: str = "",
    more: str = "",
) -> str:
    """The diagnostics one below the other and a line that counts them; empty for none.

    Args:
        diagnostics: what was found, shown in this order.
        width: the cells of a line.
        color: whether ANSI codes colour it.
        limit: how many are shown, errors before warnings; the rest is only counted, file by file
            where there are several. None shows all.
        context: what the count is followed by, such as "in 2 of 3 specs".
        more: the help that says how to see the rest.
    """
    found = tuple(diagnostics)
    if not found:
        return ""
    by_severity = sorted(range(len(found)), key=lambda i: found[i].severity is not Severity.ERROR)
    chosen = by_severity if limit is None else by_severity[: max(limit, 0)]
    hidden = [found[i] for i in sorted(set(by_severity) - set(chosen))]
    width = max(width, SMALLEST_WIDTH)
    blocks = [_Block(found[i], width, color).render() for i in sorted(chosen)]
    total = f"{counted(found)} {context}".rstrip()
    if hidden:
        total = "\n".join([f"{total} ({len(hidden)} not shown)", *_rest(hidden, more, width)])
    return "\n\n".join([*blocks, total])


def counted(found: Iterable[Diagnostic]) -> str:
    """How many errors and warnings there are: "2 errors, 1 warning"."""
    severities = [d.severity for d in found]
    numbers = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(f"{n} {word}{'s' * (n > 1)}" for n, word in numbers if n)


def _rest(hidden: Sequence[Diagnostic], more: str, width: int) -> list[str]:
    """What is not shown, counted by file, and how to see it."""
    files: dict[str, list[Diagnostic]] = {}
    for d in hidden:
        files.setdefault(d.span.file, []).append(d)
    lines = [f"  {visible(name)}: {counted(same)}" for name, same in files.items()]
    if len(lines) > SHOWN_FILES:
        left = len(lines) - SHOWN_FILES + 1
        lines = [*lines[: SHOWN_FILES - 1], f"  {left} further files"]
    start = "  = help: "
    helps = wrap(more, width - len(start)) if more else []
    return [*lines, *(f"{' ' * len(start) if i else start}{t}" for i, t in enumerate(helps))]


@dataclass
class _Block:
    """One diagnostic as it is written: its lines so far."""

    diagnostic: Diagnostic
    width: int
    color: bool
    lines: list[str] = field(default_factory=list)
    gutter: int = 0

    def render(self) -> str:
        d = self.diagnostic
        uses = [frame for frame in d.place.trail if frame.is_use]
        frames = _shortened(uses)
        spans = [d.span, *(r.span for r in d.related), *(f.span for f in frames)]
        self.gutter = max(len(str(s.line)) if s.source.text else 1 for s in spans)
        self._header()
        self._section("-->", d.span, d.label, "^", _COLORS[d.severity])
        for related in d.related:
            self._section(":::", related.span, related.label, "-", _BLUE)
        for frame in frames:
            self._section(":::", frame.span, frame.label, "-", _BLUE)
        if len(frames) < len(uses):
            self._remark("note", f"{len(uses) - len(frames)} further uses in between")
        for frame in _shortened([frame for frame in d.place.trail if not frame.is_use]):
            self._remark("note", f"in {frame.what} at {frame.span}{_detail(frame)}")
        for note in d.notes:
            self._remark("note", _cut_values(note, self._longest_value))
        for help_text in d.helps:
            self._remark("help", _cut_values(help_text, LONGEST_HELP))
        return "\n".join(self.lines)

    @property
    def _longest_value(self) -> int:
        return max(self.width - 40, SMALLEST_WIDTH // 2)

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def _header(self) -> None:
        d = self.diagnostic
        start = f"{d.severity.value}[{visible(d.rule.slug)}]"
        message = _cut_values(visible(d.message), self._longest_value)
        first, *rest = _hung(f"{start}: ", message, 4, self.width)
        message = first[len(start) :]
        self.lines.append(self._paint(start, _COLORS[d.severity]) + self._paint(message, _BOLD))
        self.lines += (self._paint(line, _BOLD) for line in rest)

    def _margin(self, text: str = "", number: int | None = None) -> None:
        """A line beside the gutter, with the line number where it shows a source's line."""
        shown = "" if number is None else str(number)
        bar = self._paint(f"{shown:>{self.gutter}} |", _BLUE)
        self.lines.append(f"{bar} {text}" if text else bar)

    def _section(self, arrow: str, span: Span, label: str, mark: str, code: str) -> None:
        """One place: where it is, its line, and marks below with the label."""
        label = _cut_values(visible(label), self._longest_value)
        start = " " * self.gutter + self._paint(arrow, _BLUE)
        if not span.source.text:
            name = visible(span.file)
            gap = self.gutter + len(arrow) + 1
            first, *rest = _hung(f"{name}: ", label, gap, self.width - gap) if label else [name]
            self.lines += [f"{start} {first}", *(f"{'':{gap}}{line.lstrip()}" for line in rest)]
            return
        self.lines.append(f"{start} {visible(str(span))}")
        self._margin()
        room = self.width - self.gutter - 3
        excerpt = _excerpt(span, room)
        self._margin(excerpt.text, span.line)
        marks = mark * excerpt.marked + (ELLIPSIS if excerpt.goes_on else "")
        for text in _labelled(excerpt.offset, marks, label, room):
            indent = len(text) - len(text.lstrip(" "))
            self._margin(text[:indent] + self._paint(text[indent:], code))

    def _remark(self, kind: str, text: str) -> None:
        """A note or a help below the places; its own line breaks stay."""
        prefix = f"{'':{self.gutter}} = {kind}: "
        lines = [
            line
            for part in text.split("\n")
            for line in wrap(visible(part), self.width - len(prefix))
        ]
        start = f"{'':{self.gutter}} {self._paint('=', _BLUE)} {self._paint(kind, _CYAN)}: "
        self.lines.append(start + lines[0])
        self.lines += (f"{'':{len(prefix)}}{line}".rstrip() for line in lines[1:])


def _cut_values(text: str, limit: int) -> str:
    """The text with long values between backticks cut in the middle."""
    return _QUOTED.sub(lambda value: f"`{shorten(value[1], limit)}`", text)


def _hung(prefix: str, text: str, indent: int, width: int) -> list[str]:
    """The text after a prefix, or below it where there is little room; further lines indented."""
    room = width - cells(prefix)
    if room < SMALLEST_WIDTH // 2 and cells(text) > room:
        return [prefix.rstrip(), *(" " * indent + line for line in wrap(text, width - indent))]
    first = wrap(text, room)[0]
    rest = text[len(first) :].lstrip(" ")
    more = wrap(rest, width - indent) if rest else []
    return [prefix + first, *(" " * indent + line for line in more)]


def _detail(frame: Frame) -> str:
    return f", {frame.detail}" if frame.detail else ""


def _shortened(trail: list[Frame]) -> list[Frame]:
    """The uses from the innermost out, each once; of a long trail those at both ends."""
    frames = list(dict.fromkeys(reversed(trail)))
    half = SHOWN_FRAMES // 2
    return frames if len(frames) <= SHOWN_FRAMES else [*frames[:half], *frames[-half:]]


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """A source line cut to the room: its text, and the cells that are marked."""

    text: str
    offset: int
    marked: int
    goes_on: bool


def _excerpt(span: Span, room: int) -> _Excerpt:
    whole = span.source.line(span.line)
    left_out = max(min(span.column - 1, len(whole)) - LONGEST_STRETCH, 0)
    line = whole[left_out : left_out + 3 * LONGEST_STRETCH]
    start = min(span.column - 1 - left_out, len(line))
    shown = pieces(line) + [" "] * (start == len(line))  # what is missing is marked at the end
    ends_here = span.end_line == span.line
    end = min(span.end_column - 1 - left_out, len(line)) if ends_here else len(line.rstrip())
    end = max(end, start + 1)
    goes_on = not ends_here and (span.end_line, span.end_column) != (span.line + 1, 1)
    low, high = _window(shown, start, end, room - len(ELLIPSIS) * goes_on)
    before = ELLIPSIS if low or left_out else ""
    after = ELLIPSIS if high < len(shown) or left_out + len(line) < len(whole) else ""
    return _Excerpt(
        (before + "".join(shown[low:high]) + after).rstrip(" "),
        len(before) + cells(shown[low:start]),
        max(cells(shown[start : min(end, high)]) + (len(after) if end > high else 0), 1),
        goes_on,
    )


def _window(shown: list[str], start: int, end: int, room: int) -> tuple[int, int]:
    """The characters to show: the span as far as it fits, and as much as possible around it."""
    if cells(shown) <= room:
        return 0, len(shown)
    room -= 2 * len(ELLIPSIS)
    high = start + fitting(shown[start:end], room)
    low = start - fitting(shown[:start][::-1], (room - cells(shown[start:high])) // 2)
    high += fitting(shown[high:], room - cells(shown[low:high]))
    room += len(ELLIPSIS) if high == len(shown) else 0
    low -= fitting(shown[:low][::-1], room - cells(shown[low:high]))
    room += len(ELLIPSIS) if low == 0 else 0
    return low, high + fitting(shown[high:], room - cells(shown[low:high]))


def _labelled(offset: int, marks: str, label: str, room: int) -> list[str]:
    """The line of marks with its label beside it, or below where that does not fit."""
    line = " " * offset + marks
    if not label:
        return [line]
    if len(line) + 1 + cells(label) <= room:
        return [f"{line} {label}"]
    indent = offset if room - offset >= SMALLEST_WIDTH // 2 else 0
    indent = indent if cells(label) <= room - indent else 0
    return [line, *(" " * indent + part for part in wrap(label, room - indent))]
