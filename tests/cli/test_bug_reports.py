"""A bug of archc: exit status 3, and a report with a spec that is as small as still shows it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import archc
from archc.cli.reduction import reduce_spec
from archc.layers.convolution import Conv
from archc.layers.dense import Dense
from tests.cli.conftest import LENET, Run


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution with groups raises; other layers raise elsewhere once one of them is alone."""
    infer = Conv.infer

    def broken(self: Conv, *arguments: Any, **named: Any) -> Any:
        if self.groups > 1:
            raise KeyError("padding")
        return infer(self, *arguments, **named)

    def other(self: Dense, *arguments: Any, **named: Any) -> Any:
        raise ValueError("another bug")

    monkeypatch.setattr(Conv, "infer", broken)
    monkeypatch.setattr(Dense, "infer", other)


def spec_in(report: str) -> dict[str, Any]:
    """The spec of a report, as someone would paste it into a file."""
    _, _, rest = report.partition("taken out:\n")
    lines = [line for line in rest.splitlines() if line.startswith("    ")]
    found = yaml.safe_load("\n".join(lines))
    assert isinstance(found, dict)
    return found


SPEC = """\
archc: 1
name: secret
params: {width: 8}
blocks:
  body: {layers: {a: {conv: $width, kernel: 3}, b: {conv: $width, groups: 2}, c: relu}}
  spare: {layers: [relu]}
input: {image: [4, 16, 16]}
labels: [cat, dog]
layers:
  stem: {conv: 8, kernel: 3}
  body: {body, name: x}
  pool: global_avg_pool
""".replace("{body, name: x}", "body")


@pytest.mark.parametrize("command", ["validate", "summary", "build", "expand"])
def test_the_report_has_what_is_needed_and_no_more(
    run: Run, bug: None, tiny: Path, command: str
) -> None:
    tiny.write_text(SPEC, encoding="utf-8")
    ran = run(command, "tiny.yaml", "--set", "width=6")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("error: archc has a bug: KeyError: 'padding'\n")
    assert f"\n  command: archc {command} tiny.yaml --set width=6\n" in ran.err
    assert f"\n  versions: archc {archc.__version__}, Python 3." in ran.err
    assert "\n  spec: tiny.yaml, with all that the bug does not need taken out:\n" in ran.err
    assert "Traceback" not in ran.err
    found = spec_in(ran.err)
    assert not {"labels", "name"} & found.keys()
    assert found["blocks"] == {"body": {"layers": {"b": {"conv": "$width", "groups": 2}}}}
    assert found["layers"] == {"body": "body"}


def test_the_reduced_spec_shows_the_same_bug(run: Run, bug: None, tiny: Path) -> None:
    tiny.write_text(SPEC, encoding="utf-8")
    found = spec_in(run("validate", "tiny.yaml").err)
    tiny.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    again = run("validate", "tiny.yaml")
    assert again.status == 3
    assert "KeyError: 'padding'" in again.err


def test_standard_input_and_built_in_variants_are_reduced_as_well(
    run: Run, bug: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SPEC.encode())))
    ran = run("validate", "-")
    assert (ran.status, "\n  spec: <stdin>, with all" in ran.err) == (3, True)
    ran = run("summary", "resnext50_32x4d")
    assert ran.status == 3
    assert list(spec_in(ran.err)["variants"]) == ["resnext50_32x4d"]


def test_the_spec_of_several_that_shows_the_bug_is_taken(run: Run, bug: None, tiny: Path) -> None:
    fine = "archc: 1\nname: fine\ninput: {i: [3, 8, 8]}\nlayers: [relu]\n"
    tiny.with_name("a.yaml").write_text(fine, encoding="utf-8")
    tiny.write_text(SPEC, encoding="utf-8")
    ran = run("validate", ".")
    assert ran.status == 3
    assert "\n  spec: tiny.yaml, with all" in ran.err


def test_a_bug_outside_of_specs_asks_for_the_spec(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("archc.cli.validate.lines_of", broken)
    ran = run("validate", "tiny.yaml", "--set", "width=4")
    assert ran.status == 3
    assert ran.err.startswith("error: archc has a bug: ZeroDivisionError: division by zero\n")
    assert "  spec:" not in ran.err
    assert ran.err.endswith("= help: report this text, with the spec, to the developers of archc\n")


def test_the_traceback_is_shown_on_request(
    run: Run, bug: None, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHC_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in run("validate", "resnext50_32x4d").err


def test_a_bug_in_the_report_hides_nothing(
    run: Run, bug: None, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_text(SPEC, encoding="utf-8")
    for second in (RuntimeError("again"), KeyboardInterrupt()):

        def broken(*_: object, raised: BaseException = second) -> None:
            raise raised

        monkeypatch.setattr("archc.cli.crash.spec_that_fails", broken)
        ran = run("validate", "tiny.yaml")
        assert (ran.status, "KeyError: 'padding'" in ran.err) == (3, True)


def test_a_spec_is_reduced_to_what_the_question_needs() -> None:
    text = "a: [1, 2, {x: y, z: w}]  # gone\nb: {c: d, 'e': \"f\"}\ng: h\n"
    assert reduce_spec(text, lambda t: "z: w" in t and "f" in t) == (
        "a: [{z: w}]\nb: {'e': \"f\"}\n"
    )


def test_a_text_that_is_no_yaml_loses_lines() -> None:
    text = "".join(f"line {n}\n" for n in range(40)) + "a: [\n"
    found = reduce_spec(text, lambda t: "a: [" in t and "line 17\n" in t)
    assert found == "line 17\na: [\n"


def test_a_bug_that_comes_and_goes_gives_the_text_back() -> None:
    assert reduce_spec(LENET, lambda _: False) == LENET
    assert reduce_spec(LENET, lambda _: True, seconds=0) == LENET


def test_nodes_that_are_shared_are_kept() -> None:
    text = "a: &x {b: 1, c: 2}\nd: *x\n"
    found = reduce_spec(text, lambda t: "&" in t and "*" in t and "c" in t)
    assert yaml.safe_load(found) == {"a": {"c": 2}, "d": {"c": 2}}
