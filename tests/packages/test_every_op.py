"""Every op in a small network: built with a checkpoint, run, and compared with numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

import archc
from archc.layers.catalog import op_names
from tests.packages.building import (
    Arrays,
    Built,
    assert_close,
    build,
    build_one_to_one,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_spec,
)
from tests.packages.channel_networks import CHANNELWISE
from tests.packages.network import Network
from tests.packages.windowed_networks import WINDOWED

NETWORKS = (*WINDOWED, *CHANNELWISE)
FREE = tuple(network for network in NETWORKS if network.fixed is None)
OPSETS = (13, 17, 20, 21)

each_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
each_free_network = pytest.mark.parametrize("network", FREE, ids=lambda n: n.name)


def sizes(network: Network) -> Iterator[tuple[int, int]]:
    """The smallest size, then odd and even ones in all four pairs, as far as they are admitted."""
    if network.fixed is not None:
        yield network.fixed
        return
    (height, width), step = network.smallest, network.multiple_of
    for more_height, more_width in ((0, 0), (1, 2), (2, 1), (7, 4), (4, 5)):
        yield height + more_height * step, width + more_width * step


def check(network: Network, folder: Path, spec: str, opset: int, *found: tuple[int, int]) -> None:
    """Builds a spec and compares what it gives with the network's formula at some sizes."""
    weights = draw_weights(network.weights)
    for optimization in (0, 1):
        model = build(folder, spec, weights=weights or None, opset=opset, optimization=optimization)
        onnx.checker.check_model(model.proto, full_check=True)
        check_answers(network, model, weights, *found)


def check_answers(network: Network, model: Built, weights: Arrays, *found: tuple[int, int]) -> None:
    """Compares what a model gives with the network's formula at some sizes."""
    for height, width in found:
        image = draw_image(3, network.channels, height, width)
        (given,) = model.run(image=image).values()
        exact = {name: array.astype(np.float64) for name, array in weights.items()}
        wanted = network.answer(image.astype(np.float64), exact)
        if given.dtype == np.int64:
            assert np.array_equal(given, wanted)
        else:
            assert_close(given, wanted)


@pytest.fixture(autouse=True)
def no_warnings(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Demands that ONNX Runtime has nothing to say, such as an output of another shape."""
    yield
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("opset", OPSETS)
@each_network
def test_network_gives_what_its_formula_gives(network: Network, opset: int, tmp_path: Path) -> None:
    spec = network.spec(*(network.fixed or ("H", "W")))
    check(network, tmp_path, spec, opset, *sizes(network))


@each_free_network
def test_network_of_a_fixed_size_gives_the_same(network: Network, tmp_path: Path) -> None:
    *_, size = sizes(network)
    check(network, tmp_path, network.spec(*size), 17, size)


@each_free_network
def test_network_of_one_symbol_gives_the_same(network: Network, tmp_path: Path) -> None:
    side = max(network.smallest)
    check(network, tmp_path, network.spec("S", "S"), 17, (side, side))


@each_free_network
def test_smallest_size_is_the_one_that_validation_reports(network: Network, tmp_path: Path) -> None:
    graph = archc.elaborate(write_spec(tmp_path, network.spec()))
    assert (graph.domains["H"].first, graph.domains["W"].first) == network.smallest


@each_free_network
def test_smaller_sizes_are_refused(network: Network, tmp_path: Path) -> None:
    step = network.multiple_of
    for symbol, least in zip("HW", network.smallest, strict=True):
        if least == step:
            continue
        for at, is_refused in ((least - step, True), (least, False)):
            where = f"{symbol}: {{min: {at}, multiple_of: {step}}}"
            path = write_spec(tmp_path, network.spec(where=where))
            if is_refused:
                with pytest.raises(archc.SpecError) as caught:
                    archc.validate(path)
                assert rules(caught.value.diagnostics) == ["input/too-small"]
                assert str(least) in caught.value.diagnostics[0].message
                assert mistakes(tmp_path, network.spec(), settings={symbol: at})
            else:
                archc.validate(path)


def test_the_networks_have_every_op(tmp_path: Path) -> None:
    specs = [n.spec(*(n.fixed or ("H", "W"))) for n in NETWORKS]
    graphs = [archc.elaborate(write_spec(tmp_path, spec)) for spec in specs]
    assert {node.layer.op for graph in graphs for node in graph.nodes} == {*op_names()}


@pytest.mark.parametrize(
    ("layers", "is_folded"),
    [("{conv: 1, kernel: 3}", True), ("{max_pool: 3}", False), ("{avg_pool: 3}", False)],
)
def test_zeros_are_folded_into_convolutions_and_not_into_pools(
    layers: str, is_folded: bool, tmp_path: Path
) -> None:
    model = build_one_to_one(
        tmp_path, f"input: {{image: [1, H, W]}}\nlayers: [{{pad: 1}}, {layers}]"
    )
    zero = model.weights["0/constant_value"]
    assert zero == 0
    # ONNX Runtime folds a zero whose bytes are all 0, and takes it for less than every number.
    assert np.signbit(zero) == (not is_folded)
