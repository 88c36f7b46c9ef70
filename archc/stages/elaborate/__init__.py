"""Spec to graph: expressions, blocks, names and types, settled in one walk.

Input: a `SpecFile`, a variant, and what the caller sets. Output: the typed `Graph`. Afterwards:
every layer has its arguments and types, every name is used once, every size is decided for every
admitted input, and the smallest admitted input is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph, Output
from archc.language.arguments import plain
from archc.language.evaluate import Evaluator
from archc.language.library import nowhere
from archc.language.scope import Context, Environment, Flow, Flowing, Named, Origin, Scope
from archc.language.spec import SpecFile, Variant, unknown_cause
from archc.language.tree import Entry, Scalar, Tree
from archc.language.tree import Mapping as TreeMapping
from archc.language.values import Argument, InputValue, Value
from archc.stages.elaborate.admitted import admitted, largest_demands
from archc.stages.elaborate.branches import run_branches
from archc.stages.elaborate.expectations import check_expectations
from archc.stages.elaborate.inputs import InputReader, Symbols
from archc.stages.elaborate.layers import run_layer
from archc.stages.elaborate.modifiers import run_modified
from archc.stages.elaborate.outputs import pick_outputs, run_outputs, warn_unused
from archc.stages.elaborate.sequences import run_sequence
from archc.stages.elaborate.unused import check_unused
from archc.stages.elaborate.walk import (
    DEPTH_BOUND,
    TOO_DEEP,
    BranchRun,
    MergeUse,
    Run,
    Walk,
)

T = TypeVar("T")

UNKNOWN_VARIANT = Rule(
    "variant/unknown", "a variant is unknown", "variants are named sets of parameters"
)
UNKNOWN_SETTING = Rule(
    "params/unknown", "a parameter is unknown", "a misspelt parameter would keep its default"
)
LIBRARY = Rule("spec/library", "a library is no network", "it only defines blocks")
IMPORT_PARAMETER = Rule(
    "imports/required-parameter", "an imported block uses a parameter without a default",
    "an imported block sees its own file's parameters at their defaults",
)  # fmt: skip


def elaborate_spec(
    spec: SpecFile,
    reporter: Reporter,
    *,
    variant: str | None = None,
    values: Mapping[str, Argument] | None = None,
    outputs: Mapping[str, Argument] | None = None,
) -> Graph | Failed:
    """The typed graph of a spec for a variant and the caller's values.

    `values` holds parameters and symbols by name, `outputs` the paths of picked outputs.

    Reports:
        every rule of the language beyond its envelope.
    """
    own = Reporter()  # its errors are its own, though another variant may have reported them
    elaboration = Elaboration(spec, own)
    graph = _guarded(spec, own, lambda: elaboration.run(variant, values or {}, outputs or {}))
    reporter.add(own.diagnostics)
    return FAILED if reporter.has_errors else graph


def _guarded(spec: SpecFile, reporter: Reporter, run: Callable[[], T]) -> T | Failed:
    """What the run gives; where the caller has left too little stack for it, an error."""
    try:
        return run()
    except RecursionError:
        message = "the layers nest too deeply for the stack that is left"
        return reporter.error(TOO_DEEP, message, Place(spec.span))


def check_library(spec: SpecFile, reporter: Reporter) -> None:
    """Checks all of a library that does not hang on arguments.

    Reports:
        every rule of the language beyond its envelope.
    """
    elaboration = Elaboration(spec, reporter)
    _guarded(spec, reporter, elaboration.check_library)


def is_complete(spec: SpecFile, given: Iterable[str] = ()) -> bool:
    """Whether every parameter has a default or is given."""
    names = set(given)
    # One that is declared wrongly, without either, is reported where it stands.
    return all(
        p.default is not None or p.type is None or p.name in names for p in spec.params.values()
    )


def root_context(
    spec: SpecFile,
    reporter: Reporter,
    *,
    variant: str | None = None,
    values: Mapping[str, Argument] | None = None,
) -> tuple[Evaluator, Context]:
    """An evaluator and the context of a spec's parameters and `let`, for what stands beside layers.

    Reports:
        what is wrong with the parameters' values, once in all.
    """
    elaboration = Elaboration(spec, reporter)
    chosen = spec.variants.get(variant) if variant is not None else None
    return elaboration.evaluator, elaboration.root(chosen, values or {})


class Elaboration(Walk):
    """One elaboration of a spec, whose parts are tied together here."""

    def __init__(self, spec: SpecFile, reporter: Reporter) -> None:
        super().__init__(reporter)
        self._spec = spec
        self._environments: dict[SpecFile, Environment] = {}

    # The recursion.

    @override
    def sequence(self, tree: Tree, context: Context, flow: Flow) -> Run:
        if self.depth >= DEPTH_BOUND:
            message = f"sequences of layers nest more than {DEPTH_BOUND} levels deep"
            return Run(self.cut_short(TOO_DEEP, message, context.place(tree.span)))
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        run = run_sequence(self, tree, context, flow)
        self.depth -= 1
        return run

    @override
    def layer(
        self,
        tree: Tree,
        name: str,
        name_span: Span,
        context: Context,
        flow: Flow,
        overrides: tuple[Entry, ...] = (),
    ) -> Run:
        return run_layer(self, tree, name, name_span, context, flow, overrides)

    @override
    def modified(self, tree: Tree, key: Scalar | None, context: Context, flow: Flow) -> Run:
        return run_modified(self, tree, key, context, flow)

    @override
    def branches(self, merge: MergeUse, context: Context, flow: Flow) -> list[BranchRun] | Failed:
        return run_branches(self, merge, context, flow)

    @override
    def environment(self, file: SpecFile) -> Environment:
        known = self._environments.get(file)
        return known if known is not None else self._imported(file)

    def _imported(self, file: SpecFile) -> Environment:
        """The params and `let` of an imported file, at their defaults."""
        values: dict[str, Value | Failed] = {}
        environment = Environment(values, None, lambda name: self._missing(file, name))
        self._environments[file] = environment
        context = Context(Origin(file, None), environment)
        with_default = {n: p for n, p in file.params.items() if p.default is not None}
        place = Place(file.span)
        self.binder.bind(with_default, {}, context, values, place, f"`{file.name}`")
        self.binder.let(file.let, context, values)
        return environment

    def _missing(self, file: SpecFile, name: str) -> Failed | None:
        parameter = file.params.get(name)
        if parameter is None or parameter.default is not None:
            return None
        message = f"`{name}` of `{file.name}` has no default, which its blocks need when imported"
        helps = (f"give it a default, such as `{name}: …`, or make it a parameter of the blocks",)
        return self.reporter.error(IMPORT_PARAMETER, message, Place(parameter.span), helps=helps)

    # The whole.

    def root(self, variant: Variant | None, values: Mapping[str, Argument]) -> Context:
        """Binds the parameters and `let` of the spec itself."""
        names: dict[str, Value | Failed] = {}
        given = self._variant_values(variant)
        known = set(self._spec.params)
        is_whole = variant is None or all(e.key.text in known for e in variant.values)
        given |= {name: a for name, a in values.items() if name in known}
        environment = Environment(names, given=given, declared=self._spec.params)
        self._environments[self._spec] = environment
        scope = Scope(None, "")
        context = Context(Origin(self._spec, scope), environment)
        what = f"`{variant.name if variant is not None else self._spec.name}`"
        place = Place(variant.span if variant is not None else self._spec.span)
        params = self._spec.params
        self.binder.bind(params, given, context, names, place, what, is_whole=is_whole)
        self.binder.let(self._spec.let, context, names)
        return context

    def _variant_values(self, variant: Variant | None) -> dict[str, Argument | Tree]:
        given: dict[str, Argument | Tree] = {}
        for entry in variant.values if variant is not None else ():
            name = entry.key.text
            if name in self._spec.params:
                given[name] = entry.value
            else:
                message = f"`{self._spec.name}` has no parameter `{name}`"
                self._unknown_parameter(message, name, Place(entry.key.span), is_written=True)
        return given

    def _unknown_parameter(
        self,
        message: str,
        name: str,
        place: Place,
        sizes: Iterable[str] = (),
        *,
        is_written: bool = False,
    ) -> None:
        known = (*self._spec.params, *sizes)
        helps = did_you_mean(name, known)
        if not helps and known:
            helps = (f"there are {', '.join(f'`{k}`' for k in known)}",)
        cause = unknown_cause(self._spec, name) if is_written else None
        self.reporter.error(UNKNOWN_SETTING, message, place, helps=helps, cause=cause)

    def run(
        self, name: str | None, values: Mapping[str, Argument], outputs: Mapping[str, Argument]
    ) -> Graph | Failed:
        """The graph of a variant, or of the defaults."""
        spec = self._spec
        variant = spec.variants.get(name) if name is not None else None
        if name is not None and variant is None:
            helps = did_you_mean(name, spec.variants) or (
                f"there are {', '.join(spec.variants)}" if spec.variants else "there are none",
            )
            message = f"`{spec.name}` has no variant `{name}`"
            place = nowhere(f"--variant {name}")
            return self.reporter.error(UNKNOWN_VARIANT, message, place, helps=helps)
        if spec.layers is None or spec.input is None:
            if spec.is_library:
                message = f"`{spec.name}` defines blocks and no layers"
                helps = ("list it under the `imports` of a spec whose layers use its blocks",)
                self.reporter.error(LIBRARY, message, Place(spec.span), helps=helps)
            return FAILED
        context = self.root(variant, values)
        symbols, context = self._inputs(spec.input, values, context)
        run = self.sequence(spec.layers, context, context.scope.entry or FAILED)
        if outputs:
            found = pick_outputs(self, outputs, context)
        else:
            found = run_outputs(self, spec.outputs, run.flow, spec.layers.span, context)
        check_unused(self, spec)
        if isinstance(found, Failed) or self.reporter.has_errors:
            return FAILED
        graph = self._graph(variant, symbols, run, found)
        if isinstance(graph, Failed) or outputs:
            return graph
        if len(graph.nodes) < len(self.builder.nodes):
            warn_unused(self, found)
        return graph if values else self._confirmed(graph, variant, context)

    def _inputs(
        self, tree: TreeMapping, values: Mapping[str, Argument], context: Context
    ) -> tuple[Symbols, Context]:
        """The symbols of the inputs, which enter the graph, and the context that sees `input`."""
        fixed = {name: a for name, a in values.items() if name not in self._spec.params}
        reader = InputReader(self.evaluator, self.reporter, fixed)
        inputs = reader.read(tree, context)
        symbols = reader.symbols
        for name, argument in fixed.items():
            if name not in symbols.seen:
                message = f"`{self._spec.name}` has no parameter or size `{name}`"
                self._unknown_parameter(message, name, argument.place, symbols.seen)
        free = {n: d for n, d in symbols.domains.items() if n in symbols.seen and n not in fixed}
        self.builder.domains.update(free)
        self.builder.defaults.update({n: v for n, v in symbols.defaults.items() if n in free})
        flows: dict[str, Flow] = {}
        for name, given in inputs.items():
            tensor = given.tensor
            flow = FAILED if isinstance(tensor, Failed) else self.builder.add_input(tensor)
            flows[name] = flow
            if name != "input":
                context.scope.names[name] = Named(given.span, flow)
        first = next(iter(flows.values()), FAILED)
        context.scope.entry = first
        entering = first.type if isinstance(first, Flowing) else FAILED
        return symbols, context.binding({"input": InputValue(entering)})

    def _graph(
        self, variant: Variant | None, symbols: Symbols, run: Run, outputs: list[Output]
    ) -> Graph | Failed:
        """The graph that the outputs need, its smallest input settled."""
        builder = self.builder
        needed = builder.needed(outputs)
        every = builder.demands_of(needed)
        demands = largest_demands(every)
        domains = admitted(builder.domains, every, symbols, self.reporter)
        if isinstance(domains, Failed):
            return FAILED
        graph = Graph(
            self._spec.name,
            variant.name if variant is not None else None,
            {n: plain(v) for n, v in self._root_values().items()},
            (), (), tuple(outputs), (), domains,
            {n: v for n, v in symbols.defaults.items() if n in domains},
            {n: (d.least, d.layer) for n, d in demands.items()},
        )  # fmt: skip
        return builder.finish(graph, run.elements, needed)

    def _confirmed(self, graph: Graph, variant: Variant | None, context: Context) -> Graph | Failed:
        """The graph, if it is as the spec expects."""
        expect = variant.expect if variant is not None else self._spec.expect
        if expect is not None:
            check_expectations(expect, graph, context, self.evaluator, self.reporter)
        return FAILED if self.reporter.has_errors else graph

    def _root_values(self) -> dict[str, Value]:
        names = self._environments[self._spec].names
        values = {n: names[n] for n in self._spec.params if n in names}
        return {n: v for n, v in values.items() if not isinstance(v, Failed)}

    def check_library(self) -> None:
        """Checks the blocks of a library, whose parameters are those of an imported file."""
        self.environment(self._spec)
        check_unused(self, self._spec)
