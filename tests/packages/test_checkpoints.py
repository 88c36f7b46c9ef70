"""Checkpoints of every form: how their names and arrays become the weights of a built model."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

import archc
from tests.packages import by_numpy as ref
from tests.packages.building import (
    Arrays,
    assert_close,
    build,
    build_one_to_one,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_checkpoint,
    write_spec,
)
from tests.packages.by_numpy import Array
from tests.unit.weights.torch_files import (
    Call,
    Global,
    Storage,
    legacy_storages,
    pickled,
    state_of,
    tensor,
    write_legacy,
    write_zip,
)

NET = """\
input: {image: [2, H, W]}
layers:
  conv: {conv: 3, kernel: 3, padding: 1}
  bn: batch_norm
  pool: {global_avg_pool: {keep_dims: false}}
  fc: {dense: 4}
"""
SHAPES = {
    "conv.weight": (3, 2, 3, 3), "conv.bias": (3,), "bn.weight": (3,), "bn.bias": (3,),
    "bn.running_mean": (3,), "bn.running_var": (3,), "fc.weight": (4, 3), "fc.bias": (4,),
}  # fmt: skip
WEIGHTS = draw_weights(SHAPES)
IMAGE = draw_image(2, 2, 5, 4)


def answer(w: Arrays) -> Array:
    x = ref.conv(IMAGE, w["conv.weight"], w["conv.bias"], pads=(1, 1, 1, 1))
    x = ref.batch_norm(x, w["bn.running_mean"], w["bn.running_var"], w["bn.weight"], w["bn.bias"])
    return ref.dense(x.mean(axis=(2, 3)), w["fc.weight"], w["fc.bias"])


def write_torch_zip(folder: Path, arrays: Arrays) -> Path:
    state, storages = state_of(arrays)
    return write_zip(folder / "net.pt", state, storages)


def write_torch_stream(folder: Path, arrays: Arrays) -> Path:
    state, _ = state_of(arrays, legacy=True)
    return write_legacy(folder / "net.pth", state, legacy_storages(arrays))


Writer: TypeAlias = Callable[[Path, Arrays], Path]

WRITERS: list[Writer] = [write_checkpoint, write_torch_zip, write_torch_stream]


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_gives_the_same_model(write: Writer, tmp_path: Path) -> None:
    built = archc.build_bytes(write_spec(tmp_path, NET), weights=write(tmp_path, WEIGHTS))
    assert built == build(tmp_path, NET, weights=WEIGHTS).content


def test_weights_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    model = build_one_to_one(tmp_path, NET, weights=dict(reversed(WEIGHTS.items())))
    assert_close(model.run(image=IMAGE)["output"], answer(WEIGHTS))
    for name, array in WEIGHTS.items():
        assert np.array_equal(model.weights[name], array)


@pytest.mark.parametrize("kind", ["float16", "float64"])
@pytest.mark.parametrize("write", WRITERS)
def test_other_element_types_become_float32(kind: str, write: Writer, tmp_path: Path) -> None:
    stored = {name: array.astype(kind) for name, array in WEIGHTS.items()}
    whole = {name: array.astype(np.float32) for name, array in stored.items()}
    built = archc.build_bytes(write_spec(tmp_path, NET), weights=write(tmp_path, stored))
    assert built == build(tmp_path, NET, weights=whole).content


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    halves = {n: (a.view(np.uint32) >> 16).astype(np.uint16) for n, a in WEIGHTS.items()}
    whole = {n: (h.astype(np.uint32) << 16).view(np.float32) for n, h in halves.items()}
    built = build(tmp_path, NET, weights=halves)
    assert built.content == build(tmp_path, NET, weights=whole).content


def test_float16_networks_take_float32_checkpoints(tmp_path: Path) -> None:
    half = NET.replace("image: [2, H, W]", "image: {shape: [2, H, W], dtype: float16}")
    model = build_one_to_one(tmp_path, half, weights=WEIGHTS)
    for name, array in WEIGHTS.items():
        assert np.array_equal(model.weights[name], array.astype(np.float16))


def test_views_of_a_shared_storage_are_read_as_torch_sees_them(tmp_path: Path) -> None:
    columns = np.ascontiguousarray(WEIGHTS["fc.weight"].T)
    state, storages = state_of({name: a for name, a in WEIGHTS.items() if name != "fc.weight"})
    storages["t"] = b"\0" * 8 + columns.tobytes()
    state["fc.weight"] = tensor(Storage("t", "FloatStorage", 14), (4, 3), (1, 4), offset=2)
    path = write_zip(tmp_path / "net.pt", state, storages)
    built = archc.build_bytes(write_spec(tmp_path, NET), weights=path)
    assert built == build(tmp_path, NET, weights=WEIGHTS).content


@pytest.mark.parametrize(
    ("name", "shape"),
    [("fc.weight", (4, 3, 1, 1)), ("fc.bias", (1, 4)), ("bn.weight", (1, 3, 1, 1)),
     ("conv.weight", (3, 2, 1, 3, 3))],
)  # fmt: skip
def test_axes_of_size_1_may_differ(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    stored = WEIGHTS | {name: WEIGHTS[name].reshape(shape)}
    model = build_one_to_one(tmp_path, NET, weights=stored)
    assert model.weights[name].shape == SHAPES[name]
    assert model.content == build_one_to_one(tmp_path, NET, weights=WEIGHTS).content


def test_wanted_axes_of_size_1_may_be_missing(tmp_path: Path) -> None:
    spec = (
        "input: {image: [2, H, W]}\nlayers: {c: {conv: 1, kernel: 1}, p: {prelu: {shared: true}}}"
    )
    weights = draw_weights({"c.weight": (2,), "c.bias": (), "p.weight": ()})
    model = build(tmp_path, spec, weights=weights)
    assert model.weights["c.weight"].shape == (1, 2, 1, 1)
    line = np.einsum("nchw,c->nhw", IMAGE, weights["c.weight"])[:, None] + weights["c.bias"]
    wanted = np.where(line < 0, line * weights["p.weight"], line)
    assert_close(model.run(image=IMAGE)["output"], wanted)


class TestRules:
    def rules(self, text: str) -> str:
        return f"{NET}weights:\n{text}"

    @pytest.mark.parametrize(
        ("text", "renamed"),
        [
            ("  prefix: net.", {n: f"net.{n}" for n in SHAPES}),
            ("  prefix: net.", {n: f"net.{n}" for n in SHAPES if n.startswith("bn")}),
            ("  rename: {'^0\\.': conv., '^1\\.': bn.}",
             {n: n.replace("conv", "0").replace("bn", "1") for n in SHAPES}),
            ("  rename: {'gamma$': weight, 'beta$': bias, '^b(\\w+)': 'b\\1'}",
             {"bn.weight": "bn.gamma", "bn.bias": "bn.beta"}),
            ("  rename: {'^ab': bb, '^bb': fc, '^fb': no}", {"fc.weight": "ab.weight"}),
            ("  prefix: m.\n  rename: {'^body\\.(.*)\\.(\\d)$': '\\1'}",
             {n: f"m.body.{n}.7" for n in SHAPES}),
        ],
    )  # fmt: skip
    def test_names_are_mapped_in_order(
        self, text: str, renamed: dict[str, str], tmp_path: Path
    ) -> None:
        stored = {renamed.get(name, name): array for name, array in WEIGHTS.items()}
        spec = self.rules(text)
        built = build_one_to_one(tmp_path, spec, weights=stored)
        assert_close(built.run(image=IMAGE)["output"], answer(WEIGHTS))
        assert {*built.weights} >= {*SHAPES}

    def test_ignored_names_are_whole_names_after_renaming(self, tmp_path: Path) -> None:
        spare = WEIGHTS | {"x.aux1.weight": WEIGHTS["fc.weight"], "x.aux2": WEIGHTS["fc.bias"]}
        spec = self.rules("  prefix: x.\n  ignore: ['aux\\d.*']")
        built = build(tmp_path, spec, weights=spare)
        assert_close(built.run(image=IMAGE)["output"], answer(WEIGHTS))
        partly = self.rules("  prefix: x.\n  ignore: ['aux\\d', 'x\\..*']")
        (error,) = mistakes(tmp_path, partly, weights=spare)
        assert error.notes == ("unexpected: `aux1.weight`",)

    def test_two_keys_of_one_name_are_refused(self, tmp_path: Path) -> None:
        stored = WEIGHTS | {"m.fc.bias": WEIGHTS["fc.bias"]}
        (error,) = mistakes(tmp_path, self.rules("  prefix: m."), weights=stored)
        assert error.rule.slug == "weights/mismatch"
        assert "m.fc.bias" in error.notes[0]

    def test_counters_of_batches_are_passed_over(self, tmp_path: Path) -> None:
        counter = np.array(7, np.int64)
        stored = WEIGHTS | {"bn.num_batches_tracked": counter, "num_batches_tracked": counter}
        built = build(tmp_path, NET, weights=stored)
        assert built.content == build(tmp_path, NET, weights=WEIGHTS).content


class TestMisfits:
    def test_one_report_lists_all(self, tmp_path: Path) -> None:
        stored = WEIGHTS | {
            "conv.weight": WEIGHTS["conv.weight"].reshape(3, 2, 9),
            "bn.bias": np.zeros(4, np.float32),
        }
        stored["fcc.weight"] = stored.pop("fc.weight")
        stored["other"] = np.zeros(3, np.float32)
        (error,) = mistakes(tmp_path, NET, weights=stored)
        assert error.rule.slug == "weights/mismatch"
        assert error.message.endswith("1 missing, 2 unexpected, 2 of another shape")
        assert set(error.notes) == {
            "missing: `fc.weight` (the file has `fcc.weight`)",
            "unexpected: `fcc.weight`",
            "unexpected: `other`",
            "of another shape: `conv.weight` is [3, 2, 9] in the file, the spec wants [3, 2, 3, 3]",
            "of another shape: `bn.bias` is [4] in the file, the spec wants [3]",
        }
        assert str(tmp_path / "net.safetensors") in str(error.place.span)

    @pytest.mark.parametrize(
        ("rule", "stored"),
        [
            ("rename", {n.replace("conv.", "conv1."): WEIGHTS[n] for n in WEIGHTS}),
            ("ignore", {**WEIGHTS, "aux.fc.weight": WEIGHTS["fc.weight"]}),
        ],
    )
    def test_helps_for_names_can_be_pasted(self, rule: str, stored: Arrays, tmp_path: Path) -> None:
        (error,) = mistakes(tmp_path, NET, weights=stored)
        (pasted,) = (help_.split("`")[1] for help_ in error.helps if rule in help_)
        built = build(tmp_path, f"{NET}{pasted}\n", weights=stored)
        assert_close(built.run(image=IMAGE)["output"], answer(WEIGHTS))

    def test_a_prefix_of_all_names_is_told(self, tmp_path: Path) -> None:
        stored = {f"net.{name}": array for name, array in WEIGHTS.items()}
        (error,) = mistakes(tmp_path, NET, weights=stored)
        (help_,) = error.helps
        prefix = help_.split("--prefix ")[1].rstrip("`")
        policies = archc.WeightPolicies(prefix=prefix)
        built = build(tmp_path, NET, weights=stored, policies=policies)
        assert_close(built.run(image=IMAGE)["output"], answer(WEIGHTS))

    def test_names_of_another_convention_have_no_example(self, tmp_path: Path) -> None:
        stored = {f"0:{number}": array for number, array in enumerate(WEIGHTS.values())}
        (error,) = mistakes(tmp_path, NET, weights=stored)
        assert "PATTERN: NAME" in " ".join(error.helps)
        assert "[PATTERN]" in " ".join(error.helps)

    def test_long_lists_end_in_one_line(self, tmp_path: Path) -> None:
        spec = "input: {image: [1, H, W]}\nlayers: [{conv: 1, kernel: 1, bias: false, repeat: 25}]"
        stored = {f"other.{i}": np.zeros(1, np.float32) for i in range(22)}
        (error,) = mistakes(tmp_path, spec, weights=stored)
        assert error.message.endswith("25 missing, 22 unexpected")
        assert len(error.notes) == 42
        rest = ", ".join(f"{i}.weight" for i in range(20, 25))
        assert error.notes[20] == f"missing as well: {rest}"
        assert error.notes[-1] == "unexpected as well: other.20, other.21"

    def test_as_many_elements_in_another_shape_are_no_fit(self, tmp_path: Path) -> None:
        stored = WEIGHTS | {"fc.weight": WEIGHTS["fc.weight"].T.copy()}
        assert rules(mistakes(tmp_path, NET, weights=stored)) == ["weights/mismatch"]

    def test_an_existing_model_stays_as_it_was(self, tmp_path: Path) -> None:
        target = tmp_path / "net.onnx"
        target.write_bytes(b"what was there before")
        stored = {name: array for name, array in WEIGHTS.items() if name != "fc.bias"}
        with pytest.raises(archc.SpecError, match="does not fit"):
            archc.build(
                write_spec(tmp_path, NET), target, weights=write_checkpoint(tmp_path, stored)
            )
        assert target.read_bytes() == b"what was there before"
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "net.onnx", "net.safetensors", "net.yaml"
        ]  # fmt: skip

    def test_statistics_are_wanted_as_well(self, tmp_path: Path) -> None:
        stored = {name: a for name, a in WEIGHTS.items() if "running" not in name}
        (error,) = mistakes(tmp_path, NET, weights=stored)
        assert error.message.endswith("2 missing")

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + b"\0" * 64])
    def test_files_that_are_no_checkpoints_are_refused(
        self, content: bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "net.pt"
        path.write_bytes(content)
        with pytest.raises(archc.SpecError) as caught:
            archc.build_bytes(write_spec(tmp_path, NET), weights=path)
        assert caught.value.diagnostics[0].rule.slug.startswith("weights/")

    def test_a_missing_file_is_a_diagnostic(self, tmp_path: Path) -> None:
        with pytest.raises(archc.SpecError) as caught:
            archc.build_bytes(write_spec(tmp_path, NET), weights=tmp_path / "none.pt")
        assert rules(caught.value.diagnostics) == ["weights/unreadable"]

    def test_nothing_that_a_pickle_names_is_run(self, tmp_path: Path) -> None:
        trap = Call(Global("os", "mkdir"), (str(tmp_path / "made"),))
        path = write_zip(tmp_path / "net.pt", pickled({"conv.weight": trap}))
        with pytest.raises(archc.SpecError):
            archc.build_bytes(write_spec(tmp_path, NET), weights=path)
        assert not (tmp_path / "made").exists()


class TestFilesThatChange:
    def test_a_file_that_becomes_shorter_is_a_diagnostic(self, tmp_path: Path) -> None:
        large = "input: {image: [1000]}\nlayers: [{dense: 1000}, {dense: 1000}]"
        shapes = {
            f"{i}.{n}": s for i in "01" for n, s in (("weight", (1000, 1000)), ("bias", (1000,)))
        }
        checkpoint = write_checkpoint(tmp_path, draw_weights(shapes))
        target = tmp_path / "net.onnx"
        target.write_bytes(b"before")

        def cut(done: int, total: int) -> None:
            if done > total // 3:
                os.truncate(checkpoint, checkpoint.stat().st_size // 2)

        with pytest.raises(archc.SpecError) as caught:
            archc.build(write_spec(tmp_path, large), target, weights=checkpoint, progress=cut)
        (error,) = caught.value.diagnostics
        assert error.rule.slug == "weights/unreadable"
        assert "shorter" in error.message
        assert str(checkpoint) in str(error.place.span)
        assert target.read_bytes() == b"before"
        assert sorted(p.suffix for p in tmp_path.iterdir()) == [".onnx", ".safetensors", ".yaml"]

    def test_a_disk_that_fails_is_a_diagnostic(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checkpoint = write_checkpoint(tmp_path, WEIGHTS)

        def fail(descriptor: int, count: int, position: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(archc.SpecError) as caught:
            archc.build_bytes(write_spec(tmp_path, NET), weights=checkpoint)
        assert rules(caught.value.diagnostics) == ["weights/unreadable"]
