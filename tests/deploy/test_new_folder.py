"""Folders that are complete or absent."""

from __future__ import annotations

from pathlib import Path

from archc.deploy.new_folder import NewFolder


def test_what_is_kept_takes_the_targets_name(tmp_path: Path) -> None:
    with NewFolder(tmp_path / "package") as new:
        (new.path / "a").write_text("a")
        assert not (tmp_path / "package").exists()
        new.keep()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
    assert (tmp_path / "package" / "a").read_text() == "a"


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "package"
    target.mkdir()
    (target / "old").write_text("old")
    with NewFolder(target) as new:
        (new.path / "a").write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
    assert [path.name for path in target.iterdir()] == ["old"]


def test_an_older_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "package"
    target.mkdir()
    (target / "old").write_text("old")
    with NewFolder(target) as new:
        (new.path / "new").write_text("new")
        new.keep()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
    assert [path.name for path in target.iterdir()] == ["new"]


def test_a_folder_that_is_started_from_stays_as_it_was(tmp_path: Path) -> None:
    old = tmp_path / "package"
    (old / "inner").mkdir(parents=True)
    (old / "inner" / "kept").write_text("kept")
    (old / "changed").write_text("before")
    with NewFolder(old) as new:
        new.start_from(old)
        changed = new.path / "changed"
        changed.unlink()
        changed.write_text("after")
        assert (new.path / "inner" / "kept").read_text() == "kept"
    assert (old / "changed").read_text() == "before"
