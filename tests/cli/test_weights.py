"""`archc weights inspect`, `diff`, `convert` and `extract`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import Run

COMMANDS = ("inspect", "diff", "match", "convert", "extract", "swap")

ARRAYS: dict[str, npt.NDArray[np.generic]] = {
    "conv.weight": (np.arange(-8, 10) / 8).astype(np.float32).reshape(2, 1, 3, 3),
    "conv.bias": np.zeros(2, np.float32),
    "counter": np.array(7),
}
SIZES = ("2", "×", "1", "×", "3", "×", "3")


def write(path: Path, **others: npt.NDArray[np.generic]) -> Path:
    save_file({**ARRAYS, **others}, path)
    return path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "net.safetensors")


def test_help_lists_every_command(run: Run) -> None:
    ran = run("weights", "--help")
    assert ran.status == 0
    for command in COMMANDS:
        assert f"\n  {command} " in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    ran = run("weights", command, "--help")
    assert ran.status == 0
    assert ran.out.startswith(f"Usage: archc weights {command}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspekt"], "there is no command `inspekt`\nhelp: did you mean `inspect`?"),
        (["diff", "a"], "missing argument `B`"),
        (["swap", "a", "b"], "missing option `-o`"),
        (["swap", "a", "b", "-o", "c", "--keep", "("], "`--keep (` is no regular expression"),
        (["convert", "a", "b", "--dtype", "float64"], "one of `float32`, `float16`"),
        (["diff", "a", "b", "--tolerance", "-1"], "a number of at least 0"),
    ],
)
def test_wrong_usage_says_what_is_right(run: Run, arguments: list[str], message: str) -> None:
    ran = run("weights", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_inspect_shows_a_line_for_each_tensor(run: Run, file: Path) -> None:
    ran = run("weights", "inspect", file)
    assert (ran.status, ran.err) == (0, "")
    head, *rows, total = [line.split() for line in ran.out.splitlines()]
    assert head == ["name", "type", "sizes", "min", "max", "mean", "std"]
    assert sorted(rows) == [
        ["conv.bias", "float32", "2", "0", "0", "0", "0", "constant"],
        ["conv.weight", "float32", *SIZES, "-1", "1.125", *mean_and_deviation()],
        ["counter", "int64", "one", "7", "7", "7", "0"],
    ]
    assert total == ["safetensors:", "3", "tensors,", "21", "elements,", "88", "B"]


def mean_and_deviation() -> tuple[str, str]:
    weight = ARRAYS["conv.weight"].astype(np.float64)
    return f"{weight.mean():.4g}", f"{weight.std():.4g}"


def test_inspect_as_json_has_numbers_and_digests(run: Run, file: Path) -> None:
    ran = run("weights", "inspect", file, "--digests", "--format", "json")
    document = json.loads(ran.out)
    assert (document["version"], document["format"]) == (1, "safetensors")
    tensors = {entry["name"]: entry for entry in document["tensors"]}
    assert set(tensors) == set(ARRAYS)
    for name, array in ARRAYS.items():
        found = tensors[name]
        assert (found["type"], found["sizes"]) == (array.dtype.name, list(array.shape))
        assert (found["min"], found["max"]) == (array.min(), array.max())
        assert found["mean"] == pytest.approx(array.mean(), abs=1e-6)
        assert found["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()
    assert tensors["conv.bias"]["is_constant"]
    assert not tensors["counter"]["is_constant"]


def test_inspect_warns_of_what_is_no_finite_number(run: Run, file: Path) -> None:
    odd = np.array([np.nan, np.nan, np.inf, 1], np.float32)
    ran = run("weights", "inspect", write(file, odd=odd, worse=odd[:1]))
    assert ran.status == 0
    assert "warning: 3 elements in 2 tensors are NaN\n" in ran.err
    assert "warning: 1 elements in 1 tensor are infinite\n" in ran.err
    assert "2 NaN, 1 infinite" in ran.out


def test_inspect_of_names_reads_no_tensor(run: Run, file: Path) -> None:
    odd = np.array([np.nan], np.float32)
    ran = run("weights", "inspect", write(file, odd=odd), "--names-only")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split() == ["name", "type", "sizes"]


def test_hostile_names_do_not_reach_the_terminal(run: Run, file: Path) -> None:
    write(file, **{"\x1b[2Jw\u202e": np.ones(1)})
    for command in (["inspect", file], ["diff", file, write(Path("other.safetensors"))]):
        ran = run("weights", *command)
        assert "\x1b" not in ran.out + ran.err
        assert "\\x1b[2Jw\\u202e" in ran.out


def test_diff_of_the_same_is_fine(run: Run, file: Path) -> None:
    ran = run("weights", "diff", file, write(Path("copy.safetensors")))
    assert (ran.status, ran.out, ran.err) == (0, "3 the same\n", "")


def test_diff_tells_every_kind_of_difference(run: Run, file: Path) -> None:
    first = write(file, gone=np.ones(5), old=np.arange(4.0))
    other = {
        "conv.weight": np.add(ARRAYS["conv.weight"], np.float32(0.5)),
        "conv.bias": np.zeros(3, np.float32),
        "counter": ARRAYS["counter"],
        "renamed": np.arange(4.0),
        "new": np.ones(6),
    }
    save_file(other, "other.safetensors")
    ran = run("weights", "diff", first, "other.safetensors")
    assert ran.status == 1
    assert ran.out.splitlines() == [
        "removed   gone",
        "added     new",
        "renamed   old -> renamed",
        "reshaped  conv.bias: [2] -> [3]",
        "differs   conv.weight: 18 of 18 elements, by up to 0.5",
        "1 the same, 1 of other elements, 1 of other sizes, 1 renamed, 1 removed, 1 added",
    ]
    document = json.loads(
        run("weights", "diff", first, "other.safetensors", "--format", "json").out
    )
    assert not document["is_same"]
    assert document["renamed"] == [{"first": "old", "second": "renamed"}]
    assert document["changed"][0]["largest"] == 0.5


def test_diff_with_a_tolerance(run: Run, file: Path) -> None:
    near = Path("near.safetensors")
    write(file, thirds=np.full(4, 1 / 3, np.float32))
    assert run("weights", "convert", file, near, "--dtype", "float16").status == 0
    assert run("weights", "diff", file, near).status == 1
    assert run("weights", "diff", file, near, "--tolerance", "0.001").status == 0
    assert run("weights", "diff", file, near, "--tolerance", "0.00001").status == 1


def test_convert_says_what_it_wrote(run: Run, file: Path) -> None:
    ran = run("weights", "convert", file, "net.npz")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("net.npz: 3 tensors, ")
    with np.load("net.npz") as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            name: array.tolist() for name, array in ARRAYS.items()
        }


@pytest.mark.parametrize(
    "command",
    [
        ["inspect", "bad.pt"],
        ["diff", "bad.pt", "net.safetensors"],
        ["diff", "net.safetensors", "bad.pt"],
        ["convert", "bad.pt", "out.npz"],
        ["extract", "bad.pt", "-o", "out.npz"],
        ["extract", "net.safetensors", "-o", "out.npz"],
        ["convert", "net.safetensors", "out.pt"],
        ["inspect", "missing.pt"],
    ],
)
def test_a_mistake_is_a_diagnostic_and_nothing_is_written(
    run: Run, file: Path, command: list[str]
) -> None:
    (file.parent / "bad.pt").write_bytes(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR.")
    Path("out.npz").write_bytes(b"before")
    before = sorted(file.parent.iterdir())
    ran = run("weights", *command)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error[weights/")
    assert ran.err.endswith("\n1 error\n")
    assert Path("out.npz").read_bytes() == b"before"
    assert sorted(file.parent.iterdir()) == before


def test_extracted_weights_build_the_same_model_again(run: Run, tiny: Path) -> None:
    assert run("build", tiny, "-o", "first.onnx", "--seed", "3").status == 0
    ran = run("weights", "extract", "first.onnx")
    assert (ran.status, ran.out) == (0, f"first.safetensors: 4 tensors, {size()}\n")
    assert "drawn with seed 3" in ran.err
    assert set(load_file("first.safetensors")) == {
        "conv.weight", "conv.bias", "fc.weight", "fc.bias",
    }  # fmt: skip
    assert run("build", tiny, "-o", "again.onnx", "--weights", "first.safetensors").status == 0
    assert run("build", tiny, "-o", "model.onnx", "--weights", "first.onnx").status == 0
    assert Path("again.onnx").read_bytes() == Path("model.onnx").read_bytes()
    assert run("weights", "diff", "first.onnx", "again.onnx").out == "4 the same\n"


def size() -> str:
    return f"{Path('first.safetensors').stat().st_size} B"


def test_weights_beside_a_model_are_extracted_too(run: Run, tiny: Path) -> None:
    run("build", tiny, "-o", "one.onnx")
    run("build", tiny, "-o", "two.onnx", "--external-data")
    for name in ("one", "two"):
        assert run("weights", "extract", f"{name}.onnx").status == 0
    assert Path("one.safetensors").read_bytes() == Path("two.safetensors").read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        ["inspect", "bad.npz"],
        ["diff", "bad.npz", "good.npz"],
        ["diff", "good.npz", "bad.npz"],
        ["convert", "bad.npz", "out.safetensors"],
        ["swap", "model.onnx", "bad.npz", "-o", "out.safetensors"],
    ],
)
def test_damage_that_is_met_while_reading_is_a_diagnostic(
    run: Run, tiny: Path, command: list[str]
) -> None:
    run("build", tiny, "-o", "model.onnx")
    run("weights", "extract", "model.onnx", "-o", "whole.npz")
    with np.load("whole.npz") as arrays:
        np.savez_compressed("good.npz", **dict(arrays))
    data = bytearray(Path("good.npz").read_bytes())
    data[200] ^= 0xFF  # within the first member's compressed elements
    Path("bad.npz").write_bytes(data)
    Path("out.safetensors").write_bytes(b"before")
    before = sorted(tiny.parent.iterdir())
    ran = run("weights", *command)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error[weights/unreadable]")
    assert "--> bad.npz" in ran.err
    assert Path("out.safetensors").read_bytes() == b"before"
    assert sorted(tiny.parent.iterdir()) == before


def test_a_group_without_a_command_is_wrong_usage(run: Run) -> None:
    ran = run("weights")
    assert (ran.status, ran.out) == (2, "")
    assert "missing command" in ran.err
    assert "`archc weights --help` says" in ran.err
