"""Every figure of docs/benchmarks.md, in one run: `python -m benchmarks` (or `make bench`).

A table of ratios to peers, in six parts:

    validating  `archc validate`, and elaboration in process
    building    `archc build` against `cp` and torch.onnx.export; memory
    sizes       bytes beyond the weights
    starting    session start with external data
    latency     float32, against torch's exports and onnxslim
    rounding    int8, against float32 and the stock quantiser

and, each with a table of its own:

    checkpoints   builds from checkpoints of up to 4 GB, against `cp`; needs 13 GB of disk
    keras_export  answers of Keras's own export at even and odd sizes
    eight_bits    int8 on real data, beside the stock quantiser; trains fifteen small networks
    editor        how long the language server takes to answer

`python -m benchmarks NAME…` runs some. Ratios are medians over runs in turn, with their quartiles;
one that is above what is asked for stands in bold. `archc` is measured as it is installed.
`benchmarks.serving` and `benchmarks.scoring` are commands of their own.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.figures import HEAD
from benchmarks.ground import PYTHON, Ground

NAMES = ("validating", "building", "sizes", "starting", "latency", "rounding")
SECTIONS = {
    "checkpoints": "From a checkpoint, against a copy of it",
    "keras_export": "Keras's own export",
    "eight_bits": "Eight bits on real data",
    "editor": "The language server",
}
PACKAGES = ("torch", "torchvision", "onnx", "onnxruntime", "onnxslim", "numpy", "pydantic")


def machine() -> Iterator[str]:
    """The lines that say where and when figures were measured, and with what."""
    yield f"Measured {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, {_processor()}."
    versions = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    yield ", ".join(versions) + "."


def _processor() -> str:
    import os

    name = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
        memory = Path("/proc/meminfo").read_text(encoding="ascii").split()[1]
        name += f", {round(int(memory) / 2**20)} GiB"
    except (OSError, StopIteration):
        pass
    return f"{len(os.sched_getaffinity(0))} cores of {name}"


def run_one(name: str, ground: Ground) -> bool:
    """Prints the figures of one benchmark; whether all are as low as they are asked to be."""
    reached = True
    for figure in import_module(f"benchmarks.{name}").measure(ground):
        print(figure.row(), flush=True)
        reached = reached and figure.is_reached
    return reached


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    every = (*NAMES, *SECTIONS)
    parser.add_argument("names", nargs="*", default=every, metavar="NAME", help=", ".join(every))
    parser.add_argument("--pairs", type=int, default=3, help="of whole processes")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each latency")
    parser.add_argument("--folder", type=Path, help="where files are kept for the next run")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if wrong := set(options.names) - set(every):
        parser.error(f"there is no {', '.join(sorted(wrong))}: {', '.join(every)}")
    if options.alone:
        ground = Ground(options.folder, options.pairs, options.seconds)
        reached = [run_one(name, ground) for name in options.names]
        return 0 if all(reached) else 1
    print("\n".join(machine()), flush=True)
    in_table = [name for name in options.names if name in NAMES]
    statuses = table(in_table, options) if in_table else []
    for name in options.names:
        if name in SECTIONS:
            print(f"\n## {SECTIONS[name]}\n", flush=True)
            command = [PYTHON, "-m", f"benchmarks.{name}"]
            statuses.append(subprocess.run(command, check=False).returncode)
    return max(statuses, default=0)


def table(names: list[str], options: argparse.Namespace) -> list[int]:
    """Prints the figures with ratios; whether each part reaches what is asked, 0 or 1."""
    print(f"\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--folder", str(folder), "--pairs", str(options.pairs),
                 "--seconds", str(options.seconds), "--alone"]  # fmt: skip
        # Each in a process of its own: the peak of a child begins with that of its parent.
        return [
            subprocess.run([PYTHON, "-m", "benchmarks", name, *words], check=False).returncode
            for name in names
        ]


if __name__ == "__main__":
    sys.exit(main())
