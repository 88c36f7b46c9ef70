"""`archc explain`: every rule, with its examples, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archc.explanations.declared import slugs
from tests.cli.conftest import Run

RULES = Path(__file__).parents[2] / "docs" / "rules.md"


def test_rule_is_shown_with_both_examples_and_what_archc_says(run: Run) -> None:
    ran = run("explain", "conv/groups")

    assert (ran.status, ran.err) == (0, "")
    order = [
        "conv/groups: the groups of a convolution do not divide its channels\n",
        "\nwrong:\n",
        "groups: 3}",
        "error[conv/groups]: `groups: 3` does not divide 64 input channels\n",
        "\ncorrected:\n",
        "groups: 4}",
    ]
    places = [ran.out.find(text) for text in order]
    assert -1 not in places
    assert places == sorted(places)


def test_rule_of_a_command_shows_the_command(run: Run) -> None:
    assert "    $ archc validate resnt50\n" in run("explain", "spec/not-found").out


def test_all_rules_are_listed(run: Run) -> None:
    lines = run("explain").out.splitlines()

    assert [line.split()[0] for line in lines if line] == list(slugs())


def test_rules_of_a_subject_are_listed(run: Run) -> None:
    ran = run("explain", "conv")

    listed = [line.split("  ", 1)[0] for line in ran.out.splitlines()]
    assert listed == ["conv/groups", "conv/incomplete", "conv/values"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conv/grops", "did you mean `conv/groups`?"),
        ("covn", "did you mean `conv`?"),
        ("duplicate-key", "did you mean `yaml/duplicate-key`?"),
        ("too-deep", "`spec/too-deep` or `yaml/too-deep`?"),
        ("xyzzy/plugh", "`archc explain` lists all"),
    ],
)
def test_unknown_rule_is_wrong_usage(run: Run, name: str, hint: str) -> None:
    ran = run("explain", name)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: there is no rule `{name}`")
    assert hint in ran.err


def test_json_of_a_rule_has_its_examples_and_the_message(run: Run) -> None:
    document = json.loads(run("explain", "conv/groups", "--format", "json").out)

    assert document["version"] == 1
    (rule,) = document["rules"]
    assert rule["rule"] == "conv/groups"
    assert [example["form"] for example in rule["wrong"] + rule["corrected"]] == ["yaml", "yaml"]
    assert rule["message"].startswith("error[conv/groups]: ")


def test_json_of_all_rules_has_a_summary_and_a_reason_each(run: Run) -> None:
    document = json.loads(run("explain", "--format", "json").out)

    assert [rule["rule"] for rule in document["rules"]] == list(slugs())
    assert all(rule["summary"] and rule["why"] for rule in document["rules"])


def test_reference_page_is_current(run: Run, request: pytest.FixtureRequest) -> None:
    ran = run("explain", "--format", "markdown")
    assert ran.status == 0
    text = ran.out
    if request.config.getoption("--update"):
        RULES.write_text(text, encoding="utf-8", newline="\n")
    assert text == RULES.read_text(encoding="utf-8"), (
        "run pytest --update, and review docs/rules.md"
    )
