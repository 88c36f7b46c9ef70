from __future__ import annotations

import pytest

from archc.diagnostics.place import Frame, Source, Span, copy_frame, further, ordinal
from tests.unit.diagnostics.found import span_of

NET = Source("net.yaml", "layers: [body, other]\n")


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "first"), (3, "third"), (10, "tenth"), (11, "11th"), (12, "12th"), (13, "13th"),
        (21, "21st"), (22, "22nd"), (23, "23rd"), (24, "24th"), (101, "101st"), (111, "111th"),
    ],
)  # fmt: skip
def test_positions_are_words(number: int, word: str) -> None:
    assert ordinal(number) == word


def test_a_copy_of_a_block_is_one_step() -> None:
    at, elsewhere = span_of(NET, "body"), span_of(NET, "other")
    block = Frame("block `body`", at)
    (step,) = further((copy_frame(3, at),), block)
    assert (step.label, step.is_use) == ("in block `body`, used here, third copy", True)
    apart = further((copy_frame(3, elsewhere),), block)
    assert [frame.label for frame in apart] == ["in the third copy", "in block `body`, used here"]
    assert [frame.is_use for frame in apart] == [False, True]
    twice = further((block,), block)
    assert twice == (block, block)


def test_a_round_is_no_use() -> None:
    frame = Frame("the second round", Span(NET, 1, 1, 1, 2), "where `c` is `3`")
    assert (frame.label, frame.is_use) == ("in the second round, where `c` is `3`", False)
