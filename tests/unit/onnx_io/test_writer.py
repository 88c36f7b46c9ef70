"""What is written is complete, readable by ONNX and ONNX Runtime, and the same every time."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from typing_extensions import Buffer, override

from archc.diagnostics.errors import InternalError
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.check import check_model
from archc.onnx_io.model import InitializerDef, ModelDef, NodeDef, ValueDef
from archc.onnx_io.reader import read_metadata
from archc.onnx_io.session import open_session, run
from archc.onnx_io.writer import (
    ALIGNMENT_BYTES,
    SINGLE_FILE_LIMIT_BYTES,
    Progress,
    WriteResult,
    weights_path,
    write_model,
)
from archc.shapes.tensor_type import DType
from tests.unit.onnx_io.building import (
    NOWHERE,
    ArraySource,
    EndlessSource,
    conv_model,
    image,
    with_source,
    written,
)

HUGE = EndlessSource((1 << 20, 1 << 10))
LARGE_BYTES = 1 << 18
"""A chunk that a thread takes."""


def _write(
    model: ModelDef,
    target: Path | io.BytesIO,
    *,
    external: bool | None = None,
    digest_key: str | None = None,
    progress: Progress | None = None,
) -> WriteResult:
    result = write_model(
        model,
        target,
        reporter=Reporter(),
        place=NOWHERE,
        external=external,
        digest_key=digest_key,
        progress=progress,
    )
    assert isinstance(result, WriteResult)
    return result


def _refused(
    model: ModelDef, target: Path | io.BytesIO, external: bool | None
) -> tuple[str, str, tuple[str, ...]]:
    reporter = Reporter()
    result = write_model(model, target, reporter=reporter, place=NOWHERE, external=external)
    assert isinstance(result, Failed)
    assert result is FAILED
    (found,) = reporter.diagnostics
    return found.rule.slug, found.message, found.helps


def test_a_written_model_is_what_onnx_itself_would_write() -> None:
    data = written(conv_model(metadata={"b": "2", "a": "é"}), digest_key="digest")
    proto = onnx.load_model_from_string(data)
    assert proto.SerializeToString(deterministic=True) == data


def test_every_kind_of_attribute_and_size_survives() -> None:
    node = NodeDef(
        "Anything",
        "n",
        ("x", "", "w"),
        ("y",),
        {"i": -3, "f": 0.5, "s": "é", "is": [1, -2], "fs": [0.5, 2], "none": [], "inf": -1e300},
        domain="test",
    )
    value = ValueDef("x", DType.FLOAT16, ("N", 3, "floor(H / 2)"))
    constant = InitializerDef("w", DType.INT64, (2,), np.array([5, -6]).tobytes())
    model = ModelDef("g", (node,), (value,), (value,), (constant,), 17, {"k": "v"})
    proto = onnx.load_model_from_string(written(model))
    (got,) = proto.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in got.attribute}
    assert list(got.input) == ["x", "", "w"]
    assert got.domain == "test"
    assert attributes["i"] == -3
    assert attributes["f"] == 0.5
    assert attributes["s"] == "é".encode()
    assert list(attributes["is"]) == [1, -2]
    assert list(attributes["fs"]) == [0.5, 2.0]
    assert list(attributes["none"]) == []
    assert attributes["inf"] == -np.inf
    (x,) = proto.graph.input
    dims = x.type.tensor_type.shape.dim
    assert x.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    assert [d.dim_param or d.dim_value for d in dims] == ["N", 3, "floor(H / 2)"]
    assert onnx.numpy_helper.to_array(proto.graph.initializer[0]).tolist() == [5, -6]
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 17)
    assert proto.producer_name == "archc"


def test_weights_are_converted_to_the_type_that_is_asked_for() -> None:
    array = np.array([[1.5, -2.25]], np.float32)
    half = InitializerDef("w", DType.FLOAT16, (2,), ArraySource(array))
    proto = onnx.load_model_from_string(written(ModelDef("g", (), (), (), (half,), 17)))
    stored = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    assert stored.dtype == np.float16
    assert stored.tolist() == [1.5, -2.25]


def test_a_file_holds_what_a_stream_holds(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    result = _write(conv_model(), target)
    assert target.read_bytes() == written(conv_model())
    assert result.bytes_written == target.stat().st_size
    assert result.external_path is None
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_external_weights_are_aligned_and_give_the_same_answers(tmp_path: Path) -> None:
    model = conv_model(c_out=40, metadata={"spec": "net"})
    target = tmp_path / "net.onnx"
    result = _write(model, target, external=True, digest_key="digest")
    assert result.external_path == tmp_path / "net.onnx.data" == weights_path(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.onnx.data"]
    sizes = [p.stat().st_size for p in tmp_path.iterdir()]
    assert result.bytes_written == sum(sizes)
    proto = onnx.load_model(str(target), load_external_data=False)
    places = [{e.key: e.value for e in i.external_data} for i in proto.graph.initializer]
    assert [p["location"] for p in places] == ["net.onnx.data"] * 2
    assert [int(p["offset"]) % ALIGNMENT_BYTES for p in places] == [0, 0]
    assert [int(p["length"]) for p in places] == [40 * 27 * 4, 40 * 4]
    data = weights_path(target).read_bytes()
    assert set(data[40 * 27 * 4 : int(places[1]["offset"])]) == {0}
    assert check_model(target)["output"] == ("N", 40, 8, 8)
    onnx.checker.check_model(str(target), full_check=True)
    feeds = {"image": image(1, 3, 8, 8)}
    inside = run(open_session(written(model)), feeds)["output"]
    np.testing.assert_array_equal(run(open_session(target), feeds)["output"], inside)


@pytest.mark.parametrize("external", [False, True])
def test_the_same_model_gives_the_same_bytes(tmp_path: Path, external: bool) -> None:
    contents = []
    for run_ in ("a", "b"):
        (tmp_path / run_).mkdir()
        _write(conv_model(), tmp_path / run_ / "net.onnx", external=external, digest_key="digest")
        contents.append({p.name: p.read_bytes() for p in (tmp_path / run_).iterdir()})
    assert contents[0] == contents[1]


def test_the_digest_covers_weights_alone_and_lies_in_the_metadata(tmp_path: Path) -> None:
    plain, other = tmp_path / "a.onnx", tmp_path / "b.onnx"
    result = _write(conv_model(metadata={"k": "v"}), plain, digest_key="weights")
    assert read_metadata(plain) == {"k": "v", "weights": result.weights_digest}
    external = _write(conv_model(), other, external=True, digest_key="weights")
    assert external.weights_digest == result.weights_digest
    assert read_metadata(other) == {"weights": result.weights_digest}
    assert _write(conv_model(c_out=5), other).weights_digest != result.weights_digest
    expected = hashlib.sha256()
    for weight in conv_model().initializers:
        dims = ",".join(str(dim) for dim in weight.dims)
        expected.update(f"{weight.name}\0float32\0{dims}\0".encode())
        assert not isinstance(weight.source, bytes)
        expected.update(b"".join(weight.source.chunks("float32")))
    assert result.weights_digest == expected.hexdigest()


@pytest.mark.parametrize("external", [False, True])
def test_progress_ends_at_the_bytes_that_are_written(tmp_path: Path, external: bool) -> None:
    told: list[tuple[int, int]] = []
    result = _write(
        conv_model(),
        tmp_path / "net.onnx",
        external=external,
        progress=lambda done, total: told.append((done, total)),
    )
    done = [d for d, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {result.bytes_written}
    assert done[-1] == result.bytes_written
    assert len(told) > 4


def test_a_model_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    model = with_source(conv_model(), HUGE)
    slug, message, helps = _refused(model, tmp_path / "net.onnx", False)
    assert slug == "build/too-large"
    assert str(SINGLE_FILE_LIMIT_BYTES) in message
    assert "beside" in helps[0]
    assert _refused(model, io.BytesIO(), None)[0] == "build/too-large"
    assert list(tmp_path.iterdir()) == []


def test_external_weights_beside_a_stream_are_refused() -> None:
    stream = io.BytesIO()
    assert _refused(conv_model(), stream, True)[0] == "build/no-place-beside"
    assert stream.getvalue() == b""


def test_a_model_beyond_the_limit_gets_external_weights_by_itself(tmp_path: Path) -> None:
    error = RuntimeError("reached the weights")
    model = with_source(conv_model(), EndlessSource(HUGE.shape, error))
    with pytest.raises(RuntimeError, match="reached"):
        _write(model, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("unreadable")])
@pytest.mark.parametrize("given_bytes", [100, LARGE_BYTES])
def test_what_is_interrupted_leaves_everything_as_it_was(
    tmp_path: Path, external: bool, error: BaseException, given_bytes: int
) -> None:
    target = tmp_path / "net.onnx"
    target.write_bytes(b"old model")
    weights_path(target).write_bytes(b"old weights")
    model = with_source(conv_model(), EndlessSource((LARGE_BYTES,), error, given_bytes))
    with pytest.raises(type(error)):
        _write(model, target, external=external)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.onnx.data"]
    assert target.read_bytes() == b"old model"
    assert weights_path(target).read_bytes() == b"old weights"


@pytest.mark.parametrize("chunk_bytes", [64, LARGE_BYTES, LARGE_BYTES - 4])
def test_chunks_of_any_size_come_in_order(chunk_bytes: int) -> None:
    array = np.random.default_rng(0).standard_normal(3 * LARGE_BYTES // 4, dtype=np.float32)
    plain, other = io.BytesIO(), io.BytesIO()
    whole = _write(with_source(conv_model(), ArraySource(array, array.nbytes)), plain)
    pieces = _write(with_source(conv_model(), ArraySource(array, chunk_bytes)), other)
    assert other.getvalue() == plain.getvalue()
    assert pieces.weights_digest == whole.weights_digest


class FullDisk(io.BytesIO):
    """Takes no large chunk."""

    @override
    def write(self, data: Buffer, /) -> int:
        if memoryview(data).nbytes >= LARGE_BYTES:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(data)


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_disk_that_is_full_is_told_of(chunks: int) -> None:
    array = np.zeros(chunks * LARGE_BYTES // 4, np.float32)
    with pytest.raises(OSError, match="no space"):
        _write(with_source(conv_model(), ArraySource(array, LARGE_BYTES)), FullDisk())


def test_a_progress_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(conv_model(), tmp_path / "net.onnx", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given_bytes", [396, 404])
def test_a_source_of_another_length_is_refused(tmp_path: Path, given_bytes: int) -> None:
    model = with_source(conv_model(), EndlessSource((100,), None, given_bytes))
    with pytest.raises(InternalError, match=f"`extra` gave {given_bytes} bytes in place of 400"):
        _write(model, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    target.write_bytes(b"old")
    _write(conv_model(), target)
    assert target.read_bytes() == written(conv_model())


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        _write(conv_model(), tmp_path)
    with pytest.raises(FileNotFoundError):
        _write(conv_model(), tmp_path / "missing" / "net.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _write(conv_model(), pipe)
        assert os.read(reading, 1 << 16) == written(conv_model())
    finally:
        os.close(reading)
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    _write(conv_model(), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_mode == plain.stat().st_mode
