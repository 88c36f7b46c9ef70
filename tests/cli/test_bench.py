"""The commands that measure: bench and profile."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.cli.conftest import Run

QUICK = ("--runs", "2", "--starts", "1")


@pytest.fixture
def models(run: Run, tiny: Path) -> tuple[Path, Path]:
    """A model and a wider one."""
    assert run("build", tiny, "-o", "tiny.onnx").status == 0
    assert run("build", tiny, "--variant", "wide", "-o", "wide.onnx").status == 0
    return Path("tiny.onnx"), Path("wide.onnx")


def test_bench_compares_models_at_every_batch_and_number_of_threads(
    run: Run, models: tuple[Path, Path]
) -> None:
    ran = run("bench", "wide.onnx", "--vs", "tiny.onnx", "--batch", "1,2", "--threads", "1,2",
              *QUICK, "--format", "json")  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["against"] == "tiny.onnx"
    assert [entry["model"] for entry in found["models"]] == ["wide.onnx", "tiny.onnx"]
    assert found["models"][0]["bytes"] == models[1].stat().st_size
    latency = {(e["model"], e["threads"], e["batch"]): e for e in found["latency"]}
    assert set(latency) == {
        (m, t, b) for m in ("wide.onnx", "tiny.onnx") for t in (1, 2) for b in (1, 2)
    }
    for (name, *_), entry in latency.items():
        assert entry["rounds"] == 2
        assert 0 < entry["wall_seconds"]["low"] <= entry["wall_seconds"]["high"]
        assert (entry["wall_ratio"] is None) == (name == "tiny.onnx")
    start = {entry["model"]: entry for entry in found["start"]}
    assert set(start) == {"wide.onnx", "tiny.onnx"}
    assert start["wide.onnx"]["start_ratio"]["median"] > 0
    assert {(entry["threads"], entry["batch"]) for entry in start.values()} == {(1, 1)}


def test_bench_shows_a_table(run: Run, models: tuple[Path, Path]) -> None:
    ran = run("bench", *models, *QUICK)
    assert (ran.status, ran.err) == (0, "")
    assert "ratios are those to tiny.onnx" in ran.out
    assert "latency, 1 thread, batch 1, 2 rounds" in ran.out
    assert "fresh processes, 1 thread, batch 1\n" in ran.out


def test_bench_of_one_model_has_no_ratios(run: Run, models: tuple[Path, Path]) -> None:
    ran = run("bench", models[0], "--runs", "1", "--starts", "0")
    assert ran.status == 0
    assert "ratio" not in ran.out
    assert "fresh processes" not in ran.out


def test_bench_adds_the_files_that_weights_lie_in(run: Run, models: tuple[Path, Path]) -> None:
    """Other programs call them as they like."""
    model = onnx.load(models[0])
    onnx.save(
        model, "outside.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    ran = run("bench", "outside.onnx", "--runs", "1", "--starts", "0", "--format", "json")
    assert ran.status == 0
    (found,) = json.loads(ran.out)["models"]
    both = (Path("outside.onnx"), Path("weights.bin"))
    assert both[1].stat().st_size > 100
    assert found["bytes"] == sum(path.stat().st_size for path in both)


def test_bench_warns_of_models_that_take_other_inputs(run: Run, models: tuple[Path, Path]) -> None:
    assert run("build", "lenet5", "-o", "lenet.onnx").status == 0
    ran = run("bench", models[0], "lenet.onnx", "--runs", "1", "--starts", "0")
    assert ran.status == 0
    said = "warning: the models take inputs of other sizes, in numbers a sample: tiny.onnx 144, "
    assert said + "lenet.onnx 1,024" in " ".join(ran.err.split())


def test_the_order_of_axes_is_no_other_size(run: Run, tiny: Path) -> None:
    for layout in ("nchw", "nhwc"):
        text = (
            "archc: 1\nname: net\ninput: {image: {shape: [3, 8, 8], layout: %s}}\nlayers: [relu]\n"
        )
        Path(f"{layout}.yaml").write_text(text % layout, encoding="utf-8")
        assert run("build", f"{layout}.yaml", "-o", f"{layout}.onnx").status == 0
    ran = run("bench", "nchw.onnx", "nhwc.onnx", "--runs", "1", "--starts", "0")
    assert (ran.status, ran.err) == (0, "")


def test_bench_builds_specs_first(run: Run, tiny: Path) -> None:
    ran = run("bench", tiny, "--runs", "1", "--starts", "0", "--size", "H=20", "--format", "json")
    assert ran.status == 0
    assert "is built with random weights" in ran.err
    assert json.loads(ran.out)["models"][0]["inputs"] == "float32 (N, 1, H, W)"
    assert not list(Path().glob("*.onnx"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--batch", "1,x"), "`--batch 1,x` is no list of whole numbers of 1 or more"),
        (("--threads", "0"), "`--threads 0` is no list of whole numbers of 1 or more"),
        (("--vs", "tiny.onnx"), "`--vs tiny.onnx` is the one model that is measured: name another"),
        (("--size", "H"), "`--size H` is no `--size NAME=N`"),
        (("--size", "H=12", "--size", "H=13"), "`--size` gives `H` twice"),
        (("--seconds", "0"), "it is a number of seconds above 0, not `0`"),
    ],
)
def test_bench_says_which_option_is_wrong(
    run: Run, models: tuple[Path, Path], arguments: tuple[str, ...], said: str
) -> None:
    ran = run("bench", models[0], *arguments)
    assert ran.status == 2
    assert said in ran.err


@pytest.mark.parametrize("command", ["bench", "profile"])
def test_a_file_that_is_no_model_and_a_spec_with_mistakes_are_told(
    run: Run, tiny: Path, wrong: Path, command: str
) -> None:
    Path("text.onnx").write_text("no model", encoding="utf-8")
    for name, slug in (("text.onnx", "run/not-a-model"), (str(wrong), "layer/unknown-op")):
        ran = run(command, name)
        assert ran.status == 1
        assert f"[{slug}]" in ran.err
    ran = run(command, "resnett18")
    assert ran.status == 1
    assert "resnet18" in ran.err


def test_profile_adds_up_by_layers(run: Run, models: tuple[Path, Path]) -> None:
    ran = run("profile", models[0], "--runs", "2", "--format", "json")
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert set(layers) == {"conv", "pool", "fc"}
    assert layers["conv"]["fused"] == ["act"]
    assert layers["conv"]["macs"] == 10 * 9 * 10 * 10
    assert layers["pool"]["peak_share"] is None
    assert sum(layer["share"] for layer in layers.values()) == pytest.approx(1)


def test_profile_shows_the_slowest_first_and_the_rest_on_request(
    run: Run, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.cli.profile.SHOWN", 1)
    ran = run("profile", models[0], "--runs", "1")
    assert ran.status == 0
    assert "and 2 more with" in ran.out
    assert "GMAC/s" in ran.out
    everything = run("profile", models[0], "--runs", "1", "--all")
    assert all(f"\n{name} " in everything.out for name in ("conv", "pool", "fc"))
