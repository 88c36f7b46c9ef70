"""Names cut into words and numbers, and the order that numbers tell."""

from __future__ import annotations

import pytest

from archc.matching.names import natural, numbered, precedes, steps, tokens_of


@pytest.mark.parametrize(
    ("a", "b", "is_before"),
    [
        ("conv2.weight", "conv10.weight", True),
        ("layer1.0.bn1", "layer1.0.bn2", True),
        ("layer2.0.bn1", "layer1.5.bn9", False),
        ("block2a_bn", "block2b_bn", True),
        ("bn1", "conv2", None),
        ("stem", "head", None),
        ("a", "b", None),
        ("block.a", "block.b", None),
        ("layer1.conv", "layer1.0.conv", None),
        ("conv1", "conv1", None),
    ],
)
def test_numbers_tell_an_order_and_words_do_not(a: str, b: str, is_before: bool | None) -> None:
    assert precedes(tokens_of(a), tokens_of(b)) is is_before
    assert precedes(tokens_of(b), tokens_of(a)) is (None if is_before is None else not is_before)


def test_steps_are_the_numbers_in_which_names_differ_first() -> None:
    assert steps(tokens_of("a.3.b.1"), tokens_of("a.7.b.0")) == (3, 7)


def test_a_name_without_the_number_of_its_siblings_comes_first() -> None:
    tokens = numbered(["conv2d_1", "conv2d", "conv2d_10", "dense"])
    assert tokens["conv2d"][-1] == 0
    assert precedes(tokens["conv2d"], tokens["conv2d_1"])
    assert tokens["dense"] == ("dense",)


def test_names_are_sorted_by_the_size_of_their_numbers() -> None:
    names = ["b.10", "b.9", "a", "b.1.c"]
    assert sorted(names, key=natural) == ["a", "b.1.c", "b.9", "b.10"]


def test_a_hostile_name_is_cut_to_few_tokens() -> None:
    long = "1." * 500
    assert len(tokens_of(long)) <= 32
    assert tokens_of(long) != tokens_of(long + "2")
    assert tokens_of("9" * 5000) == ("9" * 5000,)
