"""The offline check: what Triton refuses is an error at its line, what it takes is none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from archc.deploy.triton.check import CheckedRepository, check_repository
from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.reporter import Failed, Reporter
from archc.diagnostics.text import render_text
from tests.deploy.triton.cases import CASES
from tests.deploy.triton.folders import CONFIG, INPUT, OUTPUT, WARMUP, Case, Model


def check(
    folder: Path, release: str | None = None, *, auto_complete: bool = False
) -> tuple[CheckedRepository, Sequence[Diagnostic]]:
    reporter = Reporter()
    found = check_repository(folder, reporter, release, auto_complete=auto_complete)
    assert not isinstance(found, Failed), reporter.diagnostics
    return found, reporter.diagnostics


def slugs(found: Sequence[Diagnostic], severity: Severity) -> list[str]:
    return sorted(d.rule.slug for d in found if d.severity is severity)


@pytest.mark.parametrize("name", CASES)
def test_each_folder_is_judged_as_it_is_known(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    folder = case.write(tmp_path, name)
    checked, found = check(folder)
    assert slugs(found, Severity.ERROR) == sorted(case.rules), render_text(found)
    assert slugs(found, Severity.WARNING) == sorted(case.warnings), render_text(found)
    assert [(m.name, m.is_accepted) for m in checked.models] == [(name, not case.rules)]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.rules])
def test_each_refusal_has_a_place_that_can_be_shown(name: str, tmp_path: Path) -> None:
    CASES[name].write(tmp_path, name)
    for diagnostic in check(tmp_path)[1]:
        assert Path(diagnostic.span.file).is_relative_to(tmp_path)
        span = diagnostic.span
        assert not span.source.text or span.source.line(span.line)[span.column - 1 :].strip()


def test_a_mistake_is_shown_at_its_line(tmp_path: Path) -> None:
    CASES["wrong_output_size"].write(tmp_path, "net")
    (found,) = check(tmp_path)[1]
    assert found.span.line == 5
    assert found.span.source.line(5)[found.span.column - 1 :].startswith("11 ]")
    assert found.helps == ("write `dims: [ 10 ]`, the batch left out",)


def test_a_server_that_completes_takes_what_is_left_out(tmp_path: Path) -> None:
    case = Case(None)
    case.write(tmp_path, "net")
    checked, found = check(tmp_path, auto_complete=True)
    assert checked.models[0].is_accepted
    assert checked.models[0].backend == "onnxruntime"
    assert slugs(found, Severity.WARNING) == ["triton/incomplete"]
    assert "`max_batch_size` 4" in found[0].message


def test_a_server_that_completes_gives_a_fixed_batch_no_batches(tmp_path: Path) -> None:
    Case(None, Model(batch=1, output_batch=1)).write(tmp_path, "net")
    checked, found = check(tmp_path, auto_complete=True)
    assert checked.models[0].is_accepted
    assert "no batches" in found[0].message


def test_a_server_that_completes_refuses_batches_of_a_fixed_model(tmp_path: Path) -> None:
    case = Case(((INPUT, ""), (OUTPUT, ""), (WARMUP, "")), Model(batch=1, output_batch=1))
    case.write(tmp_path, "net")
    _, found = check(tmp_path, auto_complete=True)
    assert slugs(found, Severity.ERROR) == ["triton/batch-axis"]


@pytest.mark.parametrize(
    ("release", "opset", "ir_version", "is_loaded"),
    [
        ("24.10", 21, 10, True),
        ("24.10", 22, 10, False),
        ("24.10", 21, 11, False),
        ("24.11", 21, 10, True),
        ("25.10", 23, 11, True),
        ("26.04", 25, 13, True),
        ("22.10", 17, 8, True),
        ("22.12", 18, 8, False),
        (None, 26, 13, True),
    ],
)
def test_a_release_loads_what_its_runtime_does(
    release: str | None, opset: int, ir_version: int, is_loaded: bool, tmp_path: Path
) -> None:
    Case(model=Model(opset=opset, ir_version=ir_version)).write(tmp_path, "net")
    _, found = check(tmp_path, release)
    wanted = [] if is_loaded else ["triton/model-too-new"]
    assert slugs(found, Severity.ERROR) == wanted


def test_the_help_says_which_opset_to_build(tmp_path: Path) -> None:
    Case(model=Model(opset=23, ir_version=10)).write(tmp_path, "net")
    (found,) = check(tmp_path, "24.10")[1]
    assert "--opset 21" in found.helps[0]
    assert "25.08" in found.helps[1]


def test_a_field_of_a_later_release_is_refused(tmp_path: Path) -> None:
    Case((("dynamic_batching { }", "dynamic_batching { } model_metrics { }"),)).write(
        tmp_path, "net"
    )
    assert slugs(check(tmp_path, "24.10")[1], Severity.ERROR) == ["triton/field-too-new"]
    assert slugs(check(tmp_path, "24.11")[1], Severity.ERROR) == []


@pytest.mark.parametrize("release", ["99.01", "24.13", "newest", "21.05", ""])
def test_an_unknown_release_is_refused(release: str, tmp_path: Path) -> None:
    CASES["good"].write(tmp_path, "good")
    reporter = Reporter()
    assert isinstance(check_repository(tmp_path, reporter, release), Failed)
    assert [d.rule.slug for d in reporter.diagnostics] == ["triton/unknown-release"]


def test_a_repository_a_model_and_the_folder_above_are_taken(tmp_path: Path) -> None:
    models = tmp_path / "package" / "models"
    for name in ("good", "wrong_output_size"):
        CASES[name].write(models, name)
    for folder in (models, tmp_path / "package"):
        checked, found = check(folder)
        assert [(m.name, m.is_accepted) for m in checked.models] == [
            ("good", True),
            ("wrong_output_size", False),
        ]
        assert slugs(found, Severity.ERROR) == ["triton/tensor-shape"]
    checked, found = check(models / "good")
    assert [m.name for m in checked.models] == ["good"]
    assert not found


@pytest.mark.parametrize("kind", ["folder", "file", "nothing"])
def test_a_folder_without_models_is_refused(kind: str, tmp_path: Path) -> None:
    if kind == "folder":
        (tmp_path / "empty").mkdir()
    elif kind == "file":
        (tmp_path / "empty").write_text("x")
    reporter = Reporter()
    assert isinstance(check_repository(tmp_path / "empty", reporter), Failed)
    assert [d.rule.slug for d in reporter.diagnostics] == ["triton/no-models"]


def test_a_config_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = CASES["good"].write(tmp_path, "good")
    (folder / "config.pbtxt").write_bytes(b"name: \xff")
    assert slugs(check(tmp_path)[1], Severity.ERROR) == ["triton/unreadable-config"]


def test_windows_line_ends_are_taken(tmp_path: Path) -> None:
    folder = CASES["good"].write(tmp_path, "good")
    text = CONFIG.replace('"NAME"', '"good"').replace("\n", "\r\n")
    (folder / "config.pbtxt").write_bytes(text.encode())
    assert not check(tmp_path)[1]


def test_each_served_version_is_checked(tmp_path: Path) -> None:
    case = Case((("latest { num_versions: 1 }", "all { }"),))
    folder = case.write(tmp_path, "net")
    shutil.copytree(folder / "1", folder / "2")
    checked, found = check(tmp_path)
    assert checked.models[0].versions == (1, 2)
    assert not found
    Model(batch=1, output_batch=1).write(folder / "1" / "model.onnx")
    assert slugs(check(tmp_path)[1], Severity.ERROR) == ["triton/batch-axis"] * 2
