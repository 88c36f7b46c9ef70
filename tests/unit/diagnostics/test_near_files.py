from __future__ import annotations

from pathlib import Path

import pytest

from archc.diagnostics.near_files import did_you_mean_file, near_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("weights/best.pth", "weights/last.safetensors", "specs/net.yaml", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
    (tmp_path / "nets.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("weights/bset.pth", "weights/best.pth"),
        ("wieghts/best.pth", "weights/best.pth"),
        ("./notes.tx", "notes.txt"),
        ("wieghts/bset.pth", None),
        ("weights/epoch90.pth", None),
        ("weights/worst.pth", None),  # the suffix alone is alike
        ("no/such/place.txt", None),
        ("", None),
        ("..", None),
        ("a\0b", None),
        ("x" * 5000, None),
    ],
)
def test_a_near_file_that_is_there_is_found(folder: Path, name: str, found: str | None) -> None:
    assert near_file(name) == found
    assert did_you_mean_file(name) == (() if found is None else (f"did you mean `{found}`?",))


def test_absolute_names_and_other_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert near_file(str(folder / "note.txt")) == str(folder / "notes.txt")
    monkeypatch.chdir(folder.parent)
    assert near_file("weights/bets.pth", base=folder) == "weights/best.pth"
    assert near_file("weights/bets.pth") is None


def test_other_kinds_of_file_and_one_file_can_be_left_out(folder: Path) -> None:
    assert near_file("specs/net.yml", suffixes=(".yaml",)) == "specs/net.yaml"
    assert near_file("specs/net.yml", suffixes=(".json",)) is None
    assert near_file("specs/nets.yaml", but="net.yaml") is None
    assert near_file("net.yaml", suffixes=(".yaml",)) is None  # `nets.yaml` is a folder
