"""The inputs of the network: shapes, layouts, element types, and what their symbols admit."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Input
from archc.language.arguments import construct
from archc.language.evaluate import Evaluator
from archc.language.scope import Context
from archc.language.tree import (
    Entry,
    Mapping,
    Scalar,
    Sequence,
    Tree,
    is_name,
    kind_of,
    name_help,
    shown,
)
from archc.language.values import Argument, Text, Value, describe
from archc.shapes.domain import Domain
from archc.shapes.size import Size, symbol
from archc.shapes.tensor_type import DType, TensorType

SHAPE = Rule(
    "input/shape", "an input's shape is none",
    "a shape is channels, height, width, or one number of features",
)  # fmt: skip
SYMBOL = Rule(
    "input/symbol", "a symbol cannot stand here", "channels are numbers, and N is the batch"
)
CHANNELS_LAST = Rule(
    "input/channels-last", "an input's shape looks like channels last",
    "shapes are channels, height, width, whatever the layout of the built model's input",
)  # fmt: skip
KEY = Rule("input/key", "a part of an input is unknown or of the wrong form", "see the language")
WHERE = Rule(
    "input/where", "a `where` does not say which sizes are admitted", "it bounds a symbol's values"
)
WHERE_DIFFERS = Rule(
    "input/where-differs", "two `where` for one symbol differ", "one symbol is one size"
)
NAME_TWICE = Rule(
    "input/name-twice", "two inputs have one name", "an input is given to the model by its name"
)
NOT_ADMITTED = Rule(
    "input/not-admitted", "a size is not one that `where` admits", "the network is typed for those"
)

MOST = 2**31 - 1
"""The largest size of an axis, far beyond what any runtime takes."""

_KEYS = ("shape", "layout", "dtype", "where")
_DTYPES = {"float32": DType.FLOAT32, "float16": DType.FLOAT16, "uint8": DType.UINT8}


class Where(BaseModel):
    """What a symbol admits: `min`, `max`, `multiple_of` with `remainder`, and a `default`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)

    min: int | None = None
    max: int | None = None
    multiple_of: int = 1
    remainder: int = 0
    default: int | None = None


class GivenInput(NamedTuple):
    """An input as it enters, or the token of its mistake, and where its name stands."""

    span: Span
    tensor: Input | Failed


@dataclass(slots=True)
class Symbols:
    """What is known of the symbols: domains, defaults, where each was declared, what is fixed."""

    domains: dict[str, Domain] = field(default_factory=dict)
    defaults: dict[str, int] = field(default_factory=dict)
    declared: dict[str, Span] = field(default_factory=dict)
    bounded: dict[str, dict[str, Span]] = field(default_factory=dict)
    fixed: dict[str, Argument] = field(default_factory=dict)
    seen: dict[str, Span] = field(default_factory=dict)


class InputReader:
    """Evaluates the `input` section."""

    def __init__(self, evaluator: Evaluator, reporter: Reporter, fixed: MappingOf[str, Argument]):
        self._evaluator = evaluator
        self._reporter = reporter
        self.symbols = Symbols(fixed=dict(fixed))

    def read(self, tree: Mapping, context: Context) -> dict[str, GivenInput]:
        """The inputs by name, in order.

        Reports:
            input/shape, input/symbol, input/channels-last, input/key, input/where,
            input/where-differs, input/not-admitted.
        """
        if not tree.entries:
            self._error(SHAPE, "`input` names no input", tree.span, "add `image: [3, 224, 224]`")
        tree = self._bracketed(self._without_stray_parts(tree))
        parts = [self._parts(entry) for entry in tree]
        for part in parts:
            if "where" in part:
                self._where(part["where"], context)
        found: dict[str, GivenInput] = {}
        for entry, part in zip(tree, parts, strict=True):
            name = self._evaluator.key(entry.key, context)
            if isinstance(name, Failed):
                name = entry.key.text
                found[name] = GivenInput(entry.key.span, FAILED)
            elif name in found:
                self._error(NAME_TWICE, f"two inputs are called `{name}`", entry.key.span)
            else:
                tensor = self._input(name, entry.key.span, part, context, is_first=not found)
                found[name] = GivenInput(entry.key.span, tensor)
        self._finish()
        return found

    def _error(self, rule: Rule, message: str, span: Span, *helps: str) -> Failed:
        return self._reporter.error(rule, message, Place(span), helps=helps)

    def _without_stray_parts(self, tree: Mapping) -> Mapping:
        """The inputs alone; a part of an input that stands among them is reported."""
        strays = [entry for entry in tree if _is_stray_part(entry)]
        if not strays:
            return tree
        rest = tuple(entry for entry in tree if entry not in strays)
        name = next((e.key.text for e in rest if e.key.text not in _KEYS), "image")
        words = ", ".join(f"`{e.key.text}`" for e in strays)
        is_one = len(strays) == 1
        message = f"{words} {'stands' if is_one else 'stand'} beside the inputs, not in one"
        listed = ", ".join(f"{e.key.text}: …" for e in strays)
        help_text = f"write `{name}: {{shape: […], {listed}}}`"
        self._error(KEY, message, strays[0].key.span, help_text)
        return Mapping(rest, tree.span)

    def _bracketed(self, tree: Mapping) -> Mapping:
        """The inputs without sizes that stand as inputs, as where a shape has no brackets."""
        first = tree.entries[0] if tree.entries else None
        sizes = [e.key for e in tree if isinstance(e.value, Scalar) and e.value.is_null]
        if first is None or not sizes or not isinstance(first.value, Scalar):
            return tree
        if not isinstance(first.value.value, int) or not all(map(_is_size, sizes)):
            return tree
        last = [*sizes, *sizes][:2]  # the height again, which is read as one key, is the width
        shape = ", ".join((first.value.text, *(key.text for key in last)))
        message = f"the shape of `{shown(first.key.text)}` has no brackets"
        self._error(SHAPE, message, first.value.span, f"write `{first.key.text}: [{shape}]`")
        meant = Entry(first.key, Sequence((first.value, *last), first.value.span))
        rest = (e for e in tree if e is not first and e.key not in sizes)
        return Mapping((meant, *rest), tree.span)

    def _parts(self, entry: Entry) -> dict[str, Tree]:
        value = entry.value
        if not isinstance(value, Mapping):
            return {"shape": value}
        for part in value:
            if part.key.text not in _KEYS:
                message = f"`{shown(part.key.text)}` is no part of an input"
                helps = did_you_mean(part.key.text, _KEYS) or (f"parts are {', '.join(_KEYS)}",)
                self._error(KEY, message, part.key.span, *helps)
        return {e.key.text: e.value for e in value}

    def _input(
        self, name: str, span: Span, parts: dict[str, Tree], context: Context, *, is_first: bool
    ) -> Input | Failed:
        if name == "input" and not is_first:
            message = "a second input may not be called `input`, which is the first one's path"
            return self._error(KEY, message, span)
        if not is_name(name):
            message = f"`{shown(name)}` is no name: names have letters, digits, `_` and `-`"
            return self._error(KEY, message, span, *name_help(name))
        layout = self._choice(parts, "layout", ("nchw", "nhwc"), context)
        dtype = self._choice(parts, "dtype", tuple(_DTYPES), context)
        if "shape" not in parts:
            message = f"the input `{name}` has no `shape`"
            return self._error(SHAPE, message, span, "add `shape: [3, 224, 224]`")
        sizes = self._shape(parts["shape"], context)
        if isinstance(sizes, Failed) or isinstance(layout, Failed) or isinstance(dtype, Failed):
            return FAILED
        outer = _DTYPES[dtype or "float32"]
        inner = DType.FLOAT32 if outer is DType.UINT8 else outer
        self._check_order(sizes, parts["shape"])
        if len(sizes) == 1:
            kind = TensorType.vector(inner, sizes[0])
        else:
            kind = TensorType.image(inner, *sizes)
        return Input(name, kind, outer, layout == "nhwc" and len(sizes) == 3, Place(span))

    def _choice(
        self, parts: dict[str, Tree], key: str, options: tuple[str, ...], context: Context
    ) -> str | Failed | None:
        if key not in parts:
            return None
        value = self._evaluator.value(parts[key], context)
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, Text) and value.lower() in options:
            return value.lower()
        listed = ", ".join(f"`{o}`" for o in options)
        message = f"`{key}` is one of {listed}, not `{describe(value)}`"
        helps = did_you_mean(value, options) if isinstance(value, Text) else ()
        return self._error(KEY, message, parts[key].span, *helps)

    def _shape(self, tree: Tree, context: Context) -> list[Size] | Failed:
        if isinstance(tree, Sequence):
            values = [(self._evaluator.value(i, context), i.span) for i in tree.items]
        else:
            value = self._evaluator.value(tree, context)
            if isinstance(value, Failed):
                return FAILED
            elements = value if isinstance(value, tuple) else (value,)
            values = [(v, tree.span) for v in elements]
        if len(values) not in (1, 3):
            message = f"a shape is channels, height, width or features, not {len(values)} sizes"
            helps = ("leave the batch out, it is always there",) if len(values) > 3 else ()
            return self._error(SHAPE, message, tree.span, *helps)
        sizes: list[Size | Failed] = [
            self._size(value, span, is_symbolic=len(values) == 3 and index > 0)
            for index, (value, span) in enumerate(values)
        ]
        known = [size for size in sizes if not isinstance(size, Failed)]
        if len(known) == len(sizes):
            return known
        return FAILED

    def _size(self, value: Value | Failed, span: Span, *, is_symbolic: bool) -> Size | Failed:
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if 1 <= value <= MOST:
                return value
            wanted = "at least 1" if value < 1 else f"at most {MOST}"
            return self._error(SHAPE, f"a size is {wanted}, not {describe(value)}", span)
        if not isinstance(value, Text) or not value.isidentifier() or not value.isascii():
            message = f"a size is a number or a symbol such as `H`, not `{describe(value)}`"
            return self._error(SHAPE, message, span)
        if value == "N":
            message = "`N` is the batch axis, a name that no symbol may take"
            return self._error(SYMBOL, message, span, "call it `H` or `W`")
        if not is_symbolic:
            message = f"channels and features are numbers, not the symbol `{value}`"
            self.symbols.seen.setdefault(str(value), span)  # its `where` is not at fault
            helps = ("channels come first, as in `[3, H, W]`",)
            return self._error(SYMBOL, message, span, *helps)
        return self._symbol(str(value), span)

    def _symbol(self, name: str, span: Span) -> Size | Failed:
        symbols = self.symbols
        symbols.seen.setdefault(name, span)
        domain = symbols.domains.setdefault(name, Domain())
        fixed = symbols.fixed.get(name)
        if fixed is None:
            return symbol(name)
        value = fixed.value
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
            message = f"`{name}` is a size, a whole number of at least 1, not `{describe(value)}`"
            return self._reporter.error(NOT_ADMITTED, message, fixed.place)
        if not domain.admits(value):
            message = f"`{name}: {value}` is not admitted: `where` says {domain}"
            where = symbols.declared.get(name)
            related = (Related(where, "declared here"),) if where is not None else ()
            return self._reporter.error(NOT_ADMITTED, message, fixed.place, related=related)
        return value

    def _check_order(self, sizes: list[Size], tree: Tree) -> None:
        if len(sizes) != 3:
            return
        first, last = sizes[0], sizes[2]
        if isinstance(last, int) and isinstance(first, int) and last in (1, 3, 4) and first > last:
            self._reporter.warning(
                CHANNELS_LAST, f"this shape has {first} channels and a width of {last}",
                Place(tree.span),
                helps=(f"channels come first: `[{last}, {first}, {sizes[1]}]`",),
            )  # fmt: skip

    def _where(self, tree: Tree, context: Context) -> None:
        if not isinstance(tree, Mapping):
            message = f"`where` is a mapping of symbols, not {kind_of(tree)}"
            self._error(WHERE, message, tree.span, "write `where: {H: {min: 32}}`")
            return
        for entry in tree:
            name = self._evaluator.key(entry.key, context)
            if isinstance(name, Failed):
                continue
            if not isinstance(entry.value, Mapping):
                message = f"`{name}` in `where` is a mapping, not {kind_of(entry.value)}"
                self._error(WHERE, message, entry.value.span, f"write `{name}: {{min: 32}}`")
                continue
            arguments = {
                e.key.text: self._evaluator.argument(e.value, context) for e in entry.value
            }
            what = f"`where` of `{name}`"
            place = Place(entry.key.span)
            where = construct(Where, arguments, what, place, self._reporter)
            if not isinstance(where, Failed):
                spans = {n: a.place.span for n, a in arguments.items()}
                self._declare(name, where, entry.key.span, spans)

    def _declare(self, name: str, where: Where, span: Span, spans: dict[str, Span]) -> None:
        wrong = _inconsistent(where)
        if wrong is not None:
            self._error(WHERE, wrong[1], spans.get(wrong[0], span))
            return
        remainder = where.remainder % where.multiple_of
        domain = Domain(max(where.min or 1, 1), where.max, where.multiple_of, remainder)
        symbols = self.symbols
        if name in symbols.declared:
            same = symbols.domains[name] == domain
            if not same or symbols.defaults.get(name) != where.default:
                related = (Related(symbols.declared[name], "first declared here"),)
                message = f"`{name}` has two `where` that differ"
                self._reporter.error(WHERE_DIFFERS, message, Place(span), related=related)
            return
        if domain.most is not None and domain.first > domain.most:
            self._error(WHERE, f"no `{name}` is admitted by {domain}", span)
            return
        symbols.domains[name] = domain
        symbols.declared[name] = span
        symbols.bounded[name] = spans
        if where.default is not None:
            if not domain.admits(where.default):
                message = f"the default {where.default} of `{name}` is not admitted: {domain}"
                self._error(NOT_ADMITTED, message, spans["default"])
            symbols.defaults[name] = where.default

    def _finish(self) -> None:
        """Reports the symbols of `where` that no shape has."""
        for name, span in self.symbols.declared.items():
            if name not in self.symbols.seen:
                message = f"no input has the symbol `{name}`"
                self._error(WHERE, message, span, *did_you_mean(name, self.symbols.seen))


def _inconsistent(where: Where) -> tuple[str, str] | None:
    """The key at fault and what is wrong with it."""
    if where.multiple_of < 1:
        return "multiple_of", f"`multiple_of` is at least 1, not {where.multiple_of}"
    if not 0 <= where.remainder < where.multiple_of:
        wanted = f"from 0 to {where.multiple_of - 1}" if where.multiple_of > 1 else "0"
        return "remainder", f"`remainder` is {wanted} here, not {where.remainder}"
    if where.min is not None and where.min < 1:
        return "min", f"`min` is at least 1, not {where.min}"
    if where.max is not None and where.max < (where.min or 1):
        return "max", f"`max` is {where.max}, below the smallest size"
    return None


def _is_size(key: Scalar) -> bool:
    """Whether a key is a size: a number or a symbol of one letter."""
    return isinstance(key.value, int) or (len(key.text) == 1 and key.text.isupper())


def _is_stray_part(entry: Entry) -> bool:
    """Whether an entry among the inputs is a part of one: no shape is written so."""
    value = entry.value
    if entry.key.text == "where":
        return isinstance(value, Mapping) and not set(_KEYS).intersection(value.names)
    is_word = isinstance(value, Scalar) and isinstance(value.value, str) and "$" not in value.text
    return entry.key.text in ("layout", "dtype") and is_word
