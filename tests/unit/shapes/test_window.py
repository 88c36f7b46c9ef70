from __future__ import annotations

import pytest

from archc.shapes.domain import Domain
from archc.shapes.size import add, symbol
from archc.shapes.window import Window

H, W = symbol("H"), symbol("W")
EVEN = {"H": Domain(multiple_of=2)}


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(3, 1, before=1, after=1), "H"),
        (Window(3), "H - 2"),
        (Window(3, 2, before=1, after=1), "floor((H + 1) / 2)"),
        (Window(2, 2), "floor(H / 2)"),
        (Window(3, 1, dilation=2), "H - 4"),
        (Window(3, 2, ceil=True), "floor(H / 2)"),
        (Window(2, 2, ceil=True), "floor((H + 1) / 2)"),
        (Window(3, 2, same=True), "floor((H + 1) / 2)"),
        (Window(3, 1, same=True), "H"),
    ],
)
def test_output_of_a_symbol_reads_as_its_formula(window: Window, text: str) -> None:
    assert str(window.output(H)) == text


def test_transposed_output_of_a_symbol() -> None:
    assert str(Window(2, 2).transposed_output(H, 0)) == "2·H"
    assert str(Window(4, 2, before=1, after=1).transposed_output(H, 1)) == "2·H + 1"
    assert str(Window(3, 2, same=True).transposed_output(H, 0)) == "2·H"


def test_same_pads_need_the_residue_of_the_input() -> None:
    window = Window(3, 2, same=True)
    assert window.same_pads(H, {}) is None
    assert window.same_pads(H, EVEN) == (0, 1)
    assert window.same_pads(add(H, 1), EVEN) == (1, 1)
    assert window.same_pads(7, {}) == (1, 1)


def test_same_pads_do_not_depend_on_the_input_where_windows_do_not_overlap() -> None:
    assert Window(1, 3, same=True).same_pads(H, {}) == (0, 0)
    assert Window(2, 4, same=True).same_pads(H, EVEN) == (0, 0)
    assert Window(2, 4, same=True).same_pads(add(H, W), EVEN | {"W": Domain()}) is None
    assert Window(3, 1, same=True).same_pads(add(H, W), {}) == (1, 1)


def test_ceiling_mode_in_floor_mode_pads_the_end() -> None:
    assert Window(3, 2, ceil=True).floor_mode() == Window(3, 2, after=1)
    assert Window(2, 2, before=1, after=1, ceil=True).floor_mode() == Window(
        2, 2, before=1, after=1
    )
