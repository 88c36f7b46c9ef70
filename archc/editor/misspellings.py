"""What looks like a word: the word misspelt in one place, its beginning, the word with a tail."""

from __future__ import annotations

from collections.abc import Iterable

from archc.editor.json_schema_arguments import Schema


def looks_like(words: Iterable[str]) -> Schema:
    """The texts that look like one of some words, as JSON Schema."""
    return {"pattern": f"^(?:{'|'.join(_pattern(word) for word in words)})$"}


def _pattern(word: str) -> str:
    # One letter left out, put in or replaced; two letters in each other's place.
    found = [rf"{word[:i]}\w{{0,2}}{word[i + 1 :]}" for i in range(len(word))]
    found += [f"{word[:i]}{word[i + 1]}{word[i]}{word[i + 2 :]}" for i in range(len(word) - 1)]
    beginning = word[-1]
    for letter in reversed(word[:-1]):
        beginning = f"{letter}(?:{beginning})?"
    return "|".join([*found, beginning, rf"{word}_\w*"])
