"""The way to a mistake: the uses of blocks, which copy, which round."""

from __future__ import annotations

import pytest

from archc.diagnostics.place import Source
from archc.diagnostics.reporter import Failed, Reporter
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import read_spec

HEAD = "archc: 1\nname: net\ninput: {image: [3, 28, 28]}\n"


def trail_of(text: str) -> list[str]:
    """The labels of the steps to the one mistake of a spec, the outermost first."""
    reporter = Reporter()
    spec = read_spec(Source("net.yaml", HEAD + text), reporter)
    if not isinstance(spec, Failed):
        validate_spec(spec, Choices(), reporter)
    (found,) = reporter.diagnostics
    return [frame.label for frame in found.place.trail]


SHRINKING = "blocks:\n  body:\n    layers: [{max_pool: 2}, {conv: 8, kernel: 5}]\n"


@pytest.mark.parametrize(
    ("layers", "trail"),
    [
        ("[{body: , repeat: 4}]", ["in block `body`, used here, third copy"]),
        ("[body, body, body]", ["in block `body`, used here"]),
        (
            "[{repeat: 4, do: [body]}]",
            ["in the third copy", "in block `body`, used here"],
        ),
        (
            "[{for: k, in: [1, 2, 3], do: [body]}]",
            ["in the third round, where `k` is `3`", "in block `body`, used here"],
        ),
        (
            "[{for: [k, c], in: [[1, 2], [3, 4]], do: [{conv: $c, kernel: 15}]}]",
            ["in the second round, where `k` is `3` and `c` is `4`"],
        ),
    ],
)  # fmt: skip
def test_the_trail_says_which_copy_and_which_round(layers: str, trail: list[str]) -> None:
    assert trail_of(f"{SHRINKING}layers: {layers}\n") == trail


def test_copies_of_layers_and_rounds_are_told_without_blocks() -> None:
    layers = "[{max_pool: 3, stride: 3, repeat: 5}]"
    assert trail_of(f"layers: {layers}\n") == ["in the fourth copy"]
    layers = "[{for: g, in: [1, 3, 2], do: [{conv: 8, kernel: 1, groups: $g}]}]"
    assert trail_of(f"layers: {layers}\n") == ["in the second round, where `g` is `3`"]


def test_a_mistake_of_the_first_copy_or_round_is_one_of_each() -> None:
    assert trail_of("layers: [{conv: 8, kernel: 1, groups: 2, repeat: 3}]\n") == []
    assert trail_of("layers: [{for: c, in: [8, 16], do: [{covn: $c}]}]\n") == []


def test_blocks_within_blocks_are_told_from_the_outermost_in() -> None:
    blocks = "blocks:\n  a: {layers: [{b: , repeat: 3}]}\n  b: {layers: [{max_pool: 4}]}\n"
    assert trail_of(f"{blocks}layers: [a]\n") == [
        "in block `a`, used here",
        "in block `b`, used here, third copy",
    ]
