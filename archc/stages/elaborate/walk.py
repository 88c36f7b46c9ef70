"""The state of an elaboration, and what its parts ask of each other.

Sequences hold layers, layers are merges and blocks, and those hold sequences: the parts are one
recursion over several files, tied together by this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import ClassVar, NamedTuple, TypeAlias

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Element, Node, ValueId
from archc.language.calculate import BOOL
from archc.language.evaluate import Evaluator
from archc.language.scope import (
    Context,
    Environment,
    Flow,
    Named,
    Scope,
    origin_of,
    where_written,
)
from archc.language.spec import Block, SpecFile
from archc.language.tree import Entry, Scalar, Sequence, Tree, is_name, kind_of, name_help, shown
from archc.language.values import Argument, Text, describe, type_name
from archc.stages.elaborate.builder import Demand, GraphBuilder, Typed
from archc.stages.elaborate.parameters import Binder
from archc.stages.elaborate.path_helps import last_help, scope_help

STEP_BOUND = 30_000
"""Layers, scopes, branches and rounds of loops; what a hostile spec may make the walk do."""

REPEAT_BOUND = 10_000
DEPTH_BOUND = 48
"""Sequences within each other, through blocks and branches; a bound on the stack."""

SUGGESTION_BOUND = 100
"""Unknown paths that get a suggestion, which takes a look at all layers."""

UNKNOWN_ROOT = "?"
"""The prefix of a block that is checked without a use: where it will stand is not known."""

NAME = Rule("layer/name", "a layer's name is no name", "it becomes a part of the weights' names")
NAME_TWICE = Rule(
    "layer/name-twice", "a name is used twice", "a layer's name is the name of its weights"
)
RESERVED = Rule(
    "layer/reserved-name", "a layer is called `input`", "`input` is the tensor that enters"
)
UNKNOWN_PATH = Rule(
    "path/unknown", "a path leads to no layer",
    "a path is looked up in its scope, then outwards, among what was computed above it",
)  # fmt: skip
NUMBER_PATH = Rule(
    "path/number", "a path is read as a number", "YAML reads `1.10` as the number 1.1"
)
WRONG_PATH = Rule("path/not-a-path", "a path is no text", "a path is the dotted name of a layer")
TOO_MANY = Rule(
    "spec/too-many-layers", "the network has too many layers", "every spec is answered quickly"
)
TOO_DEEP = Rule("spec/too-deep", "layers nest too deeply", "every spec is answered quickly")
TOO_MANY_COPIES = Rule(
    "repeat/too-many", "a layer is repeated too often", "every spec is answered quickly"
)
COUNT = Rule("repeat/count", "a number of copies is no whole number", "copies are counted")


class Run(NamedTuple):
    """What running some layers gave: what flows out, and how they nest."""

    flow: Flow
    elements: tuple[Element, ...] = ()


class Walk(ABC):
    """The state of an elaboration and its recursion.

    Attributes:
        keeps_blocks: whether the run of a block may stand for those of its equals.
        left_out: the conditions that left a layer out, in the order met.
        deepest: the deepest that sequences were nested, since the block began that is recorded.
        reach: of the active blocks, the number whose scopes all paths since then stayed in.
        steps: the layers, scopes, branches and rounds of loops so far.
    """

    keeps_blocks: ClassVar[bool] = True

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.evaluator = Evaluator(reporter)
        self.binder = Binder(self.evaluator, reporter)
        self.builder = GraphBuilder()
        self.active: list[tuple[Block, Scope]] = []
        self.uses: list[Block] = []
        self.typed: dict[Hashable, Typed] = {}
        self.left_out: list[Span] = []
        self.recordings: dict[Hashable, Recording] = {}
        self.depth = self.deepest = 0
        self.reach = DEPTH_BOUND
        self.steps = 0
        self.is_cut_short = False
        self._suggestions = 0

    @abstractmethod
    def sequence(self, tree: Tree, context: Context, flow: Flow) -> Run:
        """Runs a list or a mapping of layers in the context's scope."""

    @abstractmethod
    def layer(
        self,
        tree: Tree,
        name: str,
        name_span: Span,
        context: Context,
        flow: Flow,
        overrides: tuple[Entry, ...] = (),
    ) -> Run:
        """Runs a layer without modifiers under this name; the overrides are a first copy's."""

    @abstractmethod
    def modified(self, tree: Tree, key: Scalar | None, context: Context, flow: Flow) -> Run:
        """Runs a layer with its modifiers; the key names it in a mapping, in a list it is None."""

    @abstractmethod
    def branches(self, merge: MergeUse, context: Context, flow: Flow) -> list[BranchRun] | Failed:
        """Runs the branches of a merge."""

    @abstractmethod
    def environment(self, file: SpecFile) -> Environment:
        """The params and `let` of a file."""

    # What every part needs.

    def declare(self, name: str, span: Span, context: Context) -> Named:
        """Enters a name into the context's scope; a name used twice is reported."""
        is_numbered = name.isdigit() and not context.scope.is_counted
        named = Named(span, is_maybe=is_numbered or not context.is_certain)
        known = context.scope.names.get(name)
        if name == "input":
            self.reporter.error(RESERVED, "no layer may be called `input`", context.place(span))
        elif known is not None and not named.is_maybe and not known.is_maybe:
            path = f"{context.scope.prefix}{name}".removeprefix(UNKNOWN_ROOT)
            self.reporter.error(
                NAME_TWICE, f"the name `{path}` is used twice",
                context.place(span), label="again here",
                related=(Related(known.span, "first used here"),) if known.span != span else (),
            )  # fmt: skip
            return named  # the first keeps the name
        context.scope.names[name] = named
        return named

    def name_of(self, key: Scalar, context: Context) -> str | Failed:
        """The name that a key or a `name:` gives."""
        value = self.evaluator.scalar(key, context)
        if isinstance(value, Failed):
            context.scope.is_whole = False
            return FAILED
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole or isinstance(value, Text):
            text = str(value)
            if is_name(text):
                return text
        if not context.is_certain and "$" in key.text:
            context.scope.is_whole = False
            return FAILED  # the condition that is not known may well be what keeps it right
        found = describe(value) if "$" in key.text else key.text
        helps = name_help(found)
        if "." in found:
            helps = ("a dot stands between the names of a path, and in none",)
        elif not isinstance(value, str):
            helps = ("quote a name that YAML reads as something else",)
        context.scope.is_whole = False
        message = f"`{shown(found)}` is no name: names have letters, digits, `_` and `-`"
        return self.reporter.error(NAME, message, context.place(key.span), helps=helps)

    def condition(self, tree: Tree, context: Context) -> bool | Failed:
        """The truth of a `when` or an `if`."""
        value = self.evaluator.value(tree, context)
        if isinstance(value, bool | Failed):
            return value
        found = "null" if value is None else f"the {type_name(value)} `{describe(value)}`"
        message = f"a condition is `true` or `false`, not {found}"
        helps: tuple[str, ...] = ()
        if isinstance(value, Text):
            helps = did_you_mean(value, ("true", "false"))
            helps = helps or ("write `$(…)` around an expression",)
        name = tree.text.removeprefix("$") if isinstance(tree, Scalar) else ""
        if isinstance(value, int | float) and name.isidentifier():
            helps = (f"compare it: `$({name} > 0)`",)
        return self.reporter.error(BOOL, message, context.place(tree.span), helps=helps)

    def count(self, tree: Tree, context: Context) -> int | Failed:
        """The number of copies of a `repeat`."""
        value = self.evaluator.value(tree, context)
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= REPEAT_BOUND:
            return value
        is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
        rule = TOO_MANY_COPIES if is_count else COUNT
        message = f"`repeat` is a whole number from 0 to {REPEAT_BOUND}, not `{describe(value)}`"
        found = context.environment.find(str(value)) if isinstance(value, Text) else None
        is_name = found is not None and isinstance(found[0], int)
        helps = (f"for the value of that name write `${value}`",) if is_name else ()
        place = where_written(Argument(value, tree, context.place(tree.span)), context)
        return self.reporter.error(rule, message, place, helps=helps)

    def path(self, argument: Argument, context: Context) -> tuple[str, Named] | Failed:
        """The full name and the layer that a path leads to, from where it was written."""
        value = argument.value
        if isinstance(value, Failed):
            return FAILED
        if isinstance(value, float):
            written = argument.tree if isinstance(argument.tree, Scalar) else None
            text = written.text if written is not None and "$" not in written.text else value
            message = f"YAML reads the path `{text}` as a number"
            helps = (f"quote it: `'{text}'`",)
            return self.reporter.error(NUMBER_PATH, message, argument.place, helps=helps)
        if isinstance(value, int) and not isinstance(value, bool):
            value = Text(describe(value), context.origin)
        if not isinstance(value, Text):
            message = f"a path is the name of a layer, not {kind_of(argument.tree)}"
            merge = "tensors meet in a merge, such as `{concat: [{from: a}, {from: b}]}`"
            meet = (merge,) if isinstance(argument.tree, Sequence) else ()
            return self.reporter.error(WRONG_PATH, message, argument.place, helps=meet)
        return self._look_up(
            value, origin_of(value).scope or context.scope, argument.place, context
        )

    def _look_up(
        self, path: Text, scope: Scope, place: Place, context: Context
    ) -> tuple[str, Named] | Failed:
        if path == "input":
            entered = scope.entered()
            self._reach_out(entered)
            flow = entered.entry if entered is not None else None
            return "input", Named(place.span, flow if flow is not None else FAILED)
        found = scope.find(path)
        self._reach_out(found[0] if found is not None else None)
        if found is not None:
            owner, named = found
            return owner.prefix + path, named
        if not context.is_certain or any(s.prefix == UNKNOWN_ROOT for s in scope.outwards()):
            return FAILED  # an unused block may be used where the path exists
        if scope.may_hide(path):
            return FAILED
        self._suggestions += 1
        is_shown = self._suggestions <= SUGGESTION_BOUND
        known = scope.reachable() if is_shown else []
        helps = did_you_mean(path, known)
        if not helps and known:
            helps = scope_help(path, scope) or last_help(scope, len(self.builder.inputs))
        message = f"no layer above is called `{shown(path)}`"
        below = scope.below(path, place.span)
        related = (Related(below, "it stands here, below"),) if below is not None else ()
        if below is not None:
            helps = ()
        if any(outer.descend(path.split(".")) is not None for outer in scope.outwards()):
            message = f"`{shown(path)}` is still being computed here, so nothing can start from it"
            helps = ("`input` is the tensor that enters a block",)
        cause = ("path", path, scope)
        return self.reporter.error(
            UNKNOWN_PATH, message, place, related=related, helps=helps, cause=cause
        )

    def _reach_out(self, scope: Scope | None) -> None:
        """Notes the scope that a path ended in, which blocks further in hang on."""
        around = list(scope.outwards()) if scope is not None else []
        self.reach = min(self.reach, sum(1 for _, active in self.active if active in around))

    def flow_at(self, tree: Tree, context: Context) -> Flow:
        """The output of the layer that a path leads to."""
        found = self.path(self.evaluator.argument(tree, context), context)
        if isinstance(found, Failed):
            return FAILED
        flow = found[1].flow
        return flow if flow is not None else FAILED

    def step(self, span: Span, context: Context) -> bool:
        """Counts a step of the walk; false beyond the bound, which is reported once."""
        self.steps += 1
        if self.steps == STEP_BOUND + 1:
            message = f"the network has more than {STEP_BOUND} layers, branches and rounds of loops"
            self.cut_short(TOO_MANY, message, context.place(span))
        return not self.is_cut_short

    def has_room(self, steps: int, height: int) -> bool:
        """Whether the bounds leave room for some steps, and sequences nested so high."""
        return self.steps + steps <= STEP_BOUND and self.depth + height <= DEPTH_BOUND

    def cut_short(self, rule: Rule, message: str, place: Place) -> Failed:
        """Reports what is too much, and ends the walk."""
        if self.is_cut_short:
            return FAILED
        self.is_cut_short = True
        return self.reporter.error(rule, message, place)


Carried: TypeAlias = tuple[tuple[str | None, Argument], ...]
"""The arguments that a layer value brings along; the principal one under None."""


class LayerUse(NamedTuple):
    """An op or a block with its arguments, where it is used.

    Attributes:
        op: its name, with the file that it is looked up in.
        name: the layer's own name in its scope.
        span: the op's key.
        name_span: where the layer's name is written.
        principal: the value of the op's key, if it is one argument.
        arguments: the named arguments that are written.
        carried: the arguments that a layer value brings along.
        overrides: the arguments of a first copy, which come before the others.
        tree: the scalar that named the op.
    """

    op: Text
    name: str
    span: Span
    name_span: Span
    principal: Tree | None
    arguments: tuple[Entry, ...]
    carried: Carried = ()
    overrides: tuple[Entry, ...] = ()
    tree: Scalar | None = None


class MergeUse(NamedTuple):
    """A merge whose branches are to run: its full name and scope, and the branches' tree."""

    op: str
    scope: Scope
    branches: Tree
    span: Span


class BranchRun(NamedTuple):
    """A branch of a merge that has run."""

    start: Flow
    run: Run
    span: Span
    is_list: bool


class Recording(NamedTuple):
    """What a block gave, and what its run left in the walk; kept to be given again.

    Attributes:
        entry: the value that entered.
        first: the value of the first layer that it made.
        nodes: the layers that it made.
        demands: what they demand of symbols.
        scope: the names of the layers.
        run: what flowed out, and how the layers nest.
        trail: how many steps led into the block, the block's own among them.
        left_out: the conditions that left a layer out.
        used: the blocks in it.
        steps: the steps that it took.
        height: the sequences within each other.
    """

    entry: ValueId
    first: ValueId
    nodes: tuple[Node, ...]
    demands: tuple[Demand, ...]
    scope: Scope
    run: Run
    trail: int
    left_out: tuple[Span, ...]
    used: frozenset[Block]
    steps: int
    height: int


__all__ = ["BranchRun", "Carried", "LayerUse", "MergeUse", "Recording", "Run", "Walk"]
