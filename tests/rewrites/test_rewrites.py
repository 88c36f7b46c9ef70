"""Rewrites keep what a network gives, and do what they are for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import archc
from archc.runtime.metadata import parse_metadata
from tests.packages.building import Built, build, draw_image, write_spec
from tests.rewrites.networks import AFFINE

TOLERANCE = 1e-5
"""Of the largest number: float32 kernels that are rounded after and not before a product."""

KERNELS = (
    "{conv: 6, kernel: 3}",
    "{conv: 6, kernel: 1, bias: false}",
    "{conv: 8, kernel: 3, padding: 1, groups: 2}",
    "{conv: 8, kernel: 3, stride: 2, padding: same}",
    "{depthwise_conv: 3, padding: 1}",
    "{depthwise_conv: 3, multiplier: 2, bias: false}",
    "{conv_transpose: 6, kernel: 2, stride: 2}",
    "{conv_transpose: 8, kernel: 3, groups: 2, bias: false}",
)
OTHERS = (
    "relu",
    "relu6",
    "{pad: 1}",
    "{pad: {padding: 1, value: 2.0}}",
    "{max_pool: 2}",
    "dropout: 0.5",
)


@st.composite
def specs(draw: st.DrawFn) -> str:
    """Networks of kernels with products, sums, norms and pads before and behind them."""
    items = draw(st.lists(st.sampled_from(AFFINE + KERNELS + OTHERS), min_size=2, max_size=8))
    lines = [
        f"  l{n}: {item if item[0] == '{' else '{' + item + '}' if ':' in item else item}"
        for n, item in enumerate(items)
    ]
    if draw(st.booleans()):
        lines += [
            "  pool: {global_avg_pool: {keep_dims: false}}",
            "  fc: {dense: 4}",
            "  bn: batch_norm",
        ]
    return "input: {image: [4, 24, 24]}\nlayers:\n" + "\n".join(lines) + "\n"


def weights_of(text: str, folder: Path) -> dict[str, NDArray[Any]]:
    """Weights that make every factor and summand matter."""
    generator = np.random.default_rng(5)
    found = {}
    for name, (_, weight) in archc.elaborate(write_spec(folder, text)).owned_weights().items():
        low, high = (0.5, 2.0) if name.endswith("running_var") else (-1.0, 1.0)
        found[name] = generator.uniform(low, high, weight.shape).astype(np.float32)
    return found


def both(text: str, folder: Path) -> tuple[Built, Built]:
    """A network as it is written, and after the rewrites."""
    weights = weights_of(text, folder) or None
    plain = build(folder, text, weights=weights, optimization=0)
    return plain, build(folder, text, weights=weights)


def assert_same(plain: Built, rewritten: Built, **inputs: NDArray[Any]) -> None:
    onnx.checker.check_model(rewritten.proto, full_check=True)
    wanted, found = plain.run(**inputs), rewritten.run(**inputs)
    for name, array in wanted.items():
        scale = max(1.0, float(np.abs(array).max()))
        assert np.abs(array - found[name]).max() <= TOLERANCE * scale


def ops(model: Built) -> Counter[str]:
    return Counter(node.op_type for node in model.proto.graph.node)


@settings(max_examples=150)
@given(text=specs())
def test_any_network_gives_the_same(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("net")
    plain, rewritten = both(text, folder)
    assert_same(plain, rewritten, image=draw_image(2, 4, 24, 24))
    assert len(rewritten.proto.graph.node) <= len(plain.proto.graph.node)


@pytest.mark.parametrize("kernel", [*KERNELS, "{dense: 6}"])
@pytest.mark.parametrize("affine", AFFINE)
def test_what_follows_a_kernel_is_folded_into_it(kernel: str, affine: str, tmp_path: Path) -> None:
    flat = "f: flatten, " if "dense" in kernel else ""
    text = f"input: {{image: [4, 9, 8]}}\nlayers: {{{flat}k: {kernel}, a: {affine}}}"
    plain, rewritten = both(text, tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    wanted = {"Conv", "ConvTranspose", "Gemm", "Flatten"}
    assert {*ops(rewritten)} <= wanted
    assert ops(plain).keys() - wanted
    steps = parse_metadata(rewritten.metadata).folded
    assert {(step.into, step.layer) for step in steps} == {("k", "a")}


@pytest.mark.parametrize("affine", AFFINE)
def test_what_comes_before_a_kernel_without_zeros_around_is_folded(
    affine: str, tmp_path: Path
) -> None:
    layers = f"r: relu, a: {affine}, k: {{conv: 6, kernel: 3, groups: 2}}"
    text = f"input: {{image: [4, 9, 8]}}\nlayers: {{{layers}}}"
    plain, rewritten = both(text, tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    assert ops(rewritten) == {"Relu": 1, "Conv": 1}


def test_zeros_around_an_image_are_put_there_after_a_norm(tmp_path: Path) -> None:
    text = "input: {image: [4, 9, 8]}\nlayers: {a: batch_norm, k: {conv: 6, kernel: 3, padding: 1}}"
    plain, rewritten = both(text, tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    assert ops(rewritten) == {"BatchNormalization": 1, "Conv": 1}


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        # What comes between is wanted elsewhere.
        (
            "k: {conv: 4, kernel: 1}, a: batch_norm, s: {add: [[], {from: k}]}",
            {"Conv": 1, "BatchNormalization": 1, "Add": 1},
        ),
        ("r: relu, s: relu", {"Relu": 1}),
        ("r: sigmoid, p: {max_pool: 2}, s: relu", {"Sigmoid": 1, "MaxPool": 1}),
        ("r: relu6, s: relu6, t: relu", {"Clip": 1}),
        ("p: {pad: 1}, q: {pad: 0}, k: {conv: 4, kernel: 3}", {"Conv": 1}),
        ("p: {pad: {padding: 1, value: 1.0}}, k: {conv: 4, kernel: 3}", {"Pad": 1, "Conv": 1}),
        ("p: {pad: {padding: 1, mode: edge}}, k: {conv: 4, kernel: 3}", {"Pad": 1, "Conv": 1}),
        ("p: {pad: 1}, k: {max_pool: 2}", {"Pad": 1, "MaxPool": 1}),
        ("r: relu, a: {multiply: 2.0}, b: {multiply: 3.0}", {"Relu": 1, "Mul": 1}),
        ("r: relu, a: {multiply: 1.0}, b: {shift: 0.0}, c: relu", {"Relu": 1}),
        ("r: relu, a: {multiply: 0.5}, b: {multiply: 2.0}, c: relu", {"Relu": 1}),
        ("r: relu, a: {shift: 0.5}, b: {shift: [1.0, 2.0, 3.0, 4.0]}", {"Relu": 1, "Add": 1}),
        # The one product is beyond float32, the other has too few digits.
        (
            "r: tanh, a: {multiply: 1e+30}, b: {multiply: 1e+30}, c: relu6",
            {"Tanh": 1, "Mul": 2, "Clip": 1},
        ),
        ("r: tanh, a: {multiply: 1e-30}, b: {multiply: 1e-12}", {"Tanh": 1, "Mul": 2}),
        ("r: tanh, a: {multiply: 0.0}, b: {multiply: 2.0}", {"Tanh": 1, "Mul": 1}),
        ("d: {dropout: 0.5}, f: flatten, g: flatten", {"Flatten": 1}),
    ],
)  # fmt: skip
def test_what_is_left(layers: str, left: dict[str, int], tmp_path: Path) -> None:
    plain, rewritten = both(f"input: {{image: [4, 9, 8]}}\nlayers: {{{layers}}}", tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    assert ops(rewritten) == left


@pytest.mark.parametrize(
    ("layers", "stays"),
    [
        ("k: {conv: 4, kernel: 1}, n: batch_norm", {}),
        ("n: batch_norm, k: {conv: 4, kernel: 1}", {}),
        ("r: relu, n: batch_norm, k: {conv: 4, kernel: 1}", {}),
        (
            "n: {normalize: {mean: 0.3, std: 2.0}}, k: {conv: 4, kernel: 3, padding: 1}",
            {"n": "it stands at the input, and `k`, after it, puts zeros around its input"},
        ),
        (
            "r: relu, s: scale, n: batch_norm, t: tanh",
            dict.fromkeys("sn", "`r`, before it, has no kernel, and `t`, after it, has no kernel"),
        ),
        (
            "k: {conv: 4, kernel: 1}, n: batch_norm, a: {add: [[], {from: k}]}",
            {"n": "what `k` gives is used elsewhere as well, and `a`, after it, has no kernel"},
        ),
        (
            "k: {conv: 4, kernel: 1}, n: batch_norm, l: {conv: 4, kernel: 1, weights: k}",
            {
                "n": "the weights of `k`, before it, are used elsewhere as well, and the weights "
                "of `l`, after it, are used elsewhere as well"
            },
        ),
        (
            "r: relu, n: batch_norm, u: {conv_transpose: 4, kernel: 2, stride: 2}",
            {"n": "`r`, before it, has no kernel, and `u`, after it, is a transposed convolution"},
        ),
        (
            "r: relu, n: batch_norm, a: {add: [[relu], [tanh]]}",
            {"n": "`r`, before it, has no kernel, and what it gives is used more than once"},
        ),
        (
            "k: {conv: 4, values: [[1.0]]}, n: batch_norm",
            {
                "n": "the kernel of `k` is fixed, and takes in no weights, and what it gives is "
                "wanted as it is"
            },
        ),
        ("r: relu, g: gelu, h: {group_norm: 2}", {}),
    ],
)
def test_why_a_norm_stays_is_said_once(layers: str, stays: dict[str, str], tmp_path: Path) -> None:
    result = archc.build(
        write_spec(tmp_path, f"input: {{image: [4, 9, 8]}}\nlayers: {{{layers}}}"),
        tmp_path / "net.onnx",
    )
    assert result.rewritten is not None
    assert result.rewritten.left == stays


def test_shared_weights_are_not_changed(tmp_path: Path) -> None:
    text = """\
input: {image: [4, 9, 8]}
layers:
  k: {conv: 4, kernel: 1}
  a: batch_norm
  l: {conv: 4, kernel: 1, weights: k}
  b: batch_norm
"""
    plain, rewritten = both(text, tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    assert ops(rewritten)["BatchNormalization"] == 2


def test_an_output_in_between_stays_what_it_is(tmp_path: Path) -> None:
    text = """\
input: {image: [4, 9, 8]}
layers: {k: {conv: 4, kernel: 1}, a: batch_norm, r: relu}
outputs: {raw: k, last: r}
"""
    plain, rewritten = both(text, tmp_path)
    assert_same(plain, rewritten, image=draw_image(2, 4, 9, 8))
    assert ops(rewritten)["BatchNormalization"] == 1


def test_a_node_of_several_layers_has_their_names(tmp_path: Path) -> None:
    _, rewritten = both(
        "input: {image: [4, 9, 8]}\nlayers: {k: {conv: 4, kernel: 1}, a: batch_norm, r: relu}",
        tmp_path,
    )
    assert [node.name for node in rewritten.proto.graph.node] == ["k+a", "r"]
    assert [i.name for i in rewritten.proto.graph.initializer] == ["k.weight", "k.bias"]


def test_a_node_is_named_by_the_layer_of_its_kernel_first(tmp_path: Path) -> None:
    _, rewritten = both(
        "input: {image: [4, 9, 8]}\nlayers: {r: relu, a: batch_norm, b: scale, "
        "c: {conv: 8, kernel: 3, bias: false}, d: batch_norm, t: tanh, p: {pad: 1}, "
        "k: {conv: 4, kernel: 3}}",
        tmp_path,
    )
    assert [node.name for node in rewritten.proto.graph.node] == ["r", "c+d+b+a", "t", "k+p"]
    steps = parse_metadata(rewritten.metadata).folded
    assert [(step.into, step.layer, step.bias) for step in steps] == [
        ("c", "d", "c.bias"),
        ("c", "b", "c.bias"),
        ("c", "a", "c.bias"),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_fixed_kernels_take_in_fixed_numbers_alone(dtype: str, tmp_path: Path) -> None:
    """What comes of that is no weight: no checkpoint has it."""
    text = f"""\
input: {{image: {{shape: [3, 9, 8], dtype: {dtype}}}}}
layers:
  m: {{multiply: 0.5}}
  k: {{conv: 2, values: [[[[0.25]], [[0.5]], [[0.125]]], [[[1.0]], [[-2.0]], [[0.5]]]]}}
  a: {{multiply: [2.0, 3.0]}}
  b: {{shift: 0.25}}
  n: batch_norm
"""
    plain, rewritten = both(text, tmp_path)
    image = draw_image(2, 3, 9, 8).astype(dtype)
    wanted, found = plain.run(image=image)["output"], rewritten.run(image=image)["output"]
    assert np.abs(wanted - found).max() <= (1e-2 if dtype == "float16" else 1e-5)
    assert ops(rewritten) == {"Conv": 1, "BatchNormalization": 1}
    kernel = rewritten.weights["k/constant"].ravel()
    assert kernel.tolist() == [0.25, 0.5, 0.125, 1.5, -3.0, 0.75]
    assert rewritten.weights["k/bias"].tolist() == [0.25, 0.25]
    assert "archc.folded" not in rewritten.metadata


def test_folded_weights_are_no_weights_of_the_spec(tmp_path: Path) -> None:
    text = "input: {image: [4, 9, 8]}\nlayers: {k: {conv: 4, kernel: 1}, a: batch_norm}"
    spec = write_spec(tmp_path, text)
    archc.build(spec, tmp_path / "folded.onnx", seed=1)
    archc.build(spec, tmp_path / "plain.onnx", seed=1, optimization=0)
    with pytest.raises(archc.SpecError) as caught:
        archc.build_bytes(spec, weights=tmp_path / "folded.onnx")
    (error,) = caught.value.diagnostics
    assert error.rule.slug == "weights/folded"
    built = Built(archc.build_bytes(spec, weights=tmp_path / "plain.onnx", optimization=0))
    plain = Built((tmp_path / "plain.onnx").read_bytes())
    assert built.proto.graph == plain.proto.graph


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenet_v3_small", "googlenet", "keras/mobilenet_v2", "timm/inception_v4"],
)
def test_the_zoo_has_no_operator_that_a_folded_graph_does_not_need(name: str) -> None:
    found = ops(Built(archc.build_bytes(name)))
    allowed = {
        "Conv", "Relu", "Clip", "HardSwish", "HardSigmoid", "Mul", "Add", "Concat", "MaxPool",
        "AveragePool", "GlobalAveragePool", "Flatten", "Gemm", "Softmax",
    }  # fmt: skip
    assert {*found} <= allowed
