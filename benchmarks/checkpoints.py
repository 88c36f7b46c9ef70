"""From a checkpoint to a model: `python -m benchmarks checkpoints`.

Whole `archc build` processes for resnet50, vgg16 and a synthetic network of 4 GB, from safetensors
and from what torch.save writes, into one file and with external data, each against `cp` of the
checkpoint; the peak of memory is that of the process. torch's exporters are measured by
`python -m benchmarks`. The synthetic network needs 13 GB of disk: `--without-synthetic`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.paired import Comparison, compare, run_once, table

PYTHON = sys.executable
ARCHC = [str(Path(PYTHON).with_name("archc"))]
LAYERS, FEATURES = 16, 8192

SYNTHETIC = f"""
archc: 1
name: synthetic
description: As many weights as a file with external data is for.
input: {{features: {FEATURES}}}
layers:
  layers: [{{dense: {FEATURES}, bias: false, repeat: {LAYERS}}}]
outputs: {{output: layers}}
"""

SAVE_WITH_TORCH = """
import sys, torch
from safetensors.torch import load_file
torch.save(load_file(sys.argv[1]), sys.argv[2])
"""


def write_synthetic(folder: Path) -> tuple[Path, Path]:
    """The spec and its checkpoint, written piece by piece."""
    spec, weights = folder / "synthetic.yaml", folder / "synthetic.safetensors"
    spec.write_text(SYNTHETIC, encoding="utf-8")
    size = FEATURES * FEATURES * 4
    header = {
        f"layers.{i}.weight": {
            "dtype": "F32",
            "shape": [FEATURES, FEATURES],
            "data_offsets": [i * size, (i + 1) * size],
        }
        for i in range(LAYERS)
    }
    text = json.dumps(header).encode()
    row = b"".join((k % 251).to_bytes(1, "little") + b"\0\0\x3c" for k in range(FEATURES))
    with weights.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _ in range(LAYERS * FEATURES):
            file.write(row)
    return spec, weights


def measure(name: str, spec: str, weights: Path, folder: Path, pairs: int) -> list[Comparison]:
    """One network from both forms of its checkpoint, in both forms of its model."""
    pickled = weights.with_suffix(".pth")
    run_once([PYTHON, "-c", SAVE_WITH_TORCH, str(weights), str(pickled)])
    is_large = weights.stat().st_size > 2**31
    found: list[Comparison] = []
    for source in (weights, pickled):
        copy = ["cp", str(source), str(folder / "copy")]
        for words in ([], ["--external-data"]):
            if is_large and not words:
                continue
            out = folder / "model.onnx"
            ours = [*ARCHC, "build", spec, "--weights", str(source), "-o", str(out), *words]
            title = f"build {name} from {source.suffix}{', external data' if words else ''} / cp"
            found.append(compare(title, ours, copy, pairs=pairs))
    pickled.unlink()
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=["resnet50", "vgg16"])
    parser.add_argument("--without-synthetic", action="store_true")
    parser.add_argument(
        "--folder", type=Path, help="on a disk with room; default: the temporary one"
    )
    options = parser.parse_args()
    found: list[Comparison] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        for name in options.models:
            weights = folder / f"{name}.safetensors"
            run_once([
                PYTHON, "-m", "tools.oracle", name, "--weights", str(weights),
                "--answers", str(folder / "answers.npz"), "--batch", "1",
            ])  # fmt: skip
            found += measure(name, name, weights, folder, options.pairs)
            weights.unlink()
        if not options.without_synthetic:
            spec, weights = write_synthetic(folder)
            found += measure("4 GB", str(spec), weights, folder, options.pairs)
    print(table(found))


if __name__ == "__main__":
    main()
