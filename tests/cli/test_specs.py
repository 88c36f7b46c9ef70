"""The commands that only look at specs: list, validate, summary, expand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from archc.language.library import zoo_specs
from tests.cli.conftest import Run


def test_list_shows_every_spec_with_its_variants(run: Run) -> None:
    ran = run("list")
    assert (ran.status, ran.err) == (0, "")
    first = [line.split(" ")[0] for line in ran.out.splitlines()[1:]]
    assert [name for name in first if name] == list(zoo_specs())
    assert any(line.split()[:1] == ["resnet50"] for line in ran.out.splitlines())


def test_list_fits_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.cli.list_specs.sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    lines = run("list").out.splitlines()
    assert max(map(len, lines)) <= 70
    assert any(line.endswith(" ...") for line in lines)


def test_list_for_programs_has_descriptions(run: Run) -> None:
    document = json.loads(run("list", "--format", "json").out)
    assert document["version"] == 1
    specs = {spec["name"]: spec for spec in document["specs"]}
    assert specs["blocks"]["is_library"]
    assert "resnet50" in [variant["name"] for variant in specs["resnet"]["variants"]]
    assert specs["resnet"]["description"]


def test_validate_says_what_each_variant_is(run: Run, tiny: Path) -> None:
    ran = run("validate", tiny)
    assert (ran.status, ran.err) == (0, "")
    defaults, wide = ran.out.splitlines()
    assert defaults.split("  ")[0] == "tiny"
    assert "133 parameters" in defaults
    assert "9,030 MACs" in defaults
    assert defaults.endswith("at H = 12, W = 12; valid for H ≥ 8, W ≥ 8")
    assert wide.startswith("wide")
    assert "263 parameters" in wide


def test_validate_takes_several_specs_and_a_library(run: Run) -> None:
    ran = run("validate", "lenet5", "blocks", "resnet18")
    assert ran.status == 0
    lenet, blocks, resnet = ran.out.splitlines()
    assert lenet.split()[1] == "61,706"
    assert blocks.startswith("blocks: library, ")
    assert resnet.split()[1] == "11,689,512"


def test_validate_shows_mistakes_and_goes_on(run: Run, tiny: Path, wrong: Path) -> None:
    ran = run("validate", wrong, "no-such-spec", tiny)
    assert ran.status == 1
    assert "error[layer/unknown-op]: there is no op or block `rellu`" in ran.err
    assert "= help: did you mean `relu`?" in ran.err
    assert "error[spec/not-found]" in ran.err
    assert "133 parameters" in ran.out


def test_validate_for_programs_is_one_document(run: Run, tiny: Path, wrong: Path) -> None:
    ran = run("validate", tiny, wrong, "--format", "json")
    assert (ran.status, ran.err) == (1, "")
    document = json.loads(ran.out)
    good, bad = document["specs"]
    assert (good["is_valid"], bad["is_valid"], bad["networks"]) == (True, False, [])
    assert good["networks"][1] == {
        "variant": "wide",
        "parameters": 263,
        "macs": 18060,
        "sample_sizes": {"H": 12, "W": 12},
        "sizes": {
            name: {"min": 8, "max": None, "multiple_of": 1, "remainder": 0} for name in ("H", "W")
        },
    }
    assert [found["rule"] for found in document["diagnostics"]] == ["layer/unknown-op"]


def test_variant_and_settings_choose_the_network(run: Run, tiny: Path) -> None:
    chosen = run("validate", tiny, "--variant", "wide", "--set", "H=20", "--set", "W=20")
    assert (chosen.status, chosen.err) == (0, "")
    assert chosen.out.split() == ["wide", "263", "parameters", "58,380", "MACs"]


def test_a_setting_is_yaml_and_its_mistake_has_a_place(run: Run, tiny: Path) -> None:
    ran = run("validate", tiny, "--set", "classes=[1, 2]")
    assert ran.status == 1
    assert "--> --set classes:1:1" in ran.err
    assert "`classes` of `tiny` is an int" in ran.err
    broken = run("validate", tiny, "--set", "classes=[1")
    assert (broken.status, "error[yaml/syntax]" in broken.err) == (1, True)


@pytest.mark.parametrize("option", [["--variant", "wdie"], ["--set", "classez=3"]])
def test_an_unknown_choice_is_an_error_of_the_spec(run: Run, tiny: Path, option: list[str]) -> None:
    ran = run("validate", tiny, *option)
    assert ran.status == 1
    assert "did you mean" in ran.err


def test_check_looks_at_the_onnx_form_as_well(run: Run, tiny: Path) -> None:
    assert run("validate", tiny, "lenet5", "--check").status == 0


def test_summary_is_a_table(run: Run, tiny: Path) -> None:
    ran = run("summary", tiny)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("tiny: image 1 × 12 × 12, at H = 12, W = 12\n")
    assert "\nconv   conv             10 × 10 × 10" in ran.out


def test_summary_for_programs_and_spreadsheets(run: Run, tiny: Path) -> None:
    document = json.loads(run("summary", tiny, "--format", "json", "--variant", "wide").out)
    assert (document["variant"], document["totals"]["parameters"]) == ("wide", 263)
    rows = list(csv.DictReader(io.StringIO(run("summary", tiny, "--format", "csv").out)))
    assert [row["name"] for row in rows] == ["conv", "act", "pool", "fc"]


def test_summary_groups_by_depth(run: Run) -> None:
    rows = run("summary", "resnet18", "--depth", "1", "--format", "csv").out.splitlines()[1:]
    names = [row.split(",")[0] for row in rows]
    assert names[:6] == ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2"]


def test_expanded_spec_is_the_same_network(run: Run, tiny: Path, tmp_path: Path) -> None:
    ran = run("expand", tiny, "--variant", "wide")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("# wide of tiny, expanded by archc ")
    path = tmp_path / "expanded.yaml"
    path.write_text(ran.out, encoding="utf-8")
    again = run("validate", path)
    assert again.status == 0
    assert "263 parameters" in again.out
    assert yaml.safe_load(ran.out)["description"] == "A network for tests."


@pytest.mark.parametrize("command", ["summary", "expand"])
def test_commands_on_a_wrong_spec_write_no_result(run: Run, wrong: Path, command: str) -> None:
    ran = run(command, wrong)
    assert (ran.status, ran.out) == (1, "")
    assert "error[layer/unknown-op]" in ran.err
