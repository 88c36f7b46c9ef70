"""Each example as a user starts it, from its command to its end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *arguments: str) -> str:
    """The standard output of an example that ends well."""
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_demonstration_reads_the_held_out_digits() -> None:
    found = re.search(r"held-out digits right in ONNX Runtime: (\d+) of 360", run("digits/demo.py"))
    assert found is not None
    assert int(found[1]) >= 0.97 * 360


def test_the_edges_of_the_photograph_are_written(tmp_path: Path) -> None:
    run("edges/edges.py", str(tmp_path))
    names = ["horizontal", "scharr", "sobel", "vertical"]
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == names
    for name in names:
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == (320, 214)
            assert picture.getextrema() == (0, 255)


@pytest.mark.triton
def test_the_served_digits_are_read() -> None:
    found = re.search(r"served digits read right: (\d+) of 360", run("serve/digits.py"))
    assert found is not None
    assert int(found[1]) >= 0.99 * 360
