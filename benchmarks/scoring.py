"""Pictures a second of `archc score`, against a plain loop: `python -m benchmarks.scoring`.

The plain loop decodes one picture, runs ONNX Runtime on it and goes on; weights are random, since
only the time counts. Whole processes are timed, starts included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.paired import run_once

PHOTO = Path(__file__).parents[1] / "examples" / "edges" / "picture.jpg"
ARCHC = str(Path(sys.executable).with_name("archc"))
PLAIN_LOOP = """
import sys
from pathlib import Path
import numpy as np
from archc.diagnostics.reporter import Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
model = open_model(Path(sys.argv[1]), Reporter(), threads=int(sys.argv[3]))
for path in sorted(Path(sys.argv[2]).iterdir()):
    tensor = to_tensor(path, model.record.preprocess, model.inputs[0], Reporter())
    model.session.run(None, {model.inputs[0].name: tensor[None]})
"""


def draw(folder: Path, count: int) -> None:
    """Pictures of 640 × 480 and like sizes, cut from a photo."""
    with Image.open(PHOTO) as photo:
        for i in range(count):
            part = photo.crop((i % 60, i % 40, photo.width - i % 50, photo.height - i % 30))
            part.resize((640 - i % 64, 480 + i % 64)).convert("RGB").save(folder / f"{i:05}.jpg")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, model = Path(name), f"{name}/model.onnx"
        (folder / "in").mkdir()
        draw(folder / "in", options.pictures)
        run_once([ARCHC, "build", options.model, "-o", model])
        print("| threads | way | pictures a second | CPU ms a picture | MiB |")
        print("| --- | --- | --- | --- | --- |")
        for threads in map(str, options.threads):
            score = [ARCHC, "score", model, f"{name}/in", "-o", f"{name}/out.parquet"]
            ways = {
                "plain loop": [sys.executable, "-c", PLAIN_LOOP, model, f"{name}/in", threads],
                "archc score": [*score, "--threads", threads, "--workers", threads],
            }
            for way, command in ways.items():
                best = min((run_once(command) for _ in range(3)), key=lambda s: s.wall_seconds)
                rate = options.pictures / best.wall_seconds
                cpu = 1000 * best.cpu_seconds / options.pictures
                print(f"| {threads} | {way} | {rate:.1f} | {cpu:.1f} | {best.peak_mib:.0f} |")


if __name__ == "__main__":
    main()
