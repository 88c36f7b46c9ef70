"""`archc call`, against a server on loopback that serves as Triton does."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run
from tests.serving.client.loopback import (
    Answered,
    Asked,
    Loopback,
    Raw,
    as_json,
    inference,
    serving,
)
from tests.serving.client.served_models import Models, Outputs, ServedModel, colours, means

RED, GREEN, BLUE = (250, 10, 20), (10, 250, 20), (20, 10, 250)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(Models({"colours": colours()})) as running:
        yield running


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A red, a green and a blue picture, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, color in (("red.png", RED), ("green.png", GREEN), ("blue.png", BLUE)):
        Image.new("RGB", (20, 12), color).save(name)
    return ["red.png", "green.png", "blue.png"]


def served(server: Loopback, name: str = "colours") -> ServedModel:
    assert isinstance(server.behaviour, Models)
    return server.behaviour.models[name]


def by_files(batch: np.ndarray) -> Outputs | str:
    """What a server does that decodes pictures."""
    decoded = []
    for data in batch.reshape(-1).tolist():
        if not data.startswith(b"\x89PNG"):
            return "a picture cannot be decoded"
        decoded.append(np.asarray(Image.open(io.BytesIO(data)).resize((8, 8))))
    return means(np.stack(decoded))


def files() -> ServedModel:
    return colours(inputs=[("picture", "BYTES", [-1, 1])], run=by_files)


def test_the_address_is_enough(run: Run, server: Loopback, pictures: list[str]) -> None:
    ran = run("call", str(server.address), *pictures, "--top", "2")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "red.png\n  100.00 %  red\n    0.00 %  blue\n"
        "green.png\n  100.00 %  green: grass\n    0.00 %  blue\n"
        "blue.png\n  100.00 %  blue\n    0.00 %  red\n"
    )
    (batch, _) = served(server).batches
    assert batch.shape == (3, 8, 8, 3)
    assert batch.dtype == np.uint8
    assert batch[:, 0, 0].tolist() == [list(RED), list(GREEN), list(BLUE)]


def test_programs_get_json(run: Run, server: Loopback, pictures: list[str]) -> None:
    ran = run("call", f"{server.address}/v2/models/colours", *pictures, "--format", "json")
    document = json.loads(ran.out)
    assert document["server"] == str(server.address)
    assert document["model"] == "colours"
    assert document["diagnostics"] == []
    first = document["images"][0]
    assert first["image"] == "red.png"
    assert [found["label"] for found in first["classes"]] == ["red", "blue", "green: grass"]
    assert sum(found["probability"] for found in first["classes"]) == pytest.approx(1)


def test_pictures_go_in_batches_that_the_server_takes(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    served(server).max_batch_size = 2
    assert run("call", str(server.address), *pictures, *pictures).status == 0
    assert [len(batch) for batch in served(server).batches] == [2, 1, 2, 2]  # one for labels
    assert server.connections == 1


def test_a_broken_picture_is_reported_and_the_others_go_on(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    Path("junk.png").write_bytes(b"junk")
    ran = run("call", str(server.address), "nowhere.png", "red.png", "junk.png", "blue.png")
    assert ran.status == 1
    assert "error[run/no-such-file]: there is no file `nowhere.png`" in ran.err
    assert "error[run/not-an-image]: `junk.png` is no picture" in ran.err
    assert [line for line in ran.out.splitlines() if line[0] != " "] == ["red.png", "blue.png"]


def test_all_pictures_broken_is_no_request(run: Run, server: Loopback, pictures: list[str]) -> None:
    assert run("call", str(server.address), "nowhere.png", "-o", "a.npz").status == 1
    assert served(server).batches == []
    assert not Path("a.npz").exists()


def test_files_are_sent_as_they_are(run: Run, pictures: list[str]) -> None:
    models = {"colours": colours(), "colours_pictures": files()}
    for model in ([], ["--model", "colours"], ["--model", "colours_pictures"]):
        with serving(Models(models)) as server:
            ran = run("call", str(server.address), "--encoded", *model, *pictures, "--top", "1")
        assert (ran.status, ran.err) == (0, "")
        assert [line.split(" %  ")[1] for line in ran.out.splitlines()[1::2]] == [
            "red", "green: grass", "blue",
        ]  # fmt: skip
    sent = models["colours_pictures"].batches[0]
    assert sent.reshape(-1).tolist() == [Path(name).read_bytes() for name in pictures]


def test_a_file_that_the_server_refuses_is_reported_and_the_others_go_on(
    run: Run, pictures: list[str]
) -> None:
    Path("junk.png").write_bytes(b"junk")
    with serving(Models({"files": files()})) as server:
        ran = run("call", str(server.address), "--encoded", "red.png", "junk.png", "blue.png")
    assert ran.status == 1
    assert ran.err.count("error[server/refused]") == 1
    assert "--> junk.png" in ran.err
    assert "the server says: a picture cannot be decoded" in ran.err
    assert [line for line in ran.out.splitlines() if line[0] != " "] == ["red.png", "blue.png"]


def test_a_lost_server_ends_the_call(run: Run, server: Loopback, pictures: list[str]) -> None:
    models, count = server.behaviour, iter(range(100))

    def dies(asked: Asked) -> Answered:
        return Raw(b"") if asked.path.endswith("infer") and next(count) else models(asked)

    model = served(server)
    model.max_batch_size = 1
    server.behaviour = dies
    ran = run("call", str(server.address), *pictures)
    assert ran.status == 1
    assert ran.out.splitlines()[0] == "red.png"
    assert ran.err.count("error[server/unreachable]") == 1
    assert len(model.batches) == 1


def test_answers_are_kept_as_verify_reads_them(run: Run, tiny: Path, pictures: list[str]) -> None:
    import archc

    assert run("build", tiny, "-o", "tiny.onnx").status == 0
    session = archc.session(tiny.with_name("tiny.onnx"))
    model = colours(
        inputs=[("image", "FP32", [-1, 1, 12, 12])],
        run=lambda x: {"logits": np.asarray(session.run(None, {"image": x})[0])},
        labels=[],
        parameters={},
    )
    with serving(Models({"tiny": model})) as server:
        ran = run("call", str(server.address), *pictures, "--like", "tiny.onnx", "-o", "a.npz")
        same = run("run", "tiny.onnx", *pictures)
        assert (ran.status, ran.out) == (0, same.out)
        verified = run("verify", "tiny.onnx", "--against", "a.npz", "--tolerance", "0")
        assert verified.status == 0
        assert verified.out.startswith("logits: equal enough, worst difference 0 at [0, 0]")
        assert "same class in 3 of 3" in verified.out
        by_spec = run("call", str(server.address), *pictures, "--like", tiny)
        assert (by_spec.status, by_spec.out) == (0, same.out)
        wrong = run("call", str(server.address), *pictures, "--like", "tiny.onnx", "-o", "no/a.npz")
        assert wrong.status == 1
        assert "error[call/not-written]: `no/a.npz` cannot be written" in wrong.err


def test_a_package_says_how_pictures_are_prepared(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    served(server).parameters = {}
    served(server).labels = []
    package = Path("package")
    package.mkdir()
    (package / "labels.txt").write_text("rouge\nvert\nbleu\n", encoding="utf-8")
    tensor = {"dtype": "uint8", "shape": [8, 8, 3]}
    manifest = {
        "archc": "0",
        "target": "triton",
        "name": "colours",
        "form": "image",
        "inputs": [{"name": "image", **tensor}],
        "outputs": [{"name": "logits", "dtype": "float32", "shape": [3]}],
        "max_batch_size": 8,
        "preprocess": {"resize": [8, 8], "mean": 0.5, "color": "bgr"},
        "labels": "labels.txt",
        "versions": [
            {"number": 1, "model": "m.onnx", "opset": 17, "ir_version": 8, "golden": "g.npz"}
        ],
    }
    (package / "archc-package.json").write_text(json.dumps(manifest), encoding="utf-8")
    ran = run("call", str(server.address), "red.png", "--like", package, "--top", "1")
    assert (ran.status, ran.out, ran.err) == (0, "red.png\n  100.00 %  bleu\n", "")
    assert served(server).batches[0][0, 0, 0].tolist() == list(RED)[::-1]
    (package / "labels.txt").unlink()
    assert "error[call/labels-file]" in run("call", "http://h", "red.png", "--like", package).err
    (package / "archc-package.json").unlink()
    assert "error[deploy/no-package]" in run("call", "http://h", "red.png", "--like", package).err


def test_without_a_record_a_usual_preparation_is_guessed(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    served(server).parameters = {}
    ran = run("call", str(server.address), "red.png")
    assert ran.status == 0
    assert "resized to a shorter side of 9, cropped to 8 × 8" in ran.err
    assert "scaled" not in ran.err
    floats = colours(inputs=[("image", "FP32", [-1, 3, 8, 8])], parameters={})
    floats.run = lambda x: means(x.transpose(0, 2, 3, 1))
    with serving(Models({"m": floats})) as other:
        ran = run("call", str(other.address), "red.png")
    assert "cropped to 8 × 8, scaled to 0 to 1" in ran.err
    assert floats.batches[0][0, :, 0, 0].tolist() == pytest.approx([c / 255 for c in RED])


def test_what_the_configuration_records_is_heeded(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    served(server).parameters = {
        "archc.preprocess": "{",
        "archc.trained": "false",
        "archc.ends_in_softmax": '["logits"]',
    }
    served(server).run = lambda x: {"logits": np.full((len(x), 3), [0.2, 0.7, 0.1], np.float32)}
    ran = run("call", str(server.address), "red.png", "--top", "1")
    assert "warning: this model's weights are random" in ran.err
    assert "the model's property `archc.preprocess` cannot be read" in ran.err
    assert ran.out == "red.png\n   70.00 %  green: grass\n"


@pytest.mark.parametrize("labels", ["not as many", "not in their form"])
def test_labels_that_cannot_be_read_are_numbers(
    run: Run, server: Loopback, pictures: list[str], labels: str
) -> None:
    models = server.behaviour

    def strange(asked: Asked) -> Answered:
        found = models(asked)
        if asked.path.endswith("infer") and b"classification" in asked.body:
            texts = [b"1:0:a", b"0:1:b"] if labels == "not as many" else [b"a", b"b", b"c"]
            return inference({"logits": np.array([texts], object)})
        return found

    server.behaviour = strange
    ran = run("call", str(server.address), "red.png", "--top", "1")
    assert (ran.status, ran.out) == (0, "red.png\n  100.00 %  0\n")
    assert "warning[call/labels]" in ran.err


def test_a_server_without_labels_configurations_or_an_index_is_called(
    run: Run, pictures: list[str]
) -> None:
    model = colours(has_config=False, max_batch_size=0)
    behaviour = Models({"m": model}, extensions=["binary_tensor_data"], has_index=False)
    with serving(behaviour) as server:
        unnamed = run("call", str(server.address), *pictures)
        named = run("call", str(server.address), *pictures, "--model", "m", "--top", "1")
    assert unnamed.status == 1
    assert "error[call/no-model]: the server does not say which models it has" in unnamed.err
    assert named.status == 0
    assert [line.split()[-1] for line in named.out.splitlines()[1::2]] == ["0", "1", "2"]
    assert [len(batch) for batch in model.batches] == [3]


def test_a_model_of_one_sample_gets_one_at_a_time(run: Run, pictures: list[str]) -> None:
    model = colours(max_batch_size=0, inputs=[("image", "UINT8", [1, 8, 8, 3])])
    with serving(Models({"m": model})) as server:
        assert run("call", str(server.address), *pictures).status == 0
    assert {len(batch) for batch in model.batches} == {1}


def test_pictures_of_any_size_go_one_at_a_time(run: Run, pictures: list[str]) -> None:
    model = colours(inputs=[("image", "UINT8", [-1, -1, -1, 3])], parameters={})
    Image.new("RGB", (5, 7), RED).save("small.png")
    with serving(Models({"m": model})) as server:
        ran = run("call", str(server.address), "red.png", "small.png", "-o", "a.npz")
    assert [batch.shape for batch in model.batches] == [
        (1, 12, 20, 3), (1, 12, 20, 3), (1, 7, 5, 3),
    ]  # fmt: skip
    assert "images are sent as they are" in ran.err
    assert "error[call/not-written]" in ran.err
    assert "are of several sizes" in ran.err


def test_of_several_models_the_one_that_takes_pixels_is_called(
    run: Run, pictures: list[str]
) -> None:
    tensor = colours(inputs=[("image", "FP32", [-1, 3, 8, 8])])
    models = {"a": tensor, "b": colours(), "b_pictures": files()}
    with serving(Models(models)) as server:
        assert run("call", str(server.address), "red.png").status == 0
        models["c"] = colours()
        ran = run("call", str(server.address), "red.png")
    assert models["b"].batches
    assert ran.status == 1
    assert "error[call/no-model]: 2 of the server's models take pixels" in ran.err
    assert "`c` takes `image` UINT8 [-1, 8, 8, 3]" in ran.err


@pytest.mark.parametrize(
    ("state", "status"), [("READY", 0), ("State.READY", 0), ("", 0), ("UNAVAILABLE", 1)]
)
def test_a_model_that_is_not_ready_is_not_chosen(
    run: Run, pictures: list[str], state: str, status: int
) -> None:
    with serving(Models({"m": colours()}, state=state)) as server:
        ran = run("call", str(server.address), "red.png")
    assert ran.status == status
    assert ("`m` is UNAVAILABLE" in ran.err) == (status == 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "colour"], "error[call/no-model]: the server has no model `colour`"),
        (["--model", "colour"], "= help: did you mean `colours`?"),
        (["--encoded"], "error[call/input]: the model `colours` takes no encoded pictures"),
        (["--output", "logit"], "= help: did you mean `logits`?"),
        (["--like", "nowhere.onnx"], "error[run/no-such-file]"),
        (["--like", "nowhere"], "error[spec/"),
    ],
)
def test_a_mistake_is_said_before_anything_is_sent(
    run: Run, server: Loopback, pictures: list[str], arguments: list[str], message: str
) -> None:
    ran = run("call", str(server.address), *pictures, *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert message in ran.err
    assert served(server).batches == []


def test_an_address_and_an_option_agree(run: Run, server: Loopback, pictures: list[str]) -> None:
    url = f"{server.address}/v2/models/colours"
    assert run("call", url, *pictures, "--model", "colours").status == 0
    ran = run("call", url, *pictures, "--model", "other")
    assert ran.status == 1
    assert "error[call/two-models]" in ran.err
    assert "error[server/address]" in run("call", "localhost:8000", *pictures).err


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros((2, 3), np.float32),
        np.zeros((1, 3, 4), np.float32),
        np.zeros((1, 1), np.float32),
        np.zeros((), np.float32),
        np.zeros((1, 3), bool),
        np.array([[b"a", b"b", b"c"]], object),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_scores_of_another_shape_are_no_classes(
    run: Run, server: Loopback, pictures: list[str], scores: np.ndarray
) -> None:
    served(server).run = lambda _: {"logits": scores}
    ran = run("call", str(server.address), "red.png")
    assert (ran.status, ran.out) == (1, "")
    assert "error[call/no-scores]" in ran.err


def test_scores_that_are_no_numbers_are_null_in_json(
    run: Run, server: Loopback, pictures: list[str]
) -> None:
    served(server).run = lambda _: {"logits": np.full((1, 3), np.nan, np.float32)}
    ran = run("call", str(server.address), "red.png", "--format", "json")
    classes = json.loads(ran.out)["images"][0]["classes"]
    assert [found["probability"] for found in classes] == [None] * 3


def test_what_a_server_says_cannot_rule_the_terminal(run: Run, pictures: list[str]) -> None:
    model = colours(labels=["\x1b[2Jred", "g", "b"])
    with serving(Models({"m": model})) as server:
        ran = run("call", str(server.address), "red.png")
    assert "\x1b" not in ran.out
    assert "\\x1b[2Jred" in ran.out
    with serving(lambda _: as_json({"error": "\x1b[2J"}, 500)) as server:
        ran = run("call", str(server.address), "red.png", "--model", "m")
    assert "\x1b" not in ran.err


def test_headers_reach_the_server(run: Run, server: Loopback, pictures: list[str]) -> None:
    ran = run(
        "call", str(server.address), "red.png", "--header", "Host: digits.example.com",
        "--header", "x-key: a: b",
    )  # fmt: skip
    assert ran.status == 0
    assert {asked.headers["Host"] for asked in server.asked} == {"digits.example.com"}
    assert {asked.headers["x-key"] for asked in server.asked} == {"a: b"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--header", "no colon"],
        ["--header", "a: b\r\nEvil: c"],
        ["--timeout", "0"],
        ["--timeout", "soon"],
        ["--top", "0"],
    ],
)
def test_wrong_options_are_wrong_usage(
    run: Run, server: Loopback, pictures: list[str], arguments: list[str]
) -> None:
    ran = run("call", str(server.address), *pictures, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert server.asked == []


def test_a_server_that_hangs_is_left_in_time(run: Run, pictures: list[str]) -> None:
    with serving(lambda _: Raw(b"", hang=True)) as server:
        ran = run("call", str(server.address), *pictures, "--timeout", "0.3")
    assert ran.status == 1
    assert "error[server/timeout]" in ran.err
    assert "has not answered within 0.3 seconds" in ran.err


def test_grpc_without_its_library_says_how_to_install_it(
    run: Run, pictures: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "archc.serving.client.grpc", raising=False)
    monkeypatch.setitem(sys.modules, "tritonclient.grpc", None)
    ran = run("call", "grpc://127.0.0.1:8001", *pictures)
    assert ran.status == 1
    assert "error[server/no-grpc]" in ran.err
    assert "pip install 'archc[serve]'" in ran.err
