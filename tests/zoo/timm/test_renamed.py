"""The zoo's torchvision specs take timm's checkpoints of the same networks, by rules of their own.

Not the same are MobileNetV3 and EfficientNet from b5 on, whose epsilon is 1e-5 in timm and 1e-3 in
torchvision, MobileNetV1, whose ReLU ends at 6 in timm, and whatever is called `tf_`, for its
paddings and epsilon: for those stands the spec in timm's flavour, or a setting.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import archc
from tests.zoo.built_model import BuiltModel
from tests.zoo.oracle_answers import FAITHFUL, save_weights
from tests.zoo.recipe import draw_input, draw_weights
from tests.zoo.timm.network import FIXED_SIZE, IN_BOTH_FLAVOURS, RENAMED

SIZE = (96, 129)


@pytest.mark.parametrize("name", IN_BOTH_FLAVOURS)
def test_both_flavours_answer_alike(name: str, scratch: Path) -> None:
    graph = archc.elaborate(f"timm/{name}")
    shapes = {weight: found.shape for weight, (_, found) in graph.owned_weights().items()}
    save_file(draw_weights(shapes), scratch / "weights.safetensors")
    image = draw_input((2, 3, *SIZE))
    answers = []
    for spec in (f"timm/{name}", RENAMED[name].spec):
        archc.build(spec, scratch / "model.onnx", weights=scratch / "weights.safetensors")
        answers.append(BuiltModel(scratch / "model.onnx").answer(image)["logits"])
    assert np.abs(answers[0] - answers[1]).max() <= FAITHFUL * np.abs(answers[0]).max()


def test_densenet_takes_the_names_in_torchvisions_files(scratch: Path) -> None:
    def older(name: str) -> str:
        head, _, tail = name.rpartition(".")
        return f"{head[:-1]}.{head[-1]}.{tail}" if ".denselayer" in head else name

    assert older("features.denseblock1.denselayer2.conv1.weight").endswith("2.conv.1.weight")
    assert digest_under("timm/densenet121", older, scratch) == digest_under(
        "timm/densenet121", str, scratch
    )


def test_resnet_takes_the_names_of_transformers(scratch: Path) -> None:
    def foreign(name: str) -> str:
        match name.split("."):
            case ["fc", tail]:
                return f"classifier.1.{tail}"
            case [layer, tail]:
                return f"resnet.embedder.embedder.{kind(layer)}.{tail}"
            case [stage, block, "downsample", number, tail]:
                what = ("convolution", "normalization")[int(number)]
                inside = f"shortcut.{what}"
            case [stage, block, layer, tail]:
                inside = f"layer.{int(layer[-1]) - 1}.{kind(layer)}"
        stage = str(int(stage.removeprefix("layer")) - 1)
        return f"resnet.encoder.stages.{stage}.layers.{block}.{inside}.{tail}"

    def kind(layer: str) -> str:
        return "convolution" if layer.startswith("conv") else "normalization"

    assert foreign("layer2.0.bn1.bias") == (
        "resnet.encoder.stages.1.layers.0.layer.0.normalization.bias"
    )
    assert digest_under("resnet50", foreign, scratch) == digest_under("resnet50", str, scratch)


def digest_under(spec: str, renamed: Callable[[str], str], scratch: Path) -> str:
    """The digest of the weights that are built from a file with other names."""
    graph = archc.elaborate(spec)
    shapes = {weight: found.shape for weight, (_, found) in graph.owned_weights().items()}
    arrays = draw_weights(shapes)
    save_file({renamed(n): a for n, a in arrays.items()}, scratch / "weights.safetensors")
    built = archc.build(spec, scratch / "model.onnx", weights=scratch / "weights.safetensors")
    return built.weights_digest


@pytest.mark.oracle
def test_torchvisions_spec_answers_as_timm(renamed: str, scratch: Path) -> None:
    from tests.zoo.timm.reference import answers, assert_faithful, reference_model

    reference = reference_model(renamed, seed=0)
    save_weights(reference, scratch / "weights.safetensors")
    as_torchvision = RENAMED[renamed]
    archc.build(
        as_torchvision.spec,
        scratch / "model.onnx",
        weights=scratch / "weights.safetensors",
        settings=as_torchvision.settings,
    )
    size = (224, 224) if renamed.startswith(FIXED_SIZE) else SIZE
    image, wanted = answers(reference, size, batch=2, seed=1)
    got = BuiltModel(scratch / "model.onnx").answer(image)["logits"]
    assert_faithful(reference, image, got, wanted)
