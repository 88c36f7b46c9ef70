"""The reader of a checkpoint, chosen by what the file holds; its name says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.checkpoint import Checkpoint, file_place
from archc.weights.checkpoint_file import UNREADABLE, CheckpointFile, open_file, reason_of
from archc.weights.refusal import CheckpointError

UNKNOWN_FORMAT = Rule(
    "weights/unknown-format",
    "the file is no checkpoint that archc can read",
    "archc reads safetensors files and what `torch.save` writes, recognised by their content.",
)
OLDEST_FORM = Rule(
    "weights/torch-tar",
    "the checkpoint is in PyTorch's oldest form",
    "Before version 0.1.10 PyTorch wrote tar archives; its own safe loader refuses them too.",
)

_HEAD_BYTES = 512
_LFS = b"version https://git-lfs.github.com/spec/"
# The magic number as every pickle protocol spells it.
_TORCH_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")

_KINDS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"\x89HDF\r\n\x1a\n",), "an HDF5 file, as Keras writes (.h5)"),
    ((b"\x93NUMPY",), "an array of numpy (.npy)"),
    ((b"GGUF", b"ggml", b"lmgg"), "a model of llama.cpp (GGUF)"),
    ((b"\x1f\x8b",), "compressed with gzip"),
    ((b"BZh",), "compressed with bzip2"),
    ((b"\xfd7zXZ",), "compressed with xz"),
    ((b"\x28\xb5\x2f\xfd",), "compressed with zstd"),
    ((b"7z\xbc\xaf",), "a 7z archive"),
    ((b"%PDF",), "a PDF document"),
    ((b"\x7fELF",), "a program"),
    ((b"{", b"["), "a JSON text"),
    ((b"<",), "an HTML or XML page, not the file that was meant to be downloaded"),
)
_READABLE = "give a safetensors file or a checkpoint of `torch.save`"


def open_checkpoint(path: str | Path, reporter: Reporter) -> Checkpoint | Failed:
    """The checkpoint opened, none of its tensors read yet; or the token of what was reported.

    Everything that the file declares is compared with the bytes it has. Nothing that it names is
    imported or run, and no file but this one is opened.

    Reports:
        the rules of `archc.weights`: no regular file, an unknown format, a malformed or truncated
        file, a refused global, sizes that do not agree, no named tensors.
    """
    name = str(path)
    try:
        file = open_file(name)
    except CheckpointError as error:
        return _report(error, name, reporter)
    with ExitStack() as unless_read:
        unless_read.callback(file.close)
        try:
            form, tensors, notes = _read(file)
        except CheckpointError as error:
            return _report(error, name, reporter)
        except OSError as error:
            return report_unreadable(error, name, reporter)
        unless_read.pop_all()
    return Checkpoint(name, form, tensors, file, notes)


def report_unreadable(error: OSError, path: str, reporter: Reporter) -> Failed:
    """Reports that a checkpoint that was opened cannot be read to its end.

    Reports:
        weights/unreadable.
    """
    message = f"the checkpoint cannot be read: {reason_of(error)}"
    return reporter.error(UNREADABLE, message, file_place(path))


def _report(error: CheckpointError, name: str, reporter: Reporter) -> Failed:
    return reporter.error(
        error.rule, error.message, file_place(name), notes=error.notes, helps=error.helps
    )


def _read(
    file: CheckpointFile,
) -> tuple[str, Mapping[str, WeightSource], tuple[str, ...]]:
    """The format, tensors and notes from the one reader for the content. There is no second try."""
    head = file.read(0, min(file.size, _HEAD_BYTES))
    # A header's length, and no more than five bytes of it: no text has zero bytes.
    if head[5:9] == b"\0\0\0{":
        from archc.weights import safetensors

        state = safetensors.read_safetensors(file)
        return safetensors.FORMAT, state.tensors, state.notes
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from archc.weights import torch_zip

        state = torch_zip.read_torch_zip(file)
        return torch_zip.FORMAT, state.tensors, state.notes
    if head[:1] == b"\x80" and _TORCH_MAGIC in head[:40]:
        from archc.weights import torch_legacy

        state = torch_legacy.read_torch_legacy(file)
        return torch_legacy.FORMAT, state.tensors, state.notes
    raise _unknown(head)


def _unknown(head: bytes) -> CheckpointError:
    if not head:
        return CheckpointError(UNKNOWN_FORMAT, "the file is empty", helps=[_READABLE])
    if head[257:262] == b"ustar" or head.startswith((b"storages\0", b"sys_info\0", b"pickle\0")):
        return CheckpointError(
            OLDEST_FORM,
            "the file is a tar archive, the form that PyTorch wrote before version 0.1.10",
            helps=[
                "load it with `torch.load(path, weights_only=False)` if you trust it, save it again"
            ],
        )
    if head.startswith(_LFS):
        return CheckpointError(
            UNKNOWN_FORMAT,
            "the file is a pointer of Git LFS, not the checkpoint itself",
            helps=["fetch the file with `git lfs pull`"],
        )
    kind = _kind(head)
    message = (
        f"the file is {kind}" if kind else f"the file begins with {_spelt(head)}, which is unknown"
    )
    return CheckpointError(UNKNOWN_FORMAT, message, helps=[_READABLE])


def _kind(head: bytes) -> str | None:
    if head[4:8] == b"TFL3":
        return "a model of TensorFlow Lite"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        return "a pickle, but not one that `torch.save` wrote"
    # An ONNX model begins with its IR version, then the producer's name or the graph.
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b":") and 3 <= head[1] <= 32:
        return "an ONNX model; weights are read from checkpoints"
    text = head.lstrip()
    return next((kind for starts, kind in _KINDS if text.startswith(starts)), None)


def _spelt(head: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in head[:8])
