from __future__ import annotations

from archc.shapes.size import floor_div, product, symbol
from archc.shapes.tensor_type import CHANNELS, FEATURES, HEIGHT, UNNAMED, Axis, DType, TensorType

H, W = symbol("H"), symbol("W")
IMAGE = TensorType.image(DType.FLOAT32, 64, floor_div(H, 2), W)
VECTOR = TensorType.vector(DType.FLOAT16, 10)
OTHER = TensorType(DType.INT64, (Axis(UNNAMED, 3), Axis(HEIGHT, 4)))


def test_a_type_reads_with_its_batch() -> None:
    assert str(IMAGE) == "float32 (N, 64, floor(H / 2), W)"
    assert str(VECTOR) == "float16 (N, 10)"
    assert str(OTHER) == "int64 (N, 3, 4)"
    assert str(OTHER.with_axes([])) == "int64 (N)"


def test_axes_are_found_by_name_and_by_number() -> None:
    assert [IMAGE.axis_index(a) for a in (CHANNELS, HEIGHT, "width", FEATURES)] == [1, 2, 3, None]
    assert [IMAGE.axis_index(i) for i in (0, 1, 3, 4, -1)] == [None, 1, 3, None, None]
    assert VECTOR.axis_index(CHANNELS) == 1
    assert VECTOR.axis_index(HEIGHT) is None
    assert OTHER.axis_index(CHANNELS) is None
    assert OTHER.axis_index(HEIGHT) == 2


def test_sizes_are_found_by_name() -> None:
    assert IMAGE.size(CHANNELS) == 64
    assert IMAGE.size("width") == W
    assert VECTOR.size(CHANNELS) is None
    assert IMAGE.sizes == (64, floor_div(H, 2), W)


def test_rank_counts_the_batch() -> None:
    assert (IMAGE.rank, VECTOR.rank, OTHER.rank) == (4, 2, 3)


def test_an_image_has_its_axes_in_order() -> None:
    assert IMAGE.is_image
    assert not IMAGE.with_axes(reversed(IMAGE.axes)).is_image
    assert not VECTOR.is_image


def test_an_axis_changes_its_size_and_keeps_its_name() -> None:
    changed = IMAGE.with_size(3, 7)
    assert changed.axes[2] == Axis("width", 7)
    assert changed.axes[:2] == IMAGE.axes[:2]
    assert changed.dtype is DType.FLOAT32


def test_the_count_is_the_product_of_the_sizes() -> None:
    assert OTHER.count == 12
    assert IMAGE.count == product([64, floor_div(H, 2), W])
    assert str(IMAGE.count) == "64·W·floor(H / 2)"


def test_element_types_know_their_bytes() -> None:
    assert {d.value: (d.size_bytes, d.is_float) for d in DType} == {
        "float32": (4, True),
        "float16": (2, True),
        "uint8": (1, False),
        "int64": (8, False),
    }
