"""Environments of servers, made without anything from a package index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.environment import (
    RECORD,
    Recipe,
    default_folder,
    ensure_environment,
    is_complete,
)
from archc.serving.installation import installed_python

ROOT = Path(archc.__file__).resolve().parent.parent
PATIENCE_SECONDS = 120
NOTHING = Recipe("Nothing", (), Path(sys.executable), tuple(sys.version_info[:3]))
ABSENT = NOTHING._replace(requirements=("archc-there-is-no-such-package==1",))


def _ensure(recipe: Recipe, folder: Path | None) -> tuple[Path | Failed, list[str], Reporter]:
    said: list[str] = []
    reporter = Reporter()
    return ensure_environment(recipe, folder, said.append, reporter), said, reporter


def test_it_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "environment"
    made, said, _ = _ensure(NOTHING, folder)
    assert made == folder
    assert said == [f"installing Nothing into {folder} (once)"]
    ran = subprocess.run(
        [installed_python(folder), "-c", "import sys; print(sys.prefix)"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert ran.stdout.strip() == str(folder)
    again, said, _ = _ensure(NOTHING, folder)
    assert again == folder
    assert said == []


def test_another_recipe_makes_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    _ensure(NOTHING, folder)
    (folder / "old").mkdir()
    other = NOTHING._replace(name="Other")
    assert not is_complete(folder, other)
    made, _, _ = _ensure(other, folder)
    assert made == folder
    assert is_complete(folder, other)
    assert not (folder / "old").exists()


def test_a_failure_of_pip_is_told_and_nothing_counts_as_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "environment"
    made, _, reporter = _ensure(ABSENT, folder)
    assert isinstance(made, Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "serve/not-installed"
    assert found.notes[0] == "`pip install` ended with status 1"
    assert "No matching distribution found" in found.notes[-1]
    assert "package index" in found.helps[0]
    assert not is_complete(folder, ABSENT)
    made, _, _ = _ensure(NOTHING, folder)  # what was left half made is ours, and is made again
    assert made == folder


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    made, _, reporter = _ensure(NOTHING, tmp_path)
    assert isinstance(made, Failed)
    assert [d.rule.slug for d in reporter.diagnostics] == ["serve/not-an-environment"]
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder, slug in ((file, "not-an-environment"), (file / "below", "not-installed")):
        made, _, reporter = _ensure(NOTHING, folder)
        assert isinstance(made, Failed)
        assert [d.rule.slug for d in reporter.diagnostics] == [f"serve/{slug}"]


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder(NOTHING).parent == tmp_path / "archc"
    assert default_folder(NOTHING) != default_folder(ABSENT)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder(NOTHING).parent == tmp_path / ".cache" / "archc"


def _code(folder: Path, requirements: tuple[str, ...]) -> str:
    return (
        "import sys\nfrom pathlib import Path\n"
        "from archc.diagnostics.reporter import Reporter\n"
        "from archc.serving.environment import Recipe, ensure_environment\n"
        "version = tuple(sys.version_info[:3])\n"
        f"r = Recipe('Nothing', {requirements!r}, Path(sys.executable), version)\n"
        "said = lambda line: print(line, flush=True)\n"
        f"print(ensure_environment(r, Path({str(folder)!r}), said, Reporter()), flush=True)"
    )


def _process(folder: Path, *requirements: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _code(folder, requirements)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1"}, start_new_session=True,
    )  # fmt: skip


def test_two_first_uses_make_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    processes = [_process(folder) for _ in range(2)]
    lines = [
        line for p in processes for line in p.communicate(timeout=PATIENCE_SECONDS)[0].split("\n")
    ]
    assert lines.count(f"installing Nothing into {folder} (once)") == 1
    assert lines.count(str(folder)) == 2
    assert is_complete(folder, NOTHING)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_half_made_environment_is_never_used(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "environment"
    with _process(folder, *ABSENT.requirements) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (folder / "pyvenv.cfg").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
    assert not (folder / RECORD).exists()
    made, said, _ = _ensure(NOTHING, folder)
    assert made == folder
    assert said[-1] == f"installing Nothing into {folder} (once)"
    assert is_complete(folder, NOTHING)
