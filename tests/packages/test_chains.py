"""Random chains of layers: what they give, and the smallest size that they admit."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import archc
from tests.packages.building import assert_close, build, draw_image, draw_weights, write_spec
from tests.packages.chains import Chain, chains

LARGEST = 200_000
"""Elements of an output; more are not compared, so that no example takes long."""

OPSETS = st.sampled_from([13, 15, 17, 18, 21])


@given(chains(), OPSETS, st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_chains_give_what_numpy_gives(chain: Chain, opset: int, more: tuple[int, int]) -> None:
    with TemporaryDirectory() as folder:
        smallest = _smallest(chain, Path(folder))
        weights = draw_weights(chain.weights)
        exact = {name: array.astype(np.float64) for name, array in weights.items()}
        model = build(Path(folder), chain.spec(), weights=weights or None, opset=opset)
        for height, width in (smallest, (smallest[0] + more[0], smallest[1] + more[1])):
            image = draw_image(2, chain.entering, height, width)
            wanted = chain.answer(image.astype(np.float64), exact | {"image": image})
            assume(wanted.size <= LARGEST)
            assert_close(model.run(image=image)["output"], wanted)


@given(chains(), st.sampled_from(["H", "W"]))
def test_the_smallest_size_is_exact(chain: Chain, symbol: str) -> None:
    with TemporaryDirectory() as folder:
        sizes = dict(zip("HW", _smallest(chain, Path(folder)), strict=True))
        path = write_spec(Path(folder), chain.spec())
        archc.validate(path, settings=sizes)
        sizes[symbol] -= 1
        assert sizes[symbol] == 0 or not _is_valid(path, sizes)


def _smallest(chain: Chain, folder: Path) -> tuple[int, int]:
    """The smallest height and width, of a chain that admits any."""
    try:
        domains = archc.elaborate(write_spec(folder, chain.spec())).domains
    except archc.SpecError:  # such as a slice beyond a size that does not depend on the input
        assume(False)
    return domains["H"].first, domains["W"].first


def _is_valid(path: Path, sizes: dict[str, int]) -> bool:
    try:
        archc.validate(path, settings=sizes)
    except archc.SpecError:
        return False
    return True
