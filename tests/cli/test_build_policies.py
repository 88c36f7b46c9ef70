"""`archc build` where the checkpoint does not fit: the options, and what is said."""

from __future__ import annotations

from pathlib import Path

import archc
from archc.runtime.metadata import PolicyRecord, parse_metadata
from tests.cli.conftest import Run
from tests.packages.building import draw_weights, write_checkpoint

WEIGHTS = draw_weights(
    {"conv.weight": (10, 3, 3, 3), "conv.bias": (10,), "fc.weight": (5, 10), "fc.bias": (5,)}
)


def test_both_ends_are_made_to_fit(run: Run, tiny: Path) -> None:
    checkpoint = write_checkpoint(tiny.parent, WEIGHTS)
    ran = run(
        "build", tiny, "-w", checkpoint, "--head", "init", "--stem", "sum", "--seed", "4",
        "-o", "out.onnx",
    )  # fmt: skip
    assert ran.status == 0
    assert "--stem sum: `conv.weight` is the sum of the kernels of 3 input channels" in ran.err
    assert "--head init: `fc` is drawn with seed 4, for 3 classes instead of 5" in ran.err
    assert "2 of 4 weights are random, drawn with seed 4" in ran.err
    metadata = archc.session(Path("out.onnx").read_bytes()).get_modelmeta().custom_metadata_map
    assert parse_metadata(metadata).policies == (
        PolicyRecord("stem", "sum", ("conv.weight",)),
        PolicyRecord("head", "init", ("fc.weight", "fc.bias")),
    )


def test_without_options_it_is_an_error_that_names_them(run: Run, tiny: Path) -> None:
    ran = run("build", tiny, "-w", write_checkpoint(tiny.parent, WEIGHTS), "-o", "out.onnx")
    assert ran.status == 1
    assert "--head init" in ran.err
    assert "--stem sum" in ran.err
    assert not Path("out.onnx").exists()


def test_features_come_out_of_a_dropped_head(run: Run, tiny: Path) -> None:
    checkpoint = write_checkpoint(tiny.parent, WEIGHTS)
    ran = run("build", tiny, "-w", checkpoint, "--head", "drop", "--stem", "sum", "-o", "o.onnx")
    assert ran.status == 0
    assert "what enters it comes out as `features`" in ran.err
    assert "random" not in ran.err
    assert [output.name for output in archc.session("o.onnx").get_outputs()] == ["features"]


def test_a_misspelt_choice_is_wrong_usage(run: Run, tiny: Path) -> None:
    ran = run("build", tiny, "--head", "slise")
    assert ran.status == 2
    assert "did you mean `slice`" in " ".join(ran.err.replace("│", " ").split())


def test_a_policy_without_a_checkpoint_is_an_error(run: Run, tiny: Path) -> None:
    ran = run("build", tiny, "--ema", "-o", "out.onnx")
    assert ran.status == 1
    assert "weights/policy-without-checkpoint" in ran.err
    assert not Path("out.onnx").exists()
