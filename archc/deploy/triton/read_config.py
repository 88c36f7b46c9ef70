"""Tree to configuration: which fields there are, what they take, and which exclude each other.

Input: the tree of a text. Output: a `Group` for Triton's `ModelConfig`. Afterwards: every field is
one of `schema_table`, has a value of its type, and stands once unless it is a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, final

from archc.deploy.triton.scalars import DEFAULTS, WANTED, scalar_value
from archc.deploy.triton.schema_table import ENUMS, MESSAGES
from archc.deploy.triton.text_format import read_text
from archc.deploy.triton.text_tokens import SYNTAX
from archc.deploy.triton.text_tree import Field, Item, Message, Scalar
from archc.deploy.triton.values import Group, Value
from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

ROOT = "ModelConfig"
_BARE: tuple[Literal["number", "name"], ...] = ("number", "name")

UNREADABLE = Rule(
    "triton/unreadable-config",
    "a configuration cannot be read",
    "Triton does not load a model whose `config.pbtxt` it cannot read.",
)
UNKNOWN_FIELD = Rule(
    "triton/unknown-field",
    "a configuration has a field that Triton does not know",
    "Triton refuses the whole file, rather than leave out what may be meant.",
)
UNKNOWN_VALUE = Rule(
    "triton/unknown-value",
    "a field of a configuration takes one of several names, and has another",
    "Triton refuses the whole file.",
)
WRONG_TYPE = Rule(
    "triton/wrong-type",
    "a field of a configuration has a value of the wrong type",
    "Triton refuses the whole file: numbers stand without quotes, texts with them.",
)
SET_TWICE = Rule(
    "triton/set-twice",
    "a field of a configuration that takes one value is given twice",
    "Triton refuses the whole file; only lists may be given in several parts.",
)
TWO_ALTERNATIVES = Rule(
    "triton/two-alternatives",
    "a configuration has two fields of which only one may be given",
    "Triton refuses the whole file: a model has one scheduler, one version policy, and so on.",
)


def read_config(path: Path, reporter: Reporter) -> Group | Failed:
    """The configuration in a file.

    Reports: triton/unreadable-config, and what `parse_config` reports.
    """
    helps: tuple[str, ...] = ()
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    except UnicodeDecodeError as error:
        why, helps = f"byte {error.start} is no UTF-8", ("save it as UTF-8",)
    else:
        return parse_config(Source(str(path), text.replace("\r\n", "\n")), reporter)
    message = f"`{shown(path.name)}` cannot be read: {why}"
    return reporter.error(UNREADABLE, message, file_place(str(path)), helps=helps)


def parse_config(source: Source, reporter: Reporter) -> Group | Failed:
    """The configuration in a text.

    Reports: triton/syntax, triton/config-too-large, triton/config-too-deep, triton/unknown-field,
        triton/unknown-value, triton/wrong-type, triton/set-twice, triton/two-alternatives.
    """
    tree = read_text(source, reporter)
    if isinstance(tree, Failed):
        return tree
    reading = _Reading(reporter)
    config = reading.message(tree, ROOT)
    return FAILED if reading.failed else config


@final
class _Reading:
    """Goes through the whole tree, so that every mistake in it is reported at once."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.failed = False

    def message(self, tree: Message, name: str) -> Group:
        return self._group(tree, name, MESSAGES[name])

    def _group(self, tree: Message, name: str, types: Mapping[str, str]) -> Group:
        found: dict[str, tuple[Value, ...]] = {}
        chosen: dict[str, Field] = {}
        for field in tree.fields:
            kind, _, choice = types.get(field.name, "").partition(" in ")
            if not kind:
                self._unknown_field(field, name, types)
                continue
            if choice and choice in chosen:
                self._two(field, chosen[choice])
                continue
            if choice:
                chosen[choice] = field
            is_many = kind.endswith("*") or kind.startswith("map ")
            before = () if is_many else found.get(field.name, ())
            if before and _is_set(before, kind):
                helps = ("leave out one of them",)
                message = f"`{field.name}` is given twice"
                self._error(SET_TWICE, message, field.span, helps, before[0].span)
                continue
            if not is_many and field.is_list:
                self._error(WRONG_TYPE, f"`{field.name}` takes one value, not a list", field.span)
                continue
            values = self._values(field, kind.removesuffix("*"))
            found[field.name] = (found.get(field.name, ()) if is_many else ()) + values
        return Group(name, tree.span, {key: values for key, values in found.items() if values})

    def _values(self, field: Field, kind: str) -> tuple[Value, ...]:
        is_message = kind.startswith("map ") or kind in MESSAGES
        if not is_message and not field.has_colon:
            self._error(SYNTAX, f"a colon is missing after `{field.name}`", field.span)
            return ()
        values = (self._value(item, field, kind) for item in field.items)
        return tuple(value for value in values if value is not None)

    def _value(self, item: Item, field: Field, kind: str) -> Value | None:
        if isinstance(item, Message):
            return self._message_value(item, field, kind)
        if kind in MESSAGES or kind.startswith("map "):
            help_ = f"write `{field.name} {{ … }}`"
            self._error(WRONG_TYPE, f"`{field.name}` takes a message", item.span, (help_,))
            return None
        value = scalar_value(item, kind)
        if value is None:
            self._wrong(item, field, kind)
            return None
        return Value(value, item.span)

    def _message_value(self, item: Message, field: Field, kind: str) -> Value | None:
        if kind in MESSAGES:
            return Value(self.message(item, kind), item.span)
        if kind.startswith("map "):
            return Value(self._entry(item, kind), item.span)
        self._error(WRONG_TYPE, f"`{field.name}` takes {_wanted(kind)}, no message", item.span)
        return None

    def _entry(self, item: Message, kind: str) -> Group:
        """An entry of a map: what is left out of it has its default."""
        _, key, value = kind.split(" ")
        entry = self._group(item, kind, {"key": key, "value": value})
        empty = Group(value, item.span, {}) if value in MESSAGES else DEFAULTS[value]
        rest = {"key": (Value(DEFAULTS[key], item.span),), "value": (Value(empty, item.span),)}
        return Group(entry.message, entry.span, {**rest, **entry.fields})

    def _unknown_field(self, field: Field, name: str, types: Mapping[str, str]) -> None:
        where = "a configuration" if name == ROOT else f"`{name.rpartition('.')[2]}`"
        where = "an entry of a map" if name.startswith("map ") else where
        message = f"`{shown(field.name)}` is no field of {where}"
        helps = did_you_mean(field.name, types) or (f"fields are {listed(sorted(types))}",)
        self._error(UNKNOWN_FIELD, message, field.span, helps)

    def _two(self, field: Field, other: Field) -> None:
        rule = SET_TWICE if field.name == other.name else TWO_ALTERNATIVES
        message = f"`{field.name}` is given where `{other.name}` is already"
        self._error(rule, message, field.span, ("leave out one of them",), other.span)

    def _wrong(self, item: Scalar, field: Field, kind: str) -> None:
        written = shown(item.text) if item.kind != "string" else "a string"
        if kind in ENUMS and item.kind == "name":
            helps = did_you_mean(item.text, ENUMS[kind]) or (f"it is one of {_names(kind)}",)
            message = f"`{field.name}` has no value `{written}`"
            self._error(UNKNOWN_VALUE, message, item.span, helps)
            return
        quoted = (f'write `{field.name}: "{written}"`',)
        message = f"`{field.name}` takes {_wanted(kind)}"
        helps = (
            quoted if kind == "string" and item.kind != "string" else _unquoted(item, field, kind)
        )
        self._error(WRONG_TYPE, message, item.span, helps)

    def _error(
        self,
        rule: Rule,
        message: str,
        span: Span,
        helps: tuple[str, ...] = (),
        other: Span | None = None,
    ) -> None:
        related = (Related(other, "given here"),) if other else ()
        self._reporter.error(rule, message, Place(span), helps=helps, related=related)
        self.failed = True


def _unquoted(item: Scalar, field: Field, kind: str) -> tuple[str, ...]:
    """The help for a string whose content, without its quotes, is what the field takes."""
    text = item.content.decode("utf-8", "replace")
    bare = (Scalar(known, text, b"", item.span) for known in _BARE)
    fits = item.kind == "string" and any(scalar_value(one, kind) is not None for one in bare)
    return (f"write it without quotes: `{field.name}: {text}`",) if fits else ()


def _is_set(values: tuple[Value, ...], kind: str) -> bool:
    """Whether protobuf counts a field as given: one that has its default may be given again."""
    default = ENUMS[kind][0] if kind in ENUMS else DEFAULTS.get(kind)
    return values[0].data != default


def _wanted(kind: str) -> str:
    return WANTED.get(kind) or f"one of {_names(kind)}"


def _names(kind: str) -> str:
    return ", ".join(f"`{name}`" for name in ENUMS[kind])
