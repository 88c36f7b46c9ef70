"""Every figure of this folder, in one run: `python -m benchmarks` (or `make bench`).

    validate    `archc validate resnet50`, cold, against `python -c pass`
    zoo         every variant of the zoo validated in one process, against `python -c pass`
    build       `archc build` from safetensors against `torch.onnx.export` of the same model

`archc` is measured as it is installed, not from the checkout; `--pairs N` sets how often each pair
is run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.paired import Comparison, compare, run_once, table

PYTHON = sys.executable
ARCHC = [str(Path(PYTHON).with_name("archc"))]
MODELS = ("resnet50", "vgg16")


def measure_validate(pairs: int) -> list[Comparison]:
    """Start-up: one variant, and the whole zoo in one process."""
    nothing = [PYTHON, "-I", "-c", "pass"]
    script = (
        "import archc\nfrom archc.language.library import zoo_specs\n"
        "for name in zoo_specs():\n    archc.validate(name)"
    )
    return [
        compare("validate resnet50 / python -c pass", [*ARCHC, "validate", "resnet50"], nothing,
                pairs=max(pairs * 3, 9)),
        compare("validate the whole zoo / python -c pass", [PYTHON, "-I", "-c", script], nothing,
                pairs=pairs),
    ]  # fmt: skip


def measure_build(pairs: int, models: list[str]) -> list[Comparison]:
    """`archc build` against torch's two exporters, whole processes."""
    found: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in models:
            weights = Path(folder) / f"{name}.safetensors"
            run_once([
                PYTHON, "-m", "tools.oracle", name, "--weights", str(weights),
                "--answers", f"{folder}/answers.npz", "--batch", "1",
            ])  # fmt: skip
            ours = [*ARCHC, "build", name, "--weights", str(weights), "-o", f"{folder}/a.onnx"]
            copy = ["cp", str(weights), f"{folder}/copy"]
            found.append(compare(f"build {name} / cp of its weights", ours, copy, pairs=pairs))
            for way, flags in (("TorchScript", []), ("dynamo", ["--dynamo"])):
                theirs = [
                    PYTHON, "-m", "benchmarks.export_with_torch", name, str(weights),
                    f"{folder}/t.onnx", *flags,
                ]  # fmt: skip
                title = f"build {name} / torch.onnx.export ({way})"
                found.append(compare(title, ours, theirs, pairs=pairs, warmup=0))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--only", choices=["validate", "build"])
    options = parser.parse_args()
    found: list[Comparison] = []
    if options.only != "build":
        found += measure_validate(options.pairs)
    if options.only != "validate":
        found += measure_build(options.pairs, options.models)
    print(table(found))


if __name__ == "__main__":
    main()
