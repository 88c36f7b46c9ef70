"""ONNX models as a source of weights: which tensors, in which form, and what is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.graph.weight import WeightSource
from archc.weights.onnx_source import FORMAT
from archc.weights.readers import open_checkpoint
from archc.weights.stored_values import TensorReadError, stored_bytes, stored_values
from tests.unit.weights.reading import opened, refused, slug, values

SECRET = b"what no model may read"

LARGE = np.linspace(-1, 1, 600, dtype=np.float32).reshape(2, 300)
SMALL = np.array([0.5, -2.0, 3.25], np.float32)


def model(*tensors: TensorProto, **properties: str) -> ModelProto:
    """A model of other programs that has these initializers, in the order given."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], "net", [value], [output], list(tensors))
    made = helper.make_model(graph, producer_name="other", ir_version=8)
    helper.set_model_props(made, properties)
    return made


def raw(name: str, array: npt.NDArray[Any]) -> TensorProto:
    return numpy_helper.from_array(array, name)


def saved(folder: Path, *tensors: TensorProto, **properties: str) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model(*tensors, **properties).SerializeToString())
    return path


def saved_beside(folder: Path, *tensors: TensorProto, each: bool = False) -> Path:
    path = folder / "net.onnx"
    onnx.save(
        model(*tensors), str(path), save_as_external_data=True, size_threshold=0,
        all_tensors_to_one_file=not each, location=None if each else "net.bin",
    )  # fmt: skip
    return path


def whole(source: WeightSource) -> npt.NDArray[np.generic]:
    """The elements in their own type."""
    parts = list(stored_values(source))
    return np.concatenate(parts).reshape(source.shape) if parts else np.zeros(source.shape)


def test_initializers_are_weights_under_their_names(tmp_path: Path) -> None:
    with opened(saved(tmp_path, raw("b", SMALL), raw("a.weight", LARGE))) as checkpoint:
        assert checkpoint.format == FORMAT
        assert list(checkpoint.tensors) == ["b", "a.weight"]
        assert np.array_equal(whole(checkpoint.tensors["b"]), SMALL)
        assert np.array_equal(whole(checkpoint.tensors["a.weight"]), LARGE)


@pytest.mark.parametrize("each", [False, True])
def test_external_data_are_read_from_the_folder(tmp_path: Path, each: bool) -> None:
    found = values(saved_beside(tmp_path, raw("small", SMALL), raw("large", LARGE), each=each))
    assert np.array_equal(found["small"], SMALL)
    assert np.array_equal(found["large"], LARGE)


@pytest.mark.parametrize("count", [3, 600])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (TensorProto.FLOAT, "float32"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.INT8, "int8"),
        (TensorProto.INT32, "int32"),
        (TensorProto.INT64, "int64"),
        (TensorProto.UINT64, "uint64"),
        (TensorProto.BOOL, "bool"),
    ],
)
def test_single_numbers_are_read_as_raw_bytes_are(
    tmp_path: Path, count: int, code: int, kind: str
) -> None:
    array = (np.arange(count) % 2 * 3).astype(kind).reshape(1, count)
    tensor = helper.make_tensor("w", code, array.shape, array.reshape(-1).tolist())
    assert not tensor.raw_data
    with opened(saved(tmp_path, tensor)) as checkpoint:
        source = checkpoint.tensors["w"]
        assert source.dtype == kind
        assert np.array_equal(whole(source), array)
        assert b"".join(stored_bytes(source)) == array.tobytes()


@pytest.mark.parametrize("is_raw", [False, True])
def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path, is_raw: bool) -> None:
    bits = np.array([0x3F80, 0xC040, 0x0000], np.uint16)
    tensor = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[3])
    if is_raw:
        tensor.raw_data = bits.tobytes()
    else:
        tensor.int32_data.extend(int(number) for number in bits)
    assert values(saved(tmp_path, tensor))["w"].tolist() == [1.0, -3.0, 0.0]


def test_numbers_that_are_not_packed_are_read(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2]).SerializeToString()
    for number in (1.5, -4.0):
        tensor += b"\x25" + np.float32(number).tobytes()
    made = model().SerializeToString()
    graph = onnx.load_model_from_string(made).graph.SerializeToString()
    graph += b"\x2a" + bytes([len(tensor)]) + tensor
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08\x3a" + bytes([len(graph)]) + graph + b"\x42\x04\x0a\x00\x10\x11")
    assert len(graph) < 128
    assert values(path)["w"].tolist() == [1.5, -4.0]


def test_tensors_without_elements_and_axes_are_read(tmp_path: Path) -> None:
    tensors = raw("none", np.zeros((2, 0), np.float32)), raw("one", np.array(2.5, np.float32))
    found = values(saved(tmp_path, *tensors))
    assert found["none"].shape == (2, 0)
    assert found["one"].tolist() == 2.5


def test_sizes_indices_and_texts_of_other_programs_are_left_out(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        raw("w", SMALL),
        raw("shape", np.array([1, -1])),
        raw("axis", np.array(1, np.int32)),
        raw("quantized", np.ones((2, 2), np.int8)),
        TensorProto(name="words", data_type=TensorProto.STRING, dims=[1], string_data=[b"cat"]),
    )
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == ["w", "quantized"]
        (note,) = checkpoint.notes
        assert "`shape`, `axis`, `words`" in note


def test_prefixes_that_all_names_share_are_taken_off(tmp_path: Path) -> None:
    with opened(saved(tmp_path, raw("module.a", SMALL), raw("module.b", SMALL))) as checkpoint:
        assert list(checkpoint.tensors) == ["a", "b"]
        assert checkpoint.notes == ("took the prefix `module.` off all names",)


def test_a_model_of_archc_gives_exactly_its_weights(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "archc: 1\nname: net\ninput: {image: [2, H, W]}\nlayers:\n"
        "  conv: {conv: 3, kernel: 3}\n  bn: batch_norm\n  pool: {global_avg_pool: false}\n"
        "  flat: flatten\n  fc: {dense: 4}\n",
        encoding="utf-8",
    )
    archc.build(spec, tmp_path / "net.onnx", seed=7, optimization=0)
    initializers = onnx.load(tmp_path / "net.onnx").graph.initializer
    with opened(tmp_path / "net.onnx") as checkpoint:
        assert sorted(checkpoint.tensors) == [
            "bn.bias", "bn.running_mean", "bn.running_var", "bn.weight",
            "conv.bias", "conv.weight", "fc.bias", "fc.weight",
        ]  # fmt: skip
        assert checkpoint.notes == (
            "the weights of the model are random, drawn with seed 7: nothing is trained",
        )
        for tensor in initializers:
            if tensor.name in checkpoint.tensors:
                array = numpy_helper.to_array(tensor)
                assert np.array_equal(whole(checkpoint.tensors[tensor.name]), array)


def test_a_seed_that_is_none_is_not_told(tmp_path: Path) -> None:
    own = {"archc.version": "1", "archc.trained": "false", "archc.seed": "\x1b[2J"}
    with opened(saved(tmp_path, raw("w", SMALL), **own)) as checkpoint:
        assert checkpoint.notes == ("the weights of the model are random: nothing is trained",)


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    assert slug(saved(tmp_path, raw("shape", np.array([1, 2])))) == "weights/no-tensors"


def test_a_name_without_end_is_refused(tmp_path: Path) -> None:
    assert slug(saved(tmp_path, raw("w" * 1025, SMALL))) == "weights/name-too-long"


@pytest.mark.parametrize(
    "location",
    ["../secret", "/etc/hostname", "a/../../secret", "link", "hard", "folder/secret", "."],
)
def test_external_data_lead_nowhere_else(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(SECRET * 200)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "secret", folder / "hard")
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    assert slug(saved(folder, tensor)) == "onnx/external-data"


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 31, 1 << 31, 4], [601]])
def test_sizes_beyond_the_bytes_are_refused_before_memory_is_taken(
    tmp_path: Path, dims: list[int]
) -> None:
    inside = raw("w", LARGE)
    del inside.dims[:]
    inside.dims.extend(dims)
    assert slug(saved(tmp_path, inside)) == "onnx/malformed"
    path = saved_beside(tmp_path, raw("w", LARGE))
    made = onnx.load(path, load_external_data=False)
    del made.graph.initializer[0].dims[:]
    made.graph.initializer[0].dims.extend(dims)
    path.write_bytes(made.SerializeToString())
    assert slug(path) == "onnx/external-data"


def test_data_that_shrink_after_the_opening_are_reported(tmp_path: Path) -> None:
    path = saved_beside(tmp_path, raw("w", LARGE))
    with opened(path) as checkpoint:
        (tmp_path / "net.bin").write_bytes(b"short")
        with pytest.raises(TensorReadError):
            list(stored_bytes(checkpoint.tensors["w"]))


def test_what_is_opened_is_closed_with_the_checkpoint(tmp_path: Path) -> None:
    path = saved_beside(tmp_path, raw("w", LARGE))
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("the system does not list open files")
    before = len(list(folder.iterdir()))
    with opened(path) as checkpoint:
        assert len(whole(checkpoint.tensors["w"]))
    refused(saved(tmp_path, raw("shape", np.array([1, 2]))))
    assert len(list(folder.iterdir())) == before


def damaged(data: bytes) -> list[bytes]:
    """Every truncation, and many flipped or copied bytes."""
    chance = random.Random(4)
    found = [data[:length] for length in range(len(data))]
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(changed))
            changed[at] = chance.choice((changed[at] ^ 1 << chance.randrange(8), 0, 0x7F, 0xFF))
        found.append(bytes(changed))
    return found


@pytest.mark.parametrize("is_beside", [False, True])
def test_damaged_models_are_read_or_refused(tmp_path: Path, is_beside: bool) -> None:
    small = np.ones((2, 4), np.float16)
    listed = helper.make_tensor("f", TensorProto.FLOAT, [2], [1.0, 2.0])
    save = saved_beside if is_beside else saved
    path = save(tmp_path, raw("a", SMALL), raw("b", small), listed)
    for data in damaged(path.read_bytes()):
        path.write_bytes(data)
        reporter = Reporter()
        found = open_checkpoint(path, reporter)
        if isinstance(found, Failed):
            assert len(reporter.diagnostics) == 1
            continue
        with found:
            for source in found.tensors.values():
                assert whole(source).shape == tuple(source.shape)
