from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from archc.diagnostics.errors import InternalError
from archc.graph.weight import Init, Weight
from archc.weights.draw import DrawnWeight
from tests.unit.weights.reading import array

SHAPE = (64, 32, 9, 20)
FAN_IN, FAN_OUT = 5760, 1152


def drawn(
    init: Init, name: str = "conv1.weight", seed: int = 0, shape: tuple[int, ...] = SHAPE
) -> npt.NDArray[np.generic]:
    weight = Weight("weight", shape, init, FAN_IN, FAN_OUT)
    return array(DrawnWeight(weight, name, seed))


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("he_normal", math.sqrt(2 / FAN_IN)),
        ("he_uniform", math.sqrt(2 / FAN_IN)),
        ("glorot_normal", math.sqrt(2 / (FAN_IN + FAN_OUT))),
        ("glorot_uniform", math.sqrt(2 / (FAN_IN + FAN_OUT))),
    ],
)
def test_distribution_has_the_variance_of_its_paper(init: str, deviation: float) -> None:
    found = drawn(init).astype(np.float64)
    assert found.shape == SHAPE
    # 368 640 elements: one percent is more than eight standard errors.
    assert found.std() == pytest.approx(deviation, rel=0.01)
    assert abs(found.mean()) < 0.01 * deviation
    if init.endswith("uniform"):
        assert np.abs(found).max() <= math.sqrt(3) * deviation * 1.000001
        assert np.abs(found).max() > math.sqrt(3) * deviation * 0.999
    else:
        beyond = np.mean(np.abs(found) > 2 * deviation)
        assert beyond == pytest.approx(0.0455, rel=0.05)


@pytest.mark.parametrize(("init", "value"), [("zeros", 0), ("ones", 1), (0.25, 0.25), (-3, -3)])
def test_constant_fills_the_weight(init: Init, value: float) -> None:
    found = drawn(init, shape=(3, 4))
    assert found.shape == (3, 4)
    assert np.all(found == value)


def test_weight_follows_from_seed_and_name_alone() -> None:
    weight = Weight("weight", (2, 3), "he_normal", 6, 6)
    source = DrawnWeight(weight, "conv1.weight", 7)
    first = array(source)
    DrawnWeight(weight, "conv2.weight", 7)
    np.testing.assert_array_equal(array(source), first)
    np.testing.assert_array_equal(drawn("he_normal", seed=7), drawn("he_normal", seed=7))
    assert not np.array_equal(drawn("he_normal"), drawn("he_normal", seed=1))
    assert not np.array_equal(drawn("he_normal"), drawn("he_normal", name="conv2.weight"))


def test_recipe_is_the_documented_one() -> None:
    import hashlib

    digest = hashlib.sha256(b"7/fc.weight").digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
    expected = generator.standard_normal(6, np.float32) * np.float32(math.sqrt(2 / FAN_IN))
    found = drawn("he_normal", "fc.weight", 7, (2, 3))
    np.testing.assert_array_equal(found.ravel(), expected)


def test_chunks_join_to_one_draw() -> None:
    weight = Weight("weight", (300_001,), "he_uniform", 10, 10)
    source = DrawnWeight(weight, "fc.weight", 3)
    sizes = [len(chunk) for chunk in source.chunks("float32")]
    assert sizes == [1 << 20, 4 * 300_001 - (1 << 20)]
    assert len(np.unique(array(source))) > 290_000


def test_float16_is_the_rounded_float32() -> None:
    source = DrawnWeight(Weight("weight", (50,), "he_normal", 4, 4), "w", 0)
    np.testing.assert_array_equal(array(source, "float16"), array(source).astype(np.float16))
    assert source.dtype == "float32"
    assert source.shape == (50,)


def test_empty_and_single_weights() -> None:
    assert drawn("he_normal", shape=(0, 3)).shape == (0, 3)
    assert drawn("he_normal", shape=()).shape == ()


def test_unknown_distribution_is_a_bug_of_ours() -> None:
    with pytest.raises(InternalError, match="`orthogonal`, which is no distribution"):
        drawn("orthogonal")
