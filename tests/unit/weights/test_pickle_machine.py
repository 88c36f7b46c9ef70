"""Hostile pickles: nothing they name is run, and what they cost is bounded."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from tests.unit.weights.reading import refused, slug, values
from tests.unit.weights.torch_files import (
    ORDERED_DICT,
    Built,
    Call,
    Global,
    Raw,
    Storage,
    opcodes,
    pickled,
    state_of,
    tensor,
    write_legacy,
    write_zip,
)

STATE, STORAGES = state_of({"w": np.arange(4, dtype=np.float32)})
GOOD = opcodes(STATE)
LARGEST_MEMORY_BYTES = 4_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


class Attack:
    """Makes a file when it is unpickled by Python."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    @override
    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.canary), 0o755)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_call_of_a_function_is_refused_and_not_run(
    path: Path, tmp_path: Path, protocol: int
) -> None:
    canary = tmp_path / "canary"
    attack = pickle.dumps({"state_dict": Attack(canary)}, protocol)
    write_zip(path, attack)
    found = refused(path)
    assert found.rule.slug == "weights/refused-global"
    assert ".mkdir`" in found.message
    write_legacy(path, attack)
    assert slug(path) == "weights/refused-global"
    assert not canary.exists()
    pickle.loads(attack)
    assert canary.exists(), "the attack would have worked"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("__builtin__", "exec"),
        ("torch._utils", "os.system"),
        ("torch", "_utils._rebuild_tensor_v2"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.serialization", "load"),
        ("torch.hub", "load"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("collections", "OrderedDict.__class__"),
        ("collections ", "OrderedDict"),
        ("copyreg", "_reconstructor"),
        ("pkgutil", "resolve_name"),
        ("", ""),
    ],
)
def test_only_exact_names_are_allowed(path: Path, module: str, name: str) -> None:
    write_zip(path, {"x": Call(Global(module, name), ("echo",)), "w": STATE["w"]}, STORAGES)
    assert slug(path) == "weights/refused-global"
    by_stack = opcodes(module) + opcodes(name) + b"\x93"
    write_zip(path, {"x": Raw(by_stack), "w": STATE["w"]}, STORAGES)
    assert slug(path) == "weights/refused-global"


def test_refused_global_is_refused_though_its_result_is_dropped(path: Path) -> None:
    dropped = opcodes(Call(Global("os", "system"), ("true",))) + b"0"
    write_zip(path, b"\x80\x02" + dropped + GOOD + b".", STORAGES)
    assert slug(path) == "weights/refused-global"


def test_name_is_escaped_in_the_message(path: Path) -> None:
    write_zip(path, {"x": Global("\x1b[31mos", "sys\ttem")})
    assert "`\\x1b[31mos.sys\\ttem`" in refused(path).message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"]K\x01K\x02s", id="SETITEM on a list"),
        pytest.param(opcodes(STATE["w"]) + b"K\x01K\x02s", id="SETITEM on a tensor"),
        pytest.param(opcodes("text") + b"K\x01K\x02s", id="SETITEM on a text"),
        pytest.param(b"](K\x01K\x02u", id="SETITEMS on a list"),
        pytest.param(b"}(K\x01u", id="SETITEMS without a value"),
        pytest.param(b"}K\x01a", id="APPEND on a dictionary"),
        pytest.param(b")(K\x01e", id="APPENDS on a tuple"),
        pytest.param(b"](K\x01\x90", id="ADDITEMS on a list"),
        pytest.param(b"K\x01)R", id="REDUCE of a number"),
        pytest.param(opcodes(ORDERED_DICT) + b")R", id="REDUCE of a dictionary"),
        pytest.param(opcodes(Global("torch", "float32")) + b")R", id="REDUCE of a type"),
        pytest.param(opcodes(Global("torch", "Tensor")) + b")\x81", id="NEWOBJ of a tensor"),
        pytest.param(opcodes(Global("torch", "Size")) + b"]R", id="REDUCE with a list"),
        pytest.param(b"]}b", id="BUILD of a list"),
        pytest.param(b"K\x01}b", id="BUILD of a number"),
        pytest.param(opcodes(Built(STATE["w"], {"data": 1})), id="BUILD of a tensor"),
        pytest.param(opcodes(Built(STATE["w"], (1, 2, 3, 4))), id="BUILD as old tensors"),
        pytest.param(b"0", id="POP of nothing"),
        pytest.param(b"(0", id="POP below a mark"),
        pytest.param(b"K\x01(\x85", id="TUPLE1 below a mark"),
        pytest.param(b"t", id="TUPLE without a mark"),
        pytest.param(b"1", id="POP_MARK without a mark"),
        pytest.param(b"h\x07", id="GET of nothing"),
        pytest.param(b"q\x00", id="PUT of nothing"),
        pytest.param(b"K\x01Q", id="persistent id that is a number"),
        pytest.param(b")Q", id="persistent id that is empty"),
        pytest.param(opcodes(("module", 1, 2, 3, 4)) + b"Q", id="persistent id of a module"),
        pytest.param(opcodes(("storage", "x", "0", "cpu", 4)) + b"Q", id="storage of no type"),
        pytest.param(b"K\x01K\x01\x93", id="STACK_GLOBAL of numbers"),
        pytest.param(b"2", id="DUP"),
        pytest.param(b"I1\n", id="text of protocol 0"),
        pytest.param(b"\x82\x01", id="EXT1"),
        pytest.param(b"i os\nsystem\n", id="INST"),
        pytest.param(b"o", id="OBJ"),
        pytest.param(b"\x92", id="NEWOBJ_EX"),
        pytest.param(b"P0\n", id="PERSID"),
        pytest.param(b"\x97", id="NEXT_BUFFER"),
        pytest.param(b"\x80\x06", id="protocol 6"),
        pytest.param(b"\xff", id="no opcode"),
        pytest.param(b"X\x01\x00\x00\x00\xff", id="text that is not UTF-8"),
        pytest.param(b"}]K\x01s", id="list as a key"),
        pytest.param(b"}" + opcodes(((1,),)) + b"K\x01s", id="nested tuple as a key"),
        pytest.param(b"}" + opcodes(2**64) + b"K\x01s", id="huge number as a key"),
        pytest.param(b"K\x01", id="two values"),
        pytest.param(b"(", id="open mark"),
    ],
)
def test_step_that_does_not_fit_is_refused(path: Path, body: bytes) -> None:
    write_zip(path, b"\x80\x02" + body + GOOD + b".", STORAGES)
    found = refused(path)
    assert found.rule.slug == "weights/malformed-pickle"
    assert "(before byte " in found.message


@pytest.mark.parametrize(
    "call",
    [
        Call(Global("torch._utils", "_rebuild_tensor_v2"), ()),
        Call(Global("torch._utils", "_rebuild_tensor"), (1, 2, 3, 4)),
        Call(Global("torch._utils", "_rebuild_tensor_v3"), (1, 2, 3, 4, 5, 6, 7)),
        Call(Global("torch._utils", "_rebuild_tensor"), (1, 2, 3)),
        Call(Global("torch._utils", "_rebuild_tensor_v3"), (1, 2, 3)),
        Call(Global("torch._utils", "_rebuild_parameter"), (1, True, {})),
        Call(Global("torch._utils", "_rebuild_parameter"), ()),
        Call(Global("torch.nn.parameter", "Parameter"), ()),
        Call(Global("torch._tensor", "_rebuild_from_type_v2"), ()),
        Call(
            Global("torch._tensor", "_rebuild_from_type_v2"),
            (Global("torch._utils", "_rebuild_tensor"), Global("torch", "Size"), (), {}),
        ),
        Call(Global("torch", "Size"), (1,)),
        Call(Global("collections", "OrderedDict"), (1,)),
        Call(Global("collections", "OrderedDict"), ([1],)),
        Call(Global("collections", "OrderedDict"), ([[1, 2, 3]],)),
        Call(Global("collections", "OrderedDict"), ([[[], 2]],)),
        Call(Global("collections", "OrderedDict"), ([], [])),
    ],
)
def test_wrong_arguments_are_refused(path: Path, call: Call) -> None:
    write_zip(path, {"x": call, "w": STATE["w"]}, STORAGES)
    assert slug(path) == "weights/malformed-pickle"


def test_negated_and_conjugated_tensors_are_refused(path: Path) -> None:
    plain = tensor(Storage("0", "FloatStorage", 4), [4])
    marked = Call(plain.function, (*plain.arguments, {"neg": True}))
    write_zip(path, {"w": marked}, STORAGES)
    assert "marks" in refused(path).message


def test_rebuilding_by_itself_is_refused_at_any_depth(path: Path) -> None:
    itself = Global("torch._tensor", "_rebuild_from_type_v2")
    parts: tuple[object, ...] = ()
    for _ in range(100):
        parts = (itself, Global("torch", "Tensor"), parts, None)
    write_zip(path, {"w": Call(itself, parts)})
    assert slug(path) == "weights/malformed-pickle"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        pytest.param(b"\x8e" + struct.pack("<Q", 2**62), "truncated", id="BINBYTES8"),
        pytest.param(b"\x8d" + struct.pack("<Q", 2**40), "truncated", id="BINUNICODE8"),
        pytest.param(b"\x96" + struct.pack("<Q", 2**63), "truncated", id="BYTEARRAY8"),
        pytest.param(b"B" + struct.pack("<I", 2**32 - 1), "truncated", id="BINBYTES"),
        pytest.param(b"T" + struct.pack("<I", 2**31), "truncated", id="BINSTRING"),
        pytest.param(b"\x8b" + struct.pack("<I", 2**31), "too-large", id="LONG4"),
        pytest.param(b"Nr" + struct.pack("<I", 2**32 - 1), "too-large", id="LONG_BINPUT"),
        pytest.param(b"(" * 1001, "too-large", id="marks"),
        pytest.param(b"N" * 500_001, "too-large", id="values"),
        pytest.param(b"c" + b"a" * 300 + b"\n", "too-large", id="name"),
    ],
)
def test_bomb_is_refused_in_little_memory(path: Path, body: bytes, rule: str) -> None:
    write_zip(path, b"\x80\x02" + body + GOOD + b".", STORAGES)
    tracemalloc.start()
    try:
        found = slug(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == f"weights/{rule}"
    assert peak < LARGEST_MEMORY_BYTES + 8 * 500_000


def test_steps_are_bounded(path: Path) -> None:
    write_zip(path, b"\x80\x02" + b"N0" * 1_000_001 + GOOD + b".", STORAGES)
    assert "takes more than 2000000 steps" in refused(path).message


def test_length_within_a_large_file_is_bounded_too(path: Path) -> None:
    body = b"\x80\x02\x8e" + struct.pack("<Q", 70_000_000)
    write_legacy(path, body)
    with path.open("r+b") as file:
        file.truncate(100_000_000)
    assert slug(path) == "weights/too-large"


def test_chain_of_pairs_costs_its_length_and_not_two_to_its_length(path: Path) -> None:
    doubling = b")" + b"".join(b"q\x01h\x01\x86" for _ in range(5000))
    write_zip(path, b"\x80\x02" + doubling + b"0" + GOOD + b".", STORAGES)
    assert values(path)["w"].tolist() == [0, 1, 2, 3]


def test_deeply_nested_values_are_built_and_dropped(path: Path) -> None:
    nested = b")" + b"\x85" * 300_000 + b"0" + b"]" * 100_000 + b"a" * 99_999 + b"0"
    write_zip(path, b"\x80\x02" + nested + GOOD + b".", STORAGES)
    assert values(path)["w"].tolist() == [0, 1, 2, 3]


def test_pairs_used_again_and_again_are_counted(path: Path) -> None:
    pairs = opcodes([[str(number), 0] for number in range(2000)]) + b"q\x050"
    again = opcodes(Global("collections", "OrderedDict")) + b"h\x05\x85R0"
    write_zip(path, b"\x80\x02" + pairs + again * 2500 + GOOD + b".", STORAGES)
    assert slug(path) == "weights/too-large"


def test_numbers_that_collide_as_keys_stay_cheap(path: Path) -> None:
    # All of these hash to 0 in Python, which would take quadratic time in one dictionary.
    prime = 2**61 - 1
    colliding = {prime * factor: None for factor in range(1, 8)}
    keys = b"".join(opcodes(prime * (1 + index % 7)) + b"N" for index in range(50_000))
    write_zip(path, b"\x80\x02}(" + keys + b"u0" + GOOD + b".", STORAGES)
    assert values(path)["w"].tolist() == [0, 1, 2, 3]
    write_zip(path, {"numbers": colliding, "w": STATE["w"]}, STORAGES)
    assert list(values(path)) == ["w"]


def test_same_number_and_text_are_different_keys(path: Path) -> None:
    write_zip(path, pickled({1: 5, "1": STATE["w"]}), STORAGES)
    assert list(values(path)) == ["1"]
