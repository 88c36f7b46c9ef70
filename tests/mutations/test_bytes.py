"""Bytes of the zoo's files, broken anyhow: each ends in an answer, in bounded time and memory.

Many are tried in one process of their own, whose processor time and memory are limited.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.diagnostics.text import render_text
from archc.language.library import zoo_folder
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec

SECONDS = 10
MEMORY_BYTES = 1_000_000_000
TEXTS = 60
"""Texts in one process; small enough for every run of the tests."""

HOSTILE = [
    "layers: " + "[" * 3_000_000,
    "layers: " + "{a: " * 900_000,
    "? " * 1_900_000,
    "- " * 1_900_000,
    "&a " * 1_000_000,
    "layers: [" + "*a, " * 900_000 + "]",
    "a: " + "'" * 3_999_000,
    "a: |" + "\n " * 1_900_000,
    "!" * 3_900_000,
    "%" + "a" * 3_900_000,
    "\n".join(f"k{i}: {i}" for i in range(90_000)),
    "archc: 1\nname: t\ninput: {x: [3, H, W]}\nlayers:\n" + "  - {conv: 3, kernel: 3}\n" * 40_000,
    "archc: 1\nname: t\ninput: {x: [3, H, W]}\nlet: {a: $(" + "(" * 1_900 + ")}\nlayers: [relu]",
    "archc: 1\nname: t\ninput: {x: 3}\nlet: {a: $(9 ** 9 ** 9 ** 9)}\nlayers: [relu]",
    "archc: 1\nname: t\ninput: {x: 3}\nlet: {a: $(range(10000) * 10000)}\nlayers: [relu]",
    "archc: 1\nname: t\ninput: {x: 3}\nweights: {ignore: ['"
    + "(a*)*" * 2_000
    + "b']}\nlayers: [relu]",
    "archc: 1\nname: t\ninput: {x: 3}\nweights: {ignore: ['((a{1,1000}){1,1000}){1,1000}']}\n"
    "layers: [relu]",
    "archc: 1\nname: t\ninput: {x: [3, H, 8]}\nlayers:\n"
    + "".join(f"  - {{max_pool: {k}}}\n  - {{upsample: {k + 1}}}\n" for k in (2, 3, 5, 7, 11, 13))
    + "  - {add: [[], {from: input}]}\n",
]


def broken(text: str, seed: int) -> str:
    """A text with a few of its bytes replaced, doubled, moved or taken out."""
    draw = random.Random(seed)
    data = bytearray(text.encode())
    for _ in range(draw.randint(1, 12)):
        start = draw.randrange(len(data))
        end = min(len(data), start + draw.choice((1, 1, 1, 2, 8, 40)))
        piece = bytes(data[start:end])
        change = draw.randrange(5)
        if change == 0:
            data[start:end] = draw.randbytes(end - start)
        elif change == 1:
            data[start:start] = piece * draw.choice((1, 2, 50))
        elif change == 2:
            del data[start:end]
        elif change == 3:
            data[start:end] = bytes([draw.choice(b"{}[],:'\"$()&*!|>%@`#-?\n\t ")])
        else:
            at = draw.randrange(len(data))
            data[at:at] = piece
    return data.decode("utf-8", errors="replace")


def answer(text: str, name: str) -> None:
    """Validates a text and shows what was found, as the command does."""
    reporter = Reporter()
    spec = read_spec(Source(name, text), reporter)
    if not isinstance(spec, Failed):
        validate_spec(spec, Choices(), reporter)
    render_text(reporter.diagnostics)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _in_a_limited_process(program: str, seconds: int) -> subprocess.CompletedProcess[str]:
    head = f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))\n"
    command = [sys.executable, "-c", head + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=_limit)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_is_answered_within_ten_seconds_and_a_gigabyte(number: int) -> None:
    program = (
        "from tests.mutations import test_bytes as t\n"
        f"t.answer(t.HOSTILE[{number}], 'spec.yaml')\nprint('answered')\n"
    )

    ran = _in_a_limited_process(program, SECONDS)

    assert (ran.returncode, ran.stdout) == (0, "answered\n"), ran.stderr[-2_000:]


def test_broken_bytes_are_answered_within_their_time_and_memory() -> None:
    program = "from tests.mutations import test_bytes as t\nprint(t.slowest())\n"

    ran = _in_a_limited_process(program, SECONDS * TEXTS)

    assert ran.returncode == 0, ran.stderr[-2_000:]
    assert float(ran.stdout) < SECONDS


def slowest() -> float:
    """The processor seconds that the slowest of the broken files takes."""
    paths = sorted(zoo_folder().rglob("*.yaml"))
    most = 0.0
    for seed in range(TEXTS):
        path: Path = paths[seed % len(paths)]
        start = time.process_time()
        answer(broken(path.read_text(encoding="utf-8"), seed), str(path))
        most = max(most, time.process_time() - start)
    return most
