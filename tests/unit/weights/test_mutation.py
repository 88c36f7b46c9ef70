"""Damaged files: any flipped, cut or copied bytes end in a success or in diagnostics."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.readers import open_checkpoint
from tests.unit.weights.torch_files import (
    ORDERED_DICT,
    Call,
    Global,
    Raw,
    legacy_storages,
    opcodes,
    state_of,
    write_legacy,
    write_zip,
)

ROUNDS = 800

ARRAYS: dict[str, npt.NDArray[np.generic]] = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.ones(2, np.float64),
    "bn.num_batches_tracked": np.array(3),
    "half": np.ones((1, 2), np.float16),
}


def root(*, legacy: bool) -> dict[str, object]:
    state, _ = state_of(ARRAYS, legacy=legacy)
    return {
        "state_dict": Raw(opcodes(ORDERED_DICT) + b"q\x01" + opcodes(state)[1:]),
        "epoch": 300,
        "history": [1.5, None, (True, "x")],
        "args": Call(Global("argparse", "Namespace"), ()),
        "again": Raw(b"h\x01"),
    }


def write(form: str, path: Path) -> None:
    if form == "safetensors":
        save_file(ARRAYS, path, {"format": "pt"})
    elif form == "zip":
        write_zip(path, root(legacy=False), state_of(ARRAYS)[1])
    else:
        write_legacy(path, root(legacy=True), legacy_storages(ARRAYS))


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, *b"(.RtQcubs"))
            case 2:
                end = at + chance.randrange(1, 9)
                other = chance.randrange(len(changed))
                changed[at:end] = changed[other : other + end - at]
            case _:
                del changed[at : at + chance.randrange(1, 5)]
        if not changed:
            return b""
    return bytes(changed)


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_damaged_file_gives_tensors_or_diagnostics(tmp_path: Path, form: str) -> None:
    path = tmp_path / "net"
    write(form, path)
    whole = path.read_bytes()
    chance = random.Random(f"archc {form}")
    outcomes = {True: 0, False: 0}
    for _ in range(ROUNDS):
        path.write_bytes(mutated(whole, chance))
        reporter = Reporter()
        checkpoint = open_checkpoint(path, reporter)
        outcomes[isinstance(checkpoint, Failed)] += 1
        if isinstance(checkpoint, Failed):
            (diagnostic,) = reporter.diagnostics
            assert diagnostic.message.isprintable()
            continue
        with checkpoint:
            for source in checkpoint.tensors.values():
                size = sum(len(chunk) for chunk in source.chunks("float32"))
                assert size == 4 * int(np.prod(source.shape, dtype=object))
    assert min(outcomes.values()) > ROUNDS // 50
