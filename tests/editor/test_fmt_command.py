"""`archc fmt` on files, folders and standard input, and `archc schema`."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from archc.cli.main import main
from archc.editor.json_schema import schema_text

UNTIDY = "archc:   1\nname: t\ninput: { image: [3, 8, 8] }\nlayers:\n- relu # why\n"
TIDY = "archc: 1\nname: t\ninput: {image: [3, 8, 8]}\nlayers:\n  - relu  # why\n"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(UNTIDY, encoding="utf-8")
    return path


def test_file_is_formatted_once(spec: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "net.yaml"]) == 0
    assert spec.read_text(encoding="utf-8") == TIDY
    assert capfd.readouterr().out == "formatted net.yaml\n"
    assert main(["fmt", "net.yaml"]) == 0
    assert capfd.readouterr().out == ""


def test_check_writes_nothing_and_says_which(spec: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "net.yaml"]) == 1
    assert capfd.readouterr().out == "would change net.yaml\n"
    assert spec.read_text(encoding="utf-8") == UNTIDY
    spec.write_text(TIDY, encoding="utf-8")
    assert main(["fmt", "--check", "net.yaml"]) == 0


def test_diff_shows_the_lines(spec: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", "net.yaml"]) == 1
    out = capfd.readouterr().out
    assert out.startswith("--- net.yaml\n+++ net.yaml\n@@")
    assert "-archc:   1\n+archc: 1\n" in out
    assert spec.read_text(encoding="utf-8") == UNTIDY


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(UNTIDY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capfd.readouterr().out == TIDY


def test_folder_is_searched_for_specs(
    spec: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.yaml").write_text("services:   []\n", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yml").write_text(UNTIDY, encoding="utf-8")
    assert main(["fmt", "."]) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "formatted deep/a.yml",
        "formatted net.yaml",
    ]
    assert (tmp_path / "other.yaml").read_text(encoding="utf-8") == "services:   []\n"
    assert main(["fmt", "--skip-others", "other.yaml"]) == 0
    assert (tmp_path / "other.yaml").read_text(encoding="utf-8") == "services:   []\n"


def test_permissions_and_links_stay(spec: Path, tmp_path: Path) -> None:
    spec.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("net.yaml")
    assert main(["fmt", "link.yaml"]) == 0
    assert (tmp_path / "link.yaml").is_symlink()
    assert stat.S_IMODE(spec.stat().st_mode) == 0o640
    assert spec.read_text(encoding="utf-8") == TIDY
    assert sorted(os.listdir(tmp_path)) == ["link.yaml", "net.yaml"]


def test_line_ends_and_byte_order_mark_go(spec: Path) -> None:
    spec.write_bytes(b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode())
    assert main(["fmt", "--check", "net.yaml"]) == 1
    assert main(["fmt", "net.yaml"]) == 0
    assert spec.read_bytes() == TIDY.encode()


def test_syntax_error_is_shown_and_other_files_are_formatted(
    spec: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.yaml").write_text("archc: 1\nlayers: [relu\n", encoding="utf-8")
    assert main(["fmt", "broken.yaml", "net.yaml"]) == 1
    written = capfd.readouterr()
    assert "error[yaml/syntax]" in written.err
    assert written.out == "formatted net.yaml\n"
    assert (tmp_path / "broken.yaml").read_text(encoding="utf-8") == "archc: 1\nlayers: [relu\n"


def test_file_that_is_not_there_is_an_error_with_the_nearest_name(
    spec: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "nett.yaml"]) == 1
    err = capfd.readouterr().err
    assert "error[spec/not-found]" in err
    assert "net.yaml" in err


def test_spec_with_type_errors_is_formatted(spec: Path) -> None:
    spec.write_text(UNTIDY.replace("relu", "rellu"), encoding="utf-8")
    assert main(["fmt", "net.yaml"]) == 0
    assert spec.read_text(encoding="utf-8") == TIDY.replace("relu", "rellu")


def test_schema_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capfd.readouterr().out == schema_text()
    assert main(["schema", "-o", str(tmp_path / "s.json")]) == 0
    text = (tmp_path / "s.json").read_text(encoding="utf-8")
    assert text == schema_text()
    assert json.loads(text)["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_schema_that_cannot_be_written_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "-o", str(tmp_path / "no" / "s.json")]) == 1
    assert "error[build/output]" in capfd.readouterr().err
