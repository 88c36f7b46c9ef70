"""Where a model's time goes: ONNX Runtime's profile, added up by the layers of the spec.

A second run, with the graph as it stands in the file, tells the shapes that every operator takes,
and so the multiply-accumulates; what belongs together is found by `attribution`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.measuring.attribution import Attribution, attribute
from archc.measuring.feeds import Feeds
from archc.measuring.layer_names import group_of, layers_of, others
from archc.measuring.operator_cost import operator_macs
from archc.measuring.peak import peak_macs_per_second
from archc.onnx_io.model import ModelDef
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.profiling import Kernel, KernelProfile, profile_kernels
from archc.runtime.model import LONGEST_REASON, Model
from archc.runtime.predict import RUN_FAILED, predict
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

WARM_UP = 3


@dataclass(frozen=True, slots=True)
class LayerTime:
    """What a layer costs in a run, or the layers of a group.

    Attributes:
        name: the layer's path, or the part of it that the group shares.
        seconds: of all its kernels; the median over the runs, each.
        macs: multiply-accumulates.
        bytes: what its kernels read and write, weights among them.
        operators: the operators that run, and how often.
        fused: further layers that it has taken in.
    """

    name: str
    seconds: float
    macs: int
    bytes: int
    operators: Mapping[str, int]
    fused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a model.

    Attributes:
        layers: the slowest first.
        run_seconds: a whole run, by the same profile.
        peak_macs_per_second: the most that the machine gives in float32, with these threads.
        threads: how many compute.
        runs: how many were measured.
    """

    layers: tuple[LayerTime, ...]
    run_seconds: float
    peak_macs_per_second: float
    threads: int
    runs: int

    @property
    def kernel_seconds(self) -> float:
        """What all layers take together."""
        return sum(layer.seconds for layer in self.layers)

    def peak_share(self, macs: int, seconds: float) -> float | None:
        """The share of the peak at which something runs; None where nothing is multiplied."""
        return macs / seconds / self.peak_macs_per_second if macs and seconds else None


def profile_model(
    model: Model,
    feeds: Feeds,
    reporter: Reporter,
    *,
    threads: int = 1,
    runs: int = 20,
    depth: int | None = None,
) -> Profile | Failed:
    """Where the time of a model goes.

    Reports: run/failed, and what `open_model_file` reports.
    """
    if isinstance(predict(model, feeds, reporter), Failed):  # it says best what is wrong
        return FAILED
    found = _graphs(model, feeds, reporter, threads, runs)
    if isinstance(found, Failed):
        return FAILED
    macs = {k.name: operator_macs(k) for k in found.plain.kernels}
    heavy = {name for name, count in macs.items() if count}
    parts = attribute(found.file, with_names(found.running, found.fast.kernels), heavy)
    rows = _rows(found, parts, macs, is_ours=model.record.is_from_archc)
    return Profile(
        tuple(sorted(_grouped(rows, depth), key=lambda layer: -layer.seconds)),
        found.fast.run_seconds,
        peak_macs_per_second(threads),
        threads,
        runs,
    )


@dataclass(frozen=True, slots=True)
class _Graphs:
    file: ModelDef
    running: ModelDef
    plain: KernelProfile
    fast: KernelProfile


def _graphs(
    model: Model, feeds: Feeds, reporter: Reporter, threads: int, runs: int
) -> _Graphs | Failed:
    with tempfile.TemporaryDirectory(prefix="archc-") as folder:
        optimized = Path(folder) / "optimized.onnx"
        try:
            plain = profile_kernels(model.path, feeds, threads=threads)
            fast = profile_kernels(
                model.path, feeds, threads=threads, runs=runs, warm_up=WARM_UP, optimized=optimized
            )
        # ONNX Runtime's exceptions have no common base but this one.
        except Exception as error:
            return reporter.error(
                RUN_FAILED,
                f"`{shown(str(model.path))}` cannot be profiled",
                file_place(str(model.path)),
                notes=(shown(str(error), LONGEST_REASON),),
                helps=(
                    "the graph that runs is written into a temporary folder; name one with more "
                    "room: `TMPDIR=FOLDER archc profile …`",
                ),
            )
        file = _structure(model.path, reporter)
        running = _structure(optimized, reporter)
    if isinstance(file, Failed) or isinstance(running, Failed):
        return FAILED
    return _Graphs(file, running, plain, fast)


def _structure(path: Path, reporter: Reporter) -> ModelDef | Failed:
    opened = open_model_file(path, reporter)
    if isinstance(opened, Failed):
        return opened
    with opened:
        return opened.model


@dataclass(slots=True)
class _Row:
    """What is added up for one layer."""

    seconds: float = 0.0
    macs: int = 0
    bytes: int = 0
    operators: dict[str, int] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)

    def add(self, kernel: Kernel) -> None:
        """Takes in an operator that runs."""
        self.seconds += kernel.seconds
        self.bytes += kernel.bytes
        self.operators[kernel.op_type] = self.operators.get(kernel.op_type, 0) + 1


def _rows(
    found: _Graphs, parts: Attribution, macs: Mapping[str, int], *, is_ours: bool
) -> list[LayerTime]:
    """A row for each operator of the file that runs, with those that went into it."""
    members: dict[str, list[str]] = {}
    for node in found.file.nodes:
        members.setdefault(parts.fused.get(node.name, node.name), []).append(node.name)
    weights = _weight_bytes(found.file)
    constant = _constant(found.file)
    heads = {
        anchor: max(names, key=lambda name: macs.get(name, 0)) for anchor, names in members.items()
    }
    rows: dict[str, _Row] = {}
    for kernel in found.fast.kernels:
        anchor = parts.standing.get(kernel.name, kernel.name)
        main = layers_of(heads.get(anchor, anchor), is_ours=is_ours)[0]
        rows.setdefault(main, _Row()).add(kernel)
    for anchor, names in members.items():
        main = layers_of(heads[anchor], is_ours=is_ours)[0]
        row = rows.get(main)
        if row is None:  # nothing of it runs: its value is known beforehand
            continue
        row.macs += sum(macs.get(name, 0) for name in names)
        row.bytes += sum(weights[name] for name in names)
        for name in names:
            if name not in constant:
                row.layers.extend(layers_of(name, is_ours=is_ours))
    return [
        LayerTime(name, r.seconds, r.macs, r.bytes, r.operators, others(r.layers, name))
        for name, r in rows.items()
    ]


def with_names(running: ModelDef, kernels: Sequence[Kernel]) -> ModelDef:
    """The graph that runs with names for operators that have none: those of their kernels.

    ONNX Runtime calls such a kernel by its operator and a number. Kernels of an operator run in the
    order of the graph.
    """
    named = {node.name for node in running.nodes}
    nameless: dict[str, list[str]] = {}
    for kernel in kernels:
        if kernel.name not in named:
            nameless.setdefault(kernel.op_type, []).append(kernel.name)
    waiting = {op: iter(names) for op, names in nameless.items()}
    return replace(
        running,
        nodes=tuple(
            node if node.name else replace(node, name=next(waiting.get(node.op_type, iter(())), ""))
            for node in running.nodes
        ),
    )


def _weight_bytes(model: ModelDef) -> dict[str, int]:
    """The bytes of the constants that each operator takes."""
    known = {initializer.name: initializer.length_bytes for initializer in model.initializers}
    found: dict[str, int] = {}
    for node in model.nodes:
        taken = sum(known.get(value, 0) for value in set(node.inputs))
        found[node.name] = found.get(node.name, 0) + taken
    return found


def _constant(model: ModelDef) -> set[str]:
    """The names of operators that compute with constants alone."""
    known = {initializer.name for initializer in model.initializers}
    found: set[str] = set()
    for node in model.nodes:
        if all(not value or value in known for value in node.inputs):
            known.update(node.outputs)
            found.add(node.name)
    return found


def _grouped(rows: Sequence[LayerTime], depth: int | None) -> Iterable[LayerTime]:
    """The rows by the first parts of their names; those of one group together."""
    groups: dict[str, list[LayerTime]] = {}
    for row in rows:
        groups.setdefault(group_of(row.name, depth), []).append(row)
    for name, members in groups.items():
        operators: dict[str, int] = {}
        for member in members:
            for op, count in member.operators.items():
                operators[op] = operators.get(op, 0) + count
        yield LayerTime(
            name,
            sum(member.seconds for member in members),
            sum(member.macs for member in members),
            sum(member.bytes for member in members),
            operators,
            () if depth is not None else members[0].fused,
        )
