"""`archc weights swap`: new weights into a built model, without its spec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from archc.onnx_io.reader import read_metadata
from tests.cli.conftest import Run


@pytest.fixture
def model(run: Run, tiny: Path) -> Path:
    """A model with random weights, and a checkpoint `other.safetensors` of others beside it."""
    assert run("build", tiny, "-o", "model.onnx").status == 0
    assert run("build", tiny, "-o", "seed5.onnx", "--seed", "5").status == 0
    assert run("weights", "extract", "seed5.onnx", "-o", "other.safetensors").status == 0
    return Path("model.onnx")


def built(run: Run, tiny: Path, *options: str) -> bytes:
    """The model that a build makes of the checkpoint."""
    run("build", tiny, "-o", "wanted.onnx", "--weights", "other.safetensors", *options)
    return Path("wanted.onnx").read_bytes()


def test_a_swapped_model_is_the_built_one_byte_for_byte(run: Run, tiny: Path, model: Path) -> None:
    ran = run("weights", "swap", model, "other.safetensors", "-o", "out.onnx")
    assert (ran.status, ran.err) == (0, "")
    assert Path("out.onnx").read_bytes() == built(run, tiny)
    properties = read_metadata(Path("out.onnx"))
    assert properties["archc.trained"] == "true"
    assert "archc.seed" not in properties
    assert f"4 new, sha256 {properties['archc.weights_digest']}" in ran.out


def test_a_model_may_take_its_own_place(run: Run, tiny: Path, model: Path) -> None:
    assert run("weights", "swap", model, "other.safetensors", "-o", model).status == 0
    assert model.read_bytes() == built(run, tiny)


def test_weights_of_a_model_keep_their_origin(run: Run, model: Path) -> None:
    ran = run("weights", "swap", model, "seed5.onnx", "-o", "out.onnx")
    assert ran.status == 0
    assert Path("out.onnx").read_bytes() == Path("seed5.onnx").read_bytes()
    assert "note: the model is recorded as not trained" in ran.err


def test_weights_stay_beside_a_model_unless_told_otherwise(
    run: Run, tiny: Path, model: Path
) -> None:
    run("build", tiny, "-o", "beside.onnx", "--external-data")
    swap = ("weights", "swap", "beside.onnx", "other.safetensors", "-o", "out.onnx")
    assert run(*swap).status == 0
    single = built(run, tiny)
    run("build", tiny, "-o", "out2.onnx", "--weights", "other.safetensors", "--external-data")
    assert Path("out.onnx.data").read_bytes() == Path("out2.onnx.data").read_bytes()
    Path("out.onnx.data").unlink()
    assert run(*swap, "--single-file").status == 0
    assert not Path("out.onnx.data").exists()
    assert Path("out.onnx").read_bytes() == single
    ran = run("weights", "swap", model, "other.safetensors", "-o", "out3.onnx", "--external-data")
    assert ran.status == 0
    assert Path("out3.onnx.data").exists()


def test_what_does_not_fit_is_one_report(run: Run, model: Path) -> None:
    arrays = load_file("other.safetensors")
    arrays["head.weight"] = arrays.pop("fc.weight")
    arrays["conv.bias"] = arrays["conv.bias"].astype(np.float16)
    arrays["conv.weight"] = arrays["conv.weight"][:3]
    arrays["bn.num_batches_tracked"] = np.array(7)
    save_file(arrays, "wrong.safetensors")
    Path("out.onnx").write_bytes(b"before")
    ran = run("weights", "swap", model, "wrong.safetensors", "-o", "out.onnx")
    assert (ran.status, ran.out) == (1, "")
    assert (
        "error[swap/mismatch]: the file does not fit the model: 1 missing, 1 unexpected, 1 of"
        in (ran.err)
    )
    for line in (
        "missing: `fc.weight`",
        "unexpected: `head.weight`",
        "`conv.bias` is float16 [10] in the file",
        "`conv.weight` is float32 [3, 1, 3, 3] in the file",
        "--dtype TYPE",
        "--keep PATTERN",
        "--ignore PATTERN",
    ):
        assert line in ran.err
    assert "num_batches_tracked" not in ran.err
    assert Path("out.onnx").read_bytes() == b"before"


def test_kept_and_ignored_tensors_are_said(run: Run, model: Path) -> None:
    arrays = load_file("other.safetensors")
    arrays["head.weight"] = arrays.pop("fc.weight")
    save_file(arrays, "part.safetensors")
    swap = ("weights", "swap", model, "part.safetensors", "-o", "out.onnx")
    ran = run(*swap, "--keep", r"fc\..*", "--ignore", "head.*")
    assert ran.status == 0
    assert "note: 1 tensors of the model stay as they were" in ran.err
    properties = read_metadata(Path("out.onnx"))
    assert (properties["archc.trained"], properties["archc.seed"]) == ("false", "0")
    found = {t.name: numpy_helper.to_array(t) for t in onnx.load("out.onnx").graph.initializer}
    old = {t.name: numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer}
    assert np.array_equal(found["fc.weight"], old["fc.weight"])
    assert np.array_equal(found["conv.weight"], arrays["conv.weight"])


def test_a_file_of_other_weights_altogether_swaps_nothing(run: Run, model: Path) -> None:
    save_file({"x": np.ones(1)}, "x.safetensors")
    swap = ("weights", "swap", model, "x.safetensors", "-o", "out.onnx")
    ran = run(*swap, "--keep", ".*", "--ignore", ".*")
    assert ran.status == 1
    assert "there is nothing to swap" in ran.err


def test_models_of_other_programs_are_left_alone_but_for_their_weights(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], doc_string="kept"),
            helper.make_node("Reshape", ["h", "shape"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", floats, ["n", 2])],
        [helper.make_tensor_value_info("y", floats, [None])],
        [
            helper.make_tensor("w", floats, [2, 2], [1.0, 2.0, 3.0, 4.0]),
            numpy_helper.from_array(np.array([-1]), "shape"),
        ],
    )
    made = helper.make_model(graph, producer_name="other", ir_version=8)
    helper.set_model_props(made, {"author": "somebody"})
    onnx.save(made, "foreign.onnx")
    weight = np.full((2, 2), 7, np.float32)
    save_file({"w": weight}, "w.safetensors")
    assert run("weights", "swap", "foreign.onnx", "w.safetensors", "-o", "out.onnx").status == 0
    found = onnx.load("out.onnx")
    onnx.checker.check_model(found)
    made.producer_version = made.opset_import[0].domain = ""  # written, as protobuf may leave out
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    assert found == made


@pytest.mark.parametrize(
    ("given", "weights"),
    [("bad.pt", "other.safetensors"), ("model.onnx", "bad.pt"), ("none.onnx", "other.safetensors")],
)
@pytest.mark.usefixtures("model")
def test_a_file_that_is_none_is_a_diagnostic(
    run: Run, tmp_path: Path, given: str, weights: str
) -> None:
    (tmp_path / "bad.pt").write_bytes(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR.")
    before = sorted(tmp_path.iterdir())
    ran = run("weights", "swap", given, weights, "-o", "out.onnx")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error[")
    assert ran.err.endswith("\n1 error\n")
    assert sorted(tmp_path.iterdir()) == before


def test_norms_are_folded_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is swapped into a folded model is what a build with these weights gives."""
    monkeypatch.chdir(tmp_path)
    spec = Path("folded.yaml")
    spec.write_text(
        "archc: 1\nname: folded\ninput: {image: [3, 12, 12]}\nlayers:\n"
        "  scale: {normalize: {mean: [0.1, 0.2, 0.3], std: 2.0}}\n"
        "  plain: {conv: 4, kernel: 3}\n"
        "  norm1: batch_norm\n"
        "  deep: {depthwise_conv: 3, bias: false}\n"
        "  norm2: {batch_norm: {scale: false, eps: 0.01}}\n"
        "  up: {conv_transpose: 6, kernel: 2, groups: 2}\n"
        "  factor: scale\n"
        "  act: relu\n"
        "  stays: scale\n"
        "  bend: tanh\n"
        "  flat: flatten\n"
        "  norm3: batch_norm\n"
        "  fc: {dense: 5}\n",
        encoding="utf-8",
    )
    for seed, name in enumerate(("one", "two")):
        assert (
            run("build", spec, "-O0", "--seed", str(seed), "-o", f"{name}.plain.onnx").status == 0
        )
        ran = run("weights", "extract", f"{name}.plain.onnx", "-o", f"{name}.safetensors")
        assert ran.status == 0, ran.err
        arrays = load_file(f"{name}.safetensors")
        generator = np.random.default_rng(seed)
        for key, array in arrays.items():
            arrays[key] = generator.uniform(0.5, 2.0, array.shape).astype(np.float32)
        save_file(arrays, f"{name}.safetensors")
        ran = run("build", spec, "--weights", f"{name}.safetensors", "-o", f"{name}.onnx")
        assert ran.status == 0, ran.err
    ran = run("weights", "swap", "one.onnx", "two.safetensors", "-o", "swapped.onnx")
    assert ran.status == 0, ran.err
    assert Path("swapped.onnx").read_bytes() == Path("two.onnx").read_bytes()
    arrays.pop("norm1.running_mean")
    save_file(arrays, "two.safetensors")
    ran = run(
        "weights", "swap", "one.onnx", "two.safetensors", "--keep", ".*", "-o", "swapped.onnx"
    )
    assert ran.status == 1
    assert "missing: `norm1.running_mean`" in ran.err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[["conv"', '["conv"'),  # no JSON
        ('[["conv"', '[["conv",1'),  # of another form
        ('"conv.weight"', '"other.weight"'),  # of a weight that is not there
        ("[[0.5]],4", "[[0.5]],3"),  # of other sizes
    ],
)
def test_a_record_of_folds_that_cannot_be_read_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    """Else a product would be left out without a word: no checkpoint has it."""
    monkeypatch.chdir(tmp_path)
    layers = "{conv: {conv: 4, kernel: 3}, half: {multiply: 0.5}}"
    text = f"archc: 1\nname: net\ninput: {{image: [3, 8, 8]}}\nlayers: {layers}\n"
    Path("net.yaml").write_text(text, encoding="utf-8")
    assert run("build", "net.yaml", "-o", "net.onnx").status == 0
    assert run("build", "net.yaml", "-O0", "-o", "plain.onnx").status == 0
    model = onnx.load("net.onnx")
    (record,) = (entry for entry in model.metadata_props if entry.key == "archc.folded")
    assert before in record.value
    record.value = record.value.replace(before, after)
    onnx.save(model, "net.onnx")
    ran = run("weights", "swap", "net.onnx", "plain.onnx", "-o", "out.onnx")
    assert ran.status == 1
    assert "error[weights/folded]: what the model says of its folded weights" in ran.err
    assert "help: build the model anew" in ran.err
    ran = run("build", "net.yaml", "--weights", "net.onnx", "-o", "out.onnx")
    assert ran.status == 1
    assert "error[weights/folded]" in ran.err
    assert not Path("out.onnx").exists()
