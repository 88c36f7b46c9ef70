"""The GitHub action, its steps run under bash as the runner runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import archc
from tests.cli.conftest import LENET

ROOT = Path(archc.__file__).resolve().parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
WRONG = LENET.replace("relu", "rellu")
PATIENCE_SECONDS = 120
_EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
_COMPARISON = re.compile(r"([a-z.-]+) (==|!=) '([^']*)'")


@dataclass
class Runner:
    """What GitHub's runner does for a composite action: inputs, conditions, outputs, steps."""

    workspace: Path
    temporary: Path
    inputs: dict[str, str] = field(default_factory=dict)
    event: dict[str, str] = field(default_factory=dict)
    log: str = ""
    used: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        given = {name: str(about["default"]) for name, about in ACTION["inputs"].items()}
        assert self.inputs.keys() <= given.keys()
        given |= self.inputs
        self.values = {f"inputs.{name}": value for name, value in given.items()} | self.event

    def value(self, text: str) -> str:
        """A text with its expressions put in; what is not known is empty, as it is there."""
        return _EXPRESSION.sub(lambda found: self.values.get(found[1], ""), text)

    def holds(self, condition: str) -> bool:
        """Whether comparisons joined by `&&` hold."""
        for part in condition.split(" && "):
            found = _COMPARISON.fullmatch(part)
            assert found is not None, part
            if (self.values.get(found[1], "") == found[3]) != (found[2] == "=="):
                return False
        return True

    def run(self) -> int:
        """The status of the first step that fails, or 0."""
        for step in STEPS:
            if not self.holds(step.get("if", "inputs.paths != '\0'")):
                continue
            if "uses" in step:
                self.used.append(step["uses"].partition("@")[0])
            elif (status := self._bash(step)) != 0:
                return status
        return 0

    def _bash(self, step: dict[str, Any]) -> int:
        script, outputs = self.temporary / "step.sh", self.temporary / "outputs"
        script.write_text(step["run"], encoding="utf-8")
        outputs.write_text("", encoding="utf-8")
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.temporary),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(outputs),
            "RUNNER_TEMP": str(self.temporary),
            **{name: self.value(text) for name, text in step.get("env", {}).items()},
        }
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace, env=environment, capture_output=True, text=True,
            encoding="utf-8", check=False, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.log += ran.stdout + ran.stderr
        for line in outputs.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        return ran.returncode

    def annotations(self) -> list[str]:
        """The workflow commands in the log."""
        return [line for line in self.log.splitlines() if line.startswith("::")]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A checkout with a good and a wrong spec and other YAML; archc is installed there already."""
    workspace, temporary = tmp_path / "work space", tmp_path / "temporary"
    (workspace / "specs").mkdir(parents=True)
    temporary.mkdir()
    (workspace / "specs" / "good.yaml").write_text(LENET, encoding="utf-8")
    (workspace / "specs" / "$(touch owned) wrong.yaml").write_text(WRONG, encoding="utf-8")
    (workspace / "mkdocs.yml").write_text("site_name: x\n", encoding="utf-8")
    return Runner(workspace, temporary, {"install": "none"})


def given(runner: Runner, **inputs: str) -> Runner:
    """The same with further inputs."""
    more = {name.replace("_", "-"): value for name, value in inputs.items()}
    return Runner(runner.workspace, runner.temporary, {**runner.inputs, **more}, runner.event)


def test_the_broken_spec_of_a_checkout_is_annotated(runner: Runner) -> None:
    assert runner.run() == 1
    (annotation,) = runner.annotations()
    assert annotation.startswith(
        "::error file=specs/$(touch owned) wrong.yaml,line=12,endLine=12,col=8,endColumn=12,"
        "title=archc layer/unknown-op::there is no op or block `rellu`"
    )
    assert runner.used == ["actions/setup-python"]
    assert not (runner.workspace / "owned").exists()


def test_given_paths_are_checked(runner: Runner) -> None:
    fine = given(runner, paths="specs/good.yaml\n\nmkdocs.yml\n", python="")
    assert (fine.run(), fine.log, fine.used) == (0, "", [])
    missing = given(runner, paths="specs/god.yaml")
    assert missing.run() == 1
    assert "help: did you mean `specs/good.yaml`?" in missing.annotations()[0]


def test_sarif_is_written_and_uploaded_before_the_job_fails(runner: Runner) -> None:
    found = given(runner, sarif="out.sarif", upload="true")
    assert found.run() == 1
    assert found.used == ["actions/setup-python", "github/codeql-action/upload-sarif"]
    assert found.value(ACTION["outputs"]["sarif"]["value"]) == "out.sarif"
    log = json.loads((runner.workspace / "out.sarif").read_text(encoding="utf-8"))
    (result,) = log["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "specs/%24%28touch%20owned%29%20wrong.yaml"


def test_upload_is_asked_for(runner: Runner) -> None:
    found = given(runner, sarif="out.sarif", paths="specs/good.yaml")
    assert found.run() == 0
    assert found.used == ["actions/setup-python"]
    assert json.loads((runner.workspace / "out.sarif").read_text(encoding="utf-8"))["runs"]


def test_a_wrong_folder_for_sarif_fails_the_job(runner: Runner) -> None:
    assert given(runner, sarif="no/such/out.sarif", paths="specs/good.yaml").run() == 1


def test_the_format_can_be_demanded(runner: Runner) -> None:
    untidy = LENET.replace("name: tiny", "name: tiny  ")
    (runner.workspace / "specs" / "good.yaml").write_text(untidy, encoding="utf-8")
    assert given(runner, paths="specs/good.yaml").run() == 0
    assert given(runner, paths="specs/good.yaml", fmt="true").run() == 1


def test_only_what_a_pull_request_changes_is_checked(runner: Runner) -> None:
    def git(*arguments: str) -> str:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=runner.workspace, check=True,
            capture_output=True, text=True, env=plain, timeout=PATIENCE_SECONDS,
        ).stdout.strip()  # fmt: skip

    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "-m", "base")
    base = {"github.event.pull_request.base.sha": git("rev-parse", "HEAD")}
    (runner.workspace / "specs" / "good.yaml").write_text(LENET + "# more\n", encoding="utf-8")
    (runner.workspace / "mkdocs.yml").write_text("site_name: y\n", encoding="utf-8")
    git("commit", "--quiet", "-am", "change")
    changed = given(runner, changed_only="true")
    changed.values |= base
    assert (changed.run(), changed.annotations()) == (0, [])
    assert given(runner, changed_only="true").run() == 1  # no pull request: all paths
    base = {"github.event.pull_request.base.sha": git("rev-parse", "HEAD")}
    git("rm", "--quiet", "specs/good.yaml")
    git("commit", "--quiet", "-m", "gone")
    nothing = given(runner, changed_only="true", sarif="out.sarif", fmt="true")
    nothing.values |= base
    assert nothing.run() == 0
    assert not (runner.workspace / "out.sarif").exists()


def test_every_step_is_pinned_and_no_input_is_put_into_a_script() -> None:
    for step in STEPS:
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]


def test_every_input_is_used_and_described() -> None:
    text = json.dumps(ACTION["runs"])
    for name, about in ACTION["inputs"].items():
        assert about["description"]
        assert "default" in about
        assert f"inputs.{name}" in text
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == ACTION["inputs"].keys()
