"""Traces: what an elaboration comes upon, also where it fails; what an editor shows of a spec.

Elaborating without a trace pays nothing for it: a tracer is an elaboration with listeners.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import override

from archc.diagnostics.place import Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.graph import Graph
from archc.language.evaluate import Evaluator
from archc.language.scope import Context, Flow, Flowing, Named
from archc.language.spec import SpecFile
from archc.language.tree import Entry, Scalar, Tree
from archc.language.values import Argument, Value
from archc.shapes.tensor_type import TensorType
from archc.stages.elaborate import Elaboration
from archc.stages.elaborate.parameters import Binder
from archc.stages.elaborate.walk import Run

VALUE_BOUND = 64
"""Values kept of one scalar, which a loop may evaluate ten thousand times."""

USE_BOUND = 2_000
"""Layers kept of one place."""


@dataclass(frozen=True, eq=False, slots=True)
class Use:
    """A layer, block or scope that was run.

    Attributes:
        name: its full name.
        name_span: where its own name is written; the layer itself where it is numbered.
        before: the type that enters; None where it is not known.
        after: the type that comes out; None where it is not known.
        nodes: the layers that it made, as positions in the trace's nodes.
    """

    name: str
    name_span: Span
    before: TensorType | None
    after: TensorType | None
    nodes: range


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """What a path led to: the full name and where the layer's own name is written."""

    name: str
    span: Span


@dataclass(eq=False, slots=True)
class Trace:
    """What an elaboration came upon.

    Attributes:
        graph: all layers that could be typed, those that no output needs included.
        is_whole: whether the spec is well typed, so that the smallest admitted sizes are known.
        uses: the layers by the spans of their trees.
        values: the values of scalars with expressions, by their spans.
        targets: what paths led to, by the spans of the paths.
        reachable: for a path that is asked for, what could be written there, the nearest first.
    """

    graph: Graph
    is_whole: bool = False
    uses: dict[Span, list[Use]] = field(default_factory=dict)
    values: dict[Span, list[Value]] = field(default_factory=dict)
    targets: dict[Span, list[Target]] = field(default_factory=dict)
    reachable: list[str] = field(default_factory=list)


def trace_spec(
    spec: SpecFile, reporter: Reporter, variant: str | None = None, asked: str = ""
) -> Trace:
    """What elaborating a spec comes upon; `asked` is a path whose place is being completed.

    Reports:
        every rule of the language beyond its envelope.
    """
    tracer = _Tracer(spec, reporter, asked)
    graph: Graph | Failed | None = None
    try:
        if spec.is_library:
            tracer.check_library()
        else:
            graph = tracer.run(variant, {}, {})
    except RecursionError:
        pass  # the elaboration that counts reports it; what was seen is seen
    trace, builder = tracer.trace, tracer.builder
    trace.is_whole = isinstance(graph, Graph)
    domains = graph.domains if isinstance(graph, Graph) else builder.domains
    trace.graph = Graph(
        spec.name, variant, {}, tuple(builder.inputs), tuple(builder.nodes), (), (), domains,
        builder.defaults,
    )  # fmt: skip
    return trace


class _TracingEvaluator(Evaluator):
    def __init__(self, reporter: Reporter, trace: Trace) -> None:
        super().__init__(reporter)
        self._trace = trace

    @override
    def scalar(self, scalar: Scalar, context: Context) -> Value | Failed:
        value = super().scalar(scalar, context)
        if "$" in scalar.text and not isinstance(value, Failed):
            known = self._trace.values.setdefault(scalar.span, [])
            if len(known) < VALUE_BOUND and value not in known:
                known.append(value)
        return value


class _Tracer(Elaboration):
    keeps_blocks = False  # each use is to be seen

    def __init__(self, spec: SpecFile, reporter: Reporter, asked: str) -> None:
        super().__init__(spec, reporter)
        self.trace = Trace(Graph(spec.name, None, {}, (), (), (), (), {}, {}))
        self.evaluator = _TracingEvaluator(reporter, self.trace)
        self.binder = Binder(self.evaluator, reporter)
        self._asked = asked

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
        first = len(self.builder.nodes)
        run = super().layer(tree, name, name_span, context, flow, overrides)
        uses = self.trace.uses.setdefault(tree.span, [])
        if len(uses) < USE_BOUND:
            nodes = range(first, len(self.builder.nodes))
            full = context.scope.prefix + name
            uses.append(Use(full, name_span, _type(flow), _type(run.flow), nodes))
        return run

    @override
    def path(self, argument: Argument, context: Context) -> tuple[str, Named] | Failed:
        if self._asked and argument.value == self._asked:
            self.trace.reachable = context.scope.reachable()
        found = super().path(argument, context)
        if not isinstance(found, Failed):
            targets = self.trace.targets.setdefault(argument.place.span, [])
            if not any(target.span == found[1].span for target in targets):
                targets.append(Target(found[0], found[1].span))
        return found


def _type(flow: Flow) -> TensorType | None:
    return flow.type if isinstance(flow, Flowing) else None
