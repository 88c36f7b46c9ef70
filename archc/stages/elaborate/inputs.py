"""The inputs of the network: shapes, layouts, element types, and what their symbols admit."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Input
from archc.language.arguments import construct
from archc.language.evaluate import Evaluator
from archc.language.scope import Context
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree, kind_of
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
NOT_ADMITTED = Rule(
    "input/not-admitted", "a size is not one that `where` admits", "the network is typed for those"
)

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

    def read(self, tree: Mapping, context: Context) -> dict[str, Input | Failed]:
        """The inputs by name, in order."""
        found: dict[str, Input | Failed] = {}
        if not tree.entries:
            self._error(SHAPE, "`input` names no input", tree.span)
        parts = {e.key.text: self._parts(e) for e in tree}
        for name, (_, where) in parts.items():
            del name
            if where is not None:
                self._where(where, context)
        for entry in tree:
            found[entry.key.text] = self._input(entry, parts[entry.key.text][0], context, found)
        return found

    def _error(self, rule: Rule, message: str, span: Span, *helps: str) -> Failed:
        return self._reporter.error(rule, message, Place(span), helps=helps)

    def _parts(self, entry: Entry) -> tuple[dict[str, Tree], Tree | None]:
        value = entry.value
        if not isinstance(value, Mapping):
            return {"shape": value}, None
        for part in value:
            if part.key.text not in _KEYS:
                message = f"`{part.key.text}` is no part of an input"
                self._error(KEY, message, part.key.span, f"parts are {', '.join(_KEYS)}")
        parts = {e.key.text: e.value for e in value}
        return parts, parts.get("where")

    def _input(
        self,
        entry: Entry,
        parts: dict[str, Tree],
        context: Context,
        before: MappingOf[str, Input | Failed],
    ) -> Input | Failed:
        name = entry.key.text
        span = entry.key.span
        if name == "input" and before:
            return self._error(KEY, "a second input may not be called `input`", span)
        if not name.isascii() or not name.replace("-", "_").isidentifier():
            return self._error(KEY, f"`{name}` is no name for an input", span)
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
        return self._error(KEY, message, parts[key].span)

    def _shape(self, tree: Tree, context: Context) -> list[Size] | Failed:
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        if isinstance(tree, Scalar) and "$" in tree.text:
            value = self._evaluator.value(tree, context)
            if isinstance(value, tuple):
                return self._sizes([(v, tree.span) for v in value], tree)
        return self._sizes([(self._evaluator.value(i, context), i.span) for i in items], tree)

    def _sizes(self, values: list[tuple[Value | Failed, Span]], tree: Tree) -> list[Size] | Failed:
        if len(values) not in (1, 3):
            message = f"a shape is channels, height, width or features, not {len(values)} sizes"
            return self._error(SHAPE, message, tree.span, "the batch axis is always there, unnamed")
        sizes: list[Size | Failed] = [
            self._size(value, span, is_symbolic=len(values) == 3 and index > 0)
            for index, (value, span) in enumerate(values)
        ]
        known = [size for size in sizes if not isinstance(size, Failed)]
        return known if len(known) == len(sizes) else FAILED

    def _size(self, value: Value | Failed, span: Span, *, is_symbolic: bool) -> Size | Failed:
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if value >= 1:
                return value
            return self._error(SHAPE, f"a size is at least 1, not {value}", span)
        if not isinstance(value, Text) or not value.isidentifier() or not value.isascii():
            message = f"a size is a number or a symbol such as `H`, not `{describe(value)}`"
            return self._error(SHAPE, message, span)
        if value == "N":
            message = "`N` is the batch axis, a name that no symbol may take"
            return self._error(SYMBOL, message, span, "call it `H` or `W`")
        if not is_symbolic:
            message = f"channels and features are numbers, not the symbol `{value}`"
            help_text = "channels come first: `[3, H, W]`"
            return self._error(SYMBOL, message, span, help_text)
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
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = f"`{name}` is a size, not `{describe(value)}`"
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
            self._error(WHERE, f"`where` is a mapping of symbols, not {kind_of(tree)}", tree.span)
            return
        for entry in tree:
            name = entry.key.text
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
        if wrong:
            self._error(WHERE, wrong, span)
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

    def finish(self) -> None:
        """Reports the symbols of `where` that no shape has."""
        for name, span in self.symbols.declared.items():
            if name not in self.symbols.seen:
                message = f"no input has the symbol `{name}`"
                self._error(WHERE, message, span)


def _inconsistent(where: Where) -> str:
    if where.multiple_of < 1:
        return f"`multiple_of` is at least 1, not {where.multiple_of}"
    if not 0 <= where.remainder < max(where.multiple_of, 1):
        return f"`remainder` is below `multiple_of`, not {where.remainder}"
    if where.min is not None and where.min < 1:
        return f"`min` is at least 1, not {where.min}"
    if where.max is not None and where.max < (where.min or 1):
        return f"`max` is {where.max}, below the smallest size"
    return ""
