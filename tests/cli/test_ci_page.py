"""What docs/ci.md shows is there and works."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

import archc
from archc.diagnostics.github import KEPT
from tests.cli.conftest import LENET, Run

ROOT = Path(archc.__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = dict.fromkeys(re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    line.removeprefix("$ ").partition("  #")[0]
    for kind, text in BLOCKS
    if kind == "console"
    for line in text.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_does_what_it_says(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tiny.parent / "specs").mkdir()
    for name in ("specs/c.yaml", "a.yaml", "b.yaml", "draft"):
        (tiny.parent / name).write_text(LENET, encoding="utf-8")
    first, pipe, second = command.partition(" | ")
    typed = run(*shlex.split(first)[1:]).out if pipe else LENET
    wanted = second if pipe else first.partition(" < ")[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    ran = run(*shlex.split(wanted)[1:])
    assert (ran.status, ran.err) == (0, "")


def test_the_hooks_and_the_action_are_used_as_they_are() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    ids = {hook["id"] for hook in hooks}
    assert ids == set(re.findall(r"- id: (\S+)", PAGE))
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    (workflow,) = (
        yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml" and "jobs:" in text
    )
    *_, step = workflow["jobs"]["specs"]["steps"]
    assert step["with"].keys() <= inputs.keys()
    assert workflow["permissions"] == {"contents": "read"}
    for name in re.findall(r"`([a-z-]+): ", PAGE):
        assert name in inputs.keys() | {"security-events", "fetch-depth"}


def test_the_formats_are_those_of_the_option(run: Run, tiny: Path) -> None:
    listed = re.findall(r"^\| `(\w+)` \| standard", PAGE, re.MULTILINE)
    assert run("validate", tiny, "--format", "?").status == 2
    assert all(run("validate", tiny, "--format", form).status == 0 for form in listed)
    assert len(listed) == 4
    assert f"{'ten' if KEPT == 10 else KEPT} errors" in PAGE
    assert (ROOT / re.findall(r"`(\S+\.schema\.json)`", PAGE)[0]).is_file()
