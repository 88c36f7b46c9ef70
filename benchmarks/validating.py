"""Checking a spec: whole processes, and the elaboration alone within one.

- `archc validate resnet50` against `python -c pass`, and against a process that imports pydantic,
  typer and yaml and makes the same Pydantic models, as bare as `archc validate` makes them.
- every variant of the zoo validated in one process, against `python -c pass`.
- resnet50 elaborated and type-checked, its spec read before, against onnx.shape_inference on the
  structure of the model that archc builds of it, without its weights.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, of_latency, of_processes
from benchmarks.ground import ARCHC, PYTHON, Ground
from benchmarks.paired import run_once, run_pairs

NETWORK = "resnet50"
WHOLE_ZOO = """
import archc
from archc.language.library import zoo_specs
for name in zoo_specs():
    archc.validate(name)
"""
ELABORATE = """
import json, sys
from pathlib import Path
import onnx
from archc.diagnostics.reporter import Reporter
from archc.measuring.latency import measure_latency
from archc.onnx_io.reader import read_structure
from archc.pipeline.reading import load_spec
from archc.stages.elaborate import elaborate_spec
name, model, seconds = sys.argv[1:4]
TEN = 10  # at once, so that what one leaves in the caches does not count for the other
spec = load_spec(name, Reporter())
structure = onnx.load_model_from_string(read_structure(Path(model)))
runs = {
    "archc": lambda: elaborate_spec(spec.file, Reporter(), variant=spec.variant),
    "onnx": lambda: onnx.shape_inference.infer_shapes(structure),
}
runs = {name: lambda run=run: [run() for _ in range(TEN)] for name, run in runs.items()}
found = measure_latency(runs, "onnx", seconds=float(seconds))
amount = lambda q, by=1: q and {name: value / by for name, value in q._asdict().items()}
print(json.dumps({name: {
    "cpu_seconds": amount(one.cpu, TEN), "cpu_ratio": amount(one.cpu_ratio),
    "wall_ratio": amount(one.wall_ratio),
} for name, one in found.items()}))
"""


def measure(ground: Ground) -> Iterator[Figure]:
    """The figures, one by one."""
    nothing = [PYTHON, "-I", "-c", "pass"]
    validate = [ARCHC, "validate", NETWORK]
    many = max(3 * ground.pairs, 9)
    pairs = run_pairs(validate, nothing, pairs=many)
    yield of_processes(f"validate {NETWORK} / python -c pass", pairs, 20)
    pairs = run_pairs(validate, same_models(ground.folder), pairs=many)
    name = f"validate {NETWORK} / imports of pydantic, typer, yaml and the same models"
    yield of_processes(name, pairs, 1.25)
    pairs = run_pairs([PYTHON, "-I", "-c", WHOLE_ZOO], nothing, pairs=ground.pairs)
    yield of_processes("validate the whole zoo / python -c pass", pairs)
    yield elaboration(ground)


def same_models(folder: Path) -> list[str]:
    """A command that makes the models which `archc validate` makes; compiled beforehand."""
    written = subprocess.run(
        [PYTHON, "-m", "benchmarks.models_alone", NETWORK], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    (folder / "models_alone.py").write_text(written.stdout, encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); import models_alone"
    run_once([PYTHON, "-I", "-c", program])
    return [PYTHON, "-I", "-c", program]


def elaboration(ground: Ground) -> Figure:
    """Elaboration within a process."""
    command = [PYTHON, "-c", ELABORATE, NETWORK, str(ground.built(NETWORK)), str(ground.seconds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    name = f"elaborate {NETWORK}, in process / onnx infer_shapes, structure only"
    return of_latency(name, found["archc"], found["onnx"], 10)
