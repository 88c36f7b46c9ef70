from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.nearest import did_you_mean, edit_distance, nearest

WORDS = st.text("abc", max_size=7)


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("conv", "conv", 0),
        ("conv", "con", 1),
        ("conv", "convv", 1),
        ("conv", "cony", 1),
        ("conv", "cnov", 1),
        ("abcd", "badc", 2),
        ("ca", "abc", 3),  # the swapped pair may not be edited again
        ("kitten", "sitting", 3),
    ],
)
def test_edits_are_counted(a: str, b: str, edits: int) -> None:
    assert edit_distance(a, b, 10) == edits
    assert edit_distance(b, a, 10) == edits


def slow_distance(a: str, b: str) -> int:
    """The definition, word for word."""
    if not a or not b:
        return len(a) + len(b)
    ways = [
        slow_distance(a[:-1], b) + 1,
        slow_distance(a, b[:-1]) + 1,
        slow_distance(a[:-1], b[:-1]) + (a[-1] != b[-1]),
    ]
    if len(a) > 1 and len(b) > 1 and a[-2:] == b[-1] + b[-2]:
        ways.append(slow_distance(a[:-2], b[:-2]) + 1)
    return min(ways)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 6))
def test_the_distance_is_exact_up_to_the_limit(a: str, b: str, limit: int) -> None:
    assert edit_distance(a, b, limit) == min(slow_distance(a, b), limit + 1)


@given(WORDS, WORDS)
def test_the_distance_is_symmetric_and_zero_for_equals_alone(a: str, b: str) -> None:
    assert edit_distance(a, b, 9) == edit_distance(b, a, 9)
    assert (edit_distance(a, b, 9) == 0) == (a == b)


OPS = ["conv", "conv_transpose", "max_pool", "avg_pool", "relu", "relu6", "add", "mul", "elu"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("covn", "conv"),
        ("conv2d", "conv"),
        ("Conv", "conv"),
        ("maxpool", "max_pool"),
        ("max-pool", "max_pool"),
        ("MaxPool", "max_pool"),
        ("ave_pool", "avg_pool"),
        ("conv_transposed", "conv_transpose"),
        ("relu7", "relu"),  # as near to `relu6`, which stands later
        ("ad", "add"),
        ("ass", None),  # two of three letters
        ("x", None),
        ("dense", None),
        ("", None),
        ("_", None),
        ("conv" * 100, None),
    ],
)
def test_the_nearest_op_is_found(name: str, found: str | None) -> None:
    assert nearest(name, OPS) == found


def test_one_letter_is_not_near_to_another() -> None:
    assert nearest("h", ["w", "c"]) is None
    assert nearest("h", ["w", "H"]) == "H"


def test_the_name_itself_is_no_suggestion() -> None:
    assert nearest("conv", ["conv"]) is None
    assert nearest("conv", ["conv", "convs"]) == "convs"


def test_the_first_of_equally_near_names_wins() -> None:
    assert nearest("fc3", ["fc1", "fc2"]) == "fc1"
    assert nearest("fc3", ["fc2", "fc1"]) == "fc2"
    assert nearest("layer1", ["layer2x", "layer2", "layer1_"]) == "layer1_"


def test_names_of_any_length_are_compared_in_the_end() -> None:
    long = "features." * 13
    assert nearest(long + "a", [long + "b"]) == long + "b"
    assert nearest("z" * 5000, ["conv", "z" * 4999]) is None


@pytest.mark.parametrize(("name", "helps"), [("covn", ("did you mean `conv`?",)), ("xyz", ())])
def test_the_help_names_the_nearest(name: str, helps: tuple[str, ...]) -> None:
    assert did_you_mean(name, iter(OPS)) == helps
