"""The hooks for pre-commit, run by pre-commit itself in a repository of their user.

Only the language is another: the environment of the tests has archc, so that nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import archc
from tests.cli.conftest import LENET

pytest.importorskip("pre_commit")

ROOT = Path(archc.__file__).resolve().parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


class Repository:
    """A repository in which git and pre-commit run, away from the settings of whoever tests."""

    def __init__(self, folder: Path, home: Path) -> None:
        folder.mkdir()
        self.folder = folder
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PRE_COMMIT"))}
        self.environment = plain | {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PRE_COMMIT_HOME": str(home / "cache"),
            "PYTHONWARNINGS": "ignore",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.run("git", "init", "--quiet", "--initial-branch=main")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            encoding="utf-8", check=False, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        assert self.run("git", "add", name).returncode == 0

    def commit(self) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        made = self.run("git", *identity, "commit", "--quiet", "--no-verify", "-m", "x")
        assert made.returncode == 0, made.stderr
        return self.run("git", "rev-parse", "HEAD").stdout.strip()


@pytest.fixture
def user(tmp_path: Path) -> Repository:
    """A repository that has the hooks in its configuration."""
    hooks = Repository(tmp_path / "hooks", tmp_path)
    manifest = MANIFEST.read_text(encoding="utf-8")
    hooks.write(MANIFEST.name, manifest.replace("language: python", "language: system"))
    entry = {
        "repo": str(hooks.folder),
        "rev": hooks.commit(),
        "hooks": [{"id": hook["id"]} for hook in yaml.safe_load(manifest)],
    }
    found = Repository(tmp_path / "user", tmp_path)
    found.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [entry]}))
    return found


def hooks_of(user: Repository, *hook: str) -> subprocess.CompletedProcess[str]:
    return user.run(sys.executable, "-m", "pre_commit", "run", *hook)


def test_the_manifest_is_valid(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "x", tmp_path)
    command = (sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST))
    assert repository.run(*command).returncode == 0


def test_a_broken_spec_stops_the_commit(user: Repository) -> None:
    user.write("good.yaml", LENET)
    user.write("other.yaml", "on: push\njobs: {}\n")
    fine = hooks_of(user, "archc-validate")
    assert fine.returncode == 0, fine.stdout + fine.stderr
    user.write("wrong.yaml", LENET.replace("relu", "rellu"))
    stopped = hooks_of(user, "archc-validate")
    assert stopped.returncode == 1
    assert "error[layer/unknown-op]: there is no op or block `rellu`" in stopped.stdout
    assert " --> wrong.yaml:12:8" in stopped.stdout


def test_a_spec_is_formatted_and_other_yaml_is_not(user: Repository) -> None:
    user.write("untidy.yaml", LENET.replace("archc: 1", "archc:  1   "))
    user.write("other.yaml", "on:   push\n")
    changed = hooks_of(user, "archc-fmt")
    assert changed.returncode == 1
    assert "files were modified by this hook" in changed.stdout
    assert "archc:  1\n" in (user.folder / "untidy.yaml").read_text(encoding="utf-8")
    assert (user.folder / "other.yaml").read_text(encoding="utf-8") == "on:   push\n"
    assert user.run("git", "add", "untidy.yaml").returncode == 0
    assert hooks_of(user).returncode == 0


def test_the_users_of_the_hooks_get_them_installed() -> None:
    for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8")):
        assert hook["language"] == "python"
        assert hook["entry"].startswith("archc ")
