"""Text to tree: YAML by its 1.2 core schema, with the span of every node.

Input: the text of a spec. Output: its `Tree`. Afterwards: no key stands twice in a mapping, keys
are scalars, no tags, and what aliases expand to is bounded.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.cut_expression import mend_entries, mend_items
from archc.language.spec import EVALUATED_KEYS
from archc.language.syntax_mistake import Piece, Trouble, find_slip
from archc.language.tree import Entry, Mapping, Scalar, ScalarValue, Sequence, Tree, shown

TEXT_BOUND = 4_000_000
DEPTH_BOUND = 100
NODE_BOUND = 200_000
DIGITS_BOUND = 300

SYNTAX = Rule("yaml/syntax", "the text is not YAML", "nothing can be read from it before that")
EMPTY = Rule("yaml/empty", "the document is empty", "a spec is a mapping with `archc: 1`")
DOCUMENTS = Rule("yaml/documents", "there is more than one document", "a file is one spec")
DUPLICATE = Rule(
    "yaml/duplicate-key", "a key stands twice in a mapping", "one of the values would be lost"
)
TAG = Rule("yaml/tag", "a custom tag is used", "specs are plain data")
KEY = Rule("yaml/key", "a key is no plain scalar", "keys are names")
MERGE_KEY = Rule("yaml/merge-key", "a merge key `<<` is used", "YAML 1.2 has none")
ALIAS = Rule("yaml/alias", "an alias names no finished anchor", "an alias repeats an earlier node")
TOO_LARGE = Rule("yaml/too-large", "the document is too large", "a hostile file must end quickly")
EXPANSION = Rule(
    "yaml/expansion", "aliases repeat too much of the document", "a hostile file must end quickly"
)
TOO_DEEP = Rule("yaml/too-deep", "the document nests too deeply", "a hostile file must end quickly")
NUMBER = Rule("yaml/number", "a number has too many digits", "no size needs that many")

_OWN_TAGS = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, ScalarValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan,
}  # fmt: skip
for _sign, _value in (("", math.inf), ("+", math.inf), ("-", -math.inf)):
    _WORDS |= {f"{_sign}.{word}": _value for word in ("inf", "Inf", "INF")}


def parse(source: Source, reporter: Reporter) -> Tree | Failed:
    """The tree of a source's one document.

    Reports:
        yaml/syntax, yaml/empty, yaml/documents, yaml/duplicate-key, yaml/tag, yaml/key,
        yaml/merge-key, yaml/alias, yaml/too-large, yaml/expansion, yaml/too-deep, yaml/number.
    """
    if len(source.text) > TEXT_BOUND:
        message = f"the document has {len(source.text)} characters, more than {TEXT_BOUND}"
        return reporter.error(TOO_LARGE, message, Place(Span(source, 1, 1, 1, 1)))
    return _Builder(source, reporter).build()


def resolve(text: str) -> ScalarValue:
    """The value of a plain scalar by YAML 1.2's core schema.

    >>> resolve("1e-3"), resolve("yes"), resolve("0o17"), resolve("~")
    (0.001, 'yes', 15, None)
    """
    if text in _WORDS:
        return _WORDS[text]
    if not (text[0].isdigit() or text[0] in "+-."):
        return text
    if _INT.match(text):
        return int(text) if len(text) <= DIGITS_BOUND else text
    if _OCTAL.match(text) or _HEX.match(text):
        return int(text, 0) if len(text) <= DIGITS_BOUND else text
    return float(text) if _FLOAT.match(text) else text


def _is_int(text: str) -> bool:
    return any(pattern.match(text) for pattern in (_INT, _OCTAL, _HEX))


def _is_list_item(key: Scalar, before: list[Entry]) -> bool:
    """Whether a number follows another without a value, as in a list that lost its brackets."""
    is_bare = bool(before) and isinstance(before[0].value, Scalar) and not before[0].value.text
    return is_bare and all(isinstance(k.value, int) for k in (key, before[0].key))


class _Mark(Protocol):
    line: int
    column: int


@dataclass(slots=True)
class _Open:
    """A collection being read: its children so far, a key that waits for its value, its anchor.

    The value of a key that stands there already is dropped, so that reading can go on. `end` is
    where the last child ends.
    """

    is_mapping: bool
    is_flow: bool
    start: Span
    anchor: str | None
    items: list[Tree] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    seen: dict[tuple[type, object], Scalar] = field(default_factory=dict)
    key: Scalar | None = None
    is_dropped: bool = False
    weight: int = 1
    end: tuple[int, int] | None = None


class _Builder:
    def __init__(self, source: Source, reporter: Reporter) -> None:
        self._source = source
        self._reporter = reporter
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Tree, int]] = {}
        self._root: Tree | Failed | None = None
        self._failed = False
        self._weight = 0
        self._last: Piece | None = None

    def build(self) -> Tree | Failed:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = 0
        try:
            for event in yaml.parse(self._source.text, Loader=loader):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        return self._error(DOCUMENTS, "a second document starts here", event)
                if self._event(event):
                    return FAILED
        except yaml.YAMLError as error:
            return self._syntax(error)
        if self._root is None:
            place = Place(Span(self._source, 1, 1, 1, 1))
            return self._reporter.error(
                EMPTY, "the document is empty", place, helps=("a spec begins with `archc: 1`",)
            )
        return FAILED if self._failed else self._root

    def _event(self, event: yaml.Event) -> bool:
        """Takes one event; true where reading must stop."""
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.CollectionStartEvent):
            return self._start(event)
        if isinstance(event, yaml.CollectionEndEvent):
            return self._end(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        return False

    def _scalar(self, event: yaml.ScalarEvent) -> bool:
        self._tag(event)
        is_plain = event.style is None or event.style == ""
        value: ScalarValue = event.value
        if is_plain and event.tag is None:
            value = resolve(event.value)
            if isinstance(value, str) and len(value) > DIGITS_BOUND and _is_int(value):
                message = f"`{shown(value)}` has {len(value)} digits, more than {DIGITS_BOUND}"
                self._error(NUMBER, message, event)
        span = self._event_span(event)
        scalar = Scalar(value, event.value, span, event.style in ("'", '"'))
        self._last = Piece(span, event.value, scalar.is_quoted)
        if event.anchor is not None:
            self._anchors[event.anchor] = (scalar, 1)
        return self._add(scalar, 1, event)

    def _tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            return
        if tag.startswith(_OWN_TAGS):
            tag = f"!!{tag.removeprefix(_OWN_TAGS)}"
        message = f"the tag `{shown(tag)}` means nothing here"
        self._error(TAG, message, event, "leave it out: a value's type follows from its text")

    def _start(self, event: yaml.CollectionStartEvent) -> bool:
        self._tag(event)
        if len(self._stack) >= DEPTH_BOUND:
            self._error(TOO_DEEP, f"more than {DEPTH_BOUND} levels of nesting", event)
            return True
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            self._error(KEY, "a key is a name, not a collection", event)
            return True
        is_flow = bool(event.flow_style)
        self._stack.append(_Open(is_mapping, is_flow, self._event_span(event), event.anchor))
        return False

    def _end(self, event: yaml.CollectionEndEvent) -> bool:
        done = self._stack.pop()
        start, end = done.start, self._event_span(event)
        if done.is_flow and self._has_expressions():
            done.items, done.entries = mend_items(done.items), mend_entries(done.entries)
        end_line, end_column = end.end_line, end.end_column
        if done.end is not None and not done.is_flow:  # the event's lies behind later comments
            end_line, end_column = done.end
        span = Span(self._source, start.line, start.column, end_line, end_column)
        tree: Tree = (
            Mapping(tuple(done.entries), span)
            if done.is_mapping
            else Sequence(tuple(done.items), span)
        )
        if done.anchor is not None:
            self._anchors[done.anchor] = (tree, done.weight)
        return self._add(tree, done.weight, event)

    def _has_expressions(self) -> bool:
        """Whether `$` has a meaning where the walk stands, which is some top-level keys' values."""
        top = self._stack[0] if self._stack else None
        return top is not None and top.key is not None and top.key.text in EVALUATED_KEYS

    def _alias(self, event: yaml.AliasEvent) -> bool:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            self._error(ALIAS, f"`*{event.anchor}` names no anchor that ends above it", event)
            return True
        return self._add(*known, event)

    def _add(self, tree: Tree, weight: int, event: yaml.Event) -> bool:
        is_alias = isinstance(event, yaml.AliasEvent)
        self._weight += weight if is_alias else 1
        if self._weight > NODE_BOUND:
            message = f"the document has more than {NODE_BOUND} keys and values"
            if is_alias:
                message = f"with its aliases written out {message}"
            self._error(EXPANSION if is_alias else TOO_LARGE, message, event)
            return True
        if not self._stack:
            self._root = tree
            return False
        top = self._stack[-1]
        top.weight += weight
        last = self._event_span(event) if isinstance(event, yaml.AliasEvent) else tree.span
        top.end = (last.end_line, last.end_column)
        if not top.is_mapping:
            top.items.append(tree)
        elif top.key is None:
            return self._key(top, tree, event)
        else:
            if not top.is_dropped:
                top.entries.append(Entry(top.key, tree))
            top.key, top.is_dropped = None, False
        return False

    def _key(self, top: _Open, tree: Tree, event: yaml.Event) -> bool:
        if not isinstance(tree, Scalar):
            self._error(KEY, "a key is a name, not a collection", event)
            return True
        if tree.text == "<<" and not tree.is_quoted:
            help_text = "write the entries out, or define a block with parameters"
            self._error(MERGE_KEY, "`<<` merges nothing here", event, help_text)
        identity = (type(tree.value), tree.value)
        first = top.seen.setdefault(identity, tree)
        if first is not tree:
            top.is_dropped = True
            # Of a list without brackets the first number is reported, which is no key either.
            if not (top.is_flow and _is_list_item(tree, top.entries[-1:])):
                self._twice(tree, first)
        top.key = tree
        return False

    def _twice(self, key: Scalar, first: Scalar) -> None:
        related = (Related(first.span, "first here"),)
        message, place = f"the key `{shown(key.text)}` stands twice", Place(key.span)
        self._reporter.error(DUPLICATE, message, place, label="again here", related=related)

    def _error(self, rule: Rule, message: str, event: yaml.Event, *helps: str) -> Failed:
        self._failed = True
        span = self._event_span(event)
        return self._reporter.error(rule, message, Place(span), helps=helps)

    def _event_span(self, event: yaml.Event) -> Span:
        assert event.start_mark is not None
        assert event.end_mark is not None
        return self._span(event.start_mark, event.end_mark)

    def _span(self, start: _Mark, end: _Mark) -> Span:
        return Span(self._source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _syntax(self, error: yaml.YAMLError) -> Failed:
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else self._unprintable()
        opened = getattr(error, "context_mark", None)
        trouble = Trouble(
            problem, line, column, str(getattr(error, "context", None) or ""),
            (opened.line + 1, opened.column + 1) if opened is not None else None, self._last,
        )  # fmt: skip
        slip = find_slip(self._source, trouble)
        return self._reporter.error(
            SYNTAX, slip.message, Place(slip.span), label=slip.label, related=slip.related,
            helps=slip.helps,
        )  # fmt: skip

    def _unprintable(self) -> tuple[int, int]:
        """The place of the first character that YAML does not admit."""
        for number, line in enumerate(self._source.text.split("\n"), 1):
            for column, character in enumerate(line, 1):
                if not (character.isprintable() or character in "\t\r\x85\ufeff\u2028\u2029\xa0"):
                    return number, column
        return 1, 1
