"""The same weights in every container give the same model, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.readers import open_checkpoint
from tests.packages.building import Arrays, draw_weights, rules, write_checkpoint, write_spec
from tests.unit.weights.tar_files import members_of, write_tar

LENET = {
    "c1.weight": (6, 1, 5, 5), "c1.bias": (6,), "c3.weight": (16, 6, 5, 5), "c3.bias": (16,),
    "f5.weight": (120, 400), "f5.bias": (120,), "f6.weight": (84, 120), "f6.bias": (84,),
    "output.weight": (10, 84), "output.bias": (10,),
}  # fmt: skip
WEIGHTS = draw_weights(LENET)
COMMAND = "from archc.cli.main import main; raise SystemExit(main())"


def npz(folder: Path, weights: Arrays) -> Path:
    np.savez(folder / "net.npz", **weights)  # type: ignore[arg-type]  # names are those of arrays
    return folder / "net.npz"


def deflated_npz(folder: Path, weights: Arrays) -> Path:
    np.savez_compressed(folder / "net", **weights)  # type: ignore[arg-type]
    return folder / "net.npz"


def odd_npz(folder: Path, weights: Arrays) -> Path:
    """The same numbers in Fortran's order, big-endian, and twice as wide."""
    odd = {name: np.asfortranarray(array.astype(">f8")) for name, array in weights.items()}
    return deflated_npz(folder, odd)


def npy_folder(folder: Path, weights: Arrays) -> Path:
    for name, array in weights.items():
        layer, _, kind = name.partition(".")
        (folder / "net" / layer).mkdir(parents=True, exist_ok=True)
        np.save(folder / "net" / layer / kind, array)
    return folder / "net"


def tar(folder: Path, weights: Arrays) -> Path:
    return write_tar(folder / "net.pth", members_of(weights))


def shards(folder: Path, weights: Arrays) -> Path:
    """Three files and their index; the folder is what is given."""
    (folder / "net").mkdir()
    files = {name: f"model-{number % 3}.safetensors" for number, name in enumerate(weights)}
    for file in set(files.values()):
        of_file = {name: array for name, array in weights.items() if files[name] == file}
        save_file(of_file, folder / "net" / file)
    index = folder / "net" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    return folder / "net"


def index_of_shards(folder: Path, weights: Arrays) -> Path:
    return shards(folder, weights) / "model.safetensors.index.json"


FORMS = [npz, deflated_npz, odd_npz, npy_folder, tar, shards, index_of_shards]


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    form: Callable[[Path, Arrays], Path] = request.param
    return form(tmp_path, WEIGHTS)


def test_every_container_gives_the_same_model(written: Path, tmp_path: Path) -> None:
    wanted = archc.build_bytes("lenet5", weights=write_checkpoint(tmp_path, WEIGHTS))
    assert archc.build_bytes("lenet5", weights=written) == wanted


@pytest.mark.parametrize("form", [npz, npy_folder, tar, index_of_shards])
def test_containers_build_on_the_command_line(
    form: Callable[[Path, Arrays], Path], tmp_path: Path
) -> None:
    written = form(tmp_path, WEIGHTS)
    made = tmp_path / "made.onnx"
    command = ["build", "lenet5", "--weights", str(written), "-o", str(made)]
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, *command],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    wanted = archc.build_bytes("lenet5", weights=write_checkpoint(tmp_path, WEIGHTS))
    assert made.read_bytes() == wanted


def test_another_shape_is_refused_in_every_container(tmp_path: Path) -> None:
    stored = WEIGHTS | {"output.weight": np.zeros((10, 85), np.float32)}
    for number, form in enumerate(FORMS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(archc.SpecError) as caught:
            archc.build_bytes("lenet5", weights=form(folder, stored))
        assert rules(caught.value.diagnostics) == ["weights/mismatch"]


SPEC = "input: {image: [1000]}\nlayers: [{dense: 1000}, {dense: 1000}]"
LARGE = draw_weights(
    {f"{i}.{n}": s for i in "01" for n, s in (("weight", (1000, 1000)), ("bias", (1000,)))}
)


@pytest.mark.parametrize("form", [form for form in FORMS if form is not odd_npz])
def test_a_container_that_becomes_shorter_is_a_diagnostic(
    tmp_path: Path, form: Callable[[Path, Arrays], Path]
) -> None:
    given = form(tmp_path, LARGE)
    parts = [path for path in (tmp_path / "net").rglob("*") if path.is_file()] or [given]
    target = tmp_path / "made.onnx"
    target.write_bytes(b"before")

    def cut(done: int, total: int) -> None:
        if done > total // 3:
            for path in parts:
                os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(archc.SpecError) as caught:
        archc.build(write_spec(tmp_path, SPEC), target, weights=given, progress=cut)
    (error,) = caught.value.diagnostics
    assert error.rule.slug == "weights/unreadable"
    assert str(given) in str(error.place.span)
    assert target.read_bytes() == b"before"


def test_a_damaged_member_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    given = deflated_npz(tmp_path, LARGE)
    content = bytearray(given.read_bytes())
    content[len(content) // 4] ^= 0xFF
    given.write_bytes(content)
    target = tmp_path / "made.onnx"
    target.write_bytes(b"before")
    with pytest.raises(archc.SpecError) as caught:
        archc.build(write_spec(tmp_path, SPEC), target, weights=given)
    (error,) = caught.value.diagnostics
    assert error.rule.slug == "weights/unreadable"
    assert "weight.npy" in error.message
    assert target.read_bytes() == b"before"


def test_the_file_says_nothing_of_the_layout(written: Path) -> None:
    checkpoint = open_checkpoint(written, Reporter())
    assert not isinstance(checkpoint, Failed)
    with checkpoint:
        assert checkpoint.layout is None
