"""A command pays for what it uses: what it must not have imported by its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

HEAVY = {"onnx", "onnxruntime", "numpy", "torch", "PIL"}
COMMAND = """
import sys
from archc.cli.main import main

sys.argv = ["archc", *sys.argv[1:]]
try:
    status = main()
except SystemExit as stopped:
    status = stopped.code
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(status)
"""


def imported(code: str, *arguments: str) -> set[str]:
    """The modules that a program has imported when it ends well."""
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return set(run.stderr.split())


@pytest.mark.parametrize("command", ["validate", "summary"])
def test_a_look_at_a_spec_imports_no_array_library(command: str) -> None:
    found = imported(COMMAND, command, "resnet50")
    assert "archc.pipeline.networks" in found
    assert found & HEAVY == set()
    assert not found & {"archc.pipeline.building", "archc.onnx_io.writer", "archc.weights.policies"}


def test_weights_that_are_copied_as_they_are_need_no_array_library(tmp_path: Path) -> None:
    model, checkpoint = str(tmp_path / "lenet.onnx"), str(tmp_path / "lenet.safetensors")
    imported(COMMAND, "build", "lenet5", "-o", model)
    imported(COMMAND, "weights", "extract", model, "-o", checkpoint)
    found = imported(COMMAND, "build", "lenet5", "--weights", checkpoint, "-o", model)
    assert "archc.onnx_io.writer" in found
    assert found & HEAVY == set()


def test_only_the_families_of_a_spec_are_imported() -> None:
    found = imported(COMMAND, "validate", "lenet5")
    assert "archc.layers.convolution" in found
    assert not found & {"archc.layers.upsampling", "archc.layers.unpooling", "archc.layers.merge"}


def test_importing_the_package_imports_nothing_else() -> None:
    found = imported('import archc, sys; print(*sys.modules, sep="\\n", file=sys.stderr)')
    assert {name for name in found if name.startswith("archc")} == {"archc", "archc.version"}
    assert found & {*HEAVY, "pydantic", "yaml", "typer"} == set()
