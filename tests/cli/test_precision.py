"""Eight and sixteen bits on the command line: options, and models that every command can use."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archc
from archc.quantization.options import RANGES
from archc.quantization.quantize import AUTO
from archc.quantization.ranges import METHODS
from tests.cli.conftest import Run


@pytest.fixture
def answers(run: Run, tiny: Path) -> Path:
    """What the float model gives for two inputs, which are float32."""
    assert run("build", tiny, "-o", "exact.onnx").status == 0
    x = np.linspace(0, 1, 288, dtype=np.float32).reshape(2, 1, 12, 12)
    (logits,) = archc.session("exact.onnx").run(None, {"image": x})
    np.savez("answers.npz", image=x, logits=np.asarray(logits))
    return Path("answers.npz").absolute()


@pytest.fixture
def samples(tiny: Path) -> Path:
    """A folder of pictures."""
    folder = tiny.parent / "pictures"
    folder.mkdir()
    for at in range(9):
        noise = np.random.default_rng(at).integers(0, 256, (12, 12), np.uint8)
        Image.fromarray(noise).save(folder / f"{at}.png")
    return folder


@pytest.mark.parametrize("options", [[], ["--half-io"]])
def test_every_command_takes_a_model_in_sixteen_bits(
    run: Run, tiny: Path, answers: Path, samples: Path, options: list[str]
) -> None:
    built = run("build", tiny, "--precision", "fp16", *options, "-o", "half.onnx")
    assert built.status == 0
    picture = samples / "0.png"
    measured = ["--size", "H=12", "--size", "W=12"]
    commands: list[list[str | Path]] = [
        ["run", "half.onnx", picture],
        ["verify", "half.onnx", "--against", answers],
        ["bench", "half.onnx", "--runs", "1", *measured],
        ["profile", "half.onnx", "--runs", "1", *measured],
        ["score", "half.onnx", samples, "-o", "scores.csv"],
    ]
    for command in commands:
        ran = run(*command)
        assert (command[0], ran.status, ran.err.count("error")) == (command[0], 0, 0)
    assert ", 0 broken" in ran.out


def test_sixteen_bits_are_verified_by_their_own_tolerance(
    run: Run, tiny: Path, answers: Path
) -> None:
    assert run("build", tiny, "--precision", "fp16", "-o", "half.onnx").status == 0
    ran = run("verify", "half.onnx", "--against", answers)
    assert (ran.status, "equal enough" in ran.out) == (0, True)
    ran = run("verify", "half.onnx", "--against", answers, "--tolerance", "0.0000001")
    assert (ran.status, "differs" in ran.out) == (1, True)


def test_eight_bits_differ_with_a_hint(run: Run, tiny: Path, answers: Path, samples: Path) -> None:
    ran = run(
        "build", tiny, "--precision", "int8", "--calibrate", samples, "-o", "small.onnx",
        "--set", "H=12", "--set", "W=12",
    )  # fmt: skip
    assert ran.status == 0
    ran = run("verify", "small.onnx", "--against", answers)
    assert ran.status == 1
    assert "note: the model is in eight bits" in ran.err
    assert "`--tolerance 0.1`" in ran.err
    ran = run("verify", "small.onnx", "--against", answers, "--tolerance", "0.00001")
    assert (ran.status, ran.err) == (1, "")


def test_words_of_the_options_are_those_of_the_methods() -> None:
    assert (AUTO, *METHODS) == RANGES


@pytest.mark.parametrize(
    ("options", "place", "message", "helps"),
    [
        (["--portable"], "--portable", "`--portable` is for eight bits", "`--precision int8`"),
        (["--ranges", "mse", "--portable"], "--ranges mse",
         "`--ranges` and `--portable` are for eight bits", "leave them out"),
        (["--calibrate", "p", "--precision", "fp16"], "--calibrate p",
         "`--calibrate` is for eight bits", "leave it out"),
        (["--min-agreement", "0.9"], "--min-agreement 0.9", "`--min-agreement` is", ""),
        (["--half-io"], "--half-io", "`--half-io` is for sixteen bits", "`--precision fp16`"),
        (["--precision", "int8", "--half-io", "--calibrate", "p"], "--half-io",
         "`--half-io` is for sixteen bits", ""),
        (["--precision", "int8", "--calibrate", "p", "-O", "0"], "-O0", "`-O0` folds nothing",
         "leave `-O0` out"),
        (["--precision", "int8"], "--precision int8", "none are given", "`--calibrate FOLDER`"),
        (["--precision", "int8", "--calibrate", "pictures", "--min-agreement", "0.9"],
         "--min-agreement 0.9", "at least 10 samples held back, and 9 samples leave 4",
         "`--min-agreement 0.75`"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("samples")
def test_what_is_wrong_stands_at_the_option_that_is(
    run: Run, tiny: Path, options: list[str], place: str, message: str, helps: str
) -> None:
    ran = run("build", tiny, *options)
    assert ran.status == 1
    assert f"--> {place}\n" in ran.err
    assert message in " ".join(ran.err.split())
    assert helps in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-O", "2"], "`-O`: it is one of `0`, `1`, not `2`"),
        (["--min-agreement", "99%"], "it is a number from 0 to 1, such as 0.99, not `99%`"),
        (["--min-agreement", "1.5"], "it is a number from 0 to 1, such as 0.99, not `1.5`"),
        (["--min-agreement", "nan"], "it is a number from 0 to 1, such as 0.99, not `nan`"),
    ],
)
def test_numbers_are_refused_in_words(run: Run, options: list[str], message: str) -> None:
    ran = run("build", "lenet5", *options)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_explaining_is_no_option_of_eight_bits(run: Run, tiny: Path) -> None:
    assert run("build", tiny, "--explain", "-o", "a.onnx").status == 0
    assert run("build", tiny, "--precision", "fp16", "--explain", "-o", "a.onnx").status == 0


def test_what_is_passed_over_is_noted(run: Run, tiny: Path, samples: Path) -> None:
    (samples / "labels.csv").write_text("0,cat\n", encoding="utf-8")
    ran = run("build", tiny, "--precision", "int8", "--calibrate", samples, "-o", "small.onnx")
    assert ran.status == 0
    assert "note: no pictures by their names, and passed over: `labels.csv`\n" in ran.err


@pytest.mark.parametrize(
    ("error", "rule", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "build/output", "TMPDIR=FOLDER archc"),
        (OSError(errno.EIO, "Input/output error", "/x.pth"), "weights/unreadable", "--> /x.pth"),
    ],
)
def test_a_full_temporary_folder_is_no_bug(
    run: Run, tiny: Path, samples: Path, monkeypatch: pytest.MonkeyPatch,
    error: OSError, rule: str, says: str,
) -> None:  # fmt: skip
    def failing(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("archc.quantization.quantize.quantize", failing)
    ran = run("build", tiny, "--precision", "int8", "--calibrate", samples, "-o", "small.onnx")
    assert ran.status == 1
    assert f"error[{rule}]" in ran.err
    assert str(error.strerror).lower() in " ".join(ran.err.split())
    assert says in ran.err


def test_a_model_that_is_not_there_has_a_help(run: Run, tmp_path: Path) -> None:
    for command in ("bench", "profile"):
        ran = run(command, tmp_path / "nowhere.onnx")
        assert ran.status == 1
        assert "help: give a built model; `archc build SPEC` makes one" in ran.err


TWO_OUTPUTS = """
archc: 1
name: two
input: {x: [1, 8, 8]}
layers:
  c: {conv: 2, kernel: 3}
  flat: flatten
  fc: {dense: 3}
outputs: {map: c, classes: fc}
"""


def test_where_another_output_is_a_list_of_classes_that_is_said(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "two.yaml"
    spec.write_text(TWO_OUTPUTS, encoding="utf-8")
    x = np.random.default_rng(0).standard_normal((24, 1, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    wanted = ["--precision", "int8", "--calibrate", tmp_path / "x.npz", "--min-agreement", "0.5"]
    ran = run("build", spec, *wanted, "-o", "two.onnx")
    assert ran.status == 1
    assert "error[quantize/unproven]" in ran.err
    assert "--> --min-agreement 0.5" in ran.err
    assert "`--output classes=PATH`" in " ".join(ran.err.split())
    assert run("build", spec, *wanted, "-o", "two.onnx", "--output", "classes=fc").status == 0
    ran = run("build", spec, *wanted, "-o", "two.onnx", "--output", "map=c")
    assert (ran.status, "--output" in ran.err) == (1, False)
