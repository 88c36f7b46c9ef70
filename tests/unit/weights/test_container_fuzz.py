"""Damaged archives, folders and indexes end in tensors of their sizes or in one diagnostic."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.readers import open_checkpoint
from tests.unit.weights.tar_files import members_of, write_tar

EXAMPLES = 150

ARRAYS: dict[str, npt.NDArray[np.generic]] = {
    "conv.weight": np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4)),
    "conv.bias": np.ones(2, np.float64),
    "half": np.ones((1, 2), ">f2"),
    "count": np.array(3),
}
NATIVE = {
    name: np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("=")))
    for name, stored in ARRAYS.items()
}


def write_tar_file(folder: Path) -> tuple[Path, Path]:
    path = write_tar(folder / "net", members_of(NATIVE))
    # Nothing is behind the last block of zeros but more of them.
    path.write_bytes(path.read_bytes().rstrip(b"\0") + bytes(1536))
    return path, path


def write_npz(method: int) -> Callable[[Path], tuple[Path, Path]]:
    def write(folder: Path) -> tuple[Path, Path]:
        path = folder / "net"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, stored in ARRAYS.items():
                stream = io.BytesIO()
                np.save(stream, stored)
                archive.writestr(f"{name}.npy", stream.getvalue())
        return path, path

    return write


def write_folder(folder: Path) -> tuple[Path, Path]:
    (folder / "net").mkdir(exist_ok=True)
    for name, stored in ARRAYS.items():
        np.save(folder / "net" / name, stored)
    return folder / "net", folder / "net" / "conv.weight.npy"


def write_shards(folder: Path, damaged: str) -> tuple[Path, Path]:
    (folder / "net").mkdir(exist_ok=True)
    for shard, names in {"a": ["conv.weight", "half"], "b": ["conv.bias", "count"]}.items():
        save_file({name: NATIVE[name] for name in names}, folder / "net" / shard)
    weight_map = {"conv.weight": "a", "conv.bias": "b", "half": "a", "count": "b"}
    (folder / "net" / "x.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder / "net", folder / "net" / damaged


FORMS: dict[str, Callable[[Path], tuple[Path, Path]]] = {
    "tar": write_tar_file,
    "npz": write_npz(zipfile.ZIP_STORED),
    "deflated": write_npz(zipfile.ZIP_DEFLATED),
    "folder": write_folder,
    "index": lambda folder: write_shards(folder, "x.index.json"),
    "shard": lambda folder: write_shards(folder, "a"),
}

ODD_BYTES = (0, 1, 0x7F, 0x80, 0xFF, *b"(.RtQcubs/{[,]}\"'019L")

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "copy", "remove", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(ODD_BYTES),
        st.integers(1, 8),
    ),
    min_size=1,
    max_size=5,
)


def changed(data: bytes, changes: list[tuple[str, float, float, int, int]]) -> bytes:
    content = bytearray(data)
    for kind, first, second, value, length in changes:
        at, other = int(first * len(content)), int(second * len(content))
        if not content:
            break
        match kind:
            case "flip":
                content[at] ^= 1 << (length - 1)
            case "set":
                content[at] = value
            case "copy":
                content[at : at + length] = content[other : other + length]
            case "remove":
                del content[at : at + length]
            case _:
                del content[at:]
    return bytes(content)


@pytest.mark.parametrize("form", FORMS)
def test_damaged_checkpoints_give_tensors_or_diagnostics(
    tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    given_, damaged = FORMS[form](tmp_path_factory.mktemp(form))
    whole = damaged.read_bytes()
    outcomes = {True: 0, False: 0}

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow],
        derandomize=True, database=None,
    )  # fmt: skip
    @given(CHANGES)
    def check(changes: list[tuple[str, float, float, int, int]]) -> None:
        damaged.write_bytes(changed(whole, changes))
        outcomes[is_refused(given_)] += 1

    check()
    assert min(outcomes.values()) >= (0 if form in ("index", "deflated") else 3)
    assert outcomes[True] >= EXAMPLES // 10
    damaged.write_bytes(whole)
    assert not is_refused(given_)


def is_refused(path: Path) -> bool:
    """Whether it is; if not, its tensors have their sizes, or cannot be read to their end."""
    reporter = Reporter()
    checkpoint = open_checkpoint(path, reporter)
    if isinstance(checkpoint, Failed):
        (diagnostic,) = reporter.diagnostics
        assert diagnostic.message.isprintable()
        assert len(diagnostic.message) < 2000
        return True
    with checkpoint:
        for source in checkpoint.tensors.values():
            size, error = read(source)
            if error is None:
                assert size == 4 * int(np.prod(source.shape, dtype=object))
            else:
                assert error.filename == str(path)
                assert str(error.strerror).isprintable()
    return False


def read(source: WeightSource) -> tuple[int, OSError | None]:
    """How many bytes a tensor gives, and what prevents further ones."""
    size = 0
    try:
        for chunk in source.chunks("float32"):
            size += len(chunk)
    except OSError as error:
        return size, error
    return size, None
