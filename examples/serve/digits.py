"""Handwritten digits from a spec to a served answer: `python examples/serve/digits.py`.

The spec and its trained weights are packed for Triton, the real server is started with the package
(and installed on first use), and held-out pictures are sent to it. It fails where more than one in
a hundred is read wrongly.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import archc

DIGITS = Path(__file__).parent.parent / "digits"
PICTURES = sorted((DIGITS / "held_out").glob("*.png"))

with tempfile.TemporaryDirectory() as folder:
    package = Path(folder) / "digits"
    archc.pack(DIGITS / "digits.yaml", package, weights=DIGITS / "lenet5_digits.safetensors")
    with archc.serve(package) as server:
        print(f"{server.title} serves {server.http}/v2/models/digits")
        answers = archc.call(server.http, PICTURES)

right = sum(a.classes is not None and a.classes[0].label == a.image.name[0] for a in answers)
print(f"served digits read right: {right} of {len(PICTURES)}")
sys.exit(0 if right >= 0.99 * len(PICTURES) else 1)
