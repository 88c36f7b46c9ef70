from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.diagnostic import Diagnostic, Related, Severity
from archc.diagnostics.place import Frame, Place, Source, Span
from archc.diagnostics.sarif import render_sarif
from tests.unit.diagnostics.found import error_at, hostile, span_of, warning_at

SCHEMA = json.loads((Path(__file__).parent / "sarif" / "sarif-2.1.0-rtm.5.json").read_bytes())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)
NET = Source("specs/net 1.yaml", "layers:\n  a: rellu\n  日: [c, 😀, covn]\n")
ROOT = Path.cwd()


def run_of(*found: Diagnostic, root: Path = ROOT) -> Any:
    log = json.loads(render_sarif(found, root))
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    return run


def regions(part: object) -> Iterator[dict[str, int]]:
    """Every region of a log."""
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key in {"region", "deletedRegion"})
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from regions(inner)


def test_every_part_has_its_place_in_the_result() -> None:
    span = span_of(NET, "[c, 😀, covn]")
    trail = (
        Frame("block `outer`", span_of(NET, "layers")),
        Frame("block `inner`", span_of(NET, "a"), "used here, third copy"),
    )
    found = error_at(span, "wrong")._replace(
        place=Place(span, trail),
        label="here",
        related=(Related(span_of(NET, "rellu"), "and here"),),
        notes=("why",),
        helps=("do\nthis",),
    )
    run = run_of(found)
    (result,) = run["results"]
    assert result["ruleId"] == "conv/groups"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "conv/groups"
    assert result["level"] == "error"
    assert result["message"]["text"] == "wrong: here\nnote: why\nhelp: do\nthis"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "specs/net%201.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 6, "endLine": 3, "endColumn": 18},
    }
    (related,) = result["relatedLocations"]
    assert related["message"]["text"] == "and here"
    assert related["physicalLocation"]["region"]["startLine"] == 2
    (stack,) = result["stacks"]
    steps = [frame["location"] for frame in stack["frames"]]
    assert [step["message"]["text"] for step in steps] == [
        "here",
        "in block `inner`, used here, third copy",
        "in block `outer`, used here",
    ]
    assert steps[0]["physicalLocation"]["region"] == location["physicalLocation"]["region"]
    assert steps[2]["physicalLocation"]["region"]["startLine"] == 1


def test_rules_are_listed_once_with_summary_and_why() -> None:
    span = span_of(NET, "rellu")
    run = run_of(error_at(span), warning_at(span), error_at(span_of(NET, "a")))
    first, second = run["tool"]["driver"]["rules"]
    assert first["shortDescription"]["text"] == "Groups do not divide the channels."
    assert "Each group takes an equal part." in first["fullDescription"]["text"]
    assert "`archc explain conv/groups`" in first["help"]["markdown"]
    assert second["id"] == "spec/unused"
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 0]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "error"]


def test_nothing_found_is_a_run_without_results() -> None:
    run = run_of()
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


def test_columns_count_code_points_and_say_so() -> None:
    run = run_of(error_at(span_of(NET, "covn")))
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"]) == (13, 17)
    assert set(run["newlineSequences"]) >= {"\n", "\r\n", "\u2028"}


def test_a_help_that_is_a_replacement_is_a_fix() -> None:
    found = error_at(span_of(NET, "covn"), "there is no op `covn`")
    (result,) = run_of(found._replace(helps=("did you mean `conv`?",)))["results"]
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    assert fix["description"]["text"] == "did you mean `conv`?"
    assert change["artifactLocation"]["uri"] == "specs/net%201.yaml"
    (replacement,) = change["replacements"]
    assert replacement["insertedContent"]["text"] == "conv"
    assert replacement["deletedRegion"]["startColumn"] == 13
    assert "fixes" not in run_of(found._replace(helps=("take another",)))["results"][0]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("a.yaml", "a.yaml"),
        ("./sub/../a.yaml", "a.yaml"),
        (str(ROOT / "a.yaml"), "a.yaml"),
        ("a:b.yaml", "./a%3Ab.yaml"),
        ("ä#?.yaml", "%C3%A4%23%3F.yaml"),
        ("/elsewhere/x y.yaml", "file:///elsewhere/x%20y.yaml"),
    ],
)
def test_files_are_uris_relative_to_the_root(name: str, uri: str) -> None:
    (result,) = run_of(error_at(Span(Source(name, "a: b\n"), 1, 1, 1, 2)))["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == uri
    assert ("uriBaseId" in location) == (not uri.startswith("file:"))


def test_the_root_may_lie_above() -> None:
    (result,) = run_of(error_at(span_of(NET, "a")), root=ROOT.parent)["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"{ROOT.name}/specs/net%201.yaml"


def test_a_file_that_is_no_text_has_no_region_and_an_option_no_file() -> None:
    binary = error_at(Span(Source("w.pt", ""), 1, 1, 1, 1))
    option = error_at(Span(Source("--set classes", "[1"), 1, 1, 1, 3))
    first, second = run_of(binary, option)["results"]
    assert "region" not in first["locations"][0]["physicalLocation"]
    assert "physicalLocation" not in second["locations"][0]
    assert second["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "--set classes"


@given(st.lists(hostile(), max_size=2))
def test_whatever_is_quoted_the_log_is_valid(found: list[Diagnostic]) -> None:
    text = render_sarif(found, ROOT)
    assert text.isascii()
    log = json.loads(text)
    VALIDATOR.validate(log)
    for region in regions(log):
        assert region["startLine"] >= 1
        assert (region["startLine"], region["startColumn"]) <= (
            region["endLine"],
            region["endColumn"],
        )
    assert {d.severity for d in found} <= {Severity.ERROR}
