"""Model folders for Triton, good ones and broken ones, each with what is known of it.

What the real server says of them was found with the real server (`tests/servers`); the offline
check must say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.deploy.triton.folders import (
    BATCHING,
    CONFIG,
    INPUT,
    OUTPUT,
    WARMUP,
    Case,
    Change,
    Model,
)


def _rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def _remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _replace_model(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "1" / "model.onnx").write_bytes(content)


def _break_older(folder: Path) -> None:
    Model().write(folder / "2" / "model.onnx")
    (folder / "1" / "model.onnx").write_bytes(b"no model")


def _dims(kind: str, old: str, new: str) -> Change:
    line = INPUT if kind == "input" else OUTPUT
    return line, line.replace(old, new)


NO_BATCHING: tuple[Change, ...] = (("max_batch_size: 8", "max_batch_size: 0"), (BATCHING, ""))
FIXED = Model(batch=1, output_batch=1)
FULL_DIMS: tuple[Change, ...] = (
    *NO_BATCHING,
    (WARMUP, ""),
    _dims("input", "[ 3, 8, 8 ]", "[ 1, 3, 8, 8 ]"),
    _dims("output", "[ 10 ]", "[ 1, 10 ]"),
)
SHAPE = ("triton/tensor-shape",)
PICTURE = _dims("input", "data_type", "format: FORMAT_NCHW data_type")

CASES: Mapping[str, Case] = {
    "good": Case(),
    "platform_alone": Case((('backend: "onnxruntime"', 'platform: "onnxruntime_onnx"'),)),
    "backend_left_out": Case((('backend: "onnxruntime"\n', ""),)),
    "with_format": Case((PICTURE,)),
    "without_batcher": Case(((BATCHING, ""),), warnings=("triton/no-batcher",)),
    "without_threads": Case(
        ((CONFIG[CONFIG.index("parameters") :], ""),), warnings=("triton/threads",)
    ),
    "fixed_batch_whole_dims": Case(FULL_DIMS, FIXED),
    "fixed_batch_reshaped": Case(
        (
            *NO_BATCHING,
            _dims(
                "input", "dims: [ 3, 8, 8 ]", "dims: [ 3, 8, 8 ] reshape { shape: [ 1, 3, 8, 8 ] }"
            ),
            _dims("output", "dims: [ 10 ]", "dims: [ 10 ] reshape { shape: [ 1, 10 ] }"),
        ),
        FIXED,
    ),
    "open_size_narrowed": Case(model=Model(size=("H", "W"))),
    "open_size": Case((_dims("input", "[ 3, 8, 8 ]", "[ 3, -1, -1 ]"),), Model(size=("H", "W"))),
    "bytes": Case(
        (
            _dims(
                "input",
                "TYPE_FP32 dims: [ 3, 8, 8 ]",
                "TYPE_UINT8 format: FORMAT_NHWC dims: [ 8, 8, 3 ]",
            ),
            (WARMUP, WARMUP.replace("TYPE_FP32 dims: [ 3, 8, 8 ]", "TYPE_UINT8 dims: [ 8, 8, 3 ]")),
        ),
        Model(is_bytes=True),
    ),
    "external_weights": Case(model=Model(is_external=True)),
    "one_of_two_outputs": Case(model=Model(further_output=True)),
    "further_output": Case(
        (("output [ ", 'output [ { name: "flat" data_type: TYPE_FP32 dims: [ 3 ] }, '),),
        Model(further_output=True),
    ),
    "fewer_labels": Case(labels=7, warnings=("triton/label-count",)),
    "more_labels": Case(labels=12, warnings=("triton/label-count",)),
    "preferred_sizes": Case(((BATCHING, "dynamic_batching { preferred_batch_size: [ 4, 8 ] }\n"),)),
    "batcher_without_batch": Case(
        (*FULL_DIMS, ("version_policy", BATCHING + "version_policy")), FIXED
    ),
    "older_version_broken": Case(alter=_break_older),
    "odd_folder": Case(
        alter=lambda folder: (folder / "v2").mkdir(), warnings=("triton/odd-folder",)
    ),
    "further_parameter": Case(
        (("parameters {", 'parameters { key: "ours" value { string_value: "x" } }\nparameters {'),)
    ),
    "batch_and_fixed_model": Case(model=FIXED, rules=("triton/batch-axis", "triton/batch-axis")),
    "output_batch_fixed": Case(model=Model(output_batch=1), rules=("triton/batch-axis",)),
    "dims_with_batch": Case(
        (_dims("input", "[ 3, 8, 8 ]", "[ -1, 3, 8, 8 ]"),),
        rules=("triton/tensor-shape", "triton/warmup"),
    ),
    "dims_with_batch_and_format": Case(
        (
            _dims(
                "input",
                "data_type: TYPE_FP32 dims: [ 3, 8, 8 ]",
                "format: FORMAT_NCHW data_type: TYPE_FP32 dims: [ 1, 3, 8, 8 ]",
            ),
        ),
        rules=("triton/format", "triton/tensor-shape", "triton/warmup"),
    ),
    "wider_input": Case((_dims("input", "[ 3, 8, 8 ]", "[ 3, -1, 8 ]"),), rules=SHAPE),
    "wider_output": Case((_dims("output", "[ 10 ]", "[ -1 ]"),), rules=SHAPE),
    "wrong_output_size": Case((_dims("output", "[ 10 ]", "[ 11 ]"),), rules=SHAPE, labels=11),
    "narrowed_output": Case(
        (
            *NO_BATCHING,
            (WARMUP, ""),
            _dims("input", "[ 3, 8, 8 ]", "[ -1, 3, 8, 8 ]"),
            _dims("output", "[ 10 ]", "[ 1, 10 ]"),
        ),
        rules=SHAPE,
    ),
    "wrong_input_name": Case(
        (_dims("input", '"input"', '"inputs"'),),
        rules=("triton/unknown-tensor", "triton/warmup", "triton/warmup"),
    ),
    "wrong_output_name": Case(
        (_dims("output", '"logits"', '"logit"'),), rules=("triton/unknown-tensor",)
    ),
    "wrong_input_type": Case(
        (_dims("input", "TYPE_FP32", "TYPE_UINT8"),), rules=("triton/tensor-type", "triton/warmup")
    ),
    "wrong_output_type": Case(
        (_dims("output", "TYPE_FP32", "TYPE_FP16"),), rules=("triton/tensor-type",)
    ),
    "no_outputs": Case(((OUTPUT, ""),), rules=("triton/incomplete",)),
    "no_inputs": Case(((INPUT, ""),), rules=("triton/incomplete",)),
    "no_config": Case(None, rules=("triton/unreadable-config",)),
    "only_the_batch": Case(
        ((CONFIG[CONFIG.index("input [") :], ""),),
        rules=("triton/incomplete",),
        warnings=("triton/no-batcher", "triton/threads"),
    ),
    "platform_onnx": Case(
        (('backend: "onnxruntime"', 'platform: "onnx"'),), rules=("triton/backend",)
    ),
    "backend_onnx": Case(
        (('backend: "onnxruntime"', 'backend: "onnx"'),), rules=("triton/backend",)
    ),
    "backend_and_other_platform": Case(
        (('backend: "onnxruntime"', 'backend: "onnxruntime" platform: "tensorrt_plan"'),),
        rules=("triton/backend",),
    ),
    "other_name": Case((('"NAME"', '"another"'),), rules=("triton/name",)),
    "no_version": Case(alter=_rename("1", "latest"), rules=("triton/no-versions",)),
    "version_with_zero": Case(
        alter=_rename("1", "01"), rules=("triton/no-versions",), warnings=("triton/odd-folder",)
    ),
    "version_not_picked": Case(
        (("latest { num_versions: 1 }", "specific { versions: [ 2 ] }"),),
        rules=("triton/no-versions",),
    ),
    "latest_of_none": Case(
        (("latest { num_versions: 1 }", "latest { }"),), rules=("triton/no-versions",)
    ),
    "no_model": Case(model=None, rules=("triton/no-model-file",)),
    "misnamed_model": Case(
        alter=_rename("1/model.onnx", "1/net.onnx"), rules=("triton/no-model-file",)
    ),
    "junk_model": Case(alter=_replace_model(b"no model"), rules=("triton/unreadable-model",)),
    "empty_model": Case(alter=_replace_model(b""), rules=("triton/unreadable-model",)),
    "weights_missing": Case(
        model=Model(is_external=True), alter=_remove("1/w.bin"), rules=("triton/no-weights",)
    ),
    "no_labels": Case(labels=None, rules=("triton/no-labels",)),
    "unknown_field": Case((("max_batch_size", "max_batchsize"),), rules=("triton/unknown-field",)),
    "unknown_value": Case((("KIND_CPU", "KIND_TPU"),), rules=("triton/unknown-value",)),
    "wrong_type": Case(
        (("max_batch_size: 8", 'max_batch_size: "8"'),), rules=("triton/wrong-type",)
    ),
    "set_twice": Case(
        (("max_batch_size: 8", "max_batch_size: 8 max_batch_size: 4"),), rules=("triton/set-twice",)
    ),
    "two_policies": Case(
        (("{ num_versions: 1 }", "{ num_versions: 1 } all { }"),),
        rules=("triton/two-alternatives",),
    ),
    "brace_missing": Case(
        (("dynamic_batching { }", "dynamic_batching {"),), rules=("triton/syntax",)
    ),
    "preferred_above_most": Case(
        ((BATCHING, "dynamic_batching { preferred_batch_size: [ 16 ] }\n"),),
        rules=("triton/batching",),
    ),
    "preferred_without_batch": Case(
        (
            *FULL_DIMS,
            ("version_policy", "dynamic_batching { preferred_batch_size: 1 }\nversion_policy"),
        ),
        FIXED,
        rules=("triton/batching",),
    ),
    "negative_batch": Case(
        (("max_batch_size: 8", "max_batch_size: -1"),), rules=("triton/batching",)
    ),
    "priority_out_of_range": Case(
        ((BATCHING, "dynamic_batching { priority_levels: 2 default_priority_level: 3 }\n"),),
        rules=("triton/batching",),
    ),
    "processors_for_cpu": Case(
        (("KIND_CPU", "KIND_CPU gpus: [ 0 ]"),), rules=("triton/instances",)
    ),
    "no_type": Case(
        (_dims("input", "data_type: TYPE_FP32 ", ""),), rules=("triton/tensor", "triton/warmup")
    ),
    "no_dims": Case(
        (_dims("input", "dims: [ 3, 8, 8 ]", ""),), rules=("triton/tensor", "triton/warmup")
    ),
    "zero_size": Case(
        (_dims("input", "[ 3, 8, 8 ]", "[ 3, 0, 8 ]"),),
        rules=("triton/tensor", "triton/tensor-shape", "triton/warmup"),
    ),
    "reshape_of_other_count": Case(
        (
            _dims("input", "dims: [ 3, 8, 8 ]", "dims: [ 3, 64 ] reshape { shape: [ 3, 8, 9 ] }"),
            (WARMUP, ""),
        ),
        rules=("triton/reshape", "triton/tensor-shape"),
    ),
    "thread_count_no_number": Case(
        (('string_value: "1"', 'string_value: "one"'),), rules=("triton/parameter",)
    ),
    "warmup_with_batch": Case(
        ((WARMUP, WARMUP.replace("[ 3, 8, 8 ]", "[ 1, 3, 8, 8 ]")),), rules=("triton/warmup",)
    ),
    "warmup_other_name": Case(
        ((WARMUP, WARMUP.replace('"input"', '"image"')),), rules=("triton/warmup", "triton/warmup")
    ),
    "warmup_open_size": Case(
        (
            _dims("input", "[ 3, 8, 8 ]", "[ 3, -1, -1 ]"),
            (WARMUP, WARMUP.replace("[ 3, 8, 8 ]", "[ 3, -1, -1 ]")),
        ),
        Model(size=("H", "W")),
        rules=("triton/warmup",),
    ),
    "warmup_of_nothing": Case(
        ((WARMUP, WARMUP.replace("zero_data: true", "")),), rules=("triton/warmup",)
    ),
    "opset_too_new": Case(model=Model(opset=99), rules=("triton/model-too-new",)),
    "format_too_new": Case(model=Model(ir_version=99), rules=("triton/model-too-new",)),
}
