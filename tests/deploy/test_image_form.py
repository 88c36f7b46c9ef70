"""The image form gives what the network gives for the same picture, from its pixels alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import archc
from archc.deploy.further_outputs import add_output, add_probabilities
from archc.deploy.image_form import image_form
from archc.diagnostics.place import Place, Source, Span
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.check import check_model
from archc.onnx_io.model import ModelDef
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.session import open_session, run
from archc.onnx_io.writer import WriteResult, write_model
from archc.runtime.image_tensor import to_tensor
from archc.runtime.metadata import parse_metadata
from archc.runtime.model import Model, open_model
from archc.runtime.predict import predict, top_k
from archc.runtime.preprocess import Preprocess, final_size

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTO = EXAMPLES / "edges" / "picture.jpg"
DIGITS = sorted((EXAMPLES / "digits" / "held_out").glob("*.png"))[::40]
NOWHERE = Place(Span(Source("test", ""), 1, 1, 1, 1))

TOLERANCE = 1e-5
"""Of the largest answer: one multiplication and one addition round otherwise than a division."""

HALF_TOLERANCE = 1e-3
"""Of the largest answer: ONNX Runtime has no float16 arithmetic on this processor, and leaves out
the rounding between two casts."""

SMALL = """archc: 1
name: small
input: {NAME: {shape: [CHANNELS, H, W], where: {H: {min: 16}, W: {min: 16}}OPTIONS}}
preprocess: {resize: 40, crop: 32, STEPS}
layers:
  first: {conv: {out: 8, kernel: 3, stride: 2}}
  act: relu
  body:
    - {conv: 8, kernel: 3}
    - relu
  pool: global_avg_pool
  flat: flatten
  fc: {dense: 5}
outputs: {scores: fc}
"""


def spec_of(
    folder: Path,
    *,
    name: str = "image",
    channels: int = 3,
    options: str = "",
    steps: str = "mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]",
) -> Path:
    text = SMALL.replace("NAME", name).replace("CHANNELS", str(channels))
    path = folder / "small.yaml"
    path.write_text(text.replace("OPTIONS", options).replace("STEPS", steps), encoding="utf-8")
    return path


def built(folder: Path, spec: str | Path, **options: Any) -> Path:
    path = folder / "tensor.onnx"
    archc.build(spec, path, **options)
    return path


def ok(model: ModelDef | Failed, reporter: Reporter) -> ModelDef:
    assert isinstance(model, ModelDef), reporter.diagnostics
    return model


def written(model: ModelDef, path: Path) -> Path:
    result = write_model(model, path, reporter=Reporter(), place=NOWHERE)
    assert isinstance(result, WriteResult)
    return path


@dataclass(frozen=True)
class Pair:
    """A model as built, and its image form."""

    tensor: Model
    image: Model

    def answers(self, picture: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return answers(self.tensor, picture), answers(self.image, picture)


def answers(model: Model, picture: Path) -> dict[str, NDArray[Any]]:
    reporter = Reporter()
    assert model.record.preprocess is not None
    tensor = to_tensor(picture, model.record.preprocess, model.inputs[0], reporter)
    assert not isinstance(tensor, Failed), reporter.diagnostics
    given = predict(model, {model.inputs[0].name: np.stack([tensor, tensor])}, reporter)
    assert not isinstance(given, Failed), reporter.diagnostics
    return given


def opened(path: Path) -> Model:
    reporter = Reporter()
    model = open_model(path, reporter)
    assert isinstance(model, Model), reporter.diagnostics
    return model


def transformed(path: Path, *, fixed: bool = True) -> ModelDef:
    """The image form of a file; its weights are in memory, so that the file may be closed."""
    reporter = Reporter()
    file = open_model_file(path, reporter)
    assert not isinstance(file, Failed), reporter.diagnostics
    with file:
        steps = parse_metadata(file.model.metadata).preprocess
        assert steps is not None
        size = final_size(steps) if fixed else None
        return in_memory(ok(image_form(file.model, steps, NOWHERE, reporter, size=size), reporter))


def in_memory(model: ModelDef) -> ModelDef:
    kept = tuple(
        i
        if isinstance(i.source, bytes)
        else replace(i, source=b"".join(map(bytes, i.source.chunks(i.dtype.value))))
        for i in model.initializers
    )
    return replace(model, initializers=kept)


def pair_of(path: Path, *, fixed: bool = True) -> Pair:
    image = written(transformed(path, fixed=fixed), path.with_name("image.onnx"))
    check_model(image)
    return Pair(opened(path), opened(image))


def assert_same(pair: Pair, picture: Path, tolerance: float = TOLERANCE) -> None:
    wanted, given = pair.answers(picture)
    assert wanted.keys() == given.keys()
    for name, array in wanted.items():
        difference = np.abs(array.astype(np.float64) - given[name]).max()
        assert difference <= tolerance * np.abs(array).max(), name
        best = [[p.index for p in top_k(of[name][0])] for of in (wanted, given)]
        assert best[0] == best[1]


@pytest.mark.parametrize("network", ["mobilenet_v2", "efficientnet", "nin"])
@pytest.mark.parametrize("fixed", [True, False])
def test_networks_give_the_same_for_a_photo(
    network: str, fixed: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = pair_of(built(tmp_path, network), fixed=fixed)
    argument = pair.image.session.get_inputs()[0]
    assert (argument.name, argument.type) == ("image", "tensor(uint8)")
    steps = pair.tensor.record.preprocess
    assert steps is not None
    assert argument.shape == ["N", *((final_size(steps) or ()) if fixed else ("H", "W")), 3]
    assert_same(pair, PHOTO)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("picture", DIGITS, ids=lambda path: path.stem)
def test_trained_gray_digits_are_the_same(picture: Path, tmp_path: Path) -> None:
    weights = EXAMPLES / "digits" / "lenet5_digits.safetensors"
    pair = pair_of(built(tmp_path, EXAMPLES / "digits" / "digits.yaml", weights=weights))
    assert pair.image.inputs[0].fed_shape == (32, 32, 1)
    assert pair.image.record.labels == pair.tensor.record.labels
    assert_same(pair, picture)


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("name", ["image", "x"])
def test_any_name_of_the_input_becomes_image(opset: int, name: str, tmp_path: Path) -> None:
    path = built(tmp_path, spec_of(tmp_path, name=name), opset=opset)
    assert_same(pair_of(path), PHOTO)


STEPS = {
    "bgr bytes": ("color: bgr, scale: 1.0, mean: [104, 117, 123]", ["Transpose", "Cast", "Add"]),
    "one number for all": ("mean: 0.5, std: 0.25", ["Transpose", "Cast", "Mul", "Add"]),
    "scale alone": ("scale: 0.00392156862745098", ["Transpose", "Cast", "Mul"]),
    "nothing": ("scale: 1.0", ["Transpose", "Cast"]),
}


@pytest.mark.parametrize(("steps", "nodes"), STEPS.values(), ids=STEPS)
def test_only_what_changes_the_pixels_is_written(
    steps: str, nodes: list[str], tmp_path: Path
) -> None:
    path = built(tmp_path, spec_of(tmp_path, steps=steps))
    model = transformed(path)
    assert [node.op_type for node in model.nodes if node.name.startswith("image/")] == nodes
    assert_same(pair_of(path), PHOTO)


def test_channels_last_floats_are_not_transposed(tmp_path: Path) -> None:
    path = built(tmp_path, spec_of(tmp_path, options=", layout: nhwc"))
    ours = [n.op_type for n in transformed(path).nodes if n.name.startswith("image/")]
    assert ours == ["Cast", "Mul", "Add", "Transpose"]  # the last one is the spec's own
    assert_same(pair_of(path), PHOTO)


@pytest.mark.parametrize("name", ["image", "x"])
def test_pixels_channels_last_are_renamed(name: str, tmp_path: Path) -> None:
    spec = spec_of(tmp_path, name=name, options=", dtype: uint8, layout: nhwc", steps="color: rgb")
    path = built(tmp_path, spec)
    with open_file(path) as file:
        count = len(file.model.nodes)
    model = transformed(path)
    assert len(model.nodes) == count
    assert_same(pair_of(path), PHOTO)


def test_pixels_channels_first_are_transposed(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, options=", dtype: uint8", steps="color: rgb")
    assert_same(pair_of(built(tmp_path, spec)), PHOTO)


def open_file(path: Path) -> Any:
    return open_model_file(path, Reporter())


def test_a_float16_network_gets_the_very_same_tensor(tmp_path: Path) -> None:
    path = built(tmp_path, spec_of(tmp_path, name="x", options=", dtype: float16"))
    model = transformed(path)
    # Softmax and features aside, the float16 tensor itself is made an output.
    with_tensor = ok(add_output(model, "tensor", "x", NOWHERE, Reporter()), Reporter())
    image = opened(written(with_tensor, tmp_path / "image.onnx"))
    tensor = opened(path)
    given, wanted = answers(image, PHOTO), answers(tensor, PHOTO)
    fed = to_tensor(PHOTO, tensor.record.preprocess or Preprocess(), tensor.inputs[0], Reporter())
    assert not isinstance(fed, Failed)
    assert given["tensor"].dtype == np.float16
    assert np.array_equal(given["tensor"][0], fed)
    difference = np.abs(wanted["scores"].astype(np.float64) - given["scores"]).max()
    assert difference <= HALF_TOLERANCE * np.abs(wanted["scores"]).max()


def test_the_record_describes_the_new_input(tmp_path: Path) -> None:
    path = built(tmp_path, "mobilenet_v2")
    old, new = pair_of(path).tensor.record, pair_of(path).image.record
    assert new.inputs[0].nhwc
    assert new.inputs[0].shape == (3, 224, 224)
    assert new.preprocess == Preprocess(resize=256, crop=224)
    assert not new.damaged
    assert replace(new, inputs=old.inputs, preprocess=old.preprocess) == old
    with open_file(path) as file:
        assert list(file.model.metadata) == list(transformed(path).metadata)


def test_symbols_left_open_keep_their_bounds(tmp_path: Path) -> None:
    path = built(tmp_path, spec_of(tmp_path))
    entry = pair_of(path, fixed=False).image.inputs[0]
    assert entry.shape == (3, "H", "W")
    assert entry.where["H"].least == 16


def test_outputs_follow_the_size_of_the_picture(tmp_path: Path) -> None:
    text = (
        "archc: 1\nname: map\ninput: {x: {shape: [3, H, W], where: {H: {multiple_of: 4}, "
        "W: {multiple_of: 4}}}}\npreprocess: {crop: [32, 48]}\n"
        "layers:\n  a: {conv: {out: 2, kernel: 3, stride: 4, padding: 1}}\n"
    )
    spec = tmp_path / "map.yaml"
    spec.write_text(text, encoding="utf-8")
    path = built(tmp_path, spec)
    assert transformed(path).outputs[0].dims == ("N", 2, 8, 12)
    assert all(isinstance(d, str) for d in transformed(path, fixed=False).outputs[0].dims[2:])
    assert_same(pair_of(path), PHOTO)


# Further outputs.


def test_probabilities_are_the_softmax(tmp_path: Path) -> None:
    model = transformed(built(tmp_path, spec_of(tmp_path)))
    given = ok(add_probabilities(model, "scores", NOWHERE, Reporter()), Reporter())
    path = written(given, tmp_path / "image.onnx")
    check_model(path)
    model_file = opened(path)
    assert model_file.record.probabilities == {"probabilities"}
    found = answers(model_file, PHOTO)
    powers = np.exp(found["scores"] - found["scores"].max(axis=1, keepdims=True))
    assert np.allclose(found["probabilities"], powers / powers.sum(axis=1, keepdims=True))


def test_probabilities_of_float16_are_float32(tmp_path: Path) -> None:
    model = transformed(built(tmp_path, spec_of(tmp_path, options=", dtype: float16")))
    given = ok(add_probabilities(model, "scores", NOWHERE, Reporter()), Reporter())
    path = written(given, tmp_path / "image.onnx")
    check_model(path)
    found = answers(opened(path), PHOTO)["probabilities"]
    assert found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1)


def test_recorded_probabilities_are_enough(tmp_path: Path) -> None:
    text = spec_of(tmp_path).read_text(encoding="utf-8")
    spec = tmp_path / "soft.yaml"
    spec.write_text(text.replace("outputs:", "  soft: softmax\noutputs:").replace(": fc", ": soft"))
    model = transformed(built(tmp_path, spec))
    assert add_probabilities(model, "scores", NOWHERE, Reporter()) is model
    # A model that says nothing of itself is known by its last operator.
    bare = replace(model, metadata={})
    given = ok(add_probabilities(bare, "scores", NOWHERE, Reporter()), Reporter())
    assert parse_metadata(given.metadata).probabilities == {"scores"}
    assert given.outputs == model.outputs


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("flat", ("N", 8)),
        ("body", ("N", 8, 13, 13)),
        ("body.1", ("N", 8, 13, 13)),
        ("fc", ("N", 5)),
        ("x", ("N", 3, 32, 32)),
    ],
)
def test_features_are_what_a_layer_gives(
    layer: str, shape: tuple[int | str, ...], tmp_path: Path
) -> None:
    spec = spec_of(tmp_path, name="x")
    model = transformed(built(tmp_path, spec))
    given = ok(add_output(model, "features", layer, NOWHERE, Reporter()), Reporter())
    assert given.outputs[-1].dims == shape
    path = written(given, tmp_path / "image.onnx")
    check_model(path)
    found = answers(opened(path), PHOTO)
    if layer == "x":
        return
    archc.build(spec, tmp_path / "layer.onnx", outputs={"features": layer})
    wanted = answers(opened(tmp_path / "layer.onnx"), PHOTO)["features"]
    assert np.allclose(found["features"], wanted, atol=TOLERANCE * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("network", "block"),
    [("googlenet", "inception5b"), ("mobilenet_v2", "features"), ("efficientnet", "features.8")],
)
def test_a_block_gives_what_its_last_layer_gives(network: str, block: str, tmp_path: Path) -> None:
    with open_file(built(tmp_path, network)) as file:
        given = ok(add_output(file.model, "features", block, NOWHERE, Reporter()), Reporter())
        path = written(given, tmp_path / "further.onnx")
    found = answers(opened(path), PHOTO)["features"]
    archc.build(network, tmp_path / "block.onnx", outputs={"features": block})
    wanted = answers(opened(tmp_path / "block.onnx"), PHOTO)["features"]
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_a_layer_may_be_called_features(tmp_path: Path) -> None:
    text = spec_of(tmp_path).read_text(encoding="utf-8").replace("flat:", "features:")
    spec = tmp_path / "named.yaml"
    spec.write_text(text, encoding="utf-8")
    model = transformed(built(tmp_path, spec))
    for layer, width in (("features", 2), ("pool", 4)):
        given = ok(add_output(model, "features", layer, NOWHERE, Reporter()), Reporter())
        path = written(given, tmp_path / "image.onnx")
        check_model(path)
        assert answers(opened(path), PHOTO)["features"].ndim == width


def test_an_unknown_layer_has_a_near_name(tmp_path: Path) -> None:
    model = transformed(built(tmp_path, spec_of(tmp_path)))
    for layer, help_ in (
        ("frist", "did you mean `first`?"),
        ("zzzz", "its last layers are `body.0`, `body.1`, `pool`, `flat`, `fc`"),
    ):
        reporter = Reporter()
        assert add_output(model, "features", layer, NOWHERE, reporter) is FAILED
        (found,) = reporter.diagnostics
        assert found.rule.slug == "deploy/unknown-layer"
        assert found.helps == (help_,)


# Models of other programs.


def foreign(
    *,
    dims: tuple[int | str | None, ...] = ("batch", 3, None, None),
    element: int = TensorProto.FLOAT,
    name: str = "x",
    inner: str = "y",
    opset: int = 17,
) -> bytes:
    """A convolution over an input, its output flattened to scores."""
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    kind = helper.tensor_dtype_to_np_dtype(element)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", [name, "w"], [inner]),
            helper.make_node("GlobalAveragePool", [inner], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["scores"]),
        ],
        "foreign",
        [helper.make_tensor_value_info(name, element, dims)],
        [helper.make_tensor_value_info("scores", element, [dims[0] if dims else None, 4])],
        [numpy_helper.from_array(weight.astype(kind), "w")],
        value_info=[helper.make_tensor_value_info(inner, element, ["batch", 4, "h", "w"])],
    )
    opsets = [helper.make_opsetid("", opset)]
    content: bytes = helper.make_model(
        graph, ir_version=8, opset_imports=opsets
    ).SerializeToString()
    return content


PLAIN = Preprocess(resize=40, crop=32, mean=(0.5, 0.4, 0.3), std=0.25)


def form_of(content: bytes, folder: Path, steps: Preprocess = PLAIN) -> tuple[Path, Path]:
    path = folder / "foreign.onnx"
    path.write_bytes(content)
    reporter = Reporter()
    with open_file(path) as file:
        size = final_size(steps)
        model = ok(image_form(file.model, steps, NOWHERE, reporter, size=size), reporter)
        return path, written(model, folder / "image.onnx")


@pytest.mark.parametrize("inner", ["y", "image"])
@pytest.mark.parametrize("name", ["x", "image"])
def test_models_of_other_programs_take_pixels(name: str, inner: str, tmp_path: Path) -> None:
    if name == inner:
        inner = "image/Mul"
    path, image = form_of(foreign(name=name, inner=inner), tmp_path)
    onnx.checker.check_model(str(image), full_check=True)
    model = opened(image)
    assert model.inputs[0].fed_shape == (32, 32, 3)
    reporter = Reporter()
    tensor = to_tensor(PHOTO, PLAIN, replace(opened(path).inputs[0], shape=(3, 32, 32)), reporter)
    assert not isinstance(tensor, Failed)
    wanted = run(open_session(path), {name: tensor[None]})["scores"]
    found = answers(model, PHOTO)["scores"][:1]
    assert np.abs(wanted - found).max() <= TOLERANCE * np.abs(wanted).max()


def test_a_fixed_batch_stays_fixed(tmp_path: Path) -> None:
    _, image = form_of(foreign(dims=(1, 3, 32, 32)), tmp_path)
    assert open_session(image).get_inputs()[0].shape == [1, 32, 32, 3]


REFUSED = {
    "three axes": (foreign(dims=(3, 32, 32)), PLAIN, "deploy/input-axes"),
    "no channels": (foreign(dims=("n", 7, 32, 32)), PLAIN, "deploy/input-axes"),
    "gray": (foreign(dims=("n", 3, 32, 32)), Preprocess(color="gray"), "deploy/input-axes"),
    "doubles": (foreign(element=TensorProto.DOUBLE), PLAIN, "deploy/input-type"),
    "another size": (foreign(dims=("n", 3, 64, 64)), PLAIN, "deploy/input-size"),
}


@pytest.mark.parametrize(("content", "steps", "slug"), REFUSED.values(), ids=REFUSED)
def test_what_takes_no_pictures_is_refused(
    content: bytes, steps: Preprocess, slug: str, tmp_path: Path
) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(content)
    reporter = Reporter()
    with open_file(path) as file:
        size = final_size(steps)
        assert image_form(file.model, steps, NOWHERE, reporter, size=size) is FAILED
    assert [found.rule.slug for found in reporter.diagnostics] == [slug]


def test_a_size_that_the_network_does_not_admit_is_refused(tmp_path: Path) -> None:
    path = built(tmp_path, spec_of(tmp_path))
    reporter = Reporter()
    with open_file(path) as file:
        assert image_form(file.model, PLAIN, NOWHERE, reporter, size=(8, 32)) is FAILED
    (found,) = reporter.diagnostics
    assert found.rule.slug == "deploy/input-size"
    assert found.notes == ("`H` is 16 or more, not 8",)


@pytest.mark.parametrize(
    ("dims", "element", "opset", "slug"),
    [
        (("n", 5), TensorProto.INT64, 17, "deploy/no-scores"),
        (("n",), TensorProto.FLOAT, 17, "deploy/no-scores"),
        (("n", 5, 4, 4), TensorProto.FLOAT, 12, "deploy/no-scores"),
    ],
)
def test_what_has_no_probabilities_is_refused(
    dims: tuple[int | str, ...], element: int, opset: int, slug: str, tmp_path: Path
) -> None:
    value = [helper.make_tensor_value_info(name, element, dims) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Abs", ["a"], ["b"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    path = tmp_path / "abs.onnx"
    path.write_bytes(model.SerializeToString())
    reporter = Reporter()
    with open_file(path) as file:
        assert add_probabilities(file.model, "b", NOWHERE, reporter) is FAILED
    assert [found.rule.slug for found in reporter.diagnostics] == [slug]


def test_an_input_or_output_that_is_called_like_the_new_one_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "taken.onnx"
    proto = onnx.load_from_string(foreign())
    proto.graph.node[2].output[0] = "probabilities"
    proto.graph.output[0].name = "probabilities"
    path.write_bytes(proto.SerializeToString())
    reporter = Reporter()
    with open_file(path) as file:
        assert add_probabilities(file.model, "probabilities", NOWHERE, reporter) is FAILED
    assert [found.rule.slug for found in reporter.diagnostics] == ["deploy/name-taken"]


def test_the_model_is_what_its_bytes_say(tmp_path: Path) -> None:
    """A model that was never in a file gives the same image form as its file does."""
    stream = io.BytesIO()
    model = transformed(built(tmp_path, spec_of(tmp_path)))
    write_model(model, stream, reporter=Reporter(), place=NOWHERE)
    again = tmp_path / "again.onnx"
    again.write_bytes(stream.getvalue())
    with open_file(again) as file:
        assert written(file.model, tmp_path / "copy.onnx").read_bytes() == stream.getvalue()
