"""`archc validate` for machines and with many files: formats, folders, standard input, limits."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import jsonschema
import pytest

import archc.diagnostics.machine
from tests.cli.conftest import LENET, Run

WRONG = LENET.replace("relu", "rellu")
LIBRARY = "archc: 1\nname: parts\nblocks:\n  body: {layers: [{conv: 4, kernal: 3}]}\n"
USER = """archc: 1
name: user
imports: [parts.yaml]
input: {image: [3, 16, 16]}
layers: [body]
"""


def typed(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    """Puts a text on standard input."""
    content = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def test_json_is_valid_under_the_schema(run: Run, tiny: Path, wrong: Path) -> None:
    path = Path(archc.diagnostics.machine.__file__).with_name("report.schema.json")
    schema = json.loads(path.read_bytes())
    ran = run("validate", tiny, wrong, "blocks", "nothing.yaml", "--format", "json")
    document = json.loads(ran.out)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [spec["library_blocks"] is None for spec in document["specs"]].count(False) == 1
    for spec in document["specs"]:
        assert set(spec) == set(schema["$defs"]["spec"]["properties"])
    network = document["specs"][0]["networks"][0]
    assert set(network) == set(schema["$defs"]["network"]["properties"])
    assert set(network["sizes"]["H"]) == set(schema["$defs"]["sizes"]["properties"])
    (unknown, _) = document["diagnostics"]
    assert unknown["fix"]["text"] == "relu"


def test_sarif_is_one_log_with_the_fix(run: Run, tiny: Path) -> None:
    tiny.write_text(WRONG, encoding="utf-8")
    ran = run("validate", "tiny.yaml", "--format", "sarif")
    assert (ran.status, ran.err) == (1, "")
    (result,) = json.loads(ran.out)["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "tiny.yaml"
    assert location["region"]["startLine"] == 12
    change = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert change["insertedContent"]["text"] == "relu"


def test_nothing_found_is_an_empty_log_and_no_annotation(run: Run, tiny: Path) -> None:
    sarif = run("validate", tiny, "--format", "sarif")
    assert (sarif.status, json.loads(sarif.out)["runs"][0]["results"]) == (0, [])
    github = run("validate", tiny, "--format", "github")
    assert (github.status, github.out, github.err) == (0, "", "")


def test_annotations_name_files_from_the_workspace(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_text(WRONG, encoding="utf-8")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    ran = run("validate", "tiny.yaml", "--format", "github")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.startswith("::error file=tiny.yaml,line=12,endLine=12,col=8,endColumn=12,title=")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tiny.parent.parent))
    ran = run("validate", "tiny.yaml", "--format", "github")
    assert f"file={tiny.parent.name}/tiny.yaml," in ran.out


def test_a_folder_is_searched_for_specs(run: Run, tiny: Path) -> None:
    folder = tiny.parent / "sub" / "deeper"
    folder.mkdir(parents=True)
    (folder / "b.yml").write_text(WRONG, encoding="utf-8")
    (folder / "broken.yaml").write_text("archc: 1\nlayers: [\n", encoding="utf-8")
    (folder / "old.yaml").write_text("name: old\ninput: {x: 3}\nlayers: [relu]\n", encoding="utf-8")
    (folder / "workflow.yaml").write_text("on: push\njobs: {archc: 1}\n", encoding="utf-8")
    (folder / "notes.txt").write_text(LENET, encoding="utf-8")
    hidden = tiny.parent / ".venv"
    hidden.mkdir()
    (hidden / "hidden.yaml").write_text(WRONG, encoding="utf-8")
    ran = run("validate", ".", "--format", "json")
    assert ran.status == 1
    document = json.loads(ran.out)
    names = [spec["spec"] for spec in document["specs"]]
    inner = [f"sub/deeper/{name}" for name in ("b.yml", "broken.yaml", "old.yaml")]
    assert names == ["tiny.yaml", *inner]
    assert [found["rule"] for found in document["diagnostics"]] == [
        "layer/unknown-op", "yaml/syntax", "spec/version",
    ]  # fmt: skip


def test_a_folder_without_specs_is_an_error(run: Run, tiny: Path) -> None:
    (tiny.parent / "sub").mkdir()
    (tiny.parent / "sub" / "other.yaml").write_text("a: 1\n", encoding="utf-8")
    ran = run("validate", "sub")
    assert ran.status == 1
    assert "error[spec/none-in-folder]: there is no spec in `sub`\n" in ran.err


def test_a_file_met_twice_is_checked_once(run: Run, tiny: Path) -> None:
    ran = run("validate", "tiny.yaml", ".", "tiny.yaml")
    assert (ran.status, len(ran.out.splitlines())) == (0, 2)


def test_named_files_that_are_no_specs_can_be_passed_over(run: Run, tiny: Path) -> None:
    other = tiny.with_name("other.yaml")
    other.write_text("on: push\njobs: {}\n", encoding="utf-8")
    assert run("validate", tiny, other).status == 1
    ran = run("validate", tiny, other, "--skip-others")
    assert (ran.status, ran.err) == (0, "")
    assert run("validate", tiny, "missing.yaml", "--skip-others").status == 1


def test_a_mistake_in_a_file_that_several_import_is_one(run: Run, tiny: Path) -> None:
    (tiny.parent / "parts.yaml").write_text(LIBRARY, encoding="utf-8")
    for name in ("one", "two"):
        (tiny.parent / f"{name}.yaml").write_text(USER, encoding="utf-8")
    ran = run("validate", ".")
    assert ran.status == 1
    assert ran.err.count("error[argument/unknown]") == 1
    assert ran.err.endswith("\n1 error in 3 of 4 specs\n")


def test_standard_input_is_a_spec(run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, LENET)
    ran = run("validate", "-")
    assert (ran.status, ran.err) == (0, "")
    assert "133 parameters" in ran.out
    typed(monkeypatch, "\ufeff" + WRONG.replace("\n", "\r\n"))
    ran = run("validate", "-")
    assert ran.status == 1
    assert " --> <stdin>:12:8\n" in ran.err


def test_standard_input_has_the_name_that_it_is_given(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.parent / "lib"
    folder.mkdir()
    (folder / "parts.yaml").write_text(LIBRARY.replace("kernal", "kernel"), encoding="utf-8")
    typed(monkeypatch, USER)
    assert run("validate", "-", "--stdin-name", "lib/new.yaml").status == 0
    typed(monkeypatch, USER.replace("body", "bdoy"))
    ran = run("validate", "-", "--stdin-name", "lib/new.yaml", "--format", "json")
    document = json.loads(ran.out)
    assert document["specs"][0]["spec"] == "lib/new.yaml"
    assert document["diagnostics"][0]["file"] == "lib/new.yaml"


@pytest.mark.parametrize(
    ("content", "rule"), [(b"", "yaml/empty"), (b"name: \xff", "spec/unreadable")]
)
def test_what_is_no_text_on_standard_input_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, rule: str
) -> None:
    typed(monkeypatch, content)
    ran = run("validate", "-")
    assert (ran.status, f"error[{rule}]" in ran.err) == (1, True)


def test_twenty_are_shown_and_the_rest_counted(run: Run, tmp_path: Path) -> None:
    layers = "".join(f"  l{n}: strange{n}\n" for n in range(15))
    for name in "ab":
        text = f"archc: 1\nname: {name}\ninput: {{i: [3, 8, 8]}}\nlayers:\n{layers}"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    few = run("validate", tmp_path).err
    assert few.count("error[layer/unknown-op]") == 20
    assert few.endswith(
        "\n30 errors in 2 of 2 specs (10 not shown)\n"
        f"  {tmp_path}/b.yaml: 10 errors\n"
        "  = help: `--all` shows every one\n"
    )
    every = run("validate", tmp_path, "--all").err
    assert every.count("error[layer/unknown-op]") == 30
    assert every.endswith("\n30 errors in 2 of 2 specs\n")
    annotations = run("validate", tmp_path, "--format", "github").out.splitlines()
    assert (len(annotations), "21 further errors" in annotations[-1]) == (10, True)
    assert len(run("validate", tmp_path, "--format", "github", "--all").out.splitlines()) == 30


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("specs/restnet.yaml", "specs/resnet.yaml"),
        ("spesc/resnet.yaml", "specs/resnet.yaml"),
        ("specs/resnet.yml", "specs/resnet.yaml"),
        ("./reznet.yaml", "resnet.yaml"),
        ("resnet81", "resnet18"),
    ],
)
def test_the_nearest_file_or_name_is_suggested(
    run: Run, tiny: Path, given: str, meant: str
) -> None:
    (tiny.parent / "specs").mkdir()
    for path in ("specs/resnet.yaml", "specs/other.yaml", "resnet.yaml"):
        (tiny.parent / path).write_text(LENET, encoding="utf-8")
    ran = run("validate", given)
    assert ran.status == 1
    assert f"= help: did you mean `{meant}`?" in ran.err
    assert run("validate", meant).status == 0


def test_the_nearest_import_is_relative_to_its_file(run: Run, tiny: Path) -> None:
    folder = tiny.parent / "nets"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "parts.yaml").write_text(
        LIBRARY.replace("kernal", "kernel"), encoding="utf-8"
    )
    path = folder / "user.yaml"
    path.write_text(USER.replace("parts.yaml", "lib/prats.yaml"), encoding="utf-8")
    ran = run("validate", "nets/user.yaml", "--format", "json")
    (found,) = json.loads(ran.out)["diagnostics"]
    assert found["helps"] == ["did you mean `lib/parts.yaml`?"]
    fix = found["fix"]
    line = path.read_text(encoding="utf-8").splitlines()[fix["line"] - 1]
    fixed = line[: fix["column"] - 1] + fix["text"] + line[fix["end_column"] - 1 :]
    path.write_text(path.read_text(encoding="utf-8").replace(line, fixed), encoding="utf-8")
    assert run("validate", "nets/user.yaml").status == 0
