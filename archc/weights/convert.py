"""Converting: the tensors of an open checkpoint written as a safetensors or an `.npz` file.

Tensors go from file to file in chunks; what is written is complete, or the target is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.weight import WeightSource
from archc.onnx_io.atomic import NewFile, unwritten
from archc.weights.checkpoint import Checkpoint, file_place
from archc.weights.readers import report_unreadable
from archc.weights.shown import listed, shown
from archc.weights.stored_values import TensorReadError
from archc.weights.write_npz import write_npz
from archc.weights.write_safetensors import METADATA, can_hold, write_safetensors
from archc.weights.written_tensor import WrittenTensor

OUTPUT = Rule(
    "weights/output",
    "a file of weights cannot be written",
    "What is written is complete or absent, and takes the place of a regular file alone.",
)
OUTPUT_FORM = Rule(
    "weights/output-form",
    "the form of a file of weights is not told by its name",
    "Files are written as safetensors or as numpy's `.npz`; the suffix says which.",
)
OUTPUT_NAME = Rule(
    "weights/output-name",
    "a tensor's name cannot be written",
    "Programs that unpack a file make paths of the names in it, and texts are UTF-8.",
)
OVERFLOW = Rule(
    "weights/overflow",
    "numbers are beyond the range of the element type that is written",
    "float16 ends at 65504. A weight that becomes infinite spoils every output after it.",
)

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that are written so far and the bytes that will be written."""

SUFFIXES = (".safetensors", ".npz")


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written.

    Attributes:
        path: the file.
        tensors: their number.
        bytes_written: its bytes.
        notes: what became of the element types and the layout.
    """

    path: Path
    tensors: int
    bytes_written: int
    notes: tuple[str, ...]


def convert(
    checkpoint: Checkpoint,
    target: Path,
    reporter: Reporter,
    *,
    dtype: str | None = None,
    progress: Progress | None = None,
) -> Converted | Failed:
    """The tensors of a checkpoint written to another file; a failure leaves that as it was.

    Args:
        checkpoint: an open checkpoint.
        target: the file, whose suffix says its form.
        reporter: told what cannot be done, and which numbers become infinite.
        dtype: float32 or float16 for tensors of floating point numbers; None leaves the types.
        progress: told after every chunk.

    Reports:
        weights/output-form, weights/output-name, weights/output, weights/unreadable, and
        weights/overflow as a warning.
    """
    place = file_place(str(target))
    if target.suffix not in SUFFIXES:
        return reporter.error(
            OUTPUT_FORM,
            f"`{shown(target.name)}` ends with neither `.safetensors` nor `.npz`",
            place,
            helps=(f"name it `{shown(target.with_suffix(SUFFIXES[0]).name)}`",),
        )
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "no regular file"
        return reporter.error(OUTPUT, f"it cannot be written: it is {kind}", place)
    is_npz = target.suffix == ".npz"
    if isinstance(_check_names(checkpoint.tensors, target, reporter, is_npz=is_npz), Failed):
        return FAILED
    tensors = {
        name: WrittenTensor(source, _written_type(source, dtype, is_npz=is_npz))
        for name, source in checkpoint.tensors.items()
    }
    written = _write(checkpoint, tensors, target, reporter, progress)
    if isinstance(written, Failed):
        return FAILED
    _warn_of_overflow(tensors, target, reporter)
    return Converted(target, len(tensors), written, tuple(_notes(checkpoint, tensors)))


def _written_type(source: WeightSource, dtype: str | None, *, is_npz: bool) -> str:
    is_float = "float" in source.dtype
    if dtype is not None and is_float:
        return dtype
    # numpy has no bfloat16, and float32 holds each of its numbers.
    return "float32" if is_npz and source.dtype == "bfloat16" else source.dtype


def _write(
    checkpoint: Checkpoint,
    tensors: Mapping[str, WrittenTensor],
    target: Path,
    reporter: Reporter,
    progress: Progress | None,
) -> int | Failed:
    """The bytes of the file."""
    counter = _Counter(sum(t.length_bytes for t in tensors.values()), progress)
    try:
        with NewFile(target) as new:
            if target.suffix == ".npz":
                write_npz(tensors, new.file, written=counter)
            else:
                metadata = {"format": "pt"} if checkpoint.layout != "keras" else {}
                write_safetensors(tensors, new.file, metadata=metadata, written=counter)
            length = new.file.tell()
            new.keep()
    except TensorReadError as error:
        return report_unread(error, checkpoint.path, reporter)
    except OSError as error:
        message, helps = unwritten(error, target)
        return reporter.error(OUTPUT, message, file_place(str(target)), helps=helps)
    return length


def report_unread(error: TensorReadError, path: str, reporter: Reporter) -> Failed:
    """Reports that a tensor of an open checkpoint cannot be read to its end.

    Reports: weights/unreadable, or what the reader of the format says.
    """
    cause = error.cause
    if isinstance(cause, OSError):
        return report_unreadable(cause, str(cause.filename or path), reporter)
    return reporter.error(
        cause.rule, cause.message, file_place(path), notes=cause.notes, helps=cause.helps
    )


@final
class _Counter:
    """Adds the bytes of chunks up for who shows the progress."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def __call__(self, length: int) -> None:
        self._done += length
        if self._progress is not None:
            self._progress(self._done, self._total)


def _check_names(
    tensors: Mapping[str, WeightSource], target: Path, reporter: Reporter, *, is_npz: bool
) -> Failed | None:
    reason = _npz_reason if is_npz else _safetensors_reason
    for name, source in tensors.items():
        why = _text_reason(name) or reason(name, source)
        if why is not None:
            message = f"the tensor `{shown(name)}` cannot be written: {why}"
            helps = ("write a `.safetensors` file, whose names are no paths",) if is_npz else ()
            return reporter.error(OUTPUT_NAME, message, file_place(str(target)), helps=helps)
    return None


def _text_reason(name: str) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is no text of UTF-8"
    return None


def _safetensors_reason(name: str, source: WeightSource) -> str | None:
    if not can_hold(source.dtype):
        return f"safetensors has no {source.dtype}"
    return "the format keeps its name for itself" if name == METADATA else None


def _npz_reason(name: str, _: WeightSource) -> str | None:
    if "\0" in name or name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "its name would be a path that leads elsewhere"
    return None


def _notes(checkpoint: Checkpoint, tensors: Mapping[str, WrittenTensor]) -> list[str]:
    notes = []
    widened = [
        name for name, t in tensors.items() if t.source.dtype == "bfloat16" and t.dtype == "float32"
    ]
    if widened:
        notes.append(f"bfloat16 became float32, without a loss: {listed(widened)}")
    if checkpoint.layout == "keras":
        notes.append(
            "the arrays lie as in Keras: a spec reads them with `weights: {layout: keras}`"
        )
    return notes


def _warn_of_overflow(
    tensors: Mapping[str, WrittenTensor], target: Path, reporter: Reporter
) -> None:
    spoilt = {name: t.overflows for name, t in tensors.items() if t.overflows}
    if spoilt:
        count = sum(spoilt.values())
        numbers = "1 number is" if count == 1 else f"{count} numbers are"
        reporter.warning(
            OVERFLOW,
            f"{numbers} beyond the element type that is written, and infinite there",
            file_place(str(target)),
            notes=(f"in {listed(list(spoilt))}",),
            helps=("leave `--dtype` out: the types then stay as they are stored",),
        )
