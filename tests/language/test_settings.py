"""What the caller sets: Python values and `--set KEY=VALUE`, whose VALUE is YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Reporter
from archc.stages.parse import parse
from tests.language.specs import Found, validate

SPEC = """
params: {width: 4, act: {type: layer, default: relu}, text: hello, ratio: 1.0, list: [1, 2]}
variants: {wide: {width: 8, expect: {parameters: 1}}}
blocks: {own: {layers: {inner: tanh}}}
input: {image: {shape: [3, H, W], where: {H: {min: 4, multiple_of: 4}}}}
layers:
  conv: {conv: $width, kernel: 1}
  act: $act
  name_$(text): {relu, when: "$(ratio == 2.0 or list == [3.0])"}
expect: {parameters: 0}
"""


def set_(**settings: object) -> Found:
    return validate(SPEC, settings=settings, variant="wide")


def in_yaml(text: str) -> object:
    return parse(Source("--set", text), Reporter())


def names(found: Found) -> list[str]:
    return [node.name for node in found.graph.nodes]


def test_caller_comes_after_the_variant_and_expectations_are_not_checked() -> None:
    graph = set_(width=5).graph

    assert graph.type_of(graph.outputs[0].value).sizes[0] == 5
    assert graph.parameters["width"] == 5


@pytest.mark.parametrize("value", [5.0, "5"])
def test_value_is_yaml(value: object) -> None:
    graph = set_(width=in_yaml(str(value))).graph

    assert graph.parameters["width"] == 5


def test_layer_may_be_a_name_or_have_arguments() -> None:
    assert names(set_(act="own")) == ["conv", "act.inner"]
    assert set_(act={"leaky_relu": 0.3}).graph.nodes[1].layer.op == "leaky_relu"
    assert set_(act={"leaky_relu": {"slope": 0.3}}).graph.nodes[1].layer.op == "leaky_relu"
    assert set_(act={"tanh": None}).graph.nodes[1].layer.op == "tanh"
    assert set_(act=in_yaml("{elu: {alpha: 2}}")).graph.nodes[1].layer.op == "elu"


def test_dollar_means_nothing() -> None:
    found = set_(text=in_yaml("$width"), ratio=2)

    assert found.one.rule.slug == "layer/name"
    assert "name_$width" in found.one.message


def test_numbers_are_converted_as_everywhere() -> None:
    assert names(set_(ratio=2)) == ["conv", "act", "name_hello"]
    assert names(set_(list=[3.0])) == ["conv", "act", "name_hello"]


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("width", "x", "params/type"),
        ("width", True, "params/type"),
        ("width", None, "params/type"),
        ("width", 2.5, "params/type"),
        pytest.param("ratio", 10**5000, "params/type", id="ratio-huge"),
        ("act", 3, "params/type"),
        ("act", "nonsense", "layer/unknown-op"),
        ("act", {"leaky_relu": "x"}, "argument/type"),
        ("list", ["x"], "params/type"),
        ("widtg", 3, "params/unknown"),
        ("H", 6, "input/not-admitted"),
        ("H", "x", "input/not-admitted"),
        ("H", 0, "input/not-admitted"),
        ("H", None, "input/not-admitted"),
        ("Z", 4, "params/unknown"),
    ],
)
def test_mistake_is_reported_once_at_the_setting(key: str, value: object, rule: str) -> None:
    found = validate(SPEC, settings={key: value})

    assert set(found.rules) == {rule}
    assert found.graphs == ()
    if rule != "layer/unknown-op":
        assert found.one.span.file == f"--set {key}"


def test_symbol_is_fixed() -> None:
    graph = set_(H=8).graph

    assert str(graph.inputs[0].type) == "float32 (N, 3, 8, W)"
    assert set(graph.domains) == {"W"}


def test_required_parameter_may_come_from_the_caller() -> None:
    text = "params: {width: int}\nlayers: [{conv: $width, kernel: 1}]"

    assert validate(text).rules == ["variant/needed"]
    assert validate(text, settings={"width": 3}).graph.parameters == {"width": 3}


def test_public_functions_take_settings(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"archc: 1\nname: t\n{SPEC}", encoding="utf-8")

    assert archc.elaborate(path, settings={"width": 6}).parameters["width"] == 6
    with pytest.raises(archc.SpecError) as raised:
        archc.elaborate(path, settings={"widtg": 6})
    assert [d.rule.slug for d in raised.value.diagnostics] == ["params/unknown"]
    with pytest.raises(archc.SpecError):
        archc.elaborate(path)  # its expectations do not hold


def test_value_of_another_kind_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="width"):
        set_(width=object())
