"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import archc
from archc.cli.main import main
from archc.diagnostics.text import render_text
from archc.language.library import zoo_folder

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```(\w*)\n(.*?)^```",
    (ROOT / "README.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)

NET = """\
archc: 1
name: net
input: {image: [3, 224, 224]}
layers:
  stem: {conv: 64, kernel: 7, stride: 2, padding: 3}
  grouped: {conv: 128, kernel: 3, groups: 3}
"""
UNET = """\
archc: 1
name: unet
input: {image: [3, H, W]}
layers:
  encoder: {conv: 16, kernel: 3, padding: 1}
  skip: {conv: 16, kernel: 3, padding: 1}
  down: {max_pool: 2}
  up: {upsample: 2}
  join: {concat: [[], {from: skip}]}
"""


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def commands() -> list[list[str]]:
    lines = [line for text in blocks("sh") for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("archc ")]


def test_the_network_is_the_zoos() -> None:
    (shown,) = blocks("yaml")
    spec = (zoo_folder() / "resnet.yaml").read_text(encoding="utf-8")
    layers = shown[shown.index("layers:") :]
    assert layers in spec


def test_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), names)
    assert names["session"]


@pytest.mark.parametrize(
    "command",
    [c for c in commands() if c[1] in ("list", "validate", "summary", "expand")],
    ids=" ".join,
)
def test_commands_that_look_at_specs_run(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command[1:]) == 0
    assert capsys.readouterr().out


def test_the_other_commands_have_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    for _, name, *arguments in commands():
        assert main([name, "--help"]) == 0
        shown = capsys.readouterr().out
        for option in arguments:
            assert not option.startswith("-") or re.search(rf"{option}\b", shown), option


@pytest.mark.parametrize(("name", "text"), [("net.yaml", NET), ("unet.yaml", UNET)])
def test_mistakes_look_as_shown(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text, encoding="utf-8")
    with pytest.raises(archc.SpecError) as caught:
        archc.validate(name)
    assert render_text(caught.value.diagnostics) + "\n" in blocks("")
