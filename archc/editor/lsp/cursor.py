"""The place of the cursor in a spec that is just being typed, and so is rarely one.

A word of our own is put in the place of the one being typed, and where the text is then no YAML,
what is most likely to come is put behind it: a `:`, the brackets and quotes that are open. The tree
of the first text that YAML takes says what part the word plays, by the same reading as elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from archc.editor.lsp.document import Document
from archc.editor.lsp.positions import TextLines
from archc.editor.lsp.words import Declaration, Role, Word
from archc.language.tree import Mapping, Scalar

HERE = "archcHere"
"""The word in the place of the one being typed."""

SIZE_BOUND = 1_000_000
"""Characters beyond which trying several texts takes too long."""

_TYPED = re.compile(r"[\w-]*\Z")
_TYPED_IN_EXPRESSION = re.compile(r"\w*\Z")
_REST = re.compile(r"[\w-]*")
_TOP_KEY = re.compile(r"^[A-Za-z_]\w*\s*:", re.MULTILINE)
_EXPRESSION = re.compile(r"\$(?:\w*|\([^$]*)\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}


class Cursor(NamedTuple):
    """A place where something is being typed.

    Attributes:
        document: the document with the word of our own in it.
        word: that word.
        start: where the word being typed begins, an offset in the text as it is.
        end: where it ends.
        is_key: whether it is the key of a mapping.
        is_flow: whether it stands within brackets or braces.
        has_colon: whether a `:` follows it.
    """

    document: Document
    word: Word
    start: int
    end: int
    is_key: bool
    is_flow: bool
    has_colon: bool

    @property
    def names(self) -> dict[str, Declaration]:
        """The names that an expression here sees; those of the file though only a part is read."""
        file = self.document.file
        of_file: dict[str, Declaration] = {}
        if self.document.spec is None and file is not None:
            for parameter in file.params.values():
                key = Scalar(parameter.name, parameter.name, parameter.span)
                of_file[parameter.name] = Declaration(Role.PARAMETER, key, None, "")
            of_file |= {e.key.text: Declaration(Role.LET, e.key, e.value, "") for e in file.let}
        return {**of_file, **self.word.names.all()}

    @property
    def before(self) -> str:
        """What stands before the word being typed in the same scalar."""
        return self.word.text.partition(HERE)[0]


def cursor_at(document: Document, offset: int) -> Cursor | None:
    """The place of the cursor, or None where nothing can be made of it."""
    text = document.source.text
    if len(text) > SIZE_BOUND:
        return None
    line_start = text.rfind("\n", 0, offset) + 1
    before = text[line_start:offset]
    pattern = _TYPED_IN_EXPRESSION if _EXPRESSION.search(before) else _TYPED
    typed = pattern.search(before)
    start = offset - len(typed.group()) if typed is not None else offset
    rest = _REST.match(text, offset)
    end = rest.end() if rest is not None else offset
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    opened = _opened(text, start)
    for candidate, is_part in _candidates(text, start, end, line_end, opened):
        found = _found(document, candidate, is_part=is_part)
        if found is not None:
            mended, word = found
            has_colon = text[end:line_end].lstrip().startswith(":")
            return Cursor(mended, word, start, end, _is_key(word), bool(opened), has_colon)
    return None


def _candidates(
    text: str, start: int, end: int, line_end: int, opened: str
) -> Iterator[tuple[str, bool]]:
    """Texts with the word in place, the least changed first; and whether it is a part alone."""
    head, rest, tail = text[:start], text[end:line_end], text[line_end:]
    closers = "".join(_CLOSING[c] for c in reversed(opened))
    for above, is_part in ((head, False), (_section(head), True)):
        for below in (tail, ""):
            for behind in (rest, f":{rest}", closers, f": {closers}"):
                yield f"{above}{HERE}{behind}{below}", is_part


def _section(head: str) -> str:
    """The last top-level section of a text alone, for a text with a mistake further up."""
    keys = list(_TOP_KEY.finditer(head))
    return f"archc: 1\nname: here\n{head[keys[-1].start() :]}" if keys else head


def _found(document: Document, text: str, *, is_part: bool) -> tuple[Document, Word] | None:
    lines, good = TextLines(document.source.name, text), document.good
    mended = Document(document.path, lines, document.opened, document.wanted, good, is_part=is_part)
    if mended.tree is None:
        return None
    word = next((w for w in mended.words if HERE in w.text), None)
    return None if word is None else (mended, word)


def _is_key(word: Word) -> bool:
    if HERE in word.beside:
        return True
    layer = word.layer
    return isinstance(layer, Mapping) and any(e.key is word.scalar for e in layer)


def _opened(text: str, end: int) -> str:
    """The brackets, braces, quotes and `$(` that are open at a place, the outermost first.

    In a block, a bracket or quote opens something only where a value begins.
    """
    keys = list(_TOP_KEY.finditer(text, 0, end))
    position = keys[-1].end() if keys else 0
    stack: list[str] = []
    while position < end:
        character = text[position]
        if stack and stack[-1] in "'\"" and character == stack[-1]:
            stack.pop()
        elif stack and stack[-1] in "'\"":
            position += _into_expression(text, position, end)
        elif character == "#" and text[position - 1 : position].isspace():
            position = _line_end(text, position, end)
        elif _opens(text, position, stack):
            stack.append(character)
        elif stack and character == _CLOSING[stack[-1]]:
            stack.pop()
        elif character == "\n" and stack and stack[-1] == "(":
            stack = [c for c in stack if c != "("]
        position += 1
    return "".join(stack)


def _opens(text: str, position: int, stack: list[str]) -> bool:
    """Whether a character opens something, where it does not stand within quotes."""
    character = text[position]
    if character == "(":
        return text[position - 1] == "$" or (bool(stack) and stack[-1] == "(")
    if character in "[{" and stack:
        return True
    return character in "[{'\"" and _begins_value(text, position)


def _into_expression(text: str, position: int, end: int) -> int:
    """How far to go on within quotes: over what a backslash escapes."""
    return 1 if text[position] == "\\" and position + 1 < end else 0


def _line_end(text: str, position: int, end: int) -> int:
    found = text.find("\n", position, end)
    return end if found < 0 else found - 1


def _begins_value(text: str, position: int) -> bool:
    """Whether a value can begin at a place: after a `:`, `-`, `,` or an opening bracket."""
    line_start = text.rfind("\n", 0, position) + 1
    before = text[line_start:position].rstrip(" ")
    return not before or before[-1] in ":-,[{"
