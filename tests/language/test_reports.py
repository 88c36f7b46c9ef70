"""How mistakes are reported: once each, with the uses that led there, and with what helps."""

from __future__ import annotations

import pytest

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.pipeline.networks import Choices, elaborate_network
from archc.pipeline.reading import read_spec
from tests.language.specs import marked, validate

BLOCK = """
blocks:
  inner: {params: {out: int}, layers: {conv: {conv: $out, kernek: 3}}}
  outer: {params: {out: int}, layers: [{inner: $out}, {inner: $(out + 1)}]}
layers: [{outer: 4, repeat: 16}, {inner: 3}]
"""


def test_mistake_in_a_block_used_often_is_one_report() -> None:
    assert validate(BLOCK).rules == ["argument/unknown"]


def test_report_tells_the_uses_that_led_there_the_outermost_first() -> None:
    trail = validate(BLOCK).one.place.trail

    assert [frame.what for frame in trail] == ["block `outer`", "block `inner`"]
    assert [(frame.span.line, frame.span.column) for frame in trail] == [(8, 11), (7, 41)]


def test_mistake_in_an_unused_block_has_no_trail() -> None:
    found = validate("blocks: {b: {layers: [rleu]}}\nlayers: [relu]")

    assert found.one.place.trail == ()


def test_variants_do_not_hide_each_others_mistakes() -> None:
    found = validate("""
        params: {width: 4, groups: 1}
        variants:
          a: {width: x}
          b: {groups: 3, expect: {parameters: 1}}
          c: {width: 5, expect: {parameters: 1}}
        layers: [{conv: 4, kernel: 1}, {conv: $width, kernel: 1, groups: $groups}]
    """)

    assert found.rules == ["params/type", "conv/groups", "expect/not-met"]


def test_two_mistakes_in_one_file_are_two_reports() -> None:
    found = validate("layers:\n  a: {conv: 4, kernek: 1}\n  b: rleu\n  c: {relu, from: d}\n")

    assert found.rules == ["argument/unknown", "layer/unknown-op", "path/unknown"]


@pytest.mark.parametrize(
    ("layer", "rule"),
    [
        ("{conv: 4}", "conv/incomplete"),
        ("depthwise_conv", "conv/incomplete"),
        ("{max_pool: 2, padding: 2}", "pool/padding-too-large"),
        ("{avg_pool: 2, padding: 2}", "pool/padding-too-large"),
        ("{local_response_norm: 4}", "local_response_norm/even-size"),
    ],
)
def test_arguments_that_are_wrong_by_themselves_are_reported_below_a_mistake(
    layer: str, rule: str
) -> None:
    assert validate(f"layers: [rleu, {layer}]").rules == ["layer/unknown-op", rule]


@pytest.mark.parametrize(
    ("first", "rule"), [("", "spec/version"), ("arcch: 1\n", "spec/unknown-key")]
)
def test_spec_without_its_version_is_read_on(first: str, rule: str) -> None:
    reporter = Reporter()
    text = f"{first}name: net\ninput: {{image: [3, 8, 8]}}\nlayers: {{a: rleu}}\n"

    spec = read_spec(Source("net.yaml", text), reporter)
    assert not isinstance(spec, Failed)
    elaborate_network(spec, Choices(), reporter)

    assert [d.rule.slug for d in reporter.diagnostics] == [rule, "layer/unknown-op"]


def test_text_of_another_kind_is_one_report() -> None:
    reporter = Reporter()

    read_spec(Source("net.yaml", "backbone: [[-1, 1, Conv, [64, 6, 2]]]\nnc: 80\n"), reporter)

    assert [d.rule.slug for d in reporter.diagnostics] == ["spec/version"]


CASCADES = [
    "params: {a: $(1 / 0)}\nlet: {b: $(a)}\nlayers: [{conv: $b, kernel: 1}, {relu, when: $b}]",
    "layers: {a: rleu, b: {dense: 3}, c: {relu, from: a}, d: {add: [[], {from: a}]}}",
    "layers: {a: [rleu], b: {relu, from: a.0}, c: {relu, weights: a}}",
    "layers: [{relu, repeat: $(1 / 0)}, {relu, name: '1'}, relu]",
    "layers: [{for: i, in: $(1 / 0), do: {x: relu}}, {relu, name: x}]",
    "imports: [nowhere.yaml]\nlayers: [some_block, {other_block: 3}]",
    "layers: {a: {add: [relu, [tanh]]}, b: {relu, from: a}}",
    "blocks: {b: {params: {x: $(1 / 0)}, layers: [{conv: $x, kernel: 1}]}}\nlayers: [b, {b: 3}]",
    "input: {x: [3, 8]}\nlayers: {a: {conv: $input.channels, kernel: 1}, b: {relu, from: x}}",
    "layers: {a b: relu, c: relu}\noutputs: {y: c}",
    "layers: [relu]\noutputs: {y: {layers: [rleu]}}\nexpect: {parameters: 3, outputs: {z: [1]}}",
    "layers: {conv: 64, fc: relu}\noutputs: {y: fc}",
    "layers: {a: unknown_block, b: {relu, from: a.conv1}}",
    "layers: {x$(1 / 0): relu, b: {relu, from: x3}}",
    "layers: {a: {layers: relu}, b: {relu, from: a.0}}",
    "layers: {a: {add: relu}, b: {relu, from: a.0}}",
    "layers: {a: [{when: true}], b: {relu, from: a.0}}",
    "layers: {a: [{for: i, in: $(1 / 0), do: {q$(i): relu}}], b: {relu, from: a.q1}}",
    "blocks: {k: {layers: {conv: 3, c: relu}}}\nlayers: {a: k, b: {relu, from: a.c}}",
    "blocks: {k: {layer: {c: relu}}}\nlayers: {a: k, b: {relu, from: a.c}}",
    "params: {a: {type: itn, default: 3}}\nlayers: [{conv: $a, kernel: 1}]",
]


@pytest.mark.parametrize("text", CASCADES)
def test_what_follows_from_a_mistake_is_not_reported(text: str) -> None:
    assert len(validate(text).diagnostics) == 1


def test_mistake_elsewhere_is_reported_beside_one_that_hides_names() -> None:
    found = validate("layers: {a: [{when: true}], b: {relu, from: a.0}, c: [{relu, from: d}]}")

    assert found.rules == ["layer/none", "path/unknown"]


HELPS = [
    (
        "layers: [{add: [{conv: 64, kernel: 3}, []]}]",
        "number it, `[{conv: 64, kernel: 3}]`, or name it, `{NAME: {conv: 64, kernel: 3}}`",
    ),
    ("layers: [{add: [relu, []]}]", "write `[relu]`"),
    ("layers: {l: {dropout: 0, repeat: 3}}", "write a list: `l: [{dropout: 0, repeat: 3}]`"),
    ("layers: [{conv: $(min(3, 4)), kernel: 1}]", 'quote it: "$(min(3, 4))"'),
    ("layers: [relu]\noutputs: {y: 1.10}", "quote it: `'1.10'`"),
    ("layers: [{dense: 3}]", "put `flatten` before it, or `global_avg_pool: {keep_dims: false}`"),
    ("layers: [{conv: 4, kernek: 1}]", "did you mean `kernel`?"),
    ("layers: [{relu, form: input}]", "did you mean `from`?"),
    ("layers: [max_pol]", "did you mean `max_pool`?"),
    ("layers: {stem: relu, a: {relu, from: setm}}", "did you mean `stem`?"),
    ("params: {width: 3}\nlayers: [{conv: $widtg, kernel: 1}]", "did you mean `width`?"),
    ("layers: [relu]\nexpct: {}", "did you mean `expect`?"),
    ("params: {a: {type: itn}}\nlayers: [relu]", "did you mean `int`?"),
    ("layers: [{$(mni(1)): 3}]", "did you mean `min`?"),
    (
        "layers: [{conv: $n + 1, kernel: 1}]",
        "write the whole expression in parentheses: `$(n + 1)`",
    ),
    ("layers: [{relu, name: x$n}]", "for a value within a text write `x$(n)`"),
    ("input: {x: [224, 224, 3]}\nlayers: [relu]", "channels come first: `[3, 224, 224]`"),
    ("layers: [{kernel: 3, conv: 64}]", "write the op first: `{conv: …, kernel: …}`"),
    (
        "input: {x: [3, H, 8]}\nlayers: [{max_pool: 4}, {upsample: 4}, {add: [[], {from: input}]}]",
        "declare `where: {H: {multiple_of: 4}}` for the input",
    ),
    (
        "input: {x: {shape: [3, H, 9], where: {H: {min: 5}}}}\nlayers: [{conv: 1, kernel: 9}]",
        "write `min: 9`",
    ),
]


@pytest.mark.parametrize(("text", "expected"), HELPS)
def test_help_says_what_to_write(text: str, expected: str) -> None:
    assert expected in validate(text).one.helps


def test_merge_that_does_not_fit_shows_both_branches() -> None:
    found = validate("layers: [{add: [[{conv: 4, kernel: 1}], [tanh]]}]").one

    assert marked(found) == "[tanh]"
    assert found.label == "this branch gives float32 (N, 3, 8, 8)"
    assert [r.label for r in found.related] == [
        "this branch gives float32 (N, 4, 8, 8)",
        "`0.0.0` gives 4 channels",
    ]


def test_residues_are_told_where_a_merge_fits_only_on_some() -> None:
    found = validate("""
        input: {image: [3, H, 32]}
        layers:
          down: [{max_pool: 2, ceil: true}, {conv: 3, kernel: 3, stride: 2, padding: 1}]
          up: {upsample: 4}
          sum: {add: [[], {from: input}]}
    """)

    assert "equal only where H is a multiple of 4" in found.one.notes


def test_smallest_admitted_size_names_the_layer_that_asks() -> None:
    graph = validate("""
        input: {image: {shape: [3, H, W], where: {H: {multiple_of: 8}}}}
        layers: {a: {conv: 4, kernel: 5, stride: 2}, b: {conv: 4, kernel: 7}}
    """).graph

    assert graph.bounds == {"H": (17, "b"), "W": (17, "b")}
    assert graph.domains["H"].first == 24
    assert graph.sample_sizes == {"H": 24, "W": 17}


def test_unused_layer_is_a_warning_at_its_op_and_leaves_the_graph() -> None:
    found = validate("layers: {a: {conv: 4, kernel: 1}, b: relu}\noutputs: {y: a}")

    assert found.one.severity.value == "warning"
    assert marked(found.one) == "relu"
    assert [node.name for node in found.graphs[0].nodes] == ["a"]


def test_unknown_variant_names_the_nearest() -> None:
    found = validate("variants: {small: {}}\nlayers: [relu]", variant="smalx")

    assert found.rules == ["variant/unknown"]
    assert found.one.helps == ("did you mean `small`?",)


def test_library_is_no_network() -> None:
    reporter = Reporter()
    spec = read_spec(Source("lib.yaml", "archc: 1\nname: lib\nblocks: {}\n"), reporter)
    assert not isinstance(spec, Failed)

    assert isinstance(elaborate_network(spec, Choices(), reporter), Failed)
    (found,) = reporter.diagnostics
    assert (found.rule.slug, marked(found)) == ("spec/library", "lib")
