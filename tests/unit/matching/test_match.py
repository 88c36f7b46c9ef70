"""What structure binds, what it leaves open, and what it is not misled by."""

from __future__ import annotations

import random

import pytest

from archc.matching.options import Mode
from tests.unit.matching.networks import (
    Sizes,
    bound_layers,
    called,
    file_of,
    graph_of,
    layers_of,
    open_layers,
    plan_of,
    sorted_file,
    wrong,
)

FUNNEL = """
input: {image: [3, 16, 16]}
layers:
  stem: {conv: 8, kernel: 3}
  norm: batch_norm
  middle: {conv: 16, kernel: 3, bias: false}
  pool: {global_avg_pool: {keep_dims: false}}
  head: {dense: 10}
"""
"""Each layer is the only one of its form."""

CHAIN = """
input: {image: [8, 16, 16]}
layers:
  conv1: {conv: 8, kernel: 3, padding: 1}
  conv2: {conv: 8, kernel: 3, padding: 1}
  conv3: {conv: 8, kernel: 3, padding: 1}
"""
"""All layers are of one form."""

RESIDUAL = """
input: {image: [3, 32, 32]}
blocks:
  unit:
    params: {out: {type: int}, stride: 1}
    layers:
      join:
        add:
          - conv1: {conv: $out, kernel: 3, padding: 1, stride: $stride, bias: false}
            bn1: batch_norm
            conv2: {conv: $out, kernel: 3, padding: 1, bias: false}
            bn2: batch_norm
          - downsample: [{conv: $out, kernel: 1, stride: $stride, bias: false}, batch_norm]
layers:
  conv1: {conv: 16, kernel: 3, padding: 1, bias: false}
  bn1: batch_norm
  layer1: [{unit: 16}]
  layer2: [{unit: 32, stride: 2}]
  layer3: [{unit: 64, stride: 2}]
  pool: {global_avg_pool: {keep_dims: false}}
  fc: {dense: 10}
"""


def test_layers_that_are_alone_of_their_form_are_bound_whatever_they_are_called() -> None:
    graph = graph_of(FUNNEL)
    names = called(layers_of(graph), ["x.q", "a", "zz.1", "m"])
    tensors = list(file_of(graph, names).items())
    random.Random(3).shuffle(tensors)
    plan = plan_of(graph, dict(tensors))
    assert plan.is_complete
    assert bound_layers(plan) == names
    assert {match.why for match in plan.matches} == {"only one of its form"}


def test_the_same_names_are_kept_and_nothing_is_compared() -> None:
    graph = graph_of(CHAIN)
    plan = plan_of(graph, file_of(graph))
    assert {match.why for match in plan.matches} == {"same name"}
    assert {match.changes for match in plan.matches} == {("kept",)}


@pytest.mark.parametrize("by_file", [list, sorted])
def test_numbers_on_both_sides_tell_layers_of_one_form_apart(by_file: type) -> None:
    graph = graph_of(CHAIN)
    names = called(layers_of(graph), ["body.9", "body.10", "body.11"])
    plan = plan_of(graph, dict(by_file(file_of(graph, names).items())))
    assert plan.is_complete
    assert bound_layers(plan) == names
    assert {match.why for match in plan.matches} == {"told by numbers"}


def test_words_alone_leave_layers_of_one_form_open() -> None:
    graph = graph_of(CHAIN)
    plan = plan_of(graph, file_of(graph, called(layers_of(graph), ["ape", "bee", "cat"])))
    assert not plan.matches
    (choice,) = plan.choices
    assert open_layers(plan) == {"conv1", "conv2", "conv3"}
    assert set(choice.weights["conv2.bias"]) == {"ape.bias", "bee.bias", "cat.bias"}
    assert choice.likely == {} or choice.likely["conv2.bias"] == "bee.bias"


def test_the_files_order_decides_where_the_caller_says_so() -> None:
    graph = graph_of(CHAIN)
    names = called(layers_of(graph), ["dog", "bee", "cat"])
    plan = plan_of(graph, file_of(graph, names), is_by_order=True)
    assert bound_layers(plan) == names
    assert {match.why for match in plan.matches} == {"order of the file"}


def test_a_sorted_file_has_no_order() -> None:
    graph = graph_of(CHAIN)
    names = called(layers_of(graph), ["dog", "bee", "cat"])
    plan = plan_of(graph, sorted_file(file_of(graph, names)), is_by_order=True)
    assert not plan.matches
    assert open_layers(plan) == set(names)


def test_layers_side_by_side_have_no_order() -> None:
    graph = graph_of("""
input: {image: [8, 16, 16]}
layers:
  join:
    concat:
      - left: {conv: 8, kernel: 3}
      - right: {conv: 8, kernel: 3}
""")
    for names in (["a", "b"], ["b", "a"], ["conv_5", "conv_6"]):
        tensors = file_of(graph, called(layers_of(graph), names))
        assert not plan_of(graph, tensors, is_by_order=True).matches


def test_numbers_that_run_against_the_network_bind_nothing() -> None:
    graph = graph_of("""
input: {image: [8, 16, 16]}
layers:
  up4: {conv: 8, kernel: 3}
  up3: {conv: 8, kernel: 3}
  narrow1: {conv: 4, kernel: 3}
  narrow2: {conv: 8, kernel: 3}
""")
    names = called(layers_of(graph), ["dec1", "dec2", "mid7", "mid6"])
    plan = plan_of(graph, file_of(graph, names))
    assert wrong(plan, names) == []
    assert open_layers(plan) == {"up4", "up3"}


def test_numbers_are_not_believed_where_sizes_show_that_they_run_backwards() -> None:
    graph = graph_of("""
input: {image: [8, 16, 16]}
layers:
  out1: {conv: 8, kernel: 3}
  out2: {conv: 8, kernel: 3}
  lateral1: {conv: 4, kernel: 3}
  lateral2: {conv: 8, kernel: 3}
""")
    names = called(layers_of(graph), ["fpn.2", "fpn.1", "inner.2", "inner.1"])
    for tensors in (file_of(graph, names), sorted_file(file_of(graph, names))):
        plan = plan_of(graph, tensors)
        assert set(bound_layers(plan)) == {"lateral1", "lateral2"}
        assert open_layers(plan) == {"out1", "out2"}


CHAIN_OF_NORMS = """
input: {image: [8, 16, 16]}
layers:
  p: [batch_norm]
  q: [batch_norm, batch_norm, batch_norm]
"""


def test_modules_of_as_many_layers_are_not_the_same_for_that() -> None:
    graph = graph_of(CHAIN_OF_NORMS)
    names = called(layers_of(graph), ["u.norm1", "u.norm2", "u.norm3", "v"])
    for tensors in (file_of(graph, names), sorted_file(file_of(graph, names))):
        assert wrong(plan_of(graph, tensors), names) == []


def test_what_is_only_left_over_is_not_bound_for_that() -> None:
    """A network of conv and norm by blocks, in a file that has norm and conv by blocks."""
    graph = graph_of("""
input: {image: [8, 16, 16]}
layers:
  first: batch_norm
  block1: [{conv: 8, kernel: 3}, batch_norm]
  block2: [{conv: 8, kernel: 3}, batch_norm]
  last: {conv: 5, kernel: 3}
""")
    there = ["m.1.norm", "m.1.conv", "m.2.norm", "m.2.conv", "tail", "top"]
    names = called(layers_of(graph), there)
    for tensors in (file_of(graph, names), sorted_file(file_of(graph, names))):
        plan = plan_of(graph, tensors)
        assert wrong(plan, names) == []
        assert "first" in open_layers(plan)


def test_a_word_on_the_other_side_contradicts_numbers() -> None:
    graph = graph_of("""
input: {image: [8, 16, 16]}
layers:
  unit1_stem: {conv: 8, kernel: 3}
  unit2_tail: {conv: 8, kernel: 3}
""")
    rightly = called(layers_of(graph), ["part1.stem", "part2.tail"])
    assert bound_layers(plan_of(graph, file_of(graph, rightly))) == rightly
    crossed = called(layers_of(graph), ["part1.tail", "part2.stem"])
    plan = plan_of(graph, file_of(graph, crossed))
    assert not plan.matches
    assert "`unit1_stem` is `stem`, and `part1.tail` is not" in plan.choices[0].reason


def test_a_tensor_of_the_very_name_contradicts_another() -> None:
    graph = graph_of(CHAIN)
    tensors = file_of(graph, called(layers_of(graph), ["conv2", "conv5", "conv6"]))
    plan = plan_of(graph, tensors)
    assert not plan.matches
    assert plan.choices[0].reason == "the file has another `conv2`"


@pytest.mark.parametrize("first", [0, 2, 7])
def test_names_that_are_shifted_by_a_number_are_not_taken_for_the_same(first: int) -> None:
    graph = graph_of(CHAIN)
    names = called(layers_of(graph), [f"conv{first + i}" for i in range(3)])
    plan = plan_of(graph, file_of(graph, names))
    assert plan.is_complete
    assert bound_layers(plan) == names


def test_the_same_names_in_another_numbering_are_not_taken_for_the_same() -> None:
    """As in files of Keras that say no names: numbers go by depth, not as layers were made."""
    graph = graph_of("""
input: {image: {shape: [8, 16, 16]}}
layers:
  conv2d_1: {conv: 8, kernel: 3, padding: 1, from: image}
  conv2d_2: {conv: 8, kernel: 1, from: image}
  conv2d_3: {conv: 5, kernel: 1, from: image}
  conv2d_4: {conv: 8, kernel: 3, padding: 1, from: image}
  join: {concat: [{from: conv2d_1}, {from: conv2d_2}, {from: conv2d_3}, {from: conv2d_4}]}
""")
    there = ["conv2d_4", "conv2d_3", "conv2d_2", "conv2d_1"]
    names = called(layers_of(graph), there)
    for tensors in (file_of(graph, names), sorted_file(file_of(graph, names))):
        plan = plan_of(graph, tensors)
        assert wrong(plan, names) == []
        assert set(bound_layers(plan)) == {"conv2d_2", "conv2d_3"}
        assert "have other numbers than the network's" in plan.choices[0].reason


def test_two_layers_of_one_form_that_changed_places_are_not_bound_in_silence() -> None:
    graph = graph_of(CHAIN)
    tensors = file_of(graph, called(layers_of(graph), ["bee", "ape", "cat"]))
    assert not plan_of(graph, tensors).matches


def test_places_and_meanings_tell_a_shortcut_from_the_block_beside_it() -> None:
    graph = graph_of(RESIDUAL)
    inner = {"conv1": "a.k", "bn1": "a.n", "conv2": "b.k", "bn2": "b.n"}
    inner |= {"downsample.0": "proj.k", "downsample.1": "proj.n"}
    names = {"conv1": "stem.k", "bn1": "stem.n", "fc": "top"}
    for layer in layers_of(graph):
        stage, _, rest = layer.partition(".0.")
        if rest:
            rest = rest.removeprefix("join.").removeprefix("0.").removeprefix("1.")
            names[layer] = f"body.{int(stage[-1]) - 1}.{inner[rest]}"
    plan = plan_of(graph, file_of(graph, names))
    assert wrong(plan, names) == []
    shortcuts = [layer for layer in names if "downsample" in layer]
    assert shortcuts
    assert all(layer in bound_layers(plan) for layer in shortcuts)


def test_a_missing_head_is_missing_and_the_rest_is_bound() -> None:
    graph = graph_of(FUNNEL)
    names = called(layers_of(graph), ["a", "b", "c", "d"])
    tensors = {key: s for key, s in file_of(graph, names).items() if not key.startswith("d.")}
    plan = plan_of(graph, tensors)
    assert set(plan.missing) == {"head.weight", "head.bias"}
    assert set(bound_layers(plan)) == {"stem", "norm", "middle"}
    assert not plan.is_complete


def test_a_head_for_other_classes_is_told_with_what_is_left() -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph, called(layers_of(graph), ["a", "b", "c", "d"]))
    tensors |= {"d.weight": Sizes((1000, 16)), "d.bias": Sizes((1000,))}
    plan = plan_of(graph, tensors)
    misfits = {match.weight: match.key for match in plan.misfits}
    assert misfits == {"head.weight": "d.weight", "head.bias": "d.bias"}
    assert not plan.is_complete


def test_tensors_beyond_the_network_are_unexpected() -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph, called(layers_of(graph), ["a", "b", "c", "d"]))
    tensors |= {"steps": Sizes(()), "optimizer.lr": Sizes((1,))}
    tensors |= {"b.num_batches_tracked": Sizes(())}
    plan = plan_of(graph, tensors)
    assert set(plan.unexpected) == {"steps", "optimizer.lr"}
    assert plan.ignored == ("b.num_batches_tracked",)
    assert len(plan.matches) == len(graph.owned_weights())


def test_a_copy_of_all_weights_leaves_everything_open() -> None:
    graph = graph_of(FUNNEL)
    own, copy = (
        file_of(graph, called(layers_of(graph), [f"{p}.{n}" for n in "abcd"])) for p in ("x", "y")
    )
    plan = plan_of(graph, own | copy)
    assert not plan.matches
    assert open_layers(plan) == set(layers_of(graph))


def test_momentum_beside_the_weights_is_not_taken_for_them() -> None:
    graph = graph_of(FUNNEL)
    own = file_of(graph)
    plan = plan_of(graph, own | {f"momentum.{key}": sizes for key, sizes in own.items()})
    assert len(plan.matches) == len(own)
    assert {match.why for match in plan.matches} == {"same name"}
    assert len(plan.unexpected) == len(own)


def test_a_layer_without_a_bias_is_not_bound_to_one_with_a_bias() -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph, called(layers_of(graph), ["a", "b", "c", "d"]))
    tensors["c.bias"] = Sizes((16,))
    plan = plan_of(graph, tensors)
    assert "middle.weight" in plan.missing
    assert set(plan.unexpected) == {"c.weight", "c.bias"}


def test_a_dense_layer_after_an_image_may_be_stored_as_a_convolution() -> None:
    graph = graph_of("""
input: {image: [3, 4, 5]}
layers: {stem: {conv: 6, kernel: 1}, flat: flatten, fc: {dense: 7}}
""")
    tensors = file_of(graph, {"stem": "a", "fc": "b"}) | {"b.weight": Sizes((7, 6, 4, 5))}
    plan = plan_of(graph, tensors)
    assert plan.is_complete
    (match,) = (match for match in plan.matches if match.weight == "fc.weight")
    assert match.changes == ("renamed", "reshaped")
    turned = plan_of(graph, tensors | {"b.weight": Sizes((7, 4, 5, 6))})
    assert "fc.weight" in turned.missing


KERAS = {
    "s.kernel": Sizes((3, 3, 3, 8)),
    "s.bias": Sizes((8,)),
    **{f"n.{name}": Sizes((8,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")},
    "m.kernel": Sizes((3, 3, 8, 16)),
    "h.kernel": Sizes((16, 10)),
    "h.bias": Sizes((10,)),
}


def test_the_arrays_of_keras_are_known_by_their_names_and_transposed() -> None:
    plan = plan_of(graph_of(FUNNEL), KERAS)
    assert plan.layout == "keras"
    assert plan.is_complete
    changes = {match.weight: match.changes for match in plan.matches}
    assert changes["middle.weight"] == changes["head.weight"] == ("renamed", "transposed")
    assert changes["norm.running_var"] == ("renamed",)


def test_numbered_arrays_of_keras_are_what_the_network_has_in_that_order() -> None:
    counted: dict[str, Sizes] = {}
    for key, sizes in KERAS.items():
        prefix = key.partition(".")[0]
        counted[f"{prefix}.{sum(k.startswith(prefix) for k in counted)}"] = sizes
    plan = plan_of(graph_of(FUNNEL), counted, said="keras")
    assert plan.is_complete
    found = {match.weight: match.key for match in plan.matches}
    assert found["norm.running_mean"] == "n.2"
    assert found["head.bias"] == "h.1"


def test_three_numbered_vectors_are_open_where_layers_differ_in_what_they_are() -> None:
    text = """
input: {image: [3, 8, 8]}
layers:
  one: {batch_norm: {scale: false}}
  conv: {conv: 5, kernel: 1}
  two: {batch_norm: {center: false}}
"""
    counted = {f"a.{i}": Sizes((3,)) for i in range(3)} | {f"b.{i}": Sizes((5,)) for i in range(3)}
    counted |= {"c.0": Sizes((1, 1, 3, 5)), "c.1": Sizes((5,))}
    plan = plan_of(graph_of(text), counted, said="keras")
    assert set(bound_layers(plan)) == {"conv"}
    same = plan_of(graph_of(text.replace("center", "scale")), counted, said="keras")
    assert same.is_complete


@pytest.mark.parametrize("mode", ["exact", "rules"])
def test_names_alone_bind_by_name(mode: Mode) -> None:
    graph = graph_of(FUNNEL)
    plan = plan_of(graph, file_of(graph, {"head": "top"}), mode)
    assert set(plan.missing) == {"head.weight", "head.bias"}
    assert set(plan.unexpected) == {"top.weight", "top.bias"}


def test_no_key_is_lost_where_names_collide() -> None:
    graph = graph_of(FUNNEL)
    tensors = file_of(graph, called(layers_of(graph), ["a", "b", "c", "d"]))
    tensors |= {"a": Sizes((1,)), "a.gamma": Sizes((8, 3, 3, 3)), "a.weight.weight": Sizes((2,))}
    plan = plan_of(graph, tensors)
    told = {m.key for m in plan.matches} | set(plan.unexpected)
    told |= {key for c in plan.choices for keys in c.weights.values() for key in keys}
    assert told == set(tensors)
    assert "stem" not in bound_layers(plan)
