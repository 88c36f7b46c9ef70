"""Hostile specs end quickly, in a mistake that says what is too much."""

from __future__ import annotations

import pytest

from archc.stages.elaborate.walk import DEPTH_BOUND
from tests.language.specs import HEAD, IMAGE, validate


def chain(body: str, count: int) -> str:
    """Blocks b0, b1, …, each with the next in its layers, twice or once."""
    blocks = "".join(f"  b{i}: {{layers: {body.format(f'b{i + 1}')}}}\n" for i in range(count))
    return f"blocks:\n{blocks}  b{count}: {{layers: [relu]}}\n"


def test_blocks_may_nest_as_deep_as_the_bound() -> None:
    depth = DEPTH_BOUND - 2

    assert validate(f"{chain('[{}]', depth)}layers: [b0]").diagnostics == ()
    assert validate(f"{chain('[{}]', depth + 1)}layers: [b0]").rules == ["spec/too-deep"]


def test_deepest_nesting_of_everything_does_not_run_out_of_stack() -> None:
    layer = "[{add: [{do: [[{repeat: 1, do: [{%s, repeat: 1, when: true}]}], []]}]}]"
    names = "".join(f"  b{i}: {{layers: {layer % f'b{i + 1}'}}}\n" for i in range(DEPTH_BOUND))

    found = validate(f"blocks:\n{names}  b{DEPTH_BOUND}: {{layers: [relu]}}\nlayers: [b0]")

    assert found.rules == ["spec/too-deep"]


@pytest.mark.parametrize(
    "text",
    [
        chain("{{x: {0}, y: {0}}}", 28) + "layers: [b0]",
        chain("[{0}, {0}]", 28) + "layers: [relu]",
        chain("[{{add: [[{0}], [{0}]]}}]", 14) + "layers: [b0]",
        "layers: [{repeat: 10000, do: [{repeat: 10000, do: []}]}]",
        "layers: [{layers: [{relu, repeat: 10000}], repeat: 10000}]",
        "layers: [{add: [{repeat: 10000, do: [{repeat: 10000, do: [[]]}]}]}]",
        'layers: [{for: [a, b], in: "$(zip(range(9999), range(9999)))", '
        "do: [{for: c, in: $(range(9999)), do: []}]}]",
    ],
    ids=["blocks", "unused blocks", "merges", "loops", "copies", "branches", "for"],
)
def test_network_grown_without_end_is_cut_short(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.stages.elaborate.walk.STEP_BOUND", 2_000)

    assert validate(text).rules == ["spec/too-many-layers"]


def test_aliases_that_multiply_are_cut_short() -> None:
    laughs = "".join(f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 9))

    found = validate(f"labels:\n  - &l0 [ha, ha]\n{laughs}layers: [relu]\n")

    assert found.rules == ["yaml/expansion"]


def test_aliases_within_the_bound_are_expanded() -> None:
    rows = "".join(f"  l{i}: &l{i} [*l{i - 1}, *l{i - 1}]\n" for i in range(1, 6))

    graph = validate(f"layers:\n  l0: &l0 [relu, relu]\n{rows}").graph

    assert len(graph.nodes) == sum(2 * 2**i for i in range(6))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("layers: " + "[" * 200 + "]" * 200, "yaml/too-deep"),
        ("layers: " + "{a: " * 200 + "}" * 200, "yaml/too-deep"),
        ("layers: " + "[" * 90 + "]" * 90, "spec/too-deep"),
        ("layers: [" + "relu, " * 250_000 + "]", "yaml/too-large"),
        ("# " + "x" * 5_000_000 + "\nlayers: [relu]", "yaml/too-large"),
        (f"layers: [{{conv: {'9' * 400}, kernel: 1}}]", "yaml/number"),
        (f"layers: [{{conv: 0x{'f' * 9_000}, kernel: 1}}]", "yaml/number"),
        (f"layers: [{{conv: {'9' * 299}, kernel: 1}}]", "argument/type"),
        (f"layers: [{{conv: 1, kernel: {'9' * 299}}}]", "argument/type"),
        (f"layers: [{{leaky_relu: {'9' * 299}}}]", "argument/type"),
        ("layers: [{leaky_relu: .inf}]", "argument/type"),
        ("layers: [{leaky_relu: .nan}]", "argument/type"),
        (f"layers: [{{relu, repeat: {'9' * 299}}}]", "repeat/too-many"),
        (f"layers: [{{relu, name: {'x' * 100_000} y}}]", "layer/name"),
        (f"layers: [{{? {'r' * 100_000} : 3}}]", "layer/unknown-op"),
        (f"layers: [{{relu, from: {'a.' * 50_000}b}}]", "path/unknown"),
        (f"params: {{x: {{type: int, default: {'y' * 100_000}}}}}\nlayers: [relu]", "params/type"),
        (f"input: {{x: [3, {'9' * 299}, 1]}}\nlayers: [relu]", "input/shape"),
        (f"layers: [relu]\n? {'y' * 100_000}\n: 3", "spec/unknown-key"),
    ],
    ids=lambda text: text[:25],
)
def test_hostile_text_is_one_short_report(text: str, rule: str) -> None:
    found = validate(text)

    assert found.rules == [rule]
    assert len(found.one.message) < 400


def spec(layers: str = "[relu]", let: str = "{}", more: str = "") -> str:
    """A spec of one line for each part."""
    return f"{HEAD}{IMAGE}let: {let}\nlayers: {layers}\n{more}"


def padded(count: int) -> str:
    """A spec of so many characters."""
    text = spec()
    return f"{text}#{' ' * (count - len(text) - 1)}"


def expression(characters: int) -> str:
    """A spec with an expression of so many characters."""
    return spec(let=f"{{x: $({' ' * (characters - 1)}1)}}")


def text_of(characters: int) -> str:
    """A spec with a text of expressions that has so many characters."""
    parts = f"$({' ' * 1_000}1)" * 19
    rest = characters - len(parts)
    return spec(let=f"{{x: '{parts}$({' ' * (rest - 4)}1)'}}")


AT_THE_BOUND = {
    "characters": (padded, 4_000_000, "yaml/too-large"),
    "digits": (lambda n: spec(let=f"{{x: {'9' * n}}}"), 300, "yaml/number"),
    "expression": (expression, 2_000, "expression/too-long"),
    "text": (text_of, 20_000, "expression/too-long"),
    "digits in an expression": (
        lambda n: spec(let=f"{{x: $({'9' * n})}}"), 300, "expression/too-long"
    ),
    "terms": (lambda n: spec(let=f"{{x: $({' + '.join(['1'] * n)})}}"), 48, "expression/too-deep"),
    "brackets": (
        lambda n: spec(let=f"{{x: $({'(' * n}1{')' * n})}}"), 48, "expression/too-deep"
    ),
    "elements": (lambda n: spec(let=f"{{x: $(range({n}))}}"), 10_000, "expression/too-large"),
    "bits": (lambda n: spec(let=f"{{x: $(2 ** {n})}}"), 2_048, "expression/too-large"),
    "lists in lists": (
        lambda n: spec(let=f"{{x: {'[' * n}{']' * n}}}"), 65, "expression/too-large"
    ),
    "copies": (lambda n: spec(f"[{{identity, repeat: {n}}}]"), 10_000, "repeat/too-many"),
    "sequences": (lambda n: spec("[" * n + "relu" + "]" * n), DEPTH_BOUND, "spec/too-deep"),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_THE_BOUND)
def test_document_at_a_bound_works_and_one_above_is_one_report(name: str) -> None:
    make, bound, rule = AT_THE_BOUND[name]

    assert validate(make(bound)).rules == []
    assert validate(make(bound + 1)).rules == [rule]


@pytest.mark.parametrize(
    ("last", "count", "lacking", "rule"),
    [
        ("labels: [a, a, a]", 20, 1, "yaml/too-large"),
        ("let: {x: &x [a, a], y: *x}", 25, 3, "yaml/expansion"),  # the mappings end behind it
    ],
    ids=["written", "by an alias"],
)
def test_keys_and_values_are_bounded(
    last: str, count: int, lacking: int, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{HEAD}{IMAGE}layers: [relu]\n{last}"
    monkeypatch.setattr("archc.stages.parse.NODE_BOUND", count)
    assert validate(text).rules == []

    monkeypatch.setattr("archc.stages.parse.NODE_BOUND", count - 1)
    assert validate(text).rules != []

    monkeypatch.setattr("archc.stages.parse.NODE_BOUND", count - lacking)
    assert validate(text).rules == [rule]


def test_levels_of_nesting_are_bounded() -> None:
    for levels, is_too_deep in ((99, False), (100, True)):  # beside the spec itself
        found = validate(f"labels: {'[' * levels}{']' * levels}\nlayers: [relu]")
        assert ("yaml/too-deep" in found.rules) is is_too_deep


def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.stages.elaborate.walk.STEP_BOUND", 100)

    assert validate(spec("[{identity, repeat: 100}]")).rules == []
    assert validate(spec("[{identity, repeat: 101}]")).rules == ["spec/too-many-layers"]


def test_many_mistakes_do_not_take_long_to_explain() -> None:
    names = "".join(f"  a{i}: relu\n" for i in range(1_000))
    wrong = "".join(f"  b{i}: {{relu, from: c{i}}}\n" for i in range(3_000))

    assert len(validate(f"layers:\n{names}{wrong}").diagnostics) == 3_000


def test_variants_may_be_many() -> None:
    rows = "".join(f"  v{i}: {{w: {i + 1}}}\n" for i in range(300))

    found = validate(f"params: {{w: 1}}\nvariants:\n{rows}layers: [{{conv: $w, kernel: 1}}]")

    assert len(found.graphs) == 301
