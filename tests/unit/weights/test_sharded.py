"""Checkpoints in several files: the index and the files must agree, and lie in one folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from tests.unit.weights.reading import array, opened, refused, slug, values
from tests.unit.weights.torch_files import (
    Call,
    Global,
    legacy_storages,
    pickled,
    state_of,
    write_legacy,
    write_zip,
)

Arrays = dict[str, npt.NDArray[np.generic]]

ARRAYS: Arrays = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.5, -1.5], np.float32),
    "fc.weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "fc.bias": np.zeros(0, np.float32),
}
SHARDS = {"conv.weight": "a", "conv.bias": "b", "fc.weight": "a", "fc.bias": "b"}


def write_index(
    folder: Path, weight_map: object, name: str = "model.safetensors.index.json"
) -> Path:
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / name).write_text(json.dumps(index))
    return folder / name


def part(shard: str, shards: Mapping[str, str] = SHARDS) -> Arrays:
    return {name: ARRAYS[name] for name in shards if shards[name] == shard}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an index and the two files that it names."""
    made = tmp_path / "model"
    made.mkdir()
    for shard in "ab":
        save_file(part(shard), made / shard, {"format": "pt"})
    write_index(made, SHARDS)
    return made


@pytest.fixture(params=["file", "folder"])
def path(request: pytest.FixtureRequest, folder: Path) -> Path:
    """What is given: the index, or the folder that holds it."""
    return folder / "model.safetensors.index.json" if request.param == "file" else folder


def test_tensors_of_all_files_are_found(path: Path) -> None:
    with opened(path) as checkpoint:
        assert checkpoint.format == "safetensors in 2 files"
        assert checkpoint.path == str(path)
        assert checkpoint.notes == ()
        assert list(checkpoint.tensors) == list(ARRAYS)
        for name, stored in ARRAYS.items():
            np.testing.assert_array_equal(array(checkpoint.tensors[name]), stored)


def test_all_files_are_closed(path: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    with opened(path) as checkpoint:
        assert count() > before + 2
        source = checkpoint.tensors["conv.bias"]
    assert count() == before
    with pytest.raises(ValueError, match="closed"):
        array(source)


def test_all_files_are_closed_when_one_is_refused(path: Path, folder: Path) -> None:
    (folder / "b").write_bytes(b"hello")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert slug(path) == "weights/unknown-format"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_index_in_the_current_folder_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert list(values(Path("model.safetensors.index.json"))) == list(ARRAYS)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_files_of_pytorch_are_read(tmp_path: Path, form: str) -> None:
    for shard in "ab":
        state, storages = state_of(part(shard), legacy=form == "legacy")
        if form == "zip":
            write_zip(tmp_path / f"pytorch_model-{shard}.bin", state, storages)
        else:
            write_legacy(
                tmp_path / f"pytorch_model-{shard}.bin", state, legacy_storages(part(shard))
            )
    shards = {name: f"pytorch_model-{shard}.bin" for name, shard in SHARDS.items()}
    path = write_index(tmp_path, shards, "pytorch_model.bin.index.json")
    assert list(values(path)) == list(values(tmp_path)) == list(ARRAYS)


def test_files_in_folders_below_are_read(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "a").rename(folder / "below" / "a")
    path = write_index(folder, SHARDS | {n: "below/a" for n, s in SHARDS.items() if s == "a"})
    assert list(values(path)) == list(ARRAYS)


@pytest.mark.parametrize("form", ["safetensors", "zip"])
def test_a_prefix_is_taken_off_where_all_names_have_it(tmp_path: Path, form: str) -> None:
    shards = {"module.a": "one", "b": "two"}
    for name, shard in shards.items():
        stored = {name: np.full(2, len(name), np.float32)}
        if form == "zip":
            write_zip(tmp_path / shard, *state_of(stored))
        else:
            save_file(stored, tmp_path / shard)
    path = write_index(tmp_path, shards)
    assert {name: a.tolist() for name, a in values(path).items()} == {
        "module.a": [8, 8],
        "b": [1, 1],
    }
    save_file({"module.b": np.ones(1, np.float32)}, tmp_path / "two")
    write_index(tmp_path, {"module.a": "one", "module.b": "two"})
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == ["a", "b"]
        assert checkpoint.notes == ("took the prefix `module.` off all names",)


def test_what_is_left_out_of_one_file_is_told(tmp_path: Path) -> None:
    state, storages = state_of(part("a"))
    write_zip(tmp_path / "a", {**state, "epoch": 3}, storages)
    path = write_index(tmp_path, dict.fromkeys(part("a"), "a"))
    with opened(path) as checkpoint:
        assert checkpoint.format == "torch zip in 1 file"
        assert checkpoint.notes == ("left out what is no tensor: `epoch`",)


@pytest.mark.parametrize(
    ("weight_map", "said"),
    [
        ({n: s for n, s in SHARDS.items() if n != "fc.weight"}, "`a` holds tensors that the index"),
        (SHARDS | {"fc.other": "a"}, "`a` lacks tensors that the index puts there: `fc.other`"),
        (SHARDS | {"fc.weight": "b"}, "`a` holds tensors"),
        (SHARDS | {f"x{i}": "b" for i in range(9)}, "`x4` and 4 more"),
        (dict.fromkeys(SHARDS, "a"), "`a` lacks tensors"),
    ],
)
def test_files_that_disagree_with_the_index_are_refused(
    folder: Path, weight_map: dict[str, str], said: str
) -> None:
    found = refused(write_index(folder, weight_map))
    assert found.rule.slug == "weights/shards-disagree"
    assert said in found.message


def test_a_tensor_in_two_files_is_refused(path: Path, folder: Path) -> None:
    save_file(part("b") | {"fc.weight": ARRAYS["fc.weight"]}, folder / "b")
    assert slug(path) == "weights/shards-disagree"


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "/etc/passwd",
        "x/../a",
        "./a",
        "a/",
        "",
        ".",
        "..",
        "a\0",
        "none",
        "x/a",
        "//a",
        "a/b",
    ],
)
def test_paths_out_of_the_folder_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    save_file(part("a"), tmp_path / "a")
    (folder / "x").mkdir()
    shards = {n: name if s == "a" else s for n, s in SHARDS.items()}
    found = refused(write_index(folder, shards))
    assert found.rule.slug == "weights/outside-folder"
    assert found.message.isprintable()


@pytest.mark.parametrize("inside", [True, False])
def test_links_are_refused(path: Path, folder: Path, tmp_path: Path, inside: bool) -> None:
    target = (folder if inside else tmp_path) / "real"
    (folder / "a").rename(target)
    (folder / "a").symlink_to(target)
    found = refused(path)
    assert found.rule.slug == "weights/outside-folder"
    assert "cp -RL" in found.helps[0]


def test_links_to_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (folder / "a").rename(tmp_path / "other" / "a")
    (folder / "x").symlink_to(tmp_path / "other")
    shards = {n: "x/a" if s == "a" else s for n, s in SHARDS.items()}
    assert slug(write_index(folder, shards)) == "weights/outside-folder"


def test_pipes_and_folders_are_refused_without_waiting(path: Path, folder: Path) -> None:
    (folder / "a").unlink()
    os.mkfifo(folder / "a")
    assert slug(path) == "weights/outside-folder"
    (folder / "a").unlink()
    (folder / "a").mkdir()
    assert slug(path) == "weights/outside-folder"


def test_a_file_that_names_further_files_is_refused(path: Path, folder: Path) -> None:
    (folder / "a").write_text(json.dumps({"weight_map": dict.fromkeys(part("a"), "b")}))
    assert slug(path) == "weights/unknown-format"


def test_the_file_at_fault_is_named(path: Path, folder: Path) -> None:
    whole = (folder / "a").read_bytes()
    (folder / "a").write_bytes(whole[:-1])
    found = refused(path)
    assert found.rule.slug == "weights/truncated"
    assert found.message.startswith("`a`: ")


def test_nothing_that_a_file_names_is_run(tmp_path: Path) -> None:
    trap = Call(Global("os", "mkdir"), (str(tmp_path / "canary"),))
    write_zip(tmp_path / "a", pickled({"w": trap}))
    assert slug(write_index(tmp_path, {"w": "a"})) == "weights/refused-global"
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("index", "rule"),
    [
        ('{"weight_map": {"w": "a"}', "malformed-index"),
        ('{"weight_map": {"w": "a"}} x', "malformed-index"),
        ('{"weight_map": {"w": 3}}', "malformed-index"),
        ('{"weight_map": {"w": ["a"]}}', "malformed-index"),
        ('{"weight_map": ["a"]}', "malformed-index"),
        ('{"weight_map": null}', "malformed-index"),
        ('{"x": "weight_map"}', "malformed-index"),
        ('{"weight_map": {"w": NaN}}', "malformed-index"),
        ('{"weight_map": {}}', "no-tensors"),
        ('{"weight_map": {"w": "a", "w": "b"}}', "duplicate-name"),
        ('{"weight_map": {"w": "a"}, "weight_map": {"w": "b"}}', "duplicate-name"),
        ('{"weight_map": ' + "[" * 100_000, "malformed-index"),
        ('{"weight_map": {"' + "w" * 2000 + '": "a"}}', "name-too-long"),
        (
            '{"weight_map": ' + json.dumps({str(i): "a" for i in range(100_001)}) + "}",
            "too-many-entries",
        ),
        (
            '{"weight_map": ' + json.dumps({str(i): str(i) for i in range(501)}) + "}",
            "too-many-entries",
        ),
        ('{"weight_map": [' + "," * 4_000_001, "too-large"),
        ('{"weight_map": {}}' + " " * 32_000_000, "too-large"),
        ('{"model_type": "resnet"}', "unknown-format"),
        ("", "unknown-format"),
    ],
)
def test_malformed_indexes_are_refused(folder: Path, index: str, rule: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index)
    if index:
        assert slug(folder / "model.safetensors.index.json") == f"weights/{rule}"
    assert slug(folder) == f"weights/{rule}"


def test_an_index_cut_anywhere_is_refused(path: Path, folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    whole = index.read_bytes()
    for length in range(len(whole)):
        index.write_bytes(whole[:length])
        assert slug(path) in ("weights/malformed-index", "weights/unknown-format")


def test_two_indexes_are_a_choice(folder: Path) -> None:
    write_index(folder, SHARDS, "pytorch_model.bin.index.json")
    found = refused(folder)
    assert found.rule.slug == "weights/not-a-file"
    assert "`model.safetensors.index.json`, `pytorch_model.bin.index.json`" in found.message
    assert list(values(folder / "pytorch_model.bin.index.json")) == list(ARRAYS)


def test_a_link_for_an_index_in_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors.index.json").rename(tmp_path / "index")
    (folder / "model.safetensors.index.json").symlink_to(tmp_path / "index")
    assert slug(folder) == "weights/outside-folder"


def test_a_file_that_becomes_shorter_is_named(path: Path, folder: Path) -> None:
    with opened(path) as checkpoint:
        os.truncate(folder / "a", 10)
        with pytest.raises(OSError, match="`a`: the file became shorter") as caught:
            array(checkpoint.tensors["conv.weight"])
    assert caught.value.filename == str(path)
