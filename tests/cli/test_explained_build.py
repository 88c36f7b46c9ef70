"""`archc build --explain`: what is dropped, what rewrites do, and what they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

SPEC = """\
archc: 1
name: net
input: {image: [3, 16, 16]}
layers:
  norm: {normalize: {mean: 0.5, std: 0.25}}
  c1: {conv: 4, kernel: 3, padding: 1}
  n1: batch_norm
  side: {conv: 2, kernel: 1, from: c1}
  drop: {dropout: 0.5, from: n1}
  r1: relu
  p: {pad: 1}
  c2: {conv: 4, kernel: 3}
  h: {multiply: 0.5}
  t: tanh
  m1: {multiply: 0.5}
  m2: {multiply: 2.0}
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC, encoding="utf-8")
    return Path("net.yaml")


def test_each_layer_is_spoken_of_in_one_place(run: Run, net: Path) -> None:
    ran = run("build", net, "--explain")
    assert ran.status == 0
    told = ran.out.splitlines()
    assert told[3:6] == [
        "dropped `side`: no output needs it",
        "dropped `drop`: does nothing at inference",
        "rewrites: 11 operators become 6",
    ]
    assert told[-6:] == [
        "  fold-after  `n1` into `c1`",
        "  fold-after  `h` into `c2`",
        "  combine  `m1` into `m2`",
        "  combine  `m2` with `m1` changes nothing",
        "  merge-pads  `p` into `c2`",
        "  `norm` stays: it stands at the input, and `c1`, after it, puts zeros around its input",
    ]


def test_what_lowering_drops_is_listed_without_rewrites_too(run: Run, net: Path) -> None:
    ran = run("build", net, "-O0", "--explain")
    assert ran.status == 0
    assert ran.out.splitlines()[3:] == [
        "dropped `side`: no output needs it",
        "dropped `drop`: does nothing at inference",
        "rewrites: none, since the spec is built one to one",
    ]
