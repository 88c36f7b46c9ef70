"""Which pictures are scored, and what becomes of those that are broken."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from archc.runtime.given_file import PICTURE_SUFFIXES
from archc.runtime.pixels import FORMATS
from tests.scoring.conftest import HELD_OUT, Run, Table, save

DIGIT = HELD_OUT / "0_0078.png"


def test_folders_are_walked_in_the_order_of_names(digits: Path, table: Table, here: Path) -> None:
    for name in ("b/2.png", "b/10.PNG", "b/a/1.jpeg", "c.png", ".hidden.png", ".cache/x.png"):
        save(here / "in" / name)
    (here / "in" / "notes.txt").write_text("no picture")
    (here / "in" / "b" / "loop").symlink_to(here / "in")
    found = table(digits, "in", DIGIT)["path"].to_pylist()
    assert found == ["in/c.png", "in/b/10.PNG", "in/b/2.png", "in/b/a/1.jpeg", str(DIGIT)]


def test_every_format_that_is_read_has_a_suffix() -> None:
    from PIL import Image

    Image.init()
    known = {Image.registered_extensions().get(suffix) for suffix in PICTURE_SUFFIXES}
    assert known == set(FORMATS)


def test_lists_come_from_files_and_from_standard_input(
    digits: Path, table: Table, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here / "naïve café.png")
    save(here / "b.png")
    (here / "list.txt").write_bytes("naïve café.png\r\n\nb.png".encode())
    stream = io.TextIOWrapper(io.BytesIO(b"b.png\nnone.png\n"))
    monkeypatch.setattr(sys, "stdin", stream)
    found = table(digits, "@list.txt", "-", "b.png").to_pylist()
    assert [row["path"] for row in found] == [
        "naïve café.png", "b.png", "b.png", "none.png", "b.png",
    ]  # fmt: skip
    assert [row["error"] is None for row in found] == [True, True, True, False, True]
    assert "run/no-such-file" in found[3]["error"]


def test_a_name_that_is_no_unicode_is_shown_by_its_bytes(
    digits: Path, table: Table, here: Path
) -> None:
    try:
        save(here / "good.png").rename(os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system has names in Unicode alone")
    (row,) = table(digits, ".").to_pylist()
    assert row["path"] == "./caf\\xe9.png"
    assert row["error"] is None


def test_a_broken_picture_is_a_row_with_its_error(
    digits: Path, run: Run, table: Table, here: Path
) -> None:
    (here / "text.png").write_text("no picture")
    (here / "cut.png").write_bytes(DIGIT.read_bytes()[:60])
    (here / "empty.png").write_bytes(b"")
    given = ["text.png", DIGIT, "cut.png", "empty.png", DIGIT]
    found = table(digits, *given, "--batch", "2", "--logits").to_pylist()
    assert [row["error"] is None for row in found] == [False, True, False, False, True]
    assert found[0]["error"].startswith("run/not-an-image: `text.png` is no picture")
    for row in found:
        for column in ("labels", "indices", "probabilities", "logits"):
            assert (row[column] is None) == (row["error"] is not None)
    ran = run("score", digits, *given, "-o", "o.parquet")
    assert ran.status == 0
    assert ran.out == "o.parquet: 5 pictures, 3 broken\n"
    assert "warning: 3 of 5 pictures have no answer" in ran.err
    assert "note: row 0: run/not-an-image" in ran.err


def test_all_broken_is_a_failure_with_a_table(digits: Path, run: Run, here: Path) -> None:
    (here / "a.png").write_text("no picture")
    ran = run("score", digits, "a.png", "-o", "o.jsonl")
    assert ran.status == 1
    assert (here / "o.jsonl").read_text().count("\n") == 1


def test_warnings_of_the_decoder_are_neither_shown_nor_errors(
    digits: Path, table: Table, here: Path
) -> None:
    # Pillow warns of such EXIF data, and the tests make errors of warnings, in threads as well.
    from PIL import Image

    head = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\xff\xff\0\0\x1a\0\0\0\0\0\0\0"
    Image.new("L", (8, 8)).save(here / "odd.jpg", exif=head)
    found = table(digits, *(["odd.jpg"] * 40), "--workers", "8", "--batch", "1")
    assert found["error"].null_count == 40


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (["none.png"], "score/no-such-picture"),
        (["empty"], "score/no-pictures"),
        (["@empty.txt"], "score/no-pictures"),
        (["@none.txt"], "score/unreadable-list"),
        (["@empty"], "score/unreadable-list"),
    ],
)
def test_names_that_lead_nowhere_end_the_command(
    digits: Path, run: Run, here: Path, given: list[str], rule: str
) -> None:
    (here / "empty").mkdir()
    (here / "empty.txt").touch()
    ran = run("score", digits, DIGIT, *given, "-o", "o.parquet") if "none" in rule else run(
        "score", digits, *given, "-o", "o.parquet"
    )  # fmt: skip
    assert ran.status == 1
    assert f"error[{rule}]" in ran.err
    assert not (here / "o.parquet").exists()


def test_a_folder_that_may_not_be_entered_ends_the_command(
    digits: Path, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(here / "in" / "shut" / "a.png")
    save(here / "in" / "b.png")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # whoever is root may enter any folder
    ran = run("score", digits, "in", "-o", "o.parquet")
    assert ran.status == 1
    assert "error[score/unreadable-folder]: the folder `in/shut` cannot be looked into" in ran.err


def test_what_befalls_every_picture_is_said_once(run: Run, here: Path) -> None:
    import archc

    (here / "net.yaml").write_text(
        "archc: 1\nname: net\ninput: {facts: [3]}\nlayers: [{dense: 2}]\n", encoding="utf-8"
    )
    archc.build("net.yaml", "net.onnx")
    ran = run("score", "net.onnx", HELD_OUT, "-o", "o.parquet")
    assert ran.status == 1
    assert ran.err.count("error[run/input-is-no-image]") == 1


def test_a_network_without_classes_has_features_alone(run: Run, table: Table, here: Path) -> None:
    import archc

    (here / "net.yaml").write_text(
        "archc: 1\nname: net\ninput: {image: [1, 8, 8]}\npreprocess: {color: gray}\n"
        "layers: {c: {conv: 2, kernel: 3}}\noutputs: {map: c}\n",
        encoding="utf-8",
    )
    archc.build("net.yaml", "net.onnx")
    ran = run("score", "net.onnx", DIGIT, "-o", "o.parquet")
    assert ran.status == 1
    assert "error[score/no-classes]" in ran.err
    assert "--features map" in ran.err
    assert len(table("net.onnx", DIGIT, "--features", "map")["features"][0]) == 2 * 6 * 6
