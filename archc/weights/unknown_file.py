"""What a file is that no reader knows, told by how it begins."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.weights.refusal import CheckpointError

UNKNOWN_FORMAT = Rule(
    "weights/unknown-format",
    "the file is no checkpoint that archc can read",
    "archc reads safetensors files, what `torch.save` writes, arrays of numpy, files of Keras and"
    " ONNX models, recognised by their content.",
)

_READABLE = (
    "give a safetensors file, a checkpoint of `torch.save`, an `.npz` archive, weights of Keras or"
    " an ONNX model"
)
_LFS = b"version https://git-lfs.github.com/spec/"
_KINDS: tuple[tuple[tuple[bytes, ...], str], ...] = (
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


def unknown_file(head: bytes) -> CheckpointError:
    """The refusal of a file that begins so."""
    if not head:
        return CheckpointError(UNKNOWN_FORMAT, "the file is empty", helps=[_READABLE])
    if head.startswith(b"\x93NUMPY"):
        return CheckpointError(
            UNKNOWN_FORMAT,
            "the file is an array of numpy (.npy), which has no name",
            helps=["give the folder that it lies in, or an archive of `numpy.savez`"],
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
    text = head.lstrip()
    return next((kind for starts, kind in _KINDS if text.startswith(starts)), None)


def _spelt(head: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in head[:8])
