"""One report a cause: what follows from a mistake is silent, or a further place of its report."""

from __future__ import annotations

import pytest

from archc.diagnostics.diagnostic import Diagnostic
from tests.language.specs import marked, validate


def places(found: Diagnostic) -> list[int]:
    """The lines of the further places."""
    return [related.span.line for related in found.related]


def test_name_that_nothing_declares_is_one_report_with_all_its_places() -> None:
    found = validate(
        """
        variants: {a: {depth: 3}}
        layers:
          a: {conv: $(4 * depth), kernel: 1}
          b: {conv: $(2 * depth), kernel: 1}
          c: [{relu, repeat: $depth}]
    """,
        variant="a",
    ).one

    assert found.rule.slug == "params/unknown"
    assert places(found) == [7, 8, 9]


def test_blocks_of_a_forgotten_import_are_one_report_whose_help_imports_them() -> None:
    text = "layers: [{conv_bn_act: 8}, {mbconv: 8}, {conv_bn_act: 16}]"

    found = validate(text).one

    assert found.helps == ("it is a block of the built-in `blocks`: add `imports: [blocks]`",)
    assert [r.label for r in found.related] == ["and here", "and here"]
    assert validate(f"imports: [blocks]\n{text}").rules == []


def test_misspelt_argument_of_a_block_leaves_what_is_not_given_unknown() -> None:
    found = validate("""
        blocks:
          pair: {params: {out: int, pad: 0}, layers: [{conv: $out, kernel: 3, padding: $pad}]}
        layers: [{add: [[{pair: 3, padd: 1}], []]}]
    """)

    assert found.rules == ["argument/unknown"]


def test_misspelt_parameter_of_a_variant_is_not_said_to_be_missing_too() -> None:
    found = validate("""
        params: {width: int}
        variants: {a: {widht: 3}}
        layers: [{conv: $width, kernel: 1}]
    """)

    assert found.rules == ["params/unknown"]
    assert found.one.helps == ("did you mean `width`?",)


def test_nothing_is_wrong_of_type_below_a_condition_that_nobody_knows() -> None:
    found = validate("""
        layers:
          a: {dense: 3, when: $flatt}
          b: {add: [[{conv: 7, kernel: 1}], {layers: [tanh], when: $flatt}]}
    """)

    assert found.rules == ["expression/unknown-name"]


def test_value_that_a_block_passes_on_is_marked_where_it_was_written() -> None:
    found = validate("""
        blocks:
          inner: {params: {k: 3}, layers: [{conv: 4, kernel: $k, padding: $(k // 2)}]}
          outer: {params: {size: 3}, layers: [{inner: $size}, {conv: 4, kernel: $size}]}
        layers: [{outer: -2}]
    """).one

    assert (found.rule.slug, marked(found)) == ("argument/type", "-2")
    assert [r.label for r in found.related] == ["`conv` takes it here"]


def test_value_of_another_kind_is_marked_where_it_is_used() -> None:
    found = validate("""
        blocks: {b: {params: {k: 3}, layers: [{conv: 4, kernel: 3, bias: $k}]}}
        layers: [{b: 5}]
    """).one

    assert marked(found) == "$k"


def test_default_that_does_not_fit_is_marked_where_it_is_declared() -> None:
    found = validate("params: {classes: 0}\nlayers: [flatten, {dense: $classes}]").one

    assert (found.span.line, marked(found)) == (4, "0")


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_of_several_branches_the_odd_one_is_marked(odd: int) -> None:
    branches = ["[{conv: 4, kernel: 1}]"] * 3
    branches[odd] = "[{conv: 4, kernel: 3}]"

    found = validate(f"layers: [{{concat: [{', '.join(branches)}]}}]").one

    assert marked(found) == branches[odd]


def test_each_odd_branch_of_a_merge_is_a_report() -> None:
    branches = "[], [], [{max_pool: 2}], [], [{conv: 5, kernel: 1}]"

    found = validate(f"layers: [{{add: [{branches}]}}]")

    assert found.rules == ["merge/sizes", "merge/sizes"]


def test_layers_that_change_a_size_are_shown_where_branches_differ() -> None:
    found = validate("""
        layers:
          sum:
            add:
              - a: {conv: 3, kernel: 3, padding: 1}
                b: {max_pool: 2}
                c: relu
              - []
    """).one

    assert found.related[1].label == "`b` makes the height floor((8 + 2·0 − 2) / 2) + 1 = 4"
    assert found.related[1].span.line == 9


def test_layer_that_alone_needs_a_large_input_is_the_mistake() -> None:
    text = """
        input: {{image: {{shape: [3, H, 64], where: {{H: {{default: 64}}}}}}}}
        layers:
          a: {{conv: 4, kernel: 3}}
          b: {{conv: 4, kernel: [{}, 3]}}
    """

    large, near = validate(text.format(399)).one, validate(text.format(64)).one

    assert (large.span.line, near.span.line) == (7, 4)


def test_type_that_is_misspelt_is_one_report_at_its_declaration() -> None:
    found = validate("""
        blocks: {b: {params: {out: itn}, layers: [{conv: $out, kernel: 1}]}}
        layers: [{b: 4}, {b: 8}]
    """)

    assert (found.one.rule.slug, marked(found.one)) == ("params/type", "itn")
    assert found.one.helps == ("did you mean `int`?",)


def test_facts_that_do_not_hold_are_one_report() -> None:
    found = validate("layers: [{conv: 1, kernel: 1}]\nexpect: {parameters: 1, macs: 1}").one

    assert marked(found) == "1"
    assert [r.label for r in found.related] == ["the network has 192 macs, not 1"]


SUGGESTIONS = [
    ("layers: [{mlu: [[], [sigmoid]]}]", "did you mean `mul`?"),  # `elu` takes no branches
    ("layers: [{Linear: 10}]", "did you mean `dense`?"),
    ("layers: [flatten, {dense: 3, units: 4}]", "did you mean `out`?"),
    (
        "layers: [{conv: 3, kernel: 1, in_features: 3}]",
        "leave it out: it follows from what comes in",
    ),
    ("layers: [{frmo: input, conv: 3, kernel: 1}]", "did you mean `from`?"),
    ("layers: [{concat: [{frmo: image}, []]}]", "did you mean `from`?"),
    ("params: {act: relu}\nlayers: [act]", "for the value of that name write `$act`"),
    (
        "layers: [{conv: input.channels, kernel: 1}]",
        "for the value of that name write `$input.channels`",
    ),
    ("params: {n: 3}\nlayers: [{relu, repeat: n}]", "for the value of that name write `$n`"),
    ("layers: [flatten, {reshape: 192}]", "write a list: `shape: [192]`"),
]


@pytest.mark.parametrize(("text", "expected"), SUGGESTIONS)
def test_suggestion_is_one_that_would_do(text: str, expected: str) -> None:
    assert expected in validate(text).one.helps
