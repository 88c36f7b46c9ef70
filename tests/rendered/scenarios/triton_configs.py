"""Model repositories of Triton's that the server would refuse, as `archc deploy --check` says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tests.deploy.triton.cases import CASES
from tests.deploy.triton.folders import BATCHING, CONFIG, INPUT, OUTPUT, WARMUP, Case, Model
from tests.rendered.scenarios import Scene, scenario

MODEL = "flowers"
CHECK = ["deploy", "--check", "models"]

_NO_WARMUP = (WARMUP, "")
_ENSEMBLE = """name: "flowers_pictures"
platform: "ensemble"
max_batch_size: 8
input [ { name: "picture" data_type: TYPE_FP32 dims: [ 3, 8, 8 ] } ]
output [ { name: "scores" data_type: TYPE_FP32 dims: [ 10 ] } ]
ensemble_scheduling {
  step [ {
    model_name: "flowers"
    model_version: -1
    input_map { key: "input" value: "picture" }
    output_map { key: "logits" value: "scores" }
  } ]
}
"""


def _input(old: str, new: str) -> tuple[str, str]:
    return INPUT, INPUT.replace(old, new)


def _output(old: str, new: str) -> tuple[str, str]:
    return OUTPUT, OUTPUT.replace(old, new)


def _configured(text: str) -> Case:
    """A model whose configuration is this text, nothing else."""
    return Case(alter=lambda folder: (folder / "config.pbtxt").write_text(text))


def _not_utf8(folder: Path) -> None:
    (folder / "config.pbtxt").write_bytes(b'name: "fl\xf8wers"\n')


def _second_input(folder: Path) -> None:
    path = folder / "1" / "model.onnx"
    model = onnx.load(path)
    added = helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 8, 8])
    model.graph.input.append(added)
    path.write_bytes(model.SerializeToString())


_CASES = {
    "triton/backend": CASES["platform_onnx"],
    "triton/batch-axis": Case(model=Model(output_batch=1)),
    "triton/batching": CASES["preferred_above_most"],
    "triton/config-too-deep": _configured("input {\n" * 61),
    "triton/config-too-large": _configured("# notes\n" * 500_001),
    "triton/format": Case(
        (_NO_WARMUP, _input("data_type", "format: FORMAT_NCHW data_type"),
         ("dims: [ 3, 8, 8 ]", "dims: [ 192 ] reshape { shape: [ 3, 8, 8 ] }")),
    ),
    "triton/incomplete": CASES["no_outputs"],
    "triton/instances": CASES["processors_for_cpu"],
    "triton/label-count": CASES["fewer_labels"],
    "triton/name": CASES["other_name"],
    "triton/no-batcher": Case(((BATCHING, ""),)),
    "triton/no-labels": CASES["no_labels"],
    "triton/no-model-file": CASES["misnamed_model"],
    "triton/no-versions": CASES["no_version"],
    "triton/no-weights": CASES["weights_missing"],
    "triton/odd-folder": CASES["odd_folder"],
    "triton/optional-input": Case((_NO_WARMUP, _input("dims", "optional: true dims"))),
    "triton/parameter": CASES["thread_count_no_number"],
    "triton/reshape": Case(
        (_NO_WARMUP, _input("dims: [ 3, 8, 8 ]", "dims: [ 190 ] reshape { shape: [ 3, 8, 8 ] }")),
    ),
    "triton/set-twice": CASES["set_twice"],
    "triton/syntax": CASES["brace_missing"],
    "triton/tensor": Case((_NO_WARMUP, _input("data_type: TYPE_FP32 ", ""))),
    "triton/tensor-count": Case(alter=_second_input),
    "triton/tensor-shape": CASES["wrong_output_size"],
    "triton/tensor-type": CASES["wrong_output_type"],
    "triton/threads": Case(((CONFIG[CONFIG.index("parameters") :], ""),)),
    "triton/two-alternatives": CASES["two_policies"],
    "triton/unknown-field": CASES["unknown_field"],
    "triton/unknown-tensor": CASES["wrong_output_name"],
    "triton/unknown-value": CASES["unknown_value"],
    "triton/unreadable-config": Case(alter=_not_utf8),
    "triton/unreadable-model": CASES["junk_model"],
    "triton/warmup": CASES["warmup_with_batch"],
    "triton/wrong-type": CASES["wrong_type"],
}  # fmt: skip


def _checked(case: Case, *options: str) -> Callable[[Path], Scene]:
    def scene(folder: Path) -> Scene:
        case.write(folder / "models", MODEL)
        return [*CHECK, *options]

    return scene


for _slug, _case in _CASES.items():
    scenario(_slug)(_checked(_case))

_METRICS = (BATCHING, f"{BATCHING}model_metrics {{ }}\n")
scenario("triton/field-too-new")(_checked(Case((_METRICS,)), "--target", "triton:24.10"))
scenario("triton/model-too-new")(
    _checked(Case(model=Model(opset=23, ir_version=10)), "--target", "triton:24.10")
)
scenario("triton/unknown-release")(_checked(Case(), "--target", "triton:24.13"))


@scenario("triton/no-models")
def no_models(folder: Path) -> Scene:
    """A folder of models that lack what Triton knows them by."""
    Model().write(folder / "models" / "flowers.onnx")
    return CHECK


def _ensemble(old: str, new: str) -> Callable[[Path], Scene]:
    """A network, and before it an ensemble in which a text is replaced."""

    def scene(folder: Path) -> Scene:
        models = folder / "models"
        Case().write(models, MODEL)
        home = models / "flowers_pictures"
        (home / "1").mkdir(parents=True)
        assert old in _ENSEMBLE, old
        (home / "config.pbtxt").write_text(_ENSEMBLE.replace(old, new))
        return CHECK

    return scene


_GROUP = "instance_group [ { kind: KIND_CPU } ]\n"
scenario("triton/ensemble-form")(_ensemble("ensemble_s", f"{_GROUP}ensemble_s"))
scenario("triton/ensemble-step")(_ensemble('model_name: "flowers"', 'model_name: "flower"'))
_MASK = '{ name: "mask" data_type: TYPE_FP32 dims: [ 8, 8 ] }'
scenario("triton/ensemble-flow")(_ensemble("] } ]\noutput", f"] }}, {_MASK} ]\noutput"))
