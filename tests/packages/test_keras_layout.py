"""`layout: keras`: arrays as Keras has them, by its names or its numbers, become the spec's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.packages import by_numpy as ref
from tests.packages.building import (
    Arrays,
    assert_close,
    build,
    build_one_to_one,
    draw_image,
    draw_weights,
    mistakes,
    rules,
)

KERAS = "weights: {layout: keras}\n"


@pytest.mark.oracle
@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("name", ["plain", "generator", "joined", "nested"])
def test_a_model_of_keras_gives_the_same(name: str, tmp_path: Path, *, numbered: bool) -> None:
    from tests.packages import keras_models

    model, spec = keras_models.PAIRS[name]()
    keras_models.draw(model)
    image = draw_image(2, *model.input_shape[1:])
    wanted = keras_models.answer(model, image)
    stored = keras_models.variables(model, numbered=numbered)
    built = build(tmp_path, spec + KERAS, weights=stored)
    (entry,) = built.session.get_inputs()
    given = image.transpose(0, 3, 1, 2) if image.ndim == 4 else image
    (found,) = built.run(**{entry.name: given}).values()
    if wanted.ndim == 4:
        wanted = wanted.transpose(0, 3, 1, 2)
    assert_close(found, wanted)


NET = """\
input: {image: [2, 3, 5]}
layers:
  conv: {conv: 4, kernel: [1, 2]}
  bn: {batch_norm: {center: false}}
  flat: flatten
  fc: {dense: 3}
"""
STORED = draw_weights(
    {"conv.kernel": (1, 2, 2, 4), "conv.bias": (4,), "bn.gamma": (4,), "bn.moving_mean": (4,),
     "bn.moving_variance": (4,), "fc.kernel": (48, 3), "fc.bias": (3,)}
)  # fmt: skip
STORED["bn.moving_variance"] = np.abs(STORED["bn.moving_variance"]) + 0.5
IMAGE = draw_image(2, 2, 3, 5)


def answer(stored: Arrays) -> ref.Array:
    """The network, its features flattened as Keras does it: height, width, channels."""
    x = ref.conv(IMAGE, stored["conv.kernel"].transpose(3, 2, 0, 1), stored["conv.bias"])
    x = ref.batch_norm(x, stored["bn.moving_mean"], stored["bn.moving_variance"],
                       stored["bn.gamma"])  # fmt: skip
    flat = x.transpose(0, 2, 3, 1).reshape(len(x), -1)
    return flat @ stored["fc.kernel"] + stored["fc.bias"]


def numbered(stored: Arrays) -> Arrays:
    counts: dict[str, int] = {}
    found: Arrays = {}
    for name, array in stored.items():
        layer = name.partition(".")[0]
        counts[layer] = counts.get(layer, -1) + 1
        found[f"{layer}.{counts[layer]}"] = array
    return found


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_names_and_axes_become_ours(dtype: str, tmp_path: Path) -> None:
    stored = {name: array.astype(dtype) for name, array in STORED.items()}
    built = build_one_to_one(tmp_path, NET + KERAS, weights=stored)
    whole = {name: array.astype(np.float32) for name, array in stored.items()}
    assert_close(built.run(image=IMAGE)["output"], answer(whole))
    kernel = whole["conv.kernel"].transpose(3, 2, 0, 1)
    assert np.array_equal(built.weights["conv.weight"], kernel)


def test_numbered_variables_are_those_of_the_layer_in_order(tmp_path: Path) -> None:
    built = build(tmp_path, NET + KERAS, weights=numbered(STORED))
    assert built.content == build(tmp_path, NET + KERAS, weights=STORED).content


def test_our_own_names_are_taken_with_the_axes_of_keras(tmp_path: Path) -> None:
    stored = {name.replace("kernel", "weight"): array for name, array in STORED.items()}
    built = build(tmp_path, NET + KERAS, weights=stored)
    assert built.content == build(tmp_path, NET + KERAS, weights=STORED).content


def test_rules_of_the_spec_come_before_names(tmp_path: Path) -> None:
    stored = {f"net.{name.replace('conv', 'block1_conv')}": a for name, a in STORED.items()}
    stored["net.top.kernel"] = draw_weights({"top": (3, 2)})["top"]
    spec = (
        f"{NET}weights: {{layout: keras, prefix: net., rename: {{block1_: ''}},"
        " ignore: ['top\\.kernel']}\n"
    )
    built = build(tmp_path, spec, weights=stored)
    assert_close(built.run(image=IMAGE)["output"], answer(STORED))


def test_a_wrong_size_is_told_as_stored_and_as_transposed(tmp_path: Path) -> None:
    stored = STORED | {"conv.kernel": np.zeros((1, 3, 2, 4), np.float32)}
    (error,) = mistakes(tmp_path, NET + KERAS, weights=stored)
    assert error.rule.slug == "weights/mismatch"
    assert error.notes == (
        "of another shape: `conv.weight` is [1, 3, 2, 4] in the file, [4, 2, 1, 3] transposed, "
        "the spec wants [4, 2, 1, 2]",
    )


def test_what_is_missing_is_named_as_keras_names_it(tmp_path: Path) -> None:
    stored = dict(STORED)
    stored["conv_1.kernel"] = stored.pop("conv.kernel")
    (error,) = mistakes(tmp_path, NET + KERAS, weights=stored)
    assert error.notes == (
        "missing: `conv.weight` (`conv.kernel` in Keras) (the file has `conv_1.kernel`)",
        "unexpected: `conv_1.kernel`",
    )


def test_another_number_of_numbered_variables_is_not_guessed_at(tmp_path: Path) -> None:
    stored = numbered(STORED) | {"bn.3": np.ones(4, np.float32)}
    (error,) = mistakes(tmp_path, NET + KERAS, weights=stored)
    assert error.message == "the checkpoint does not fit the spec: 3 missing, 4 unexpected"
    assert error.notes[-1] == (
        "numbered otherwise: `bn` has 4 numbered variables in the file, and 3 weights in the "
        "spec: weight, running_mean, running_var"
    )


@pytest.mark.parametrize("layout", ["keras", "torch"])
def test_the_other_layout_is_told(layout: str, tmp_path: Path) -> None:
    ours = {"conv.weight": (4, 2, 1, 2), "conv.bias": (4,), "bn.weight": (4,),
            "bn.running_mean": (4,), "bn.running_var": (4,), "fc.weight": (3, 48),
            "fc.bias": (3,)}  # fmt: skip
    if layout == "torch":
        ours |= {"conv.weight": (1, 2, 2, 4), "fc.weight": (48, 3)}
    spec = f"{NET}weights: {{layout: {layout}}}\n"
    (error,) = mistakes(tmp_path, spec, weights=draw_weights(ours))
    other = "torch" if layout == "keras" else "keras"
    assert any(f"{{layout: {other}}}" in text for text in error.helps)


def test_weights_of_layers_that_are_not_built_may_be_there(tmp_path: Path) -> None:
    built = build(tmp_path, NET + KERAS, weights=STORED, outputs={"features": "bn"})
    assert built.run(image=IMAGE)["features"].shape == (2, 4, 3, 4)


def test_one_variable_for_two_layers_is_no_variable(tmp_path: Path) -> None:
    spec = """\
input: {image: [2, 3, 5]}
layers:
  sep: [{conv: 4, kernel: 1, bias: false}, {conv: 4, kernel: 1, bias: false}]
"""
    stored = draw_weights({"sep.kernel": (1, 1, 2, 4)})
    (error,) = mistakes(tmp_path, spec + KERAS, weights=stored)
    assert error.message == "the checkpoint does not fit the spec: 2 missing, 1 unexpected"


def test_features_that_were_mixed_in_another_order_are_refused(tmp_path: Path) -> None:
    spec = NET.replace("  fc:", "  part: {slice: , axis: features, start: 0, stop: 24}\n  fc:")
    assert rules(mistakes(tmp_path, spec + KERAS, weights=STORED)) == ["weights/feature-order"]


def test_features_of_a_pool_may_be_mixed(tmp_path: Path) -> None:
    """They stand in one order in both."""
    spec = """\
input: {image: [4, 3, 5]}
layers:
  pool: {global_avg_pool: {keep_dims: false}}
  part: {slice: , start: 1, stop: 3}
  fc: {dense: 2, bias: false}
"""
    stored = draw_weights({"fc.kernel": (2, 2)})
    image = draw_image(2, 4, 3, 5)
    wanted = image.mean(axis=(2, 3))[:, 1:3] @ stored["fc.kernel"]
    assert_close(build(tmp_path, spec + KERAS, weights=stored).run(image=image)["output"], wanted)


def test_an_image_permuted_before_it_is_flattened_has_the_order_of_keras(tmp_path: Path) -> None:
    spec = """\
input: {image: [4, 3, 5]}
layers:
  last: {permute: [0, 2, 3, 1]}
  flat: flatten
  fc: {dense: 2, bias: false}
"""
    stored = draw_weights({"fc.kernel": (60, 2)})
    image = draw_image(2, 4, 3, 5)
    wanted = image.transpose(0, 2, 3, 1).reshape(2, -1) @ stored["fc.kernel"]
    assert_close(build(tmp_path, spec + KERAS, weights=stored).run(image=image)["output"], wanted)
