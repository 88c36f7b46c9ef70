"""The mistakes that people make, each one report at its place, with the words that are shown.

The first thirteen are those that the peers of archc were tried with; the others are like them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from archc.diagnostics.diagnostic import Diagnostic, Severity
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.diagnostics.text import render_text
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec
from tests.conftest import Golden

FOLDER = Path(__file__).parent


class Mistake(NamedTuple):
    """What is reported of a spec, and how the help mends it.

    Attributes:
        rule: the rule, at this line and column.
        mended: what stands in the spec, and what to write instead.
        said: the part of a help that says so; what to write, if left out.
    """

    rule: str
    line: int
    column: int
    mended: tuple[str, str] | None = None
    said: str = ""


MISTAKES = {
    "residual-widths-differ": Mistake(
        "merge/sizes", 11, 9, ("- []", "- [{conv: 128, kernel: 1}]"), "{conv: 128, kernel: 1}"
    ),
    "flattened-size": Mistake("reshape/count", 9, 22),
    "activation-as-an-argument": Mistake(
        "argument/unknown", 5, 31, (", activation: relu}", "}\n  relu1: relu"), "write it after"
    ),
    "argument-misspelt": Mistake("argument/unknown", 5, 20, ("kernal", "kernel")),
    "op-beside-its-name": Mistake(
        "layer/names-wanted", 6, 3,
        ("  conv: 8\n  kernel: 3", "    conv: 8\n    kernel: 3"), "indent it",
    ),
    "op-called": Mistake(
        "layer/unknown-op", 5, 10, ("conv(8, 3)", "{conv: 8, kernel: 3}"), "{conv: …}"
    ),
    "op-misspelt": Mistake("layer/unknown-op", 6, 10, ("rleu", "relu")),
    "kernel-larger-than-input": Mistake("layer/window-too-large", 9, 30),
    "input-channels-given": Mistake(
        "argument/unknown", 6, 21, (" in_channels: 32,", ""), "leave it out"
    ),
    "groups-do-not-divide": Mistake("conv/groups", 8, 40, ("groups: 3", "groups: 2"), "example 2"),
    "concat-of-different-sizes": Mistake("merge/sizes", 8, 9),
    "number-in-quotes": Mistake("argument/type", 5, 28, ('"5"', "5"), "`kernel: 5`"),
    "layer-not-there": Mistake("path/unknown", 7, 49, ("pool11", "pool1")),
    "block-in-a-circle": Mistake("block/recursion", 5, 43),
    "branch-left-unconnected": Mistake("layer/unused", 6, 13),
    "stride-in-one-branch": Mistake("merge/sizes", 10, 9),
    "argument-of-another-framework": Mistake(
        "argument/unknown", 5, 21, ("kernel_size", "kernel")
    ),
    "block-not-indented": Mistake("spec/unknown-key", 6, 3),
    "block-used-often": Mistake("merge/sizes", 12, 13),
    "braces-after-dollar": Mistake("yaml/syntax", 6, 18, ("${width}", "$width")),
    "bracket-not-closed": Mistake(
        "yaml/syntax", 5, 10, ("kernel: 3\n  relu1", "kernel: 3}\n  relu1"), "close it with `}`"
    ),
    "channels-last": Mistake("input/channels-last", 3, 16, ("[224, 224, 3]", "[3, 224, 224]")),
    "comma-without-quotes": Mistake(
        "expression/dollar", 6, 17, ("$(max(width, 8))", '"$(max(width, 8))"')
    ),
    "condition-misspelt": Mistake("expression/not-a-bool", 6, 23, ("ture", "true")),
    "dense-before-flatten": Mistake(
        "dense/not-flat", 7, 8,
        ("pool: global_avg_pool", "pool: {global_avg_pool: {keep_dims: false}}"),
        "global_avg_pool: {keep_dims: false}",
    ),
    "dollar-forgotten": Mistake(
        "argument/type", 7, 16, ("{dense: classes}", "{dense: $classes}"), "$classes"
    ),
    "function-of-a-module": Mistake(
        "expression/syntax", 6, 29, ("math.floor", "floor"), "`floor(…)`"
    ),
    "import-forgotten": Mistake(
        "layer/unknown-op", 5, 10, ("name: net", "name: net\nimports: [blocks]"),
        "imports: [blocks]",
    ),
    "kernel-larger-than-any-input": Mistake("input/too-small", 6, 11),
    "kernel-without-brackets": Mistake(
        "argument/unknown", 5, 31, ("kernel: 3, 5", "kernel: [3, 5]")
    ),
    "key-misspelt": Mistake("spec/unknown-key", 3, 1, ("desciption", "description")),
    "layer-as-a-branch": Mistake(
        "merge/branch", 7, 19, ("[[], conv1]", "[[], {from: conv1}]"), "{from: conv1}"
    ),
    "layer-below": Mistake("path/unknown", 5, 37),
    "layer-of-a-scope": Mistake("path/unknown", 6, 36, ("stem.conv", "stem.0")),
    "layers-not-indented": Mistake(
        "spec/unknown-key", 5, 1,
        ("conv1: {conv: 8, kernel: 3}\nrelu", "  conv1: {conv: 8, kernel: 3}\n  relu"),
        "indent lines 5 to 6",
    ),
    "line-indented-alone": Mistake(
        "yaml/syntax", 6, 4, ("   relu1", "  relu1"), "indent it by 2 spaces"
    ),
    "name-twice": Mistake("yaml/duplicate-key", 8, 3),
    "op-named-by-type": Mistake(
        "layer/unknown-op", 5, 11, ("{type: conv, out: 8,", "{conv: 8,"), "{conv: …}"
    ),
    "op-of-a-module": Mistake("layer/unknown-op", 6, 10, ("nn.ReLU", "relu")),
    "op-of-another-framework": Mistake("layer/unknown-op", 5, 8, ("Conv2D", "conv")),
    "operator-of-another-language": Mistake("expression/syntax", 7, 33, ("&&", "and")),
    "option-misspelt": Mistake("argument/type", 5, 40, ("smae", "same")),
    "parameter-misspelt": Mistake("expression/unknown-name", 7, 23, ("widht", "width")),
    "parameters-not-as-expected": Mistake("expect/not-met", 7, 22),
    "projection-left-out": Mistake("merge/sizes", 13, 13),
    "shape-without-brackets": Mistake(
        "input/shape", 3, 16, ("image: 3, 32, 32", "image: [3, 32, 32]")
    ),
    "sizes-agree-on-multiples-only": Mistake(
        "merge/sizes", 7, 20,
        (
            "[3, H, W]",
            "{shape: [3, H, W], where: {H: {multiple_of: 8}, W: {multiple_of: 8}}}",
        ),
        "where: {H: {multiple_of: 8}, W: {multiple_of: 8}}",
    ),
    "tab": Mistake("yaml/syntax", 6, 1, ("\trelu1", "  relu1"), "indent with spaces"),
    "value-wrong-for-a-block": Mistake("argument/type", 10, 32),
    "variant-unknown-parameter": Mistake("params/unknown", 5, 11, ("widht", "width")),
    "where-beside-the-input": Mistake(
        "input/key", 3, 27,
        ("image: [3, H, W], where: {H: {min: 32}}",
         "image: {shape: [3, H, W], where: {H: {min: 32}}}"),
        "image: {shape: […], where: …}",
    ),
}  # fmt: skip


def _text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def _found(name: str, text: str) -> tuple[Diagnostic, ...]:
    reporter = Reporter()
    spec = read_spec(Source(f"{name}.yaml", text), reporter)
    if not isinstance(spec, Failed):
        validate_spec(spec, Choices(), reporter)
    return reporter.diagnostics


def test_every_spec_of_the_folder_is_a_known_mistake() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(MISTAKES)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_one_report_at_its_place(name: str) -> None:
    expected = MISTAKES[name]

    (found,) = _found(name, _text(name))

    place = (found.rule.slug, found.span.line, found.span.column)
    assert place == (expected.rule, expected.line, expected.column)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_shown_in_these_words(name: str, golden: Golden) -> None:
    golden(FOLDER / f"{name}.out", render_text(_found(name, _text(name))) + "\n")


@pytest.mark.parametrize("name", [name for name, mistake in MISTAKES.items() if mistake.mended])
def test_help_mends_the_spec(name: str) -> None:
    expected = MISTAKES[name]
    assert expected.mended is not None
    old, new = expected.mended
    (found,) = _found(name, _text(name))

    assert any((expected.said or new) in text for text in found.helps)
    assert old in _text(name)
    mended = _text(name).replace(old, new)
    assert [d for d in _found(name, mended) if d.severity is Severity.ERROR] == []
