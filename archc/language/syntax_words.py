"""YAML's syntax errors in plain words, with what helps against the common ones."""

from __future__ import annotations

import re

_PROBLEMS = {
    "mapping values are not allowed in this context": "a `:` makes no mapping here",
    "could not find expected ':'": "a key needs a `:` after it",
    "did not find expected key": "a key was expected here, or the indentation is off",
    "did not find expected ',' or '}'": "a `,` or a `}` was expected here",
    "did not find expected ',' or ']'": "a `,` or a `]` was expected here",
    "did not find expected '-' indicator": "a `-` was expected here, or the indentation is off",
    "found character that cannot start any token": "this character cannot stand here",
    "control characters are not allowed": "a control character stands in the text",
    "did not find expected <document start>": "the text goes on after the end of the document",
    "found unexpected end of stream": "the text ends within a quoted value",
    "found unknown escape character": "this escape means nothing in double quotes",
    "found invalid Unicode character escape code": "this escape is no character",
    "found undefined tag handle": "a tag means nothing here",
    "block sequence entries are not allowed in this context": "a `-` begins no list here",
    "did not find expected node content": "a value was expected here",
}  # fmt: skip

_BRACED = re.compile(r"\$\{\s*([A-Za-z_]\w*)\s*\}")
_CONTEXTS = {
    "while parsing a flow mapping": "this `{` is still open",
    "while parsing a flow sequence": "this `[` is still open",
    "while scanning a quoted scalar": "this quote is still open",
    "while parsing a block mapping": "the mapping begins here",
    "while parsing a block collection": "the list begins here",
    "while scanning a simple key": "the key begins here",
}


def syntax_message(problem: str, rest: str) -> str:
    """What is wrong, in the words of this project; `rest` is the line from the problem on."""
    first = rest[:1]
    if problem == "found character that cannot start any token" and first.strip():
        shown = "a backtick" if first == "`" else f"`{first}`"
        return f"a value cannot begin with {shown}"
    if problem == "did not find expected key" and first in ("}", "]"):
        return f"this `{first}` closes nothing"
    return _PROBLEMS.get(problem, problem.rstrip(".") or "this is not YAML")


def context_words(context: str) -> str:
    """What stands at the place where YAML began to read what has failed."""
    return _CONTEXTS.get(context, context)


def syntax_helps(problem: str, line: str, before: str) -> tuple[str, ...]:
    """What to change, judged by the line of the problem and the line before."""
    helps: list[str] = []
    if "\t" in line[: len(line) - len(line.lstrip())]:
        helps.append("indent with spaces, YAML admits no tabs there")
    elif problem == "found character that cannot start any token":
        helps.append("quote the value")
    if (braced := _BRACED.search(line)) is not None:
        helps.append(f"write `${braced[1]}`, or an expression in parentheses: `$(…)`")
    elif "$(" in line or ("$(" in before and "expected" in problem):
        helps.append("quote a value whose expression holds a comma, a bracket, `: ` or ` #`")
    elif "mapping values" in problem and before.strip() and ":" not in before:
        helps.append("the line above may lack its `:`")
    elif "mapping values" in problem and _indent(line) > _indent(before) and before.strip():
        helps.append("this line is indented deeper than the one above, which has its value")
    elif "mapping values" in problem:
        helps.append("quote a value that holds `: `, or break the line before the key")
    elif problem == "did not find expected key" and line.lstrip().startswith("- "):
        helps.append("a list and a mapping do not mix: give every layer a name, or none")
    return tuple(helps)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
