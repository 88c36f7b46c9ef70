"""Spec to graph: expressions, blocks, names and types, settled in one walk.

Input: a `SpecFile`, a variant, and what the caller sets. Output: the typed `Graph`. Afterwards:
every layer has its arguments and types, every name is used once, every size is decided for every
admitted input, and the smallest admitted input is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from typing_extensions import override

from archc.diagnostics.diagnostic import Related, Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Frame, Place, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph, Input
from archc.language.arguments import plain
from archc.language.evaluate import Evaluator
from archc.language.scope import Context, Environment, Flow, Flowing, Scope
from archc.language.spec import Block, SpecFile, Variant
from archc.language.tree import Entry, Tree
from archc.language.values import Argument, InputValue, Origin, Value
from archc.shapes.domain import Domain
from archc.stages.elaborate.branches import run_branches
from archc.stages.elaborate.expectations import check_expectations
from archc.stages.elaborate.inputs import InputReader, Symbols
from archc.stages.elaborate.layers import block_context, run_block, run_layer
from archc.stages.elaborate.outputs import pick_outputs, root_names, run_outputs, warn_unused
from archc.stages.elaborate.sequences import run_modified, run_sequence
from archc.stages.elaborate.walk import BranchRun, LayerUse, MergeUse, Run, Walk

UNKNOWN_VARIANT = Rule(
    "variant/unknown", "a variant is unknown", "variants are named sets of parameters"
)
UNKNOWN_SETTING = Rule(
    "params/unknown", "a parameter is unknown", "a misspelt parameter would keep its default"
)
VARIANT_NEEDED = Rule(
    "variant/needed", "the defaults are incomplete", "a required parameter gets its value there"
)
LIBRARY = Rule("spec/library", "a library is no network", "it only defines blocks")
TOO_SMALL = Rule(
    "input/too-small", "an admitted input is too small for a layer",
    "every size that the input admits must run",
)  # fmt: skip
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
    chosen = spec.variants.get(variant) if variant is not None else None
    if variant is not None and chosen is None:
        place = Place(spec.span if not spec.variants else next(iter(spec.variants.values())).span)
        helps = did_you_mean(variant, spec.variants)
        return reporter.error(
            UNKNOWN_VARIANT, f"`{spec.name}` has no variant `{variant}`", place, helps=helps
        )
    return _Elaboration(spec, reporter).run(chosen, values or {}, outputs or {})


def check_library(spec: SpecFile, reporter: Reporter) -> None:
    """Checks all of a library that does not hang on arguments.

    Reports:
        every rule of the language beyond its envelope.
    """
    elaboration = _Elaboration(spec, reporter)
    elaboration.root(None, {})
    elaboration.check_unused()


def is_complete(spec: SpecFile, given: Iterable[str] = ()) -> bool:
    """Whether every parameter has a default or is given."""
    names = set(given)
    return all(p.default is not None or p.name in names for p in spec.params.values())


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
    elaboration = _Elaboration(spec, reporter)
    chosen = spec.variants.get(variant) if variant is not None else None
    return elaboration.evaluator, elaboration.root(chosen, values or {})


class _Elaboration(Walk):
    def __init__(self, spec: SpecFile, reporter: Reporter) -> None:
        super().__init__(reporter)
        self._spec = spec
        self._environments: dict[SpecFile, Environment] = {}

    # The recursion.

    @override
    def sequence(self, tree: Tree, context: Context, flow: Flow) -> Run:
        return run_sequence(self, tree, context, flow)

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
    def modified(
        self, tree: Tree, name: str | None, name_span: Span, context: Context, flow: Flow
    ) -> Run:
        return run_modified(self, tree, name, name_span, context, flow)

    @override
    def branches(self, merge: MergeUse, context: Context, flow: Flow) -> list[BranchRun] | Failed:
        return run_branches(self, merge, context, flow)

    @override
    def block(self, block: Block, use: LayerUse, context: Context, flow: Flow) -> Run:
        return run_block(self, block, use, context, flow)

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
        return self.reporter.error(IMPORT_PARAMETER, message, Place(parameter.span))

    # The whole.

    def root(self, variant: Variant | None, values: Mapping[str, Argument]) -> Context:
        """Binds the parameters and `let` of the spec itself."""
        names: dict[str, Value | Failed] = {}
        environment = Environment(names)
        self._environments[self._spec] = environment
        scope = Scope(None, "")
        context = Context(Origin(self._spec, scope), environment)
        given = self._variant_values(variant, context)
        known = set(self._spec.params)
        given |= {name: a for name, a in values.items() if name in known}
        what = f"`{variant.name if variant is not None else self._spec.name}`"
        place = Place(variant.span if variant is not None else self._spec.span)
        self.binder.bind(self._spec.params, given, context, names, place, what)
        self.binder.let(self._spec.let, context, names)
        return context

    def _variant_values(self, variant: Variant | None, context: Context) -> dict[str, Argument]:
        given: dict[str, Argument] = {}
        for entry in variant.values if variant is not None else ():
            name = entry.key.text
            if name not in self._spec.params:
                message = f"`{self._spec.name}` has no parameter `{name}`"
                helps = did_you_mean(name, self._spec.params)
                place = Place(entry.key.span)
                self.reporter.error(UNKNOWN_SETTING, message, place, helps=helps)
                continue
            given[name] = self.evaluator.argument(entry.value, context)
        return given

    def run(
        self,
        variant: Variant | None,
        values: Mapping[str, Argument],
        outputs: Mapping[str, Argument],
    ) -> Graph | Failed:
        spec = self._spec
        if spec.layers is None or spec.input is None:
            if spec.is_library:
                message = f"`{spec.name}` defines blocks and no layers"
                self.reporter.error(LIBRARY, message, Place(spec.span))
            return FAILED
        context = self.root(variant, values)
        fixed = {name: a for name, a in values.items() if name not in spec.params}
        reader = InputReader(self.evaluator, self.reporter, fixed)
        inputs = reader.read(spec.input, context)
        reader.finish()
        self._unknown_settings(fixed, reader.symbols)
        symbols = reader.symbols
        free = {n: d for n, d in symbols.domains.items() if n in symbols.seen and n not in fixed}
        self.builder.domains.update(free)
        first = self._enter(inputs, context)
        context = self._with_input(context, first)
        run = self.sequence(spec.layers, context, first)
        found = (
            pick_outputs(self, outputs, context)
            if outputs
            else run_outputs(self, spec.outputs, run.flow, spec.layers.span, context)
        )
        self.check_unused()
        if isinstance(found, Failed) or self.reporter.has_errors:
            return FAILED
        if not outputs:
            warn_unused(self, found, list(run.elements))
        domains = self._settle(reader.symbols)
        if domains is None:
            return FAILED
        graph = Graph(
            spec.name,
            variant.name if variant is not None else None,
            {n: plain(v) for n, v in self._root_values().items()},
            (), (), tuple(found), (), domains,
            {n: v for n, v in reader.symbols.defaults.items() if n in domains},
            {n: (d.least, d.layer) for n, d in self.builder.demands.items()},
        )  # fmt: skip
        finished = self.builder.finish(graph, run.elements)
        is_as_written = not values and not outputs
        return self._confirmed(finished, variant, context) if is_as_written else finished

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

    def _unknown_settings(self, fixed: Mapping[str, Argument], symbols: Symbols) -> None:
        for name, argument in fixed.items():
            if name not in symbols.seen:
                message = f"`{self._spec.name}` has no parameter or size `{name}`"
                helps = did_you_mean(name, (*self._spec.params, *symbols.seen))
                self.reporter.error(UNKNOWN_SETTING, message, argument.place, helps=helps)

    def _enter(self, inputs: Mapping[str, Input | Failed], context: Context) -> Flow:
        """Adds the inputs to the graph; the first is where layers start."""
        flows: dict[str, Flow] = {}
        for name, tensor in inputs.items():
            flows[name] = FAILED if isinstance(tensor, Failed) else self.builder.add_input(tensor)
        assert self._spec.input is not None
        spans = {e.key.text: e.key.span for e in self._spec.input}
        context.scope.names.update(root_names(flows, spans))
        first = next(iter(flows.values()), FAILED)
        context.scope.entry = first
        return first

    def _with_input(self, context: Context, first: Flow) -> Context:
        entering = first.type if isinstance(first, Flowing) else FAILED
        return context.binding({"input": InputValue(entering)})

    def check_unused(self) -> None:
        """Checks the blocks that nothing uses, as far as no argument is needed."""
        for block in self._spec.blocks.values():
            if block in self.used:
                continue
            builder, self.builder = self.builder, type(self.builder)()
            scope = Scope(None, "?", entry=FAILED)
            origin = Origin(block.file, scope)
            outer = Context(origin, self.environment(block.file), (), is_certain=False)
            frame = Frame(f"block `{block.name}`", block.span)
            context = block_context(self, block, outer, scope, FAILED, frame)
            context = replace(context, trail=())
            names = context.environment.names
            assert isinstance(names, dict)
            names |= dict.fromkeys(block.params, FAILED)
            self.binder.let(block.let, context, names)
            self.active.append(block)
            self.sequence(block.layers, context, FAILED)
            self.active.pop()
            self.builder = builder

    def _settle(self, symbols: Symbols) -> dict[str, Domain] | None:
        """The admitted values with the least that the layers demand, checked against `where`."""
        settled: dict[str, Domain] = {}
        failed = False
        for name, domain in self.builder.domains.items():
            demand = self.builder.demands.get(name)
            least = max(domain.least, demand.least if demand is not None else 1)
            if demand is not None and demand.least > domain.first:
                failed = self._too_small(name, domain, demand.least, symbols) or failed
            settled[name] = replace(domain, least=least)
        return None if failed else settled

    def _too_small(self, name: str, domain: Domain, least: int, symbols: Symbols) -> bool:
        demand = self.builder.demands[name]
        bounded = symbols.bounded.get(name, {})
        related = (Related(demand.place.span, f"`{demand.layer}` needs {name} ≥ {least}"),)
        helps = (f"declare `where: {{{name}: {{min: {domain.first_from(least)}}}}}`",)
        wrong = ""
        at = "min"
        if domain.most is not None and domain.first_from(least) > domain.most:
            at, helps = "max", ("admit larger inputs",)
            wrong = f"no {name} up to {domain.most} is large enough: the layers need {least}"
        elif "min" in bounded:
            wrong = f"`where` admits {name} = {domain.first}, but the layers need {name} ≥ {least}"
        elif symbols.defaults.get(name, least) < least:
            at, helps = "default", (f"the smallest is {domain.first_from(least)}",)
            wrong = f"the default of {name} is too small: the layers need {name} ≥ {least}"
        if wrong:
            span = bounded.get(at, symbols.seen[name])
            self.reporter.error(TOO_SMALL, wrong, Place(span), related=related, helps=helps)
        return bool(wrong)
