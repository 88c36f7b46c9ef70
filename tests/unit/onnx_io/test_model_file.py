"""Model files of any origin are read without their weights, and passed on unchanged."""

from __future__ import annotations

import io
import os
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, helper, numpy_helper
from onnxruntime import quantization

from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io import model_file
from archc.onnx_io.model_file import ModelFile, open_model_file
from archc.onnx_io.reader import KEPT_BYTES
from archc.onnx_io.renaming import rename_value
from archc.onnx_io.session import open_session, run
from archc.onnx_io.writer import WriteResult, write_model
from archc.shapes.tensor_type import DType
from tests.unit.onnx_io.building import NOWHERE, conv_model, image

FLOAT = TensorProto.FLOAT


def opened(path: Path) -> ModelFile:
    reporter = Reporter()
    file = open_model_file(path, reporter)
    assert not isinstance(file, Failed), reporter.diagnostics
    return file


def copied(path: Path, *, external: bool | None = None) -> Path:
    """What the writer makes of the model in a file."""
    target = path.with_name(f"copy-{path.name}")
    with opened(path) as file:
        result = write_model(
            file.model, target, reporter=Reporter(), place=NOWHERE, external=external
        )
    assert isinstance(result, WriteResult)
    return target


def saved(folder: Path, model: ModelProto, **options: Any) -> Path:
    path = folder / "net.onnx"
    onnx.save(model, str(path), **options)
    return path


def refusal(path: Path) -> str:
    """The rule that a file breaks; all that is reported is one diagnostic."""
    reporter = Reporter()
    assert isinstance(open_model_file(path, reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.message.isprintable()
    return found.rule.slug


def model_of(
    *initializers: TensorProto, nodes: list[Any] | None = None, **options: Any
) -> ModelProto:
    """A model that gives its input back, with these initializers."""
    graph = helper.make_graph(
        nodes or [helper.make_node("Identity", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", FLOAT, ["N", 2])],
        list(initializers),
    )
    options.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    return helper.make_model(graph, ir_version=8, **options)


def large(name: str = "w", count: int = 1000) -> TensorProto:
    return numpy_helper.from_array(np.arange(count, dtype=np.float32), name)


# What archc writes.


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_a_model_of_archc_is_copied_byte_for_byte(opset: int, tmp_path: Path) -> None:
    model = conv_model(metadata={"b": "1", "a": "ž"}, c_out=20, opset=opset)
    path = tmp_path / "net.onnx"
    write_model(model, path, reporter=Reporter(), place=NOWHERE, digest_key="digest")
    assert copied(path).read_bytes() == path.read_bytes()
    with opened(path) as file:
        assert file.model.opset == opset
        assert file.model.ir_version == model.ir_version
        assert file.model.producer == model.producer
        assert [v.dims for v in file.model.inputs] == [("N", 3, 8, 8)]
        assert list(file.model.metadata) == ["b", "a", "digest"]
        assert file.model.layer_values == {"stem.conv": "stem.conv", "output": "output",
                                           "stem.relu": "output"}  # fmt: skip


def test_external_data_are_taken_back_in(tmp_path: Path) -> None:
    single, split = tmp_path / "single.onnx", tmp_path / "split.onnx"
    write_model(conv_model(c_out=40), single, reporter=Reporter(), place=NOWHERE)
    write_model(conv_model(c_out=40), split, reporter=Reporter(), place=NOWHERE, external=True)
    assert copied(split, external=False).read_bytes() == single.read_bytes()
    again = copied(split, external=True)
    assert Path(f"{again}.data").stat().st_size > 0
    feeds = {"image": image(2, 3, 8, 8)}
    wanted, found = run(open_session(single), feeds), run(open_session(again), feeds)
    assert np.array_equal(wanted["output"], found["output"])


def test_weights_are_streamed(tmp_path: Path) -> None:
    """A sparse file of 256 MiB costs a few chunks."""
    count = 1 << 26
    model = model_of()
    weight = model.graph.initializer.add(name="w", data_type=FLOAT, dims=[count])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    path = saved(tmp_path, model)
    with (tmp_path / "w.bin").open("wb") as data:
        data.truncate(4 * count)
    with opened(path) as file, Path(os.devnull).open("wb") as target:
        tracemalloc.start()
        result = write_model(file.model, target, reporter=Reporter(), place=NOWHERE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert isinstance(result, WriteResult)
    assert result.bytes_written > 4 * count
    assert peak < 1 << 23


# What other programs write.

NUMBERS = {
    name: code
    for name, code in TensorProto.DataType.items()
    if name not in ("UNDEFINED", "STRING", "COMPLEX64", "COMPLEX128")
}


@pytest.mark.parametrize("count", [0, 1, 7, 2000])
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", NUMBERS)
def test_initializers_of_every_type_are_passed_on(
    name: str, raw: bool, count: int, tmp_path: Path
) -> None:
    code = NUMBERS[name]
    kind = helper.tensor_dtype_to_np_dtype(code)
    values = np.array([i % 2 for i in range(count)]).astype(kind)
    tensor = numpy_helper.from_array(values, "w")
    assert tensor.data_type == code
    if not raw:
        tensor = helper.make_tensor("w", code, [count], values)
    path = saved(tmp_path, model_of(tensor))
    for external in (False, True):
        (given,) = onnx.load(str(copied(path, external=external))).graph.initializer
        assert (given.name, given.data_type, list(given.dims)) == ("w", code, [count])
        # The bytes, so that what is no number equals itself.
        assert numpy_helper.to_array(given).tobytes() == numpy_helper.to_array(tensor).tobytes()


@pytest.mark.parametrize("name", ["COMPLEX64", "COMPLEX128", "STRING"])
def test_what_is_no_number_is_passed_on(name: str, tmp_path: Path) -> None:
    code = TensorProto.DataType.Value(name)
    values: Any = ["a", "b"] if name == "STRING" else [1 + 2j, 3 - 1j]
    model = model_of(helper.make_tensor("w", code, [2], values))
    path = saved(tmp_path, model)
    assert onnx.load(str(copied(path))).graph.initializer == model.graph.initializer


def everything() -> ModelProto:
    """A model with what archc does not read."""
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 2])
    then = helper.make_graph(
        [helper.make_node("Mul", ["h", "two"], ["t"])],
        "then",
        [],
        [helper.make_tensor_value_info("t", FLOAT, None)],
        [helper.make_tensor("two", FLOAT, [1], [2.0])],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["e"])],
        "else",
        [],
        [helper.make_tensor_value_info("e", FLOAT, None)],
    )
    half = helper.make_function(
        "own", "Half", ["a"], ["b"],
        [helper.make_node("Constant", [], ["c"], value_float=0.5),
         helper.make_node("Mul", ["a", "c"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("sparse", FLOAT, [1], [3.0]),
        helper.make_tensor("indices", TensorProto.INT64, [1], [1]),
        [4],
    )
    nodes = [
        helper.make_node("Half", ["x"], ["h"], "half", domain="own"),
        helper.make_node("Constant", [], ["yes"], "", value=helper.make_tensor("v", 9, [], [True])),
        helper.make_node("If", ["yes"], ["i"], "if", then_branch=then, else_branch=other),
        helper.make_node("Gelu", ["i"], ["y"], "gelu", domain="com.microsoft", doc_string="text"),
    ]
    nodes[0].metadata_props.add(key="of", value="a node")
    graph = helper.make_graph(
        nodes, "net", [x], [helper.make_tensor_value_info("y", FLOAT, ["N", None])],
        [helper.make_tensor("w", FLOAT, [2], [1.0, 2.0], raw=False)],
        doc_string="about the graph",
        value_info=[helper.make_tensor_value_info("h", FLOAT, ["N", 2])],
        sparse_initializer=[sparse],
    )  # fmt: skip
    graph.initializer[0].doc_string = "about a weight"
    graph.quantization_annotation.add(tensor_name="h")
    graph.metadata_props.add(key="of", value="the graph")
    model = helper.make_model(
        graph, ir_version=10, functions=[half], producer_name="tests", producer_version="7",
        domain="org.example", model_version=3, doc_string="about the model",
        opset_imports=[helper.make_opsetid(*pair) for pair in
                       (("", 17), ("com.microsoft", 1), ("own", 1))],
    )  # fmt: skip
    helper.set_model_props(model, {"key": "value", "empty": ""})
    return model


def test_all_that_is_not_read_is_passed_on(tmp_path: Path) -> None:
    model = everything()
    onnx.checker.check_model(model, skip_opset_compatibility_check=True)
    path = saved(tmp_path, model)
    assert onnx.load(str(copied(path))) == model


def test_what_runs_runs_as_before(tmp_path: Path) -> None:
    model = everything()
    del model.graph.sparse_initializer[:]  # ONNX Runtime does not take it beside others
    path = saved(tmp_path, model)
    feeds = {"x": image(3, 2)}
    wanted = run(open_session(path), feeds)["y"]
    assert np.array_equal(run(open_session(copied(path)), feeds)["y"], wanted)


def test_a_value_has_another_name_in_inner_graphs_too(tmp_path: Path) -> None:
    model = everything()
    del model.graph.sparse_initializer[:]
    path, target = saved(tmp_path, model), tmp_path / "renamed.onnx"
    with opened(path) as file:
        renamed = rename_value(file.model, "h", "a longer name of it")
        write_model(renamed, target, reporter=Reporter(), place=NOWHERE)
    after = onnx.load(str(target))
    inner = [a.g.node[0].input[0] for a in after.graph.node[2].attribute]
    assert inner == ["a longer name of it"] * 2
    assert not after.graph.value_info
    feeds = {"x": image(3, 2)}
    assert np.array_equal(
        run(open_session(target), feeds)["y"], run(open_session(path), feeds)["y"]
    )


def test_values_are_as_declared(tmp_path: Path) -> None:
    model = model_of()
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.extend([
        helper.make_tensor_value_info("fixed", FLOAT, [1, 3, 8, 8]),
        helper.make_tensor_value_info("open", TensorProto.FLOAT16, ["batch", 3, None, "W"]),
        helper.make_tensor_value_info("unranked", TensorProto.UINT8, None),
        helper.make_tensor_value_info("scalar", TensorProto.INT64, []),
        helper.make_tensor_value_info("double", TensorProto.DOUBLE, [2]),
        helper.make_tensor_sequence_value_info("sequence", FLOAT, [2]),
    ])  # fmt: skip
    model.graph.output.append(onnx.ValueInfoProto(name="untyped"))
    path = saved(tmp_path, model)
    with opened(path) as file:
        fixed, open_, unranked, scalar, double, sequence = file.model.inputs
        (untyped,) = file.model.outputs
    assert (fixed.dims, fixed.dtype) == ((1, 3, 8, 8), DType.FLOAT32)
    assert (open_.dims, open_.dtype) == (("batch", 3, "", "W"), DType.FLOAT16)
    assert (unranked.dims, unranked.is_ranked, unranked.dtype) == ((), False, DType.UINT8)
    assert (scalar.dims, scalar.is_ranked) == ((), True)
    assert double.dtype.value == "float64"
    assert {sequence.dtype.value, untyped.dtype.value} == {"no tensor"}
    assert onnx.load(str(copied(path))).graph == model.graph


def test_initializers_among_the_inputs_are_constants(tmp_path: Path) -> None:
    model = model_of(large(), nodes=[helper.make_node("Add", ["x", "w"], ["y"])])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), "w"))
    model.graph.input.append(helper.make_tensor_value_info("w", FLOAT, [2]))
    model.ir_version = 3
    path = saved(tmp_path, model)
    with opened(path) as file:
        assert [entry.name for entry in file.model.inputs] == ["x"]
        assert file.model.ir_version == 4
    found = run(open_session(copied(path)), {"x": np.zeros((1, 2), np.float32)})
    assert found["y"].tolist() == [[1, 1]]


def test_the_default_domain_has_two_names(tmp_path: Path) -> None:
    path = saved(tmp_path, model_of(opset_imports=[helper.make_opsetid("ai.onnx", 16)]))
    with opened(path) as file:
        assert (file.model.opset, file.model.other_opsets) == (16, ())


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self._left = [{"image": image(1, 3, 8, 8, seed=seed)} for seed in range(4)]

    def get_next(self) -> dict[str, Any] | None:
        return self._left.pop() if self._left else None


@pytest.mark.parametrize("contrib", [False, True])
def test_quantised_models_are_passed_on(contrib: bool, tmp_path: Path) -> None:
    path, quantised = tmp_path / "net.onnx", tmp_path / "int8.onnx"
    write_model(conv_model(c_out=40), path, reporter=Reporter(), place=NOWHERE)
    quantization.quantize_static(
        str(path), str(quantised), _Calibration(), per_channel=True,
        extra_options={"UseQDQContribOps": contrib},
    )  # fmt: skip
    with opened(quantised) as file:
        kinds = {i.dtype.value for i in file.model.initializers}
    assert "int8" in kinds
    feeds = {"image": image(2, 3, 8, 8)}
    wanted = run(open_session(quantised), feeds)["output"]
    assert np.array_equal(run(open_session(copied(quantised)), feeds)["output"], wanted)
    assert onnx.load(str(copied(quantised))) == onnx.load(str(quantised))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("external", [False, True])
def test_exports_of_torch_are_passed_on(external: bool, tmp_path: Path) -> None:
    import torch
    from torch import nn

    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2), nn.BatchNorm2d(32), nn.Hardswish(), nn.Conv2d(32, 64, 3),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).eval()  # fmt: skip
    path = tmp_path / "torch.onnx"
    torch.onnx.export(
        net, (torch.zeros(1, 3, 64, 64),), str(path), dynamo=False, opset_version=17,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch", 2: "h", 3: "w"}, "logits": {0: "batch"}},
    )  # fmt: skip
    if external:
        onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True)
    with opened(path) as file:
        assert file.model.inputs[0].dims == ("batch", 3, "h", "w")
    feeds = {"input": image(2, 3, 64, 64)}
    wanted = run(open_session(path), feeds)["logits"]
    assert np.array_equal(run(open_session(copied(path)), feeds)["logits"], wanted)


# Files that are damaged, or made to do harm.


def beside(folder: Path, location: str, **entries: str) -> Path:
    """A model whose weight, a thousand floats, lies in the file of this name."""
    model = model_of(large())
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=value)
    (folder / "model").mkdir(exist_ok=True)
    path = folder / "model" / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


DATA = np.arange(1000, dtype="<f4").tobytes()


@pytest.mark.parametrize("location", ["w.bin", "./w.bin", "inner/w.bin", "ž w.bin"])
def test_external_data_in_the_folder_are_read(location: str, tmp_path: Path) -> None:
    path = beside(tmp_path, location, offset="8", length="4000", checksum="none")
    file = path.parent / location
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bytes(8) + DATA)
    (weight,) = onnx.load(str(copied(path))).graph.initializer
    assert weight.raw_data == DATA
    assert not weight.external_data


def _link(folder: Path) -> None:
    (folder / "model" / "w.bin").symlink_to(folder / "secret")


def _inner_link(folder: Path) -> None:
    (folder / "model" / "inner").symlink_to(folder)


def _hard_link(folder: Path) -> None:
    (folder / "model" / "w.bin").hardlink_to(folder / "secret")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "model" / "w.bin")


def _folder(folder: Path) -> None:
    (folder / "model" / "w.bin").mkdir()


def _short(folder: Path) -> None:
    (folder / "model" / "w.bin").write_bytes(DATA[:-1])


def _whole(folder: Path) -> None:
    (folder / "model" / "w.bin").write_bytes(DATA)


def _nothing(folder: Path) -> None:
    assert not (folder / "model" / "w.bin").exists()


ELSEWHERE: dict[str, tuple[str, Callable[[Path], None], dict[str, str]]] = {
    "absolute": ("ABSOLUTE", _nothing, {}),
    "above": ("../secret", _nothing, {}),
    "above by a detour": ("inner/../../secret", _nothing, {}),
    "no name": ("", _nothing, {}),
    "the folder": (".", _nothing, {}),
    "missing": ("w.bin", _nothing, {}),
    "link": ("w.bin", _link, {}),
    "link on the way": ("inner/secret", _inner_link, {}),
    "hard link": ("w.bin", _hard_link, {}),
    "pipe": ("w.bin", _pipe, {}),
    "a folder": ("w.bin", _folder, {}),
    "too short": ("w.bin", _short, {}),
    "offset beyond": ("w.bin", _whole, {"offset": "4"}),
    "offset far beyond": ("w.bin", _whole, {"offset": "9" * 19}),
    "length too small": ("w.bin", _whole, {"length": "3996"}),
    "length too large": ("w.bin", _whole, {"length": "4004"}),
    "zero byte": ("w\0.bin", _whole, {}),
    "control characters": ("\x1b[2J", _nothing, {}),
    "very long": ("w" * 5000, _nothing, {}),
}


@pytest.mark.parametrize(("location", "make", "entries"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_external_data_elsewhere_are_refused(
    location: str, make: Callable[[Path], None], entries: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    path = beside(tmp_path, location.replace("ABSOLUTE", str(tmp_path / "secret")), **entries)
    make(tmp_path)
    assert refusal(path) == "onnx/external-data"


@pytest.mark.parametrize("entries", [{"offset": "-4"}, {"length": "4e3"}, {"offset": "9" * 30}])
def test_external_entries_that_are_no_numbers_are_refused(
    entries: dict[str, str], tmp_path: Path
) -> None:
    path = beside(tmp_path, "w.bin", **entries)
    _whole(tmp_path)
    assert refusal(path) == "onnx/malformed"


def test_a_file_that_is_exchanged_while_it_is_open_is_not_followed(tmp_path: Path) -> None:
    path = beside(tmp_path, "w.bin")
    _whole(tmp_path)
    (tmp_path / "secret").write_bytes(DATA)
    with opened(path) as file:
        (tmp_path / "model" / "w.bin").unlink()
        _link(tmp_path)
        with pytest.raises(OSError, match="exchanged"):
            write_model(file.model, io.BytesIO(), reporter=Reporter(), place=NOWHERE)


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    path = beside(tmp_path, "w.bin")
    _whole(tmp_path)
    with opened(path) as file:
        _short(tmp_path)
        with pytest.raises(OSError, match="shorter"):
            write_model(file.model, io.BytesIO(), reporter=Reporter(), place=NOWHERE)


def _external_tensor() -> TensorProto:
    tensor = TensorProto(name="t", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../secret")
    return tensor


def _in_a_constant(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=_external_tensor()))


def _in_a_branch(model: ModelProto) -> None:
    branch = helper.make_graph([], "b", [], [], [_external_tensor()])
    model.graph.node.append(helper.make_node("If", ["x"], ["c"], then_branch=branch))


def _in_a_function(model: ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=_external_tensor())
    model.functions.append(
        helper.make_function("own", "F", [], ["c"], [node], [helper.make_opsetid("", 17)])
    )


def _in_sparse_values(model: ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(_external_tensor())


def _in_sparse_indices(model: ModelProto) -> None:
    model.graph.sparse_initializer.add().indices.CopyFrom(_external_tensor())


def _in_a_sparse_constant(model: ModelProto) -> None:
    attribute = AttributeProto(name="sparse_value", type=AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.values.CopyFrom(_external_tensor())
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(attribute)
    model.graph.node.append(node)


def _in_training(model: ModelProto) -> None:
    model.training_info.add().algorithm.sparse_initializer.add().values.CopyFrom(_external_tensor())


@pytest.mark.parametrize(
    "add",
    [_in_a_constant, _in_a_branch, _in_a_function, _in_sparse_values, _in_sparse_indices,
     _in_a_sparse_constant, _in_training],
)  # fmt: skip
def test_external_data_of_other_tensors_are_refused(
    add: Callable[[ModelProto], None], tmp_path: Path
) -> None:
    model = model_of()
    add(model)
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    assert refusal(path) == "onnx/nested-external-data"


def _block(field: int, content: bytes) -> bytes:
    length, encoded = len(content), bytearray([field << 3 | 2])
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(encoded) + bytes([length]) + content


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(5000):
        graph = _block(1, _block(4, b"If") + _block(5, _block(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + _block(7, graph))
    assert refusal(path) == "onnx/too-deep"


def test_a_flood_of_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_file.MAX_ENTRIES <= 1 << 20
    monkeypatch.setattr(model_file, "MAX_ENTRIES", 1000)
    path = tmp_path / "flood.onnx"
    path.write_bytes(b"\x08\x08" + _block(7, _block(13, _block(1, b"v")) * 1001))
    assert refusal(path) == "onnx/too-many-entries"


def test_sizes_without_elements_take_no_memory(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=FLOAT, dims=[1 << 20, 1 << 20], raw_data=bytes(64))
    path = saved(tmp_path, model_of(weight))
    tracemalloc.start()
    assert refusal(path) == "onnx/malformed"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def _tensor(**fields: Any) -> TensorProto:
    return TensorProto(**{"name": "w", "data_type": FLOAT, "dims": [2], **fields})


WRONG = {
    "no data": _tensor(),
    "too few numbers": _tensor(float_data=[1.0]),
    "too many numbers": _tensor(float_data=[1.0] * 3),
    "numbers of another type": _tensor(int64_data=[1, 2]),
    "numbers twice": _tensor(float_data=[1.0, 2.0], raw_data=bytes(8)),
    "negative size": _tensor(dims=[-1], raw_data=b""),
    "no name": _tensor(name="", raw_data=bytes(8)),
    "too many axes": _tensor(dims=[1] * 65, raw_data=bytes(4)),
    "too few bytes": _tensor(raw_data=bytes(7)),
}


@pytest.mark.parametrize("tensor", WRONG.values(), ids=WRONG)
def test_tensors_that_do_not_agree_with_themselves_are_refused(
    tensor: TensorProto, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(model_of(tensor).SerializeToString())
    assert refusal(path) == "onnx/malformed"


NO_MODELS = {
    "empty": b"",
    "text": b"archc: 1\nname: net\n",
    "zeros": bytes(100),
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "no graph": b"\x08\x08",
    "two graphs": model_of().SerializeToString() * 2,
    "a number as a graph": b"\x08\x08\x38\x01",
    "a number as a node": b"\x08\x08" + _block(7, b"\x08\x01"),
    "a node without an operator": b"\x08\x08" + _block(7, _block(1, _block(3, b"n"))),
    "a name that is no text": b"\x08\x08" + _block(7, _block(1, _block(4, b"\xff"))),
    "two versions of a domain": model_of(
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("", 18)]
    ).SerializeToString(),
    "two tensors of a name": model_of(large(), large()).SerializeToString(),
    "an attribute that is none": b"\x08\x08"
    + _block(7, _block(1, _block(4, b"Relu") + _block(5, b"\x0f"))),
}


@pytest.mark.parametrize("content", NO_MODELS.values(), ids=NO_MODELS)
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert refusal(path) == "onnx/malformed"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe", "zero\0byte"):
        assert refusal(tmp_path / name) == "onnx/unreadable"


def _tried(content: bytes, path: Path) -> bool:
    """Whether a damaged model is taken; what is made of it then is a protobuf message."""
    path.write_bytes(content)
    reporter = Reporter()
    file = open_model_file(path, reporter)
    if isinstance(file, Failed):
        assert len(reporter.diagnostics) == 1
        return False
    with file:
        stream = io.BytesIO()
        write_model(file.model, stream, reporter=Reporter(), place=NOWHERE)
    onnx.load_model_from_string(stream.getvalue())
    return True


def damageable() -> bytes:
    model = everything()
    model.graph.initializer.append(large("raw", KEPT_BYTES))
    model.graph.initializer.append(helper.make_tensor("ints", TensorProto.INT32, [3], [1, 2, 300]))
    content: bytes = model.SerializeToString()
    return content


def test_truncated_files_are_refused_or_whole(tmp_path: Path) -> None:
    content = damageable()
    ends = [*range(300), *range(300, len(content), 37), *range(len(content) - 700, len(content))]
    taken = [end for end in ends if _tried(content[:end], tmp_path / "net.onnx")]
    # Those which end between two fields of the model itself, behind the graph.
    assert len(taken) < 10


FLIPS = 800


def test_flipped_bits_never_end_in_an_exception(tmp_path: Path) -> None:
    content = damageable()
    draw = random.Random(0)
    weights = content.index(b"raw")
    taken = 0
    for _ in range(FLIPS):
        position = draw.randrange(len(content))
        if weights < position < weights + 4 * KEPT_BYTES:
            position = draw.randrange(weights + 16)
        damaged = bytearray(content)
        damaged[position] ^= 1 << draw.randrange(8)
        taken += _tried(bytes(damaged), tmp_path / "net.onnx")
    assert 0 < taken < FLIPS


def test_a_changed_model_needs_no_file(tmp_path: Path) -> None:
    path = saved(tmp_path, everything())
    with opened(path) as file:
        bare = replace(file.model, metadata={}, graph_rest=b"", rest=b"", values=())
        stream = io.BytesIO()
        write_model(bare, stream, reporter=Reporter(), place=NOWHERE)
    model = onnx.load_model_from_string(stream.getvalue())
    assert [*model.functions, *model.metadata_props, *model.graph.value_info] == []
