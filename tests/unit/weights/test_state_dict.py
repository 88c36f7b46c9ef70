"""Which tensors are taken from what a checkpoint holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.weights.reading import opened, refused, slug
from tests.unit.weights.torch_files import Raw, Storage, opcodes, pickled, tensor, write_zip

STORAGES = {"0": np.arange(4, dtype=np.float32).tobytes()}
T = tensor(Storage("0", "FloatStorage", 4), [4])
S = tensor(Storage("0", "FloatStorage", 4), [])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


@pytest.mark.parametrize(
    ("root", "names", "notes"),
    [
        ({"a.w": T, "b.w": T}, ["a.w", "b.w"], ()),
        ({"state_dict": {"w": T}}, ["w"], ("used the weights under `state_dict`",)),
        ({"model": {"w": T}, "epoch": 3}, ["w"], ("used the weights under `model`",)),
        (
            {"model_ema": {"e": T}, "model": {"w": T}},
            ["w"],
            ("used the weights under `model`; the checkpoint also has `model_ema`",),
        ),
        (
            {"net": {"n": T}, "state_dict": {"w": T}, "ema": {"e": T}},
            ["w"],
            ("used the weights under `state_dict`; the checkpoint also has `net`, `ema`",),
        ),
        (
            {"head": {"h": T}, "net": {"n": T}, "optimizer": {"m": T}, "args": {"lr": 1}},
            ["n"],
            ("used the weights under `net`; the checkpoint also has `head`",),
        ),
        ({"ema": {"e": T}}, ["e"], ("used the weights under `ema`",)),
        (
            {"ema": {"module": {"e": T}}},
            ["e"],
            ("used the weights under `ema`", "used the weights under `module`"),
        ),
        (
            {"state_dict": {"w": T}, "best_acc1": S},
            ["w"],
            ("used the weights under `state_dict`",),
        ),
        ({"model": {}, "w": T}, ["w"], ()),
        ({"model": {"lr": 1}, "w": T}, ["w"], ("left out what is no tensor: `model.lr`",)),
        ({"encoder": {"w": T}, "head": {"fc": {"b": T}}}, ["encoder.w", "head.fc.b"], ()),
        (
            {"w": T, "epoch": 3, "optimizer": {"m": T}},
            ["w"],
            ("left out what is no tensor: `epoch`",),
        ),
        (
            {"w": T, **{f"n{i}": i for i in range(7)}},
            ["w"],
            ("left out what is no tensor: `n0`, `n1`, `n2`, `n3`, `n4` and 2 more",),
        ),
        (
            {"module.a": T, "module.b": T},
            ["a", "b"],
            ("took the prefix `module.` off all names",),
        ),
        (
            {"module._orig_mod.a": T},
            ["a"],
            (
                "took the prefix `module.` off all names",
                "took the prefix `_orig_mod.` off all names",
            ),
        ),
        ({"module.a": T, "b": T}, ["module.a", "b"], ()),
        ({"module.": T}, ["module."], ()),
        (
            {"n_averaged": S, "module.a": T},
            ["a"],
            (
                "left out `n_averaged`, the counter of averaged weights",
                "took the prefix `module.` off all names",
            ),
        ),
        ({"n_averaged": S, "a": T}, ["n_averaged", "a"], ()),
        ({"n_averaged": S}, ["n_averaged"], ()),
        ({"": T}, [""], ()),
        ({1: T, "w": T}, ["w"], ()),
    ],
)
def test_weights_are_chosen_and_the_choice_is_told(
    path: Path, root: object, names: list[str], notes: tuple[str, ...]
) -> None:
    write_zip(path, root, STORAGES)
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == names
        assert checkpoint.notes == notes


@pytest.mark.parametrize(
    ("root", "said"),
    [
        (T, "a single tensor without a name"),
        ([T], "is a list"),
        ((T,), "is a list"),
        (5, "is a number"),
        (None, "is empty"),
        ({}, "no named tensors"),
        ({"epoch": 3, "state_dict": {}}, "no named tensors"),
        ({0: T}, "no named tensors"),
        ({"optimizer": {"w": T}}, "no named tensors"),
    ],
)
def test_checkpoint_without_named_tensors_is_refused(path: Path, root: object, said: str) -> None:
    write_zip(path, root, STORAGES)
    found = refused(path)
    assert found.rule.slug == "weights/no-tensors"
    assert said in found.message


def test_two_tensors_of_one_name_are_refused(path: Path) -> None:
    write_zip(path, {"a": {"b.c": T}, "a.b": {"c": T}}, STORAGES)
    found = refused(path)
    assert found.rule.slug == "weights/duplicate-name"
    assert found.message == "two tensors are named `a.b.c`"


def test_dictionary_in_itself_is_refused(path: Path) -> None:
    itself = b"}q\x01(" + opcodes("w") + opcodes(T) + opcodes("again") + b"h\x01u"
    write_zip(path, pickled(Raw(itself)), STORAGES)
    assert slug(path) == "weights/too-many-entries"


def test_wrapper_in_itself_ends(path: Path) -> None:
    itself = b"}q\x01(" + opcodes("w") + opcodes(T) + opcodes("model") + b"h\x01u"
    write_zip(path, pickled(Raw(itself)), STORAGES)
    assert slug(path) == "weights/too-many-entries"


@pytest.mark.parametrize("inner", [T, 1])
def test_dictionary_used_many_times_is_bounded(path: Path, inner: object) -> None:
    # Each level holds the one before twenty times: 20^8 entries in a thousand steps.
    level = opcodes({"n": inner}) + b"q\x01"
    for _ in range(8):
        items = b"".join(opcodes(f"k{number}") + b"h\x01" for number in range(20))
        level += b"0}(" + items + b"uq\x01"
    write_zip(path, pickled(Raw(level)), STORAGES)
    assert slug(path) == "weights/too-many-entries"


def test_too_many_tensors_are_refused(path: Path) -> None:
    items = b"".join(opcodes(str(number)) + b"h\x01" for number in range(100_001))
    write_zip(path, pickled(Raw(opcodes(T) + b"q\x010}(" + items + b"u")), STORAGES)
    assert slug(path) == "weights/too-many-entries"


def test_long_name_is_refused_before_it_is_joined(path: Path) -> None:
    long = opcodes("x" * 600) + b"q\x02"
    inner = b"}" + opcodes("y" * 600) + opcodes(T) + b"s"
    write_zip(path, pickled(Raw(b"}" + long + inner + b"s")), STORAGES)
    found = refused(path)
    assert found.rule.slug == "weights/name-too-long"
    assert "1201 characters" in found.message
