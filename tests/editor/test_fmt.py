"""The canonical form of a text: what changes, what stays, and that nothing else does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.format import format_text
from archc.graph.graph import Graph
from archc.language.library import zoo_folder
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import Spec, read_spec
from archc.stages.parse import parse
from tests.editor.schema import plain
from tests.editor.styles import Writer, random_tree

ROOT = Path(__file__).parents[2]
OURS = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("specs", "examples")
    for file in (ROOT / folder).rglob("*.yaml")
)


def formatted(text: str) -> str:
    reporter = Reporter()
    found = format_text(Source("net.yaml", text), reporter)
    assert not isinstance(found, Failed), reporter.diagnostics
    return found


def tree_of(text: str) -> object:
    tree = parse(Source("net.yaml", text), Reporter())
    assert not isinstance(tree, Failed)
    return repr(plain(tree))


@pytest.mark.parametrize("name", OURS)
def test_our_specs_are_canonical(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:   1\n", "a: 1\n"),
        ("a: 1", "a: 1\n"),
        ("a: 1   \nb: 2\t\n", "a: 1\nb: 2\n"),
        ("\n\na: 1\n\n\n\nb: 2\n\n", "a: 1\n\nb: 2\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("\ufeffa: 1\n", "a: 1\n"),
        ("a:\n    b:\n        c: 1\n", "a:\n  b:\n    c: 1\n"),
        ("a:\n- b\n- c: 1\n  d: 2\n", "a:\n  - b\n  - c: 1\n    d: 2\n"),
        ("a:\n    -   b\n    -   - c\n        - d\n", "a:\n  - b\n  - - c\n    - d\n"),
        ("a:\n-\n  b: 1\n", "a:\n  -\n    b: 1\n"),
        ("a: { b: 1,c: [ 2,3 ] }\n", "a: {b: 1, c: [2, 3]}\n"),
        ('a: {"b":1, "c" : 2}\n', "a: {b: 1, c: 2}\n"),
        ("a : 1\n", "a: 1\n"),
        ("? a\n: 1\n", "? a\n: 1\n"),
        ("a: [1,\n  2,\n     3]\n", "a: [1,\n    2,\n    3]\n"),
        ("a: {\n     b: 1,\n  c: 2,\n     }\n", "a: {\n  b: 1,\n  c: 2,\n}\n"),
        ("a:\n      {b: 1}\n", "a:\n  {b: 1}\n"),
        ("a: &x {b: 1}\nc:   *x\n", "a: &x {b: 1}\nc: *x\n"),
        ("a: [&x   1, *x ]\n", "a: [&x 1, *x]\n"),
        ("%YAML 1.2\n---\na: 1\n...\n", "%YAML 1.2\n---\na: 1\n...\n"),
        ("--- # start\na: 1\n", "---  # start\na: 1\n"),
    ],
)  # fmt: skip
def test_white_space_has_one_form(before: str, after: str) -> None:
    assert formatted(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'relu'", "relu"),
        ('"two words"', "two words"),
        ("'$(n + 1)'", "$(n + 1)"),
        ("'$name.0'", "$name.0"),
    ],
)
def test_quotes_that_do_nothing_go(before: str, after: str) -> None:
    assert formatted(f"a: {before}\n") == f"a: {after}\n"
    assert formatted(f"{before}: 1\n") == f"{after}: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "'1.10'", "'1'", "'0x1f'", "'1e-3'", "'true'", "'null'", "''", "' a'", "'a '", "'a: b'",
        "'a #b'", "'#a'", "'- a'", "'[a]'", "'{a'", '"$(min(a, b))"', "'$(a[0])'", "'*a'", "'&a'",
        "'!a'", "'%a'", "'@a'", "'?'", "'a\\d'", "'it''s'", '"tab\\t"', "'yes'", "'on'", "'<<'",
        "'---'", "'$(a'", "'a, b'", "'.inf'", "'~'", '"\\u00e9"',
    ],
)  # fmt: skip
def test_quotes_that_do_something_stay(text: str) -> None:
    assert formatted(f"a: {text}\n") == f"a: {text}\n"
    assert formatted(f"a: [{text}]\n") == f"a: [{text}]\n"


@pytest.mark.parametrize(
    "text",
    [
        "rows:\n  - [3,  16, relu,       1]\n  - [5, 120, hard_swish, 2]\n",
        "one:   {a: 1, b: 2}\nthree: {a: 1, b: 2}\n",
        "in: [[ 1,  16],\n     [12, 160]]\n",
        "a: {conv:  8, kernel: 3}\nb: {conv: 16, kernel: 3}\n",
    ],
)
def test_columns_that_are_aligned_stay(text: str) -> None:
    assert formatted(text) == text


def test_columns_stay_aligned_when_the_rows_move() -> None:
    before = "a:\n- {x:  1, y: 2}\n- {x: 10, y: 2}\n"
    assert formatted(before) == "a:\n  - {x:  1, y: 2}\n  - {x: 10, y: 2}\n"


def test_blanks_that_align_nothing_go() -> None:
    before = "a: {conv:   8,    kernel: 3}\nbb: [relu]\n"
    assert formatted(before) == "a: {conv: 8, kernel: 3}\nbb: [relu]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1 # one\n", "a: 1  # one\n"),
        ("a: 1      # one\nbb: 2     # two\n", "a: 1      # one\nbb: 2     # two\n"),
        ("a:\n    # of b\n    b: 1\n# of c\nc: 1\n", "a:\n  # of b\n  b: 1\n# of c\nc: 1\n"),
        ("a:\n    b: 1\n    # of a still\nc: 1\n", "a:\n  b: 1\n  # of a still\nc: 1\n"),
        ("a:\n- b\n# of c\n- c\n", "a:\n  - b\n  # of c\n  - c\n"),
        ("a: [1, # one\n # two\n 2]\n", "a: [1,  # one\n    # two\n    2]\n"),
        ("a: 1\n  # end", "a: 1\n# end\n"),
        ("a: # of a\n  b: 1\n", "a:  # of a\n  b: 1\n"),
    ],
)
def test_comments_stay_with_what_they_are_about(before: str, after: str) -> None:
    assert formatted(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n    b: |  # why\n          x\n            y\n\n\n    c: 1\n",
         "a:\n  b: |  # why\n    x\n      y\n\n  c: 1\n"),
        ("a: |2\n    x\n   y\nb: 1\n", "a: |2\n    x\n   y\nb: 1\n"),
        ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
        ("a: |\n  x", "a: |-\n  x\n"),
        ("a: >-\n     # no comment\n     x \n", "a: >-\n  # no comment\n  x \n"),
        ("a: one\n      two\n\n      three\n", "a: one\n  two\n\n  three\n"),
        ("a: 'one  \n      two'\n", "a: 'one\n  two'\n"),
        ('a: "one\\\n      two\\   \n  three"\n', 'a: "one\\\n  two\\ \n  three"\n'),
        ("a: [one\n two, 3]\n", "a: [one\n    two, 3]\n"),
    ],
)  # fmt: skip
def test_scalars_of_several_lines_keep_what_they_say(before: str, after: str) -> None:
    assert formatted(before) == after


def test_row_that_is_too_long_is_broken_at_its_outermost_commas() -> None:
    inner = "{" + ", ".join(f"key{i}: [1, 2, 3]" for i in range(5)) + "}"
    before = f"a: {{first: {inner}, second: {inner}, third: 3}}\n"
    after = f"a: {{first: {inner},\n    second: {inner}, third: 3}}\n"
    assert len(before) > 120
    assert formatted(before) == after


def test_long_list_fills_its_rows() -> None:
    before = f"a: [{', '.join(str(i) for i in range(1000, 1100))}]\n"
    lines = formatted(before).splitlines()
    assert all(100 < len(line) <= 120 for line in lines[:-1])
    assert all(line.startswith("    1") for line in lines[1:])


def test_text_that_cannot_be_broken_stays() -> None:
    text = f"a: {'word ' * 40}end\n"
    assert formatted(text) == text


def test_syntax_error_is_reported_and_nothing_comes_back() -> None:
    reporter = Reporter()
    assert isinstance(format_text(Source("net.yaml", "a: [1,\nb: 2\n"), reporter), Failed)
    assert [d.rule.slug for d in reporter.diagnostics] == ["yaml/syntax"]


def test_spec_with_mistakes_of_other_kinds_is_formatted() -> None:
    assert formatted("archc:   1\nlayres: {a: rellu,b: 3}\n") == (
        "archc: 1\nlayres: {a: rellu, b: 3}\n"
    )


@given(st.randoms(use_true_random=False))
def test_any_style_comes_to_one_that_stays_and_means_the_same(r: random.Random) -> None:
    tree = random_tree(r)
    text = Writer(r).document(tree if isinstance(tree, dict) else {"a": tree})
    reporter = Reporter()
    found = format_text(Source("net.yaml", text), reporter)
    if isinstance(found, Failed):  # what PyYAML does not read, as a tab before a comment
        assert reporter.has_errors
        return
    assert formatted(found) == found
    assert tree_of(found) == tree_of(text)
    assert found.endswith("\n")
    assert "\r" not in found
    if "|" not in found and ">" not in found:
        lines = found.split("\n")
        quoted = ("\\ ", "\\\t")
        assert not [x for x in lines if x != x.rstrip() and not x.endswith(quoted)]
        assert "\n\n\n" not in found or "'" in found or '"' in found or "lines" in found


NETWORKS = ("resnet", "lenet", "inception", "mobilenet_v3", "keras/xception", "timm/densenet")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width", [20, 500])
def test_formatted_network_is_the_same_network(name: str, width: int) -> None:
    path = zoo_folder() / f"{name}.yaml"
    spec = path.read_text(encoding="utf-8")
    tree = parse(Source("net.yaml", spec), Reporter())
    assert not isinstance(tree, Failed)
    untidy = yaml.safe_dump(
        plain(tree), indent=5, width=width, default_flow_style=None, sort_keys=False
    )
    tidy = formatted(untidy)
    assert tidy != untidy
    assert _layers(tidy, path) == _layers(spec, path)


def _layers(text: str, path: Path) -> list[list[tuple[object, ...]]]:
    """The layers of each variant: names, arguments, what they take, and types."""
    reporter = Reporter()
    spec = read_spec(Source(str(path), text), reporter)
    assert isinstance(spec, Spec), reporter.diagnostics
    graphs: tuple[Graph, ...] = validate_spec(spec, Choices(), reporter)
    assert not reporter.diagnostics
    return [
        [(graph.variant, n.name, n.layer, n.inputs, str(n.output)) for n in graph.nodes]
        for graph in graphs
    ]
