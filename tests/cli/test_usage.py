"""Help, versions, wrong usage, and bugs."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from tests.cli.conftest import Run

COMMANDS = ("list", "validate", "explain", "build", "summary", "expand", "run", "verify")


def test_help_lists_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.status == 0
    for command in COMMANDS:
        assert f"\n  {command} " in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert ran.status == 0
    assert ran.out.startswith(f"Usage: archc {command}")


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"archc {archc.__version__}\n"


def test_nothing_asked_is_wrong_usage_and_shows_the_help(run: Run) -> None:
    ran = run()
    assert ran.status == 2
    assert "Commands:" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message", "suggestion"),
    [
        (["bulidx"], "there is no command `bulidx`", "build"),
        (["frobnicate"], "there is no command `frobnicate`", "validate"),
        (["build", "lenet5", "--wieghts", "x"], "there is no option `--wieghts`", "`--weights`"),
        (["build"], "missing argument `SPEC`", "archc build --help"),
        (["verify", "x.onnx"], "missing option `--against`", "archc verify --help"),
        (
            ["summary", "lenet5", "--depth", "0"],
            "a whole number of at least 1, not `0`",
            "archc summary",
        ),
        (["build", "lenet5", "--seed", "one"], "a whole number of at least 0, not `one`", ""),
        (["verify", "m", "--against", "a", "--tolerance", "-1"], "a number of at least 0", ""),
        (
            ["validate", "lenet5", "--format", "srif"],
            "it is one of `text`, `json`, `sarif`, `github`, not `srif`\n",
            "\nhelp: did you mean `sarif`?\n",
        ),
        (["weights", "swap", "--singel-file"], "`--singel-file`", "did you mean `--single-file`?"),
        (["validate", "lenet5", "--set", "classes"], "no `--set NAME=VALUE`", "archc validate"),
        (["validate", "lenet5", "--set", "classes="], "no `--set NAME=VALUE`", ""),
        (["validate", "lenet5", "--set", "a=1", "--set", "a=2"], "gives `a` twice", ""),
        (["build", "lenet5", "--output", "=x"], "no `--output NAME=PATH`", ""),
        (["--frob"], "there is no option `--frob`", "archc --help"),
    ],
)
def test_wrong_usage_says_what_is_right(
    run: Run, arguments: list[str], message: str, suggestion: str
) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert suggestion in ran.err


def test_an_interruption_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("archc.pipeline.reading.load_spec", interrupted)
    ran = run("validate", "lenet5")
    assert (ran.status, ran.out, ran.err) == (130, "", "")


def test_colours_are_for_terminals_alone(
    run: Run, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[" not in run("validate", wrong).err
    monkeypatch.setattr("archc.cli.terminal.sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in run("validate", wrong).err
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[1;31merror" in run("validate", wrong).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("validate", wrong).err


def test_colours_can_be_asked_for(run: Run, wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "0")
    assert "\x1b[" not in run("validate", wrong).err
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31merror" in run("validate", wrong).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("validate", wrong).err


def test_a_narrow_terminal_is_respected(
    run: Run, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wrong.parent)
    monkeypatch.setattr("archc.cli.terminal.sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    ran = run("validate", "wrong.yaml", "--set", "width=seventeen")
    assert ran.status == 1
    assert max(map(len, ran.err.splitlines())) <= 40
