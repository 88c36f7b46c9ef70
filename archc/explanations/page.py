"""Pages: what is said of a rule beyond its summary, in `pages/<subject>/<bad-thing>.md`.

A page has sentences (or none), a line `Wrong:`, fenced examples, a line `Corrected:`, and fenced
examples again. Where both have one fence of YAML and nothing else is needed, these are whole specs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

FOLDER = Path(__file__).resolve().parent / "pages"

_FENCE = "```"


class Fence(NamedTuple):
    """An example: its form, such as `yaml` or `console`, and its text."""

    form: str
    text: str


Part: TypeAlias = str | Fence
"""A paragraph, or an example."""


class Page(NamedTuple):
    """What is said of a rule, and its examples."""

    more: tuple[Part, ...] = ()
    wrong: tuple[Part, ...] = ()
    corrected: tuple[Part, ...] = ()

    @property
    def specs(self) -> tuple[str, str] | None:
        """The wrong and the corrected spec, where the examples are one whole spec each."""
        wrong, corrected = _only_spec(self.wrong), _only_spec(self.corrected)
        return None if wrong is None or corrected is None else (wrong, corrected)


def path_of(slug: str) -> Path:
    """Where the page of a rule lies."""
    return FOLDER / f"{slug}.md"


def slugs_of_pages() -> tuple[str, ...]:
    """The rules that have a page, in the order of their names."""
    found = (path.relative_to(FOLDER) for path in FOLDER.glob("*/*.md"))
    return tuple(sorted(path.with_suffix("").as_posix() for path in found))


def read_page(slug: str) -> Page:
    """The page of a rule; an empty one where none lies there."""
    path = path_of(slug)
    return parse_page(path.read_text(encoding="utf-8")) if path.is_file() else Page()


def parse_page(text: str) -> Page:
    """The page of a text."""
    parts = _parts(text)
    wrong = parts.index("Wrong:") if "Wrong:" in parts else len(parts)
    corrected = parts.index("Corrected:") if "Corrected:" in parts else len(parts)
    more, first, second = parts[:wrong], parts[wrong + 1 : corrected], parts[corrected + 1 :]
    return Page(tuple(more), tuple(first), tuple(second))


def _parts(text: str) -> list[Part]:
    parts: list[Part] = []
    lines: list[str] = []
    form: str | None = None
    for line in [*text.splitlines(), ""]:
        if form is None and (not line.strip() or line.startswith(_FENCE)):
            parts += ["\n".join(lines)] if lines else []
            lines = []
            form = line.removeprefix(_FENCE) if line else None
        elif form is not None and line == _FENCE:
            parts.append(Fence(form, "".join(f"{each}\n" for each in lines)))
            lines, form = [], None
        else:
            lines.append(line)
    return parts


def _only_spec(parts: tuple[Part, ...]) -> str | None:
    fences = [part for part in parts if isinstance(part, Fence)]
    return fences[0].text if [fence.form for fence in fences] == ["yaml"] else None
