"""Random YAML texts: a tree written in any style that YAML has, with comments anywhere."""

from __future__ import annotations

import random
from typing import Any

_WORDS = (
    "relu", "conv", "a b c", "it's", 'say "x"', "$name.0", "$(a + 1)", "$(min(a, b))", "1", "1.10",
    "true", "", "~", "yes", "- x", "a: b", "a #b", "#", "[x]", "{", "x,y", "0x1f", "1e-3", "é ü",
    "\U0001f600", "a\\b", "<<", "$(x[0])", "null", "@x", "%y", "!z", "&w", "*v", "? u", "-", "---",
)  # fmt: skip


def random_tree(r: random.Random, depth: int = 4) -> Any:
    """Mappings, lists and texts; numbers and other plain scalars are texts in `Plain`."""
    kind = r.random()
    if depth == 0 or kind < 0.35:
        return r.choice(_WORDS)
    if kind < 0.7:
        count = r.randrange(0, 5)
        return {f"{r.choice(('k', 'key', 'long_key_', 'q r'))}{i}": random_tree(r, depth - 1)
                for i in range(count)}  # fmt: skip
    return [random_tree(r, depth - 1) for _ in range(r.randrange(0, 5))]


class Writer:
    """Writes trees; `text` is the document so far."""

    def __init__(self, r: random.Random) -> None:
        self._r = r
        self._anchors = 0
        self._known: list[str] = []

    def document(self, tree: dict[str, Any]) -> str:
        start = self._r.choice(("", "", "---\n", "%YAML 1.2\n---\n", "# first\n\n\n", "\ufeff"))
        text = start + (self._mapping(tree, 0) if tree else "{}\n")
        text += self._r.choice(("", "", "\n\n", "# last", "   # last\n", "...\n"))
        if self._r.random() < 0.2:
            text = text.replace("\n", "\r\n")
        return text

    def _eol(self) -> str:
        """The end of a line, with what may stand there."""
        r = self._r
        text = r.choice(("", "", "", " ", "\t", "  # note", " # [a, b", "\t#x  "))
        text += "\n" * r.choice((1, 1, 1, 1, 2, 4))
        while r.random() < 0.1:
            text += " " * r.randrange(9) + r.choice(("# alone", "#", "# a: b")) + "\n"
        return text

    def _mapping(self, tree: dict[str, Any], indent: int, *, is_inline: bool = False) -> str:
        lines = []
        for number, (key, value) in enumerate(tree.items()):
            head = "" if is_inline and number == 0 else " " * indent
            lines.append(f"{head}{self._key(key)}{self._r.choice(('', '', ' '))}:")
            lines.append(self._value(value, indent, is_entry=False))
        return "".join(lines)

    def _key(self, key: str) -> str:
        return self._r.choice((key, key, f"'{key}'", f'"{key}"'))

    def _sequence(self, items: list[Any], indent: int, *, is_inline: bool = False) -> str:
        lines = []
        for number, item in enumerate(items):
            lines.append("" if is_inline and number == 0 else " " * indent)
            space = self._r.choice((1, 1, 3))
            inner = indent + 1 + space
            inline = self._r.random() < 0.6
            if inline and isinstance(item, dict) and item and self._is_block():
                lines.append("-" + " " * space + self._mapping(item, inner, is_inline=True))
            elif inline and isinstance(item, list) and item and self._is_block():
                lines.append("-" + " " * space + self._sequence(item, inner, is_inline=True))
            else:
                lines.append("-" + self._value(item, indent, is_entry=True))
        return "".join(lines)

    def _is_block(self) -> bool:
        return self._r.random() < 0.6

    def _value(self, value: Any, indent: int, *, is_entry: bool) -> str:
        """A value behind a key or a dash, to the end of its line."""
        r = self._r
        space = " " * r.choice((1, 1, 1, 2, 5))
        anchor = self._anchor()
        if self._known and r.random() < 0.05:
            return f"{space}*{r.choice(self._known)}{self._eol()}"
        if isinstance(value, dict | list) and value and self._is_block():
            step = r.choice((1, 2, 2, 4))
            if isinstance(value, dict):
                text = self._mapping(value, indent + step)
            else:
                least = 1 if is_entry else 0
                text = self._sequence(value, indent + max(least, r.choice((0, step))))
            opened = f"{space}&{anchor}" if anchor else ""
            return self._closed(f"{opened}{self._eol()}{text}", anchor)
        opened = f"{space}&{anchor} " if anchor else space
        if isinstance(value, str) and r.random() < 0.15:
            return self._closed(opened + self._literal(indent), anchor)
        if r.random() < 0.1:
            opened += f"{self._eol()}{' ' * (indent + 1 + r.randrange(3))}"
        return self._closed(f"{opened}{self._flow(value, indent + 1)}{self._eol()}", anchor)

    def _anchor(self) -> str:
        if self._r.random() > 0.05:
            return ""
        self._anchors += 1
        return f"a{self._anchors}"

    def _closed(self, text: str, anchor: str) -> str:
        if anchor:
            self._known.append(anchor)
        return text

    def _literal(self, indent: int) -> str:
        r = self._r
        step = r.choice((1, 2, 4))
        digit = r.choice(("", "", str(step)))
        head = r.choice("|>") + r.choice((digit, digit + "-", "+" + digit))
        lines = [r.choice(("text", "more  text ", "  in", "", "# no comment", "a: b", "   "))
                 for _ in range(r.randrange(1, 5))]  # fmt: skip
        lines[0] = "first"
        if not digit:
            lines = [line if line.strip() else "" for line in lines]
        body = "".join(f"{' ' * (indent + step) + line if line else ''}\n" for line in lines)
        return f"{head}{r.choice(('', '  # note'))}\n{body}"

    def _flow(self, value: Any, indent: int) -> str:
        if isinstance(value, str):
            return self._scalar(value, indent)
        r = self._r
        gap = self._gap(indent)
        if isinstance(value, list):
            parts = [self._flow(item, indent) for item in value]
        else:
            parts = [f"{self._key(key)}:{gap or ' '}{self._flow(item, indent)}"
                     for key, item in value.items()]  # fmt: skip
        joined = "".join(
            f"{self._gap(indent)}{part}{self._gap(indent) if i < len(parts) - 1 else ''}"
            f"{',' if i < len(parts) - 1 or r.random() < 0.1 else ''}"
            for i, part in enumerate(parts)
        )
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return f"{opening}{joined}{self._gap(indent)}{closing}"

    def _gap(self, indent: int) -> str:
        r = self._r
        kind = r.random()
        if kind < 0.85:
            return " " * r.choice((0, 0, 1, 1, 3))
        comment = r.choice(("", "", "  # in brackets, [", " #"))
        return f"{comment}\n{r.choice(('', '', chr(10)))}{' ' * (indent + r.randrange(6))}"

    def _scalar(self, text: str, indent: int) -> str:
        r = self._r
        single, double = "'" + text.replace("'", "''") + "'", _double(text)
        if r.random() < 0.1:
            tail = f"\n{' ' * (indent + r.randrange(4))}"
            return r.choice((f"'{text.replace(chr(39), '')} x{tail}and{tail}{tail}more'",
                             f'"one \\{tail}  two\\ {tail}three {tail}{tail}four"',
                             f"plain of{tail}several {tail}{tail}lines"))  # fmt: skip
        is_plain = (
            text and all(c.isalnum() or c in "_.$()+ -" for c in text) and text[0] not in "-( "
        )
        if is_plain and r.random() < 0.6:
            return text
        return r.choice((single, double))


def _double(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
