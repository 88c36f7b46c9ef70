"""Building: a network bound to its weights, lowered and written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import BoundGraph, Graph
from archc.language.library import nowhere
from archc.language.tree import shown
from archc.onnx_io.atomic import OUTPUT, unwritten
from archc.pipeline.networks import Choices, Network, elaborate_network
from archc.pipeline.precision import FLOAT32, Precision
from archc.pipeline.reading import Spec
from archc.weights.policies import AS_IT_IS, WeightPolicies
from archc.weights.refusal import OutOfRangeError

if TYPE_CHECKING:
    from archc.language.weight_rules import WeightRules
    from archc.onnx_io.model import ModelDef
    from archc.onnx_io.writer import Progress, WriteResult
    from archc.quantization.observe import Step
    from archc.quantization.quantize import Quantized
    from archc.rewrites import Rewritten
    from archc.weights.checkpoint import Checkpoint

OPSET = Rule(
    "build/opset", "an opset is not one that is written",
    "Operators differ from version to version; these are the tested ones.",
)  # fmt: skip

OUT_OF_RANGE = Rule(
    "build/out-of-range", "a weight does not fit the element type that it is to have",
    "float16 ends at 65,504; a larger number would become infinite, and so would what it touches.",
)  # fmt: skip

DEFAULT_OPSET = 17

AS_WRITTEN, FOR_INFERENCE = 0, 1
"""The levels of optimization: the spec one to one, or what gives the same and does less."""


class BuildResult(NamedTuple):
    """What a build wrote.

    Attributes:
        graph: the network.
        path: the model's file, None for bytes or a stream.
        external_path: the file of the weights beside it, if there is one.
        bytes_written: the bytes of both.
        weights_digest: SHA-256 over the weights' names, types, shapes and elements.
        is_trained: whether the weights come from a checkpoint, all of them.
        seed: what they, or some, were drawn with, where they do not.
        notes: what was decided in reading the checkpoint and samples, and what policies have
            changed.
        warnings: what the compiler warns of.
        drawn: the weights that policies drew, where the others come from a checkpoint.
        lowered: the model as the spec has it, one to one; its weights are closed.
        rewritten: what rewrites have made of it, where they were wanted.
        quantized: what was made of that in eight bits, and what it costs.
    """

    graph: Graph
    path: Path | None
    external_path: Path | None
    bytes_written: int
    weights_digest: str
    is_trained: bool
    seed: int | None
    notes: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    drawn: tuple[str, ...] = ()
    lowered: ModelDef | None = None
    rewritten: Rewritten | None = None
    quantized: Quantized | None = None


class LoweredModel(NamedTuple):
    """A network as the model to be written; its weights can be read while it is open.

    Attributes:
        network: the network.
        bound: its graph with the sources of its weights.
        model: the ONNX form, one to one.
        notes: what was decided in reading the checkpoint.
        checkpoint_path: the file that the weights are read from, if there is one.
    """

    network: Network
    bound: BoundGraph
    model: ModelDef
    notes: tuple[str, ...] = ()
    checkpoint_path: str | None = None


@contextmanager
def open_lowered(
    spec: Spec,
    reporter: Reporter,
    *,
    choices: Choices,
    weights: Path | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    policies: WeightPolicies = AS_IT_IS,
) -> Iterator[LoweredModel | Failed]:
    """The model of a spec, its checkpoint open; without one, weights are drawn from the seed."""
    network = _network(spec, reporter, choices, opset)
    if isinstance(network, Failed) or _are_wrong(policies, reporter, weights):
        yield FAILED
    elif weights is None:
        from archc.stages.draw import bind_drawn

        yield _lower(network, bind_drawn(network.graph, seed), opset)
    else:
        from archc.pipeline.binding import bind_weights
        from archc.weights.readers import open_checkpoint

        checkpoint = open_checkpoint(weights, reporter, averaged=policies.ema)
        if isinstance(checkpoint, Failed):
            yield FAILED
            return
        with checkpoint:
            found = bind_weights(network, spec, choices, checkpoint, policies, seed, reporter)
            if isinstance(found, Failed):
                yield FAILED
            else:
                yield _lower(found.network, found.bound, opset, checkpoint)


def _network(spec: Spec, reporter: Reporter, choices: Choices, opset: int) -> Network | Failed:
    from archc.onnx_io.model import OPSETS

    if opset not in OPSETS:
        first, last = min(OPSETS), max(OPSETS)
        message = f"opset {opset} is not written; {first} to {last} are"
        helps = (f"leave `--opset` out: the opset is {DEFAULT_OPSET} then",)
        return reporter.error(OPSET, message, nowhere(f"--opset {opset}"), helps=helps)
    return elaborate_network(spec, choices, reporter)


def _are_wrong(policies: WeightPolicies, reporter: Reporter, weights: Path | None) -> bool:
    if policies == AS_IT_IS:
        return False
    from archc.pipeline.binding import check_policies

    failed = check_policies(policies, reporter, has_weights=weights is not None)
    return isinstance(failed, Failed)


def _lower(
    network: Network, bound: BoundGraph, opset: int, checkpoint: Checkpoint | None = None
) -> LoweredModel:
    from archc.stages.describe import properties
    from archc.stages.lower import lower

    metadata = properties(bound, network.spec, network.preprocess, network.labels)
    model = lower(bound, opset=opset, metadata=metadata)
    if checkpoint is None:
        return LoweredModel(network, bound, model)
    notes = (
        *checkpoint.notes,
        *_renamed(network.rules, checkpoint.tensors, bound.sources),
        *(policy.note for policy in bound.policies),
    )
    return LoweredModel(network, bound, model, notes, checkpoint.path)


def _renamed(rules: WeightRules, keys: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """A note where the spec's rules have renamed keys: nothing else tells of a wrong checkpoint."""
    if not rules.rename:
        return ()
    names = {key: rules.renamed(key) for key in keys}
    plain = len(rules.prefix)
    found = [
        (key, name)
        for key, name in names.items()
        if name in wanted and name not in (key, key[plain:])
    ]
    if not found:
        return ()
    key, name = found[0]
    return (
        f"the spec's rules rename {len(found)} keys, such as `{shown(key)}` to `{name}`: make sure "
        "that the checkpoint is of this very network",
    )


def build_model(
    spec: Spec,
    target: Path | BinaryIO,
    reporter: Reporter,
    *,
    choices: Choices,
    weights: Path | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    external_data: bool | None = None,
    policies: WeightPolicies = AS_IT_IS,
    optimization: int = FOR_INFERENCE,
    precision: Precision = FLOAT32,
    progress: Progress | None = None,
    step: Step | None = None,
) -> BuildResult | Failed:
    """What was written for a spec; on a mistake nothing is, and the target is as it was."""
    if precision != FLOAT32:
        from archc.pipeline.precision import check_precision

        if isinstance(check_precision(precision, optimization, reporter), Failed):
            return FAILED
    opened = open_lowered(
        spec, reporter, choices=choices, weights=weights, seed=seed, opset=opset, policies=policies
    )
    with opened as lowered:
        if isinstance(lowered, Failed):
            return FAILED
        made = _in_its_form(lowered.model, optimization, precision, reporter, step)
        if isinstance(made, Failed):
            return FAILED
        written = write_lowered(
            made.model, target, reporter, external_data=external_data, progress=progress,
            checkpoint_path=lowered.checkpoint_path,
        )  # fmt: skip
    if isinstance(written, Failed):
        return FAILED
    path = target if isinstance(target, Path) else None
    return BuildResult(
        lowered.bound.graph, path, written.external_path, written.bytes_written,
        written.weights_digest, lowered.bound.is_trained, lowered.bound.seed,
        (*lowered.notes, *made.notes),
        reporter.diagnostics, lowered.bound.drawn, lowered.model, made.rewritten,
        made.quantized,
    )  # fmt: skip


class _Made(NamedTuple):
    """The model that is written, and what has become of the lowered one on the way."""

    model: ModelDef
    rewritten: Rewritten | None = None
    quantized: Quantized | None = None
    notes: tuple[str, ...] = ()


def _in_its_form(
    model: ModelDef, optimization: int, wanted: Precision, reporter: Reporter, step: Step | None
) -> _Made | Failed:
    made = _Made(model)
    if optimization != AS_WRITTEN:
        rewritten = for_inference(model)
        made = _Made(rewritten.model, rewritten)
    if wanted.kind == "fp16":
        from archc.pipeline.precision import in_half

        halved = in_half(made.model, wanted, reporter)
        return FAILED if isinstance(halved, Failed) else made._replace(model=halved)
    if wanted.kind == "int8":
        from archc.pipeline.precision import in_eight_bits

        found = in_eight_bits(made.model, wanted, reporter, step)
        if isinstance(found, Failed):
            return FAILED
        eight = found.quantized
        return made._replace(model=eight.model, quantized=eight, notes=found.notes)
    return made


def for_inference(model: ModelDef, keep: Collection[str] = ()) -> Rewritten:
    """A lowered model after the rewrites, which records what was folded.

    Args:
        model: as it was lowered.
        keep: names of values that are wanted beside the outputs.
    """
    from archc.rewrites import rewrite
    from archc.runtime.metadata import ModelRecord, format_metadata

    found = rewrite(model, keep)
    record = format_metadata(ModelRecord(folded=found.steps))
    return found._replace(model=replace(found.model, metadata={**model.metadata, **record}))


def write_lowered(
    model: ModelDef,
    target: Path | BinaryIO,
    reporter: Reporter,
    *,
    external_data: bool | None = None,
    progress: Progress | None = None,
    checkpoint_path: str | None = None,
) -> WriteResult | Failed:
    """What was written of a model whose weights are open; a failure leaves the target as it was."""
    from archc.onnx_io.writer import write_model
    from archc.runtime.metadata import DIGEST_KEY

    place = nowhere(str(target) if isinstance(target, Path) else "standard output")
    try:
        return write_model(
            model, target, reporter=reporter, place=place, external=external_data,
            digest_key=DIGEST_KEY, progress=progress,
        )  # fmt: skip
    except BrokenPipeError:
        raise
    except OutOfRangeError as error:
        message = f"`{shown(error.name)}` has numbers that float16 does not hold"
        return reporter.error(OUT_OF_RANGE, message, place, helps=("leave `--precision fp16` out",))
    except OSError as error:
        if checkpoint_path is not None and error.filename == checkpoint_path:
            from archc.weights.readers import report_unreadable

            return report_unreadable(error, checkpoint_path, reporter)
        message, helps = unwritten(error, target if isinstance(target, Path) else None)
        return reporter.error(OUTPUT, message, place, helps=helps)


def check_form(graph: Graph, opset: int = DEFAULT_OPSET) -> None:
    """Checks that the ONNX form of a network has the shapes that its types promise.

    No weight is drawn or written for it.

    Raises:
        InternalError: it has not.
    """
    from archc.onnx_io.check import check_model
    from archc.onnx_io.encode import encode_model
    from archc.stages.draw import bind_drawn
    from archc.stages.lower import lower

    model = lower(bind_drawn(graph, seed=0), opset=opset)
    elsewhere = {
        i.name: ("weights", 0) for i in model.initializers if not isinstance(i.source, bytes)
    }
    pieces = encode_model(model, elsewhere)
    check_model(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
