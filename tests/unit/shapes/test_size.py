from __future__ import annotations

import pytest

from archc.shapes.size import (
    Size,
    add,
    ceil_div,
    floor_div,
    product,
    scale,
    substitute,
    subtract,
    symbol,
)
from archc.shapes.window import Window

H, W = symbol("H"), symbol("W")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H, "H"),
        (add(H, 3), "H + 3"),
        (add(H, -3), "H - 3"),
        (scale(H, 2), "2·H"),
        (scale(H, -1), "-H"),
        (subtract(3, scale(H, 2)), "-2·H + 3"),
        (add(W, H), "H + W"),
        (subtract(W, H), "-H + W"),
        (floor_div(H, 2), "floor(H / 2)"),
        (ceil_div(H, 2), "floor((H + 1) / 2)"),
        (floor_div(add(H, 7), 2), "floor((H + 1) / 2) + 3"),
        (floor_div(scale(H, 3), 2), "floor(3·H / 2)"),
        (scale(floor_div(H, 2), 2), "2·floor(H / 2)"),
        (product([W, H]), "H·W"),
        (product([add(H, 1), add(W, 2), 3]), "6·H + 3·W + 3·H·W + 6"),
        (floor_div(product([H, W]), 2), "floor(H·W / 2)"),
        (product([H, H]), "H·H"),
    ],
)
def test_a_form_reads_as_its_formula(size: Size, text: str) -> None:
    assert str(size) == text


@pytest.mark.parametrize(
    ("size", "normal"),
    [
        (subtract(add(H, 3), H), 3),
        (scale(H, 0), 0),
        (product([]), 1),
        (product([H, 0]), 0),
        (floor_div(scale(H, 6), 3), scale(H, 2)),
        (floor_div(add(scale(H, 2), 1), 2), H),
        (floor_div(add(scale(H, 2), 3), 4), floor_div(add(H, 1), 2)),
        (floor_div(floor_div(H, 2), 3), floor_div(H, 6)),
        (floor_div(add(floor_div(H, 2), 1), 3), floor_div(add(H, 2), 6)),
        (floor_div(add(H, W, W), 2), add(W, floor_div(H, 2))),
        (floor_div(add(product([H, W, 4]), 1), 2), product([H, W, 2])),
        (floor_div(7, 2), 3),
        (ceil_div(7, 2), 4),
        (substitute(floor_div(H, 2), {"H": scale(W, 2)}), W),
        (substitute(add(H, W), {"H": 3, "W": 4}), 7),
        (substitute(product([H, W]), {"H": add(W, 1)}), add(product([W, W]), W)),
    ],
)
def test_equal_sizes_have_one_normal_form(size: Size, normal: Size) -> None:
    assert size == normal


def test_a_whole_backbone_is_one_floor() -> None:
    # The stem and the four stages of a residual network: 7x7/2, pool 3x3/2, then 3x3/2 thrice.
    size: Size = Window(7, 2, before=3, after=3).output(H)
    for _ in range(4):
        size = Window(3, 2, before=1, after=1).output(size)
    assert str(size) == "floor((H + 31) / 32)"


def test_equal_forms_hash_alike() -> None:
    assert len({floor_div(floor_div(H, 2), 2), floor_div(H, 4), floor_div(H, 8)}) == 2
