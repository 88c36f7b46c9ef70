"""Writes a model as one file, or with its weights in a second one, in one pass over the weights.

All lengths are known before a byte is written, so weights go from their sources to the file chunk
by chunk, and their digest is taken on the way. The weights of a single file stand in its
TensorProtos; else they lie in `NAME.data` beside it (ONNX, docs/ExternalData.md), each at a
multiple of 4 KiB, so that they can be mapped. The same model gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.errors import InternalError
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.atomic import NewFile
from archc.onnx_io.encode import Piece, encode_model, encode_properties, length_of
from archc.onnx_io.model import InitializerDef, ModelDef

TOO_LARGE = Rule(
    "build/too-large",
    "the model does not fit into a single file",
    "ONNX files are protobuf messages, and no reader takes one of 2 GiB or more: what was written "
    "could never be loaded.",
)
NO_PLACE_BESIDE = Rule(
    "build/no-place-beside",
    "there is no place for a second file",
    "External weights lie in a file beside the model, and a stream or a device has nothing beside "
    "it.",
)

SINGLE_FILE_LIMIT_BYTES = 2**31 - 1 - 2**20
"""The largest file without external data: protobuf's limit, with room for what tools add later."""

ALIGNMENT_BYTES = 4096
"""External weights start at multiples of this."""

_LARGE_BYTES = 1 << 17
"""From here on a chunk is worth a thread."""

_NO_DIGEST = "0" * 64
"""As long as the digest, whose length is counted before it is known."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that are written so far and the bytes that will be written."""


class WriteResult(NamedTuple):
    """What was written.

    Attributes:
        bytes_written: the bytes of the model and of its external weights together.
        external_path: the file of the external weights, if there is one.
        weights_digest: SHA-256 over the name, type, sizes and bytes of each weight, in hex digits;
            of a model in eight bits, over those of its constants as well, its scales among them.
    """

    bytes_written: int
    external_path: Path | None
    weights_digest: str


def write_model(
    model: ModelDef,
    target: Path | BinaryIO,
    *,
    reporter: Reporter,
    place: Place,
    external: bool | None = None,
    digest_key: str | None = None,
    progress: Progress | None = None,
) -> WriteResult | Failed:
    """What was written, once it is complete; on failure the target is as it was.

    Args:
        model: the model.
        target: a file, or a stream, which takes a single file only.
        reporter: told when the model does not fit.
        place: where a mistake is shown.
        external: whether weights lie in a file beside the target; None leaves them in the model
            where it stays below the limit of a single file.
        digest_key: the property of the model that holds the weights' digest, after all others.
        progress: told after every chunk.

    Reports:
        build/too-large: it was to be a single file.
        build/no-place-beside: the weights were to lie beside a stream.

    Raises:
        OSError: the target cannot be written.
        InternalError: a weight's source gave another number of bytes than its sizes say.
    """
    path = target if isinstance(target, Path) and _is_replaceable(target) else None
    if external and path is None:
        return _no_place_beside(reporter, place)
    length = _single_file_length(model, digest_key)
    fits = length <= SINGLE_FILE_LIMIT_BYTES
    if not fits and (external is False or path is None):
        return _too_large(length, reporter, place, has_path=path is not None)
    if path is not None and (external or not fits):
        return _write_external(model, path, digest_key, progress)
    if path is not None:
        with NewFile(path) as new:
            digest = _write_single(model, new.file, length, digest_key, progress)
            new.keep()
    elif isinstance(target, Path):
        with target.open("wb") as device:
            digest = _write_single(model, device, length, digest_key, progress)
    else:
        digest = _write_single(model, target, length, digest_key, progress)
    return WriteResult(length, None, digest)


def weights_path(target: Path) -> Path:
    """The file beside a model in which its external weights lie."""
    return target.with_name(f"{target.name}.data")


def _is_replaceable(target: Path) -> bool:
    """Whether a file may take its place: a device or a pipe is written to, never replaced.

    Raises:
        IsADirectoryError: it is a folder.
    """
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder")
    return target.is_file() or not target.exists()


def _single_file_length(model: ModelDef, digest_key: str | None) -> int:
    properties = _properties(model, digest_key, _NO_DIGEST)
    return length_of([*encode_model(model, {}), properties])


def _properties(model: ModelDef, digest_key: str | None, digest: str) -> bytes:
    extra = {} if digest_key is None else {digest_key: digest}
    return encode_properties({**model.metadata, **extra})


def _no_place_beside(reporter: Reporter, place: Place) -> Failed:
    return reporter.error(
        NO_PLACE_BESIDE,
        "a stream has no place beside it for a file of weights",
        place,
        helps=["write to a file, or leave the weights in the model"],
    )


def _too_large(length: int, reporter: Reporter, place: Place, *, has_path: bool) -> Failed:
    remedy = "let the weights lie in a file of their own, beside the model"
    return reporter.error(
        TOO_LARGE,
        f"the model takes {length} bytes, and a single file at most {SINGLE_FILE_LIMIT_BYTES}",
        place,
        helps=[remedy if has_path else f"write to a file, and {remedy}"],
    )


@final
class _WeightsPass:
    """The one pass over the weights: copies them, takes their digest, tells the progress.

    A large chunk is digested and written by the thread, while the next one is read and folded.
    """

    def __init__(self, thread: Executor, total: int, progress: Progress | None) -> None:
        self._thread = thread
        self._total = total
        self._done = 0
        self._progress = progress
        self._hash = hashlib.sha256()
        self._under_way: Future[None] | None = None

    def write(self, piece: Piece, file: BinaryIO) -> None:
        """Writes bytes as they are, or the elements of a weight."""
        if isinstance(piece, bytes):
            self._take(piece, file, is_weight=False)
            return
        self.settle()
        self._name(piece)
        length = sum(self._take(chunk, file, is_weight=True) for chunk in _chunks(piece))
        if length != piece.length_bytes:
            raise InternalError(
                f"`{piece.name}` gave {length} bytes in place of {piece.length_bytes}"
            )

    def add_scales(self, model: ModelDef) -> None:
        """Takes the constants of a model in eight bits into the digest.

        Without its scales and biases, an int8 kernel says nothing.
        """
        self.settle()
        if not any(i.dtype.value == "int8" for i in model.initializers):
            return
        for constant in model.initializers:
            if isinstance(constant.source, bytes):
                self._name(constant)
                self._hash.update(constant.source)

    def _name(self, weight: InitializerDef) -> None:
        dims = ",".join(map(str, weight.dims))
        self._hash.update(f"{weight.name}\0{weight.dtype.value}\0{dims}\0".encode())

    def _take(self, chunk: bytes | memoryview, file: BinaryIO, *, is_weight: bool) -> int:
        self.settle()
        length = memoryview(chunk).nbytes
        if length < _LARGE_BYTES:
            self._put(chunk, file, is_weight=is_weight)
        else:
            self._under_way = self._thread.submit(self._put, chunk, file, is_weight=is_weight)
        self._done += length
        if self._progress is not None:
            self._progress(self._done, self._total)
        return length

    def _put(self, chunk: bytes | memoryview, file: BinaryIO, *, is_weight: bool) -> None:
        if is_weight:
            self._hash.update(chunk)
        file.write(chunk)

    def settle(self) -> None:
        """Waits for what is under way.

        Raises:
            OSError: it could not be written.
        """
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    @property
    def digest(self) -> str:
        """The digest of all weights so far."""
        self.settle()
        return self._hash.hexdigest()


def _chunks(weight: InitializerDef) -> Iterable[bytes | memoryview]:
    source = weight.source
    return [source] if isinstance(source, bytes) else source.chunks(weight.dtype.value)


def _write_single(
    model: ModelDef,
    file: BinaryIO,
    length: int,
    digest_key: str | None,
    progress: Progress | None,
) -> str:
    """Writes everything into one file and gives the weights' digest."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        weights = _WeightsPass(thread, length, progress)
        for piece in encode_model(model, {}):
            weights.write(piece, file)
        weights.add_scales(model)
        weights.write(_properties(model, digest_key, weights.digest), file)
        return weights.digest


def _write_external(
    model: ModelDef, path: Path, digest_key: str | None, progress: Progress | None
) -> WriteResult:
    data_path = weights_path(path)
    weights = [i for i in model.initializers if not isinstance(i.source, bytes)]
    offsets: dict[str, tuple[str, int]] = {}
    gaps: list[bytes] = []
    position = 0
    for weight in weights:
        gaps.append(bytes(-position % ALIGNMENT_BYTES))
        position += len(gaps[-1])
        offsets[weight.name] = (data_path.name, position)
        position += weight.length_bytes
    pieces = encode_model(model, offsets)
    blank = _properties(model, digest_key, _NO_DIGEST)
    total = position + length_of(pieces) + len(blank)
    with ExitStack() as stack:
        data = stack.enter_context(NewFile(data_path))
        new = stack.enter_context(NewFile(path))
        with ThreadPoolExecutor(max_workers=1) as thread:
            copied = _WeightsPass(thread, total, progress)
            for gap, weight in zip(gaps, weights, strict=True):
                copied.write(gap, data.file)
                copied.write(weight, data.file)
            copied.add_scales(model)
            for piece in [*pieces, _properties(model, digest_key, copied.digest)]:
                copied.write(piece, new.file)
            copied.settle()
        # The weights first: a model is never without them.
        data.keep()
        new.keep()
    return WriteResult(total, data_path, copied.digest)
