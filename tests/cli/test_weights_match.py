"""`archc weights match`: the plan, its mapping file, and a build from that."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.cli.conftest import Run
from tests.packages.building import Built, build, write_checkpoint, write_spec
from tests.packages.renamed import NAMES, NET, WEIGHTS, in_keras, same, under


def test_the_plan_says_what_becomes_of_each_layer(run: Run, tmp_path: Path) -> None:
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, in_keras(under(NAMES)))
    ran = run("weights", "match", spec, file)
    assert ran.status == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["fc.{weight,bias}", "top", "renamed,", "transposed", "only", "one", "of", "its",
            "form"] in lines  # fmt: skip
    assert "15 weights bound" in ran.out


def test_as_json(run: Run, tmp_path: Path) -> None:
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, under(NAMES))
    ran = run("weights", "match", spec, file, "--format", "json")
    found = json.loads(ran.out)
    assert found["is_complete"] is True
    assert {w["weight"]: w["key"] for w in found["weights"]}["fc.bias"] == "top.bias"


def test_a_mapping_that_was_completed_builds(run: Run, tmp_path: Path) -> None:
    names = NAMES | {"block1.0": "owl.conv", "block2.0": "ape.conv"}
    names |= {"block1.1": "owl.norm", "block2.1": "ape.norm"}
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, under(names))
    mapping = tmp_path / "mapping.yaml"
    ran = run("weights", "match", spec, file, "-o", mapping)
    assert ran.status == 1
    assert "weights/undecided" in ran.err
    target = tmp_path / "net.onnx"
    ran = run("build", spec, "-w", file, "--mapping", mapping, "-o", target)
    assert ran.status == 1
    assert not target.exists()
    lines = [
        f"  {line.split('# ')[1]}\n" if line.startswith("  # block") else line
        for line in mapping.read_text().splitlines(keepends=True)
    ]
    mapping.write_text("".join(lines))
    assert len(yaml.safe_load(mapping.read_text())["map"]) == len(WEIGHTS)
    ran = run("build", spec, "-w", file, "--mapping", mapping, "-o", target)
    assert ran.status == 0, ran.err
    assert same(Built(target.read_bytes()), build(tmp_path, NET, weights=WEIGHTS))


def test_a_mapping_that_cannot_be_written_leaves_what_was_there(run: Run, tmp_path: Path) -> None:
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, under(NAMES))
    mapping = tmp_path / "no" / "mapping.yaml"
    ran = run("weights", "match", spec, file, "-o", mapping)
    assert ran.status == 1
    assert "build/output" in ran.err
    broken = tmp_path / "kept.yaml"
    broken.write_text("mine")
    file.write_bytes(b"junk")
    assert run("weights", "match", spec, file, "-o", broken).status == 1
    assert broken.read_text() == "mine"


def test_a_hostile_key_is_escaped(run: Run, tmp_path: Path) -> None:
    names = NAMES | {"fc": "top\x1b[2J\n  stem.weight: x #"}
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, under(names))
    mapping = tmp_path / "mapping.yaml"
    ran = run("weights", "match", spec, file, "-o", mapping)
    assert ran.status == 0
    assert "\x1b" not in ran.out + ran.err + mapping.read_text()
    ran = run("build", spec, "-w", file, "--mapping", mapping, "-o", tmp_path / "net.onnx")
    assert ran.status == 0, ran.err


def test_an_unknown_mode_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    spec, file = write_spec(tmp_path, NET), write_checkpoint(tmp_path, WEIGHTS)
    assert run("weights", "match", spec, file, "--match", "best").status == 2
