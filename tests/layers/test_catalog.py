"""The table of ops: it agrees with the classes, and imports a family when one is asked for."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module

import pytest

from archc.graph.layer import Layer
from archc.layers.catalog import OPS, layer_class, op_names

KINDS = """
    abs adaptive_avg_pool adaptive_max_pool add argmax average avg_pool batch_norm channel_shuffle
    clip concat conv conv_transpose dense depth_to_space depthwise_conv dropout elu flatten gelu
    global_avg_pool global_max_pool group_norm hard_sigmoid hard_swish identity instance_norm
    layer_norm leaky_relu local_response_norm log_softmax max max_pool max_unpool maximum mean mish
    mul multiply normalize pad permute prelu relu relu6 reshape scale selu shift sigmoid silu slice
    softmax softplus space_to_depth sqrt square squeeze stochastic_depth sub tanh upsample
"""
"""Every op of the language; one that goes missing is a change of what specs may say."""

MERGES = {"add", "sub", "mul", "average", "maximum", "concat"}
NO_OPS = {"identity", "dropout", "stochastic_depth"}


def test_the_ops_are_those_of_the_language() -> None:
    assert sorted(op_names()) == KINDS.split()


@pytest.mark.parametrize("module", sorted(set(OPS.values())))
def test_the_table_agrees_with_the_classes(module: str) -> None:
    layers: tuple[type[Layer], ...] = import_module(f"archc.layers.{module}").LAYERS
    assert [layer.op for layer in layers] == [op for op, where in OPS.items() if where == module]
    for layer in layers:
        assert layer_class(layer.op) is layer


@pytest.mark.parametrize("op", op_names())
def test_a_class_is_named_as_its_op_and_described(op: str) -> None:
    layer = layer_class(op)
    assert layer.__name__.lower() == op.replace("_", "")
    assert not inspect.isabstract(layer)
    described = inspect.getdoc(layer) or ""
    assert "Source" in described + (inspect.getdoc(inspect.getmodule(layer)) or "")
    _, _, attributes = described.partition("Attributes:")
    names = re.findall(r"^    (\w+): ", attributes, re.MULTILINE)
    assert names == list(layer.model_fields)


@pytest.mark.parametrize("op", op_names())
def test_the_arguments_have_a_json_schema(op: str) -> None:
    schema = layer_class(op).model_json_schema()
    assert schema["additionalProperties"] is False
    assert list(schema.get("properties", {})) == list(layer_class(op).model_fields)


def test_traits_are_those_of_the_language() -> None:
    classes = [layer_class(op) for op in op_names()]
    assert {c.op for c in classes if c.takes_branches} == MERGES
    assert {c.op for c in classes if c.is_inert} == NO_OPS
    assert {c.op: c.path_argument for c in classes if c.path_argument} == {
        "upsample": "like",
        "max_unpool": "of",
    }


def test_only_the_family_that_is_asked_for_is_imported() -> None:
    code = (
        "import sys; from archc.layers.catalog import layer_class; layer_class('relu');"
        "print(*(m for m in sys.modules if m.startswith('archc.layers.')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    families = {f"archc.layers.{module}" for module in OPS.values()}
    assert families & set(ran.stdout.split()) == {"archc.layers.rectifier"}


def test_an_unknown_op_is_no_class() -> None:
    with pytest.raises(KeyError):
        layer_class("rleu")
