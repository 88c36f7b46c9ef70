"""Checkpoints under other names: what is built of them, what is refused, and the command."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import archc
from archc.runtime.metadata import PolicyRecord, parse_metadata
from tests.packages.building import (
    Built,
    build,
    build_one_to_one,
    mistakes,
    rules,
)
from tests.packages.renamed import AUTO, NAMES, NET, WEIGHTS, in_keras, same, under
from tests.unit.matching.networks import Sizes, file_of, layers_of, plan_of, wrong
from tests.zoo.reference import _torchvision


class TestBuild:
    def test_other_names_give_the_same_weights(self, tmp_path: Path) -> None:
        own = build(tmp_path, NET, weights=WEIGHTS)
        other = build(tmp_path, NET, weights=under(NAMES), policies=AUTO)
        assert same(own, other)
        assert parse_metadata(other.metadata).policies == (PolicyRecord("match", "auto", ()),)

    def test_of_keras_as_well(self, tmp_path: Path) -> None:
        own = build(tmp_path, NET, weights=WEIGHTS)
        other = build(tmp_path, NET, weights=in_keras(under(NAMES)), policies=AUTO)
        assert same(own, other)

    def test_without_a_word_names_are_not_guessed(self, tmp_path: Path) -> None:
        assert rules(mistakes(tmp_path, NET, weights=under(NAMES))) == ["weights/mismatch"]

    def test_exact_names_pass_the_rules_of_the_spec_by(self, tmp_path: Path) -> None:
        text = f"{NET}weights: {{rename: {{'^top': fc}}}}\n"
        weights = under({"fc": "top"})
        assert same(build(tmp_path, text, weights=weights), build(tmp_path, NET, weights=WEIGHTS))
        exact = archc.WeightPolicies(match="exact")
        (error,) = mistakes(tmp_path, text, weights=weights, policies=exact)
        assert error.rule.slug == "weights/mismatch"
        assert any("top.weight" in note for note in error.notes)

    def test_rules_and_structure_together(self, tmp_path: Path) -> None:
        text = f"{NET}weights: {{rename: {{'^top': fc}}}}\n"
        built = build(tmp_path, text, weights=under(NAMES), policies=AUTO)
        assert same(built, build(tmp_path, NET, weights=WEIGHTS))

    def test_what_two_tensors_fit_is_refused_with_the_choice(self, tmp_path: Path) -> None:
        names = NAMES | {"block1.0": "owl.conv", "block2.0": "ape.conv"}
        names |= {"block1.1": "owl.norm", "block2.1": "ape.norm"}
        (error,) = mistakes(tmp_path, NET, weights=under(names), policies=AUTO)
        assert error.rule.slug == "weights/undecided"
        assert "`block2.1` may be `owl.norm`, `ape.norm`" in error.notes
        assert any("archc weights match" in help for help in error.helps)

    def test_the_files_order_is_taken_where_it_is_said(self, tmp_path: Path) -> None:
        names = NAMES | {"block1.0": "owl.conv", "block2.0": "ape.conv"}
        names |= {"block1.1": "owl.norm", "block2.1": "ape.norm"}
        by_order = archc.WeightPolicies(match="auto", by_order=True)
        built = build(tmp_path, NET, weights=under(names), policies=by_order)
        assert same(built, build(tmp_path, NET, weights=WEIGHTS))
        assert parse_metadata(built.metadata).policies[0].policy == "match by order"

    def test_the_files_order_without_structure_is_an_error(self, tmp_path: Path) -> None:
        policies = archc.WeightPolicies(by_order=True)
        found = mistakes(tmp_path, NET, weights=WEIGHTS, policies=policies)
        assert rules(found) == ["weights/policy"]

    def test_a_head_for_other_classes_needs_its_policy_as_well(self, tmp_path: Path) -> None:
        weights, settings = under(NAMES), {"classes": 7}
        (error,) = mistakes(tmp_path, NET, weights=weights, settings=settings, policies=AUTO)
        assert error.rule.slug == "weights/mismatch"
        drawn = archc.WeightPolicies(match="auto", head="init")
        built = build_one_to_one(tmp_path, NET, weights=weights, settings=settings, policies=drawn)
        assert np.array_equal(built.weights["block2.0.weight"], WEIGHTS["block2.0.weight"])
        assert [p.policy for p in parse_metadata(built.metadata).policies] == ["match", "head"]

    def test_what_is_not_bound_is_still_unexpected(self, tmp_path: Path) -> None:
        weights = under(NAMES) | {"optimizer.first.conv.weight": np.ones((1,), np.float32)}
        (error,) = mistakes(tmp_path, NET, weights=weights, policies=AUTO)
        assert error.rule.slug == "weights/mismatch"
        passed = archc.WeightPolicies(match="auto", ignore=(r"optimizer\..*",))
        built = build(tmp_path, NET, weights=weights, policies=passed)
        assert same(built, build(tmp_path, NET, weights=WEIGHTS))

    def test_a_prefix_is_taken_off_first(self, tmp_path: Path) -> None:
        weights = {f"net.{name}": array for name, array in under(NAMES).items()}
        policies = archc.WeightPolicies(match="auto", prefix="net.")
        built = build(tmp_path, NET, weights=weights, policies=policies)
        assert same(built, build(tmp_path, NET, weights=WEIGHTS))


FLAVOURS = [
    ("mobilenet_v2", "timm/mobilenetv2_100"),
    ("mobilenet_v2", "keras/mobilenet_v2"),
    ("keras/mobilenet_v2", "timm/mobilenetv2_100"),
    ("vgg16", "keras/vgg16"),
    ("efficientnet_b0", "timm/tf_efficientnet_b0"),
    ("timm/efficientnet_b0", "efficientnet_b0"),
    ("efficientnet_v2_s", "keras/efficientnetv2s"),
    ("mobilenet_v3_large", "timm/mobilenetv3_large_100"),
    ("mobilenet_v1", "keras/mobilenet"),
    ("keras/densenet121", "timm/densenet121"),
    ("timm/legacy_xception", "keras/xception"),
    ("timm/resnet50", "resnet50"),
]
"""Networks that are the same but for the names, whose layers run in the same order."""


@pytest.mark.parametrize(("spec", "other"), FLAVOURS)
def test_the_zoo_takes_its_networks_under_the_names_of_others(spec: str, other: str) -> None:
    graph, named = archc.elaborate(spec), archc.elaborate(other)
    names = dict(zip(layers_of(graph), layers_of(named), strict=True))
    tensors = file_of(named)
    plan = plan_of(graph, tensors)
    assert plan.is_complete
    assert wrong(plan, names) == []
    shuffled = list(tensors.items())
    random.Random(7).shuffle(shuffled)
    for order in (sorted(tensors.items()), shuffled):
        assert wrong(plan_of(graph, dict(order)), names) == []


@pytest.mark.parametrize("spec", ["resnet18", "mobilenet_v2", "efficientnet_b0", "vgg11"])
def test_the_zoo_under_words_without_meaning_is_never_bound_wrongly(spec: str) -> None:
    graph = archc.elaborate(spec)
    draw = random.Random(spec)
    words: dict[str, str] = {}

    def word(text: str) -> str:
        return words.setdefault(text, "".join(draw.choices("bcdfghklmnprst", k=8)))

    for renamed in (
        {layer: ".".join(map(word, layer.split("."))) for layer in layers_of(graph)},
        {layer: word(layer) for layer in layers_of(graph)},
    ):
        tensors = file_of(graph, renamed)
        for order in (tensors, dict(sorted(tensors.items())), dict(reversed(tensors.items()))):
            plan = plan_of(graph, order)
            assert wrong(plan, renamed) == []
            assert plan.matches


def test_two_stages_that_changed_their_tensors_are_not_bound_in_silence() -> None:
    """Blocks of one form in the wrong order of numbers, as no file of this network has them."""
    graph = archc.elaborate("resnet18")
    names = {layer: f"net.{layer}" for layer in layers_of(graph)}
    tensors = file_of(graph, names)
    swapped: dict[str, Sizes] = {}
    for key in tensors:
        first, second = ("layer1.0", "layer1.1") if "layer1.0" in key else ("layer1.1", "layer1.0")
        swapped[key.replace(first, second)] = tensors[key.replace(first, second)]
    plan = plan_of(graph, swapped)
    assert not any("layer1" in match.weight and "bn" in match.weight for match in plan.matches)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_a_second_session_of_keras_has_other_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    _torchvision()  # which Keras imports, and it needs what is declared there
    from keras import applications, backend, layers

    backend.clear_session()
    fresh = applications.InceptionV3(weights=None)
    draw = np.random.default_rng(5)
    for variable in fresh.variables:
        variable.assign(draw.uniform(0.1, 1, variable.shape))
    fresh.save_weights(tmp_path / "fresh.weights.h5")
    wanted = Built(archc.build_bytes("keras/inception_v3", weights=tmp_path / "fresh.weights.h5"))
    for _ in range(20):
        layers.Conv2D(1, 1)
        layers.BatchNormalization()
    model = applications.InceptionV3(weights=None)
    assert not {layer.name for layer in fresh.layers} >= {layer.name for layer in model.layers}
    model.set_weights(fresh.get_weights())
    model.save_weights(tmp_path / "net.weights.h5")
    model.save(tmp_path / "net.keras")
    for name in ("net.weights.h5", "net.keras"):
        file = tmp_path / name
        built = Built(archc.build_bytes("keras/inception_v3", weights=file, policies=AUTO))
        assert same(built, wanted)
        with pytest.raises(archc.SpecError):
            archc.build_bytes("keras/inception_v3", weights=file)


@pytest.mark.oracle
def test_timms_own_files_answer_as_timm_does(tmp_path: Path) -> None:
    import torch

    from tests.zoo.timm.reference import reference_model

    model = reference_model("efficientnet_b0", 3)
    torch.save(model.state_dict(), tmp_path / "net.pth")
    image = torch.randn((1, 3, 97, 128), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model(image).numpy()
    exact_spec = tmp_path / "net.yaml"
    source = Path(archc.__file__).parents[1] / "specs" / "efficientnet.yaml"
    text = source.read_text().partition("\nweights:")[0]
    exact_spec.write_text(text)
    content = archc.build_bytes(
        exact_spec, variant="efficientnet_b0", weights=tmp_path / "net.pth", policies=AUTO
    )
    found = Built(content).run(image=image.numpy())["logits"]
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
