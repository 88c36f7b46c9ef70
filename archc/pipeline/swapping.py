"""Swapping: a built model with the weights of a checkpoint in place of its own, without its spec.

The graph, the names and the properties stay as they are, but for those that say where the weights
come from. Weights are streamed; what is written is complete, or the target is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.weight import WeightSource
from archc.language.library import nowhere
from archc.language.regular import Pattern
from archc.onnx_io.atomic import OUTPUT, unwritten
from archc.onnx_io.external_files import external_files
from archc.onnx_io.model import InitializerDef, ModelDef
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.reader import read_metadata
from archc.onnx_io.writer import Progress, WriteResult, write_model
from archc.pipeline.folded import check_folds
from archc.runtime.metadata import DIGEST_KEY, PREFIX, ModelRecord, parse_metadata
from archc.weights import onnx_source
from archc.weights.checkpoint import Checkpoint, file_place
from archc.weights.convert import report_unread
from archc.weights.fold_step import FoldStep, refolded, wanted_by
from archc.weights.keras_layout import without_ones
from archc.weights.onnx_source import model_weights, stored_weight
from archc.weights.readers import open_checkpoint
from archc.weights.refusal import CheckpointError
from archc.weights.shown import shown
from archc.weights.stored_values import TensorReadError, stored_bytes

MISMATCH = Rule(
    "swap/mismatch",
    "a file does not hold the weights that a model has",
    "Without its spec nothing says how other names or sizes would fit: they must be the same, and "
    "the element types as well, so that the model stays what it is.",
)

EIGHT_BITS = Rule(
    "swap/eight-bits",
    "other weights are to go into a model in eight bits",
    "Its scales were chosen for the weights that it has, and would round others badly.",
)

_LISTED = 20
_SIZES, _TYPE = "of other sizes", "of another type"
_TRAINED, _SEED, _POLICIES = f"{PREFIX}trained", f"{PREFIX}seed", f"{PREFIX}policies"
_COUNTER = "num_batches_tracked"
"""PyTorch's count of training steps, which no model has."""


@dataclass(frozen=True, slots=True)
class SwapOptions:
    """What may differ.

    Attributes:
        keep: patterns of whole names; the model keeps its own tensors of such names where the
            file has none.
        ignore: patterns of whole names of the file that are passed over.
        external: whether weights lie in a second file; None leaves that as it was.
    """

    keep: tuple[Pattern, ...] = ()
    ignore: tuple[Pattern, ...] = ()
    external: bool | None = None


@dataclass(frozen=True, slots=True)
class SwapResult:
    """What was written.

    Attributes:
        path: the model.
        external_path: the file of its weights beside it, if there is one.
        bytes_written: the bytes of both.
        weights_digest: the digest of the weights, as a build gives it.
        swapped: how many weights are new.
        notes: what was decided.
    """

    path: Path
    external_path: Path | None
    bytes_written: int
    weights_digest: str
    swapped: int
    notes: tuple[str, ...]


def swap_weights(
    model: Path,
    weights: Path,
    target: Path,
    reporter: Reporter,
    *,
    options: SwapOptions,
    progress: Progress | None = None,
) -> SwapResult | Failed:
    """A model written with other weights; on a mistake the target is as it was.

    Reports:
        swap/eight-bits; weights/folded; swap/mismatch once, listing all that does not fit;
        build/output, build/too-large; and what the readers of models and of checkpoints report.
    """
    opened = open_model_file(model, reporter)
    if isinstance(opened, Failed):
        return FAILED
    with opened:
        record = parse_metadata(opened.model.metadata)
        if record.precision is not None and record.precision.kind == "int8":
            return _in_eight_bits(model, reporter)
        dims = {weight.name: weight.dims for weight in model_weights(opened.model)[0]}
        if isinstance(check_folds(record, dims, str(model), reporter), Failed):
            return FAILED
        checkpoint = open_checkpoint(weights, reporter)
        if isinstance(checkpoint, Failed):
            return FAILED
        with checkpoint:
            kept = _kept(opened.model, checkpoint, options, reporter)
            if isinstance(kept, Failed):
                return FAILED
            swapped, notes = _swapped(opened.model, checkpoint, kept)
            external = options.external
            if external is None and external_files(model):
                external = True
            written = _write(swapped, target, checkpoint.path, external, reporter, progress)
    if isinstance(written, Failed):
        return FAILED
    count = len(_wanted(opened.model, record.folded)) - len(kept)
    return SwapResult(
        target, written.external_path, written.bytes_written, written.weights_digest, count,
        (*checkpoint.notes, *notes),
    )  # fmt: skip


def _kept(
    model: ModelDef, checkpoint: Checkpoint, options: SwapOptions, reporter: Reporter
) -> frozenset[str] | Failed:
    """The weights that stay, once all others are known to fit."""
    steps = parse_metadata(model.metadata).folded
    wanted = _wanted(model, steps)
    missing = [name for name in wanted if name not in checkpoint.tensors]
    folded = {name for step in steps for name in (step.kernel, step.bias, *step.vectors)}
    kept = frozenset(n for n in missing if n not in folded and _matches(n, options.keep))
    extra = [
        name
        for name in checkpoint.tensors
        if name not in wanted
        and name.rpartition(".")[2] != _COUNTER
        and not _matches(name, options.ignore)
    ]
    lists = {
        "missing": [f"`{shown(name)}`" for name in missing if name not in kept],
        "unexpected": [f"`{shown(name)}`" for name in extra],
        **_unlike(wanted, checkpoint),
    }
    if any(lists.values()):
        return _mismatch(lists, checkpoint, reporter)
    if len(kept) == len(wanted):
        message = "the file has none of the model's weights: there is nothing to swap"
        return reporter.error(MISMATCH, message, file_place(checkpoint.path))
    return kept


class _Wanted(NamedTuple):
    dtype: str
    dims: tuple[int, ...]


def _wanted(model: ModelDef, steps: Sequence[FoldStep]) -> dict[str, _Wanted]:
    """The weights that a checkpoint must have, those that are folded into others included."""
    weights = {weight.name: weight for weight in model_weights(model)[0]}
    changed = {name for step in steps for name in (step.kernel, step.bias)}
    dims = {name: weight.dims for name, weight in weights.items()}
    folded = {
        name: _Wanted(weights[steps[0].kernel].dtype.value, sizes)
        for name, sizes in (wanted_by(steps, dims) if steps else {}).items()
    }
    plain = {n: _Wanted(w.dtype.value, w.dims) for n, w in weights.items() if n not in changed}
    return {**plain, **folded}


def _matches(name: str, patterns: Sequence[Pattern]) -> bool:
    return any(pattern.fullmatch(name) is not None for pattern in patterns)


def _unlike(wanted: Mapping[str, _Wanted], checkpoint: Checkpoint) -> Mapping[str, Sequence[str]]:
    lines: dict[str, list[str]] = {_SIZES: [], _TYPE: []}
    for name, weight in wanted.items():
        source = checkpoint.tensors.get(name)
        if source is None:
            continue
        # A scale of a rewritten model is [C, 1, 1], and [C] in a checkpoint.
        is_as_large = without_ones(source.shape) == without_ones(weight.dims)
        if not is_as_large or source.dtype != weight.dtype:
            what = _TYPE if is_as_large else _SIZES
            lines[what].append(
                f"`{shown(name)}` is {source.dtype} {list(source.shape)} in the file, "
                f"the model has {weight.dtype} {list(weight.dims)}"
            )
    return lines


def _mismatch(
    lists: Mapping[str, Sequence[str]], checkpoint: Checkpoint, reporter: Reporter
) -> Failed:
    notes = []
    for what, items in lists.items():
        notes += [f"{what}: {item}" for item in items[:_LISTED]]
        if len(items) > _LISTED:
            notes.append(f"{what}: {len(items) - _LISTED} more")
    helps = []
    if lists[_SIZES]:
        helps.append("build another model of the spec: `archc build SPEC --weights FILE`")
    if lists[_TYPE]:
        helps.append("`archc weights convert IN OUT --dtype TYPE` changes element types")
    if lists["missing"]:
        helps.append("leave tensors of the model as they are with `--keep PATTERN`")
    if lists["unexpected"]:
        helps.append("pass over tensors of the file with `--ignore PATTERN`")
    counts = ", ".join(f"{len(items)} {what}" for what, items in lists.items() if items)
    message = f"the file does not fit the model: {counts}"
    return reporter.error(MISMATCH, message, file_place(checkpoint.path), notes=notes, helps=helps)


def _swapped(
    model: ModelDef, checkpoint: Checkpoint, kept: frozenset[str]
) -> tuple[ModelDef, tuple[str, ...]]:
    """The model with its new weights, and notes on its properties."""
    weights = {weight.name: weight for weight in model_weights(model)[0]}
    steps = parse_metadata(model.metadata).folded
    folded: Mapping[str, WeightSource] = {}
    if steps:
        sources = {name: _Read(source) for name, source in checkpoint.tensors.items()}
        folded = refolded(steps, sources, {name: w.dims for name, w in weights.items()})

    def new(old: InitializerDef) -> InitializerDef:
        if old.name in folded:
            return replace(old, source=folded[old.name], encoded=None)
        return _new(old, checkpoint, is_kept=old.name in kept) if old.name in weights else old

    initializers = tuple(map(new, model.initializers))
    metadata, notes = _properties(model.metadata, checkpoint, has_kept=bool(kept))
    if kept:
        notes += (f"{len(kept)} tensors of the model stay as they were",)
    return replace(model, initializers=initializers, metadata=metadata), notes


def _new(old: InitializerDef, checkpoint: Checkpoint, *, is_kept: bool) -> InitializerDef:
    # Small tensors are read with the model; as sources they count for the digest as in a build.
    source = stored_weight(old) if is_kept else checkpoint.tensors[old.name]
    return replace(old, source=_Read(source), encoded=None)


@dataclass(frozen=True, slots=True)
class _Read:
    """A source whose failures are not those of the writing."""

    source: WeightSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def dtype(self) -> str:
        return self.source.dtype

    def chunks(self, dtype: str) -> Iterator[bytes | memoryview]:
        if dtype == self.dtype:
            yield from stored_bytes(self.source)
            return
        try:
            yield from self.source.chunks(dtype)
        except (OSError, CheckpointError) as error:
            raise TensorReadError(error) from error


def _in_eight_bits(model: Path, reporter: Reporter) -> Failed:
    return reporter.error(
        EIGHT_BITS,
        "the model computes in eight bits, whose scales were chosen for the weights that it has",
        nowhere(str(model)),
        helps=("build it with the new weights: `archc build SPEC --precision int8`",),
    )


def _properties(
    old: Mapping[str, str], checkpoint: Checkpoint, *, has_kept: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The properties, those of the weights' origin brought up to date."""
    record = parse_metadata(old)
    if not record.is_from_archc:
        return dict(old), ()
    given = _record_of(checkpoint)
    is_trained = given.is_trained is not False and not (has_kept and record.is_trained is False)
    seed = given.seed if given.is_trained is False else record.seed
    metadata: dict[str, str] = {}
    for key, value in old.items():
        if key == _TRAINED:
            metadata[key] = "true" if is_trained else "false"
            if not is_trained and seed is not None:
                metadata[_SEED] = str(seed)
        elif key not in (_SEED, _POLICIES, DIGEST_KEY):
            metadata[key] = value
    notes: list[str] = []
    if not is_trained:
        notes.append("the model is recorded as not trained")
    if _POLICIES in old:
        notes.append("what was recorded of policies for the former weights is left out")
    return metadata, tuple(notes)


def _record_of(checkpoint: Checkpoint) -> ModelRecord:
    """What a model that the weights come from says of them."""
    if checkpoint.format != onnx_source.FORMAT:
        return ModelRecord()
    return parse_metadata(read_metadata(Path(checkpoint.path)))


def _write(
    model: ModelDef,
    target: Path,
    checkpoint_path: str,
    external: bool | None,
    reporter: Reporter,
    progress: Progress | None,
) -> WriteResult | Failed:
    place = nowhere(str(target))
    key = DIGEST_KEY if parse_metadata(model.metadata).is_from_archc else None
    try:
        return write_model(
            model, target, reporter=reporter, place=place, external=external,
            digest_key=key, progress=progress,
        )  # fmt: skip
    except BrokenPipeError:
        raise
    except TensorReadError as error:
        return report_unread(error, checkpoint_path, reporter)
    except OSError as error:
        message, helps = unwritten(error, target)
        return reporter.error(OUTPUT, message, place, helps=helps)
