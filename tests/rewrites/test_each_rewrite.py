"""Each rewrite by itself keeps what random networks give."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.model import ModelDef
from archc.pipeline.building import open_lowered, write_lowered
from archc.pipeline.networks import Choices
from archc.pipeline.reading import load_spec
from archc.rewrites import REWRITES, Rewrite, Rewritten, rewrite
from tests.packages.building import Arrays, Built, draw_image, write_checkpoint, write_spec
from tests.rewrites.networks import CHANNELS, SIDE, networks

TOLERANCE = 2e-5
"""Of the largest number: float32 kernels that are rounded after and not before a product."""

SELECTIONS = {**{r.name: (r,) for r in REWRITES}, "all": REWRITES}


def drawn(spec: Path, folder: Path) -> Path | None:
    """A checkpoint that makes every factor and summand matter."""
    generator = np.random.default_rng(5)
    found = {}
    for name, (_, weight) in archc.elaborate(spec).owned_weights().items():
        low, high = (0.5, 2.0) if name.endswith("running_var") else (-1.0, 1.0)
        found[name] = generator.uniform(low, high, weight.shape).astype(np.float32)
    return write_checkpoint(folder, found) if found else None


def written(model: ModelDef, shown: Collection[str]) -> Built:
    """A model whose weights are open, with further outputs."""
    stream = io.BytesIO()
    assert not isinstance(write_lowered(model, stream, Reporter()), Failed)
    proto = onnx.load_model_from_string(stream.getvalue())
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shown)
    return Built(proto.SerializeToString())


def both(
    text: str, folder: Path, selection: tuple[Rewrite, ...], keep: Collection[str] = ()
) -> tuple[Built, Built, Rewritten]:
    """A network one to one, and after some rewrites."""
    reporter, path = Reporter(), write_spec(folder, text)
    spec = load_spec(str(path), reporter)
    assert not isinstance(spec, Failed)
    with open_lowered(spec, reporter, choices=Choices(), weights=drawn(path, folder)) as lowered:
        assert not isinstance(lowered, Failed), [d.message for d in reporter.diagnostics]
        outputs = {output.name for output in lowered.model.outputs}
        given = {value for node in lowered.model.nodes for value in node.outputs}
        kept = [name for name in keep if name in given - outputs]
        rewritten = rewrite(lowered.model, kept, selection)
        return written(lowered.model, kept), written(rewritten.model, kept), rewritten


def run(model: Built) -> Arrays:
    names = [output.name for output in model.session.get_outputs()]
    image = draw_image(2, CHANNELS, SIDE, SIDE)
    return dict(zip(names, model.session.run(names, {"image": image}), strict=True))


@pytest.mark.parametrize("name", SELECTIONS)
@settings(max_examples=100)
@given(text=networks(), keep=st.sampled_from([(), ("l1",), ("l0", "l2")]))
def test_any_network_gives_the_same(
    name: str, text: str, keep: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain, made, _ = both(text, tmp_path_factory.mktemp("net"), SELECTIONS[name], keep)
    wanted, found = run(plain), run(made)
    assert list(wanted) == list(found)
    for output, array in wanted.items():
        scale = max(1.0, float(np.abs(array).max()))
        assert np.abs(array - found[output]).max() <= TOLERANCE * scale
    assert len(made.proto.graph.node) <= len(plain.proto.graph.node)
    used = {value for node in made.proto.graph.node for value in node.input}
    assert {i.name for i in made.proto.graph.initializer} <= used


@pytest.mark.parametrize("name", [r.name for r in REWRITES])
def test_random_networks_give_a_rewrite_something_to_do(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Else the property above would say nothing."""

    def does_something(text: str) -> bool:
        folder = tmp_path_factory.mktemp("net")
        return bool(both(text, folder, SELECTIONS[name])[2].effects[name])

    only_look = settings(max_examples=100, phases=[Phase.generate], derandomize=True)
    find(networks(), does_something, settings=only_look)
