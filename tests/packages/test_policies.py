"""Policies for checkpoints that do not fit: what they make of it, say of it, and record of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import archc
from archc.runtime.metadata import PolicyRecord, parse_metadata
from tests.packages import by_numpy as ref
from tests.packages.building import (
    Arrays,
    Built,
    assert_close,
    build,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_checkpoint,
    write_spec,
)
from tests.unit.weights.torch_files import state_of, write_zip

NET = """\
params: {classes: 4, channels: 3}
input: {image: ["$channels", 5, 6]}
layers:
  conv: {conv: 5, kernel: 3}
  relu: relu
  pool: {global_avg_pool: {keep_dims: false}}
  drop: {dropout: 0.5}
  fc: {dense: $classes}
  probs: softmax
labels: [a, b, c, d]
"""
SHAPES = {"conv.weight": (5, 3, 3, 3), "conv.bias": (5,), "fc.weight": (4, 5), "fc.bias": (4,)}
WEIGHTS = draw_weights(SHAPES)
IMAGE = draw_image(2, 3, 5, 6)


def features(w: Arrays, image: ref.Array = IMAGE) -> ref.Array:
    x = ref.conv(image, w["conv.weight"], w["conv.bias"])
    return np.asarray(np.maximum(x, 0).mean(axis=(2, 3)))


def answer(w: Arrays, image: ref.Array = IMAGE) -> ref.Array:
    y = np.exp(ref.dense(features(w, image), w["fc.weight"], w["fc.bias"]))
    return np.asarray(y / y.sum(axis=1, keepdims=True))


def in_keras() -> Arrays:
    return {
        "conv.kernel": WEIGHTS["conv.weight"].transpose(2, 3, 1, 0),
        "conv.bias": WEIGHTS["conv.bias"],
        "fc.kernel": WEIGHTS["fc.weight"].T,
        "fc.bias": WEIGHTS["fc.bias"],
    }


def policy(**options: object) -> archc.WeightPolicies:
    return archc.WeightPolicies(**options)  # type: ignore[arg-type]


def records(built: Built) -> list[PolicyRecord]:
    return list(parse_metadata(built.metadata).policies)


def result_of(folder: Path, weights: Arrays, **choices: object) -> archc.BuildResult:
    spec, target = write_spec(folder, NET), folder / "net.onnx"
    checkpoint = write_checkpoint(folder, weights)
    return archc.build(spec, target, weights=checkpoint, **choices)  # type: ignore[arg-type]


FEWER = {"classes": 3}
MORE = {"classes": 7}


class TestHead:
    def test_init_draws_it_as_a_build_without_a_checkpoint_does(self, tmp_path: Path) -> None:
        built = build(tmp_path, NET, weights=WEIGHTS, settings=MORE, seed=5,
                      policies=policy(head="init"))  # fmt: skip
        drawn = build(tmp_path, NET, settings=MORE, seed=5)
        for name in SHAPES:
            wanted = drawn.weights[name] if name.startswith("fc") else WEIGHTS[name]
            assert np.array_equal(built.weights[name], wanted)
        assert records(built) == [PolicyRecord("head", "init", ("fc.weight", "fc.bias"))]
        assert json.loads(built.metadata["archc.trained"]) is False
        assert json.loads(built.metadata["archc.seed"]) == 5

    def test_init_draws_one_that_is_not_there(self, tmp_path: Path) -> None:
        body = {name: array for name, array in WEIGHTS.items() if name.startswith("conv")}
        built = build(tmp_path, NET, weights=body, policies=policy(head="init"))
        assert records(built) == [PolicyRecord("head", "init", ("fc.weight", "fc.bias"))]

    def test_slice_takes_the_first_classes(self, tmp_path: Path) -> None:
        built = build(tmp_path, NET, weights=WEIGHTS, settings=FEWER, policies=policy(head="slice"))
        w = WEIGHTS | {n: WEIGHTS[n][:3] for n in ("fc.weight", "fc.bias")}
        assert_close(built.run(image=IMAGE)["output"], answer(w))
        assert records(built) == [PolicyRecord("head", "slice", ("fc.weight", "fc.bias"))]
        assert json.loads(built.metadata["archc.trained"]) is True
        assert "archc.seed" not in built.metadata

    def test_slice_of_a_kernel_takes_channels(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, 3, 4]}
layers: {up: {conv_transpose: 2, kernel: 2}}
"""
        stored = draw_weights({"up.weight": (2, 5, 2, 2), "up.bias": (5,)})
        built = build(tmp_path, spec, weights=stored, policies=policy(head="slice"))
        image = draw_image(1, 2, 3, 4)
        wanted = ref.conv_transpose(image, stored["up.weight"][:, :2], stored["up.bias"][:2])
        assert_close(built.run(image=image)["output"], wanted)

    def test_more_classes_than_stored_are_not_sliced(self, tmp_path: Path) -> None:
        (error,) = mistakes(
            tmp_path, NET, weights=WEIGHTS, settings=MORE, policies=policy(head="slice")
        )
        assert error.rule.slug == "weights/head"
        assert error.message == "`--head slice` cannot give 7 classes: `fc` has 4 in the file"

    def test_drop_gives_the_features(self, tmp_path: Path) -> None:
        built = build(tmp_path, NET, weights=WEIGHTS, settings=FEWER, policies=policy(head="drop"))
        assert_close(built.run(image=IMAGE)["features"], features(WEIGHTS))
        assert set(built.weights) == {"conv.weight", "conv.bias"}
        assert records(built) == [PolicyRecord("head", "drop", ("fc.weight", "fc.bias"))]
        assert "archc.labels" not in built.metadata
        assert json.loads(built.metadata["archc.trained"]) is True

    def test_drop_of_one_that_is_not_there(self, tmp_path: Path) -> None:
        body = {name: array for name, array in WEIGHTS.items() if name.startswith("conv")}
        built = build(tmp_path, NET, weights=body, policies=policy(head="drop"))
        assert_close(built.run(image=IMAGE)["features"], features(WEIGHTS))

    def test_drop_keeps_the_outputs_that_fit(self, tmp_path: Path) -> None:
        spec = NET + "outputs: {main: probs, inner: relu, side: {from: pool, layers: [{dense: 2}]}}"
        weights = WEIGHTS | draw_weights({"side.0.weight": (9, 5), "side.0.bias": (9,)})
        built = build(tmp_path, spec, weights=weights, policies=policy(head="drop"))
        found = built.run(image=IMAGE)
        assert list(found) == ["main", "inner", "features"]
        assert_close(found["main"], answer(WEIGHTS))
        assert_close(found["features"], features(WEIGHTS))

    def test_several_heads_are_told_apart(self, tmp_path: Path) -> None:
        spec = NET + "outputs: {main: probs, side: {from: relu, layers: [{conv: 2, kernel: 1}]}}"
        weights = WEIGHTS | draw_weights({"side.0.weight": (9, 5, 1, 1), "side.0.bias": (9,)})
        dropped = policy(head="drop")
        built = build(tmp_path, spec, weights=weights, settings=FEWER, policies=dropped)
        found = built.run(image=IMAGE)
        assert {n: a.shape for n, a in found.items()} == {
            "main_features": (2, 5), "side_features": (2, 5, 3, 4)
        }  # fmt: skip
        slices = policy(head="slice")
        sliced = build(tmp_path, spec, weights=weights, settings=FEWER, policies=slices)
        (record,) = records(sliced)
        assert set(record.names) == {"fc.weight", "fc.bias", "side.0.weight", "side.0.bias"}

    @pytest.mark.parametrize("choice", ["init", "drop", "slice"])
    def test_a_head_that_fits_is_an_error(self, choice: str, tmp_path: Path) -> None:
        (error,) = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policy(head=choice))
        assert error.rule.slug == "weights/unused-policy"
        if choice == "drop":
            (help_,) = error.helps
            path = help_.partition("features=")[2].rstrip("`")
            built = build(tmp_path, NET, weights=WEIGHTS, outputs={"features": path})
            assert_close(built.run(image=IMAGE)["features"], features(WEIGHTS))

    @pytest.mark.parametrize("choice", ["init", "drop", "slice"])
    def test_it_excuses_nothing_else(self, choice: str, tmp_path: Path) -> None:
        weights = WEIGHTS | {"conv.weight": np.zeros((5, 3, 2, 2), np.float32)}
        found = mistakes(
            tmp_path, NET, weights=weights, settings=FEWER, policies=policy(head=choice)
        )
        assert rules(found) == ["weights/mismatch"]
        assert [n for n in found[0].notes if "conv.weight" in n] == list(found[0].notes)

    def test_another_number_of_features_is_no_other_head(self, tmp_path: Path) -> None:
        weights = WEIGHTS | draw_weights({"fc.weight": (9, 6), "fc.bias": (9,)})
        found = mistakes(tmp_path, NET, weights=weights, policies=policy(head="init"))
        assert set(rules(found)) == {"weights/mismatch", "weights/unused-policy"}

    def test_the_report_says_what_may_be_done(self, tmp_path: Path) -> None:
        (error,) = mistakes(tmp_path, NET, weights=WEIGHTS, settings=FEWER)
        assert any("--head init" in help_ for help_ in error.helps)

    KERAS = NET + "weights: {layout: keras}"

    def test_classes_of_keras_are_sliced_where_keras_has_them(self, tmp_path: Path) -> None:
        built = build(
            tmp_path, self.KERAS, weights=in_keras(), settings=FEWER, policies=policy(head="slice")
        )
        w = WEIGHTS | {n: WEIGHTS[n][:3] for n in ("fc.weight", "fc.bias")}
        assert_close(built.run(image=IMAGE)["output"], answer(w))

    @pytest.mark.parametrize("is_numbered", [False, True])
    def test_a_head_of_keras_is_dropped(self, tmp_path: Path, *, is_numbered: bool) -> None:
        stored = in_keras()
        if is_numbered:
            numbers = {"kernel": "0", "bias": "1"}
            stored = {
                f"{name.partition('.')[0]}.{numbers[name.partition('.')[2]]}": array
                for name, array in stored.items()
            }
        built = build(
            tmp_path, self.KERAS, weights=stored, settings=FEWER, policies=policy(head="drop")
        )
        assert_close(built.run(image=IMAGE)["features"], features(WEIGHTS))


class TestStem:
    def built(self, folder: Path, channels: int, choice: str, **more: object) -> Built:
        settings = {"channels": channels}
        chosen = policy(stem=choice)
        return build(folder, NET, weights=WEIGHTS, settings=settings, policies=chosen, **more)

    def test_sum_answers_to_one_channel_as_to_equal_ones(self, tmp_path: Path) -> None:
        gray = draw_image(2, 1, 5, 6)
        built = self.built(tmp_path, 1, "sum")
        wanted = answer(WEIGHTS, np.repeat(gray, 3, axis=1))
        assert_close(built.run(image=gray)["output"], wanted)
        assert records(built) == [PolicyRecord("stem", "sum", ("conv.weight",))]

    @pytest.mark.parametrize("channels", [4, 6, 7])
    def test_repeat_scales_by_the_numbers_of_channels(self, channels: int, tmp_path: Path) -> None:
        built = self.built(tmp_path, channels, "repeat")
        places = np.arange(channels) % 3
        kernel = WEIGHTS["conv.weight"][:, places] * np.float32(3 / channels)
        image = draw_image(2, channels, 5, 6)
        wanted = answer(WEIGHTS | {"conv.weight": kernel}, image)
        assert_close(built.run(image=image)["output"], wanted)
        assert records(built) == [PolicyRecord("stem", "repeat", ("conv.weight",))]

    @pytest.mark.parametrize("channels", [1, 2, 9])
    def test_init_draws_the_kernels_alone(self, channels: int, tmp_path: Path) -> None:
        built = self.built(tmp_path, channels, "init", seed=3)
        drawn = build(tmp_path, NET, settings={"channels": channels}, seed=3)
        assert np.array_equal(built.weights["conv.weight"], drawn.weights["conv.weight"])
        assert np.array_equal(built.weights["conv.bias"], WEIGHTS["conv.bias"])
        assert json.loads(built.metadata["archc.trained"]) is False

    @pytest.mark.parametrize(
        ("choice", "channels"), [("sum", 2), ("sum", 4), ("repeat", 1), ("repeat", 2)]
    )
    def test_what_it_cannot_give_is_an_error(
        self, choice: str, channels: int, tmp_path: Path
    ) -> None:
        found = mistakes(
            tmp_path, NET, weights=WEIGHTS, settings={"channels": channels},
            policies=policy(stem=choice),
        )  # fmt: skip
        assert rules(found) == ["weights/stem"]

    def test_a_stem_that_fits_is_an_error(self, tmp_path: Path) -> None:
        found = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policy(stem="sum"))
        assert rules(found) == ["weights/unused-policy"]

    def test_only_what_takes_the_input_is_a_stem(self, tmp_path: Path) -> None:
        spec = """\
input: {image: [2, 5, 6]}
layers: {pad: {pad: 1}, first: {conv: 4, kernel: 3}, second: {conv: 4, kernel: 3}}
"""
        shapes = {"first.weight": (4, 3, 3, 3), "first.bias": (4,),
                  "second.weight": (4, 8, 3, 3), "second.bias": (4,)}  # fmt: skip
        found = mistakes(tmp_path, spec, weights=draw_weights(shapes), policies=policy(stem="init"))
        assert rules(found) == ["weights/mismatch"]
        assert [note for note in found[0].notes if "second" not in note] == []

    def test_stem_and_head_together(self, tmp_path: Path) -> None:
        built = build(
            tmp_path, NET, weights=WEIGHTS, settings={"channels": 1, "classes": 2},
            policies=policy(stem="sum", head="drop"),
        )  # fmt: skip
        gray = draw_image(2, 1, 5, 6)
        wanted = features(WEIGHTS, np.repeat(gray, 3, axis=1))
        assert_close(built.run(image=gray)["features"], wanted)
        assert [record.policy for record in records(built)] == ["head", "stem"]


class TestNames:
    def test_a_prefix_is_taken_off(self, tmp_path: Path) -> None:
        stored = {f"backbone.{name}": array for name, array in WEIGHTS.items()}
        built = build(tmp_path, NET, weights=stored, policies=policy(prefix="backbone."))
        assert_close(built.run(image=IMAGE)["output"], answer(WEIGHTS))
        assert records(built) == [PolicyRecord("prefix", "backbone.")]

    def test_a_prefix_that_nothing_has_is_a_warning(self, tmp_path: Path) -> None:
        result = result_of(tmp_path, WEIGHTS, policies=policy(prefix="model."))
        assert [w.rule.slug for w in result.warnings] == ["weights/unused-policy"]

    def test_what_is_ignored_is_left_out_and_recorded(self, tmp_path: Path) -> None:
        stored = WEIGHTS | draw_weights({"aux.0.weight": (3, 3), "aux.1.weight": (3, 3)})
        built = build(tmp_path, NET, weights=stored, policies=policy(ignore=r"aux\..*"))
        assert records(built) == [
            PolicyRecord("ignore", r"aux\..*", ("aux.0.weight", "aux.1.weight"))
        ]

    def test_an_ignored_weight_is_not_taken_and_may_be_drawn(self, tmp_path: Path) -> None:
        stored = WEIGHTS | draw_weights({"fc.weight": (2, 9)})
        chosen = policy(ignore=r"fc\.weight", allow_missing=[r"fc\.weight"])
        built = build(tmp_path, NET, weights=stored, policies=chosen)
        drawn = build(tmp_path, NET)
        assert np.array_equal(built.weights["fc.weight"], drawn.weights["fc.weight"])
        assert np.array_equal(built.weights["fc.bias"], WEIGHTS["fc.bias"])

    def test_missing_weights_that_are_allowed_are_drawn(self, tmp_path: Path) -> None:
        stored = {name: array for name, array in WEIGHTS.items() if not name.endswith("bias")}
        built = build(tmp_path, NET, weights=stored, policies=policy(allow_missing=".*bias"))
        bare = WEIGHTS | {n: np.zeros_like(WEIGHTS[n]) for n in ("conv.bias", "fc.bias")}
        assert_close(built.run(image=IMAGE)["output"], answer(bare))
        assert records(built) == [PolicyRecord("allow_missing", ".*bias", ("conv.bias", "fc.bias"))]
        assert json.loads(built.metadata["archc.trained"]) is False

    def test_missing_weights_beyond_the_pattern_are_errors(self, tmp_path: Path) -> None:
        stored = {name: array for name, array in WEIGHTS.items() if not name.endswith("bias")}
        (error,) = mistakes(tmp_path, NET, weights=stored, policies=policy(allow_missing=r"fc\..*"))
        assert error.notes == ("missing: `conv.bias`",)

    @pytest.mark.parametrize("option", ["allow_missing", "ignore"])
    def test_a_pattern_without_use_is_a_warning(self, option: str, tmp_path: Path) -> None:
        result = result_of(tmp_path, WEIGHTS, policies=policy(**{option: "nothing"}))
        assert [w.rule.slug for w in result.warnings] == ["weights/unused-policy"]
        assert result.is_trained

    @pytest.mark.parametrize("option", ["allow_missing", "ignore"])
    def test_a_pattern_that_is_none_is_an_error(self, option: str, tmp_path: Path) -> None:
        found = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policy(**{option: "("}))
        assert rules(found) == ["weights/pattern"]


class TestAveraged:
    AVERAGED = draw_weights(SHAPES, seed=9)

    def test_the_averaged_copy_is_taken(self, tmp_path: Path) -> None:
        both = {"state_dict": WEIGHTS, "state_dict_ema": self.AVERAGED}
        flat = {f"{key}/{n}": array for key, arrays in both.items() for n, array in arrays.items()}
        state, storages = state_of(flat)
        parts = {key: {n: state[f"{key}/{n}"] for n in arrays} for key, arrays in both.items()}
        path = write_zip(tmp_path / "net.pt", parts, storages)
        spec = write_spec(tmp_path, NET)
        built = Built(archc.build_bytes(spec, weights=path, policies=policy(ema=True)))
        plain = Built(archc.build_bytes(spec, weights=path))
        assert_close(built.run(image=IMAGE)["output"], answer(self.AVERAGED))
        assert_close(plain.run(image=IMAGE)["output"], answer(WEIGHTS))
        assert records(built) == [PolicyRecord("ema", "true")]
        assert records(plain) == []

    def test_it_may_lie_under_dotted_names(self, tmp_path: Path) -> None:
        stored = {f"model.{name}": array for name, array in WEIGHTS.items()}
        stored |= {f"model_ema.{name}": array for name, array in self.AVERAGED.items()}
        built = build(tmp_path, NET, weights=stored, policies=policy(ema=True))
        assert_close(built.run(image=IMAGE)["output"], answer(self.AVERAGED))

    def test_an_averaged_model_of_pytorch_is_known_by_its_counter(self, tmp_path: Path) -> None:
        stored = {f"module.{name}": array for name, array in self.AVERAGED.items()}
        stored |= {"n_averaged": np.array(7, np.int64)}
        built = build(tmp_path, NET, weights=stored, policies=policy(ema=True))
        assert_close(built.run(image=IMAGE)["output"], answer(self.AVERAGED))
        assert records(built) == [PolicyRecord("ema", "true")]

    def test_without_one_it_is_an_error(self, tmp_path: Path) -> None:
        found = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policy(ema=True))
        assert rules(found) == ["weights/no-averaged-copy"]


def test_policies_without_a_checkpoint_are_an_error(tmp_path: Path) -> None:
    found = mistakes(tmp_path, NET, policies=policy(head="init"))
    assert rules(found) == ["weights/policy-without-checkpoint"]


@pytest.mark.parametrize("option", ["head", "stem"])
def test_a_choice_that_is_none_is_an_error(option: str, tmp_path: Path) -> None:
    (error,) = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policy(**{option: "inti"}))
    assert error.rule.slug == "weights/policy"
    assert any("`init`" in help_ for help_ in error.helps)


def test_what_was_done_is_told(tmp_path: Path) -> None:
    stored = {f"net.{n}": a for n, a in WEIGHTS.items()} | draw_weights({"net.aux": (2,)})
    result = result_of(
        tmp_path, stored, settings={"classes": 3, "channels": 1},
        policies=policy(head="slice", stem="sum", prefix="net.", ignore="aux"),
    )  # fmt: skip
    assert result.notes[-4:] == (
        "--prefix net.: taken off 5 keys",
        "--ignore aux: left out 1 key: `net.aux`",
        "--stem sum: `conv.weight` is the sum of the kernels of 3 input channels",
        "--head slice: `fc` gives the first 3 of 4 classes",
    )


def test_a_convolution_over_a_whole_image_is_a_dense_layer_after_it(tmp_path: Path) -> None:
    spec = "input: {image: [2, 3, 4]}\nlayers: {flat: flatten, fc: {dense: 5}}\n"
    weights = draw_weights({"fc.weight": (5, 24), "fc.bias": (5,)})
    stored = weights | {"fc.weight": weights["fc.weight"].reshape(5, 2, 3, 4)}
    assert build(tmp_path, spec, weights=stored).content == (
        build(tmp_path, spec, weights=weights).content
    )
    wrong = weights | {"fc.weight": weights["fc.weight"].reshape(5, 3, 2, 4)}
    assert rules(mistakes(tmp_path, spec, weights=wrong)) == ["weights/mismatch"]
