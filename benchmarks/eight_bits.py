"""Eight bits on real data: float, archc's and the stock quantiser's right answers, side by side.

The three networks of examples/quantize, each trained five times on four fifths of the 1,797 digits
and tested on the last, so that every digit is tested once. All quantisers choose from the same
samples of what was trained on. `python -m benchmarks.eight_bits NETWORK…` measures some. Latency in
eight bits is a part of `python -m benchmarks`. Needs torch, scikit-learn, safetensors.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import quantization as stock

import archc
from archc.pipeline.precision import Precision

EXAMPLES = Path(__file__).parent.parent / "examples" / "quantize"
sys.path.insert(0, str(EXAMPLES))

from digit_folds import folds, prepared  # noqa: E402 - an example, found by the line above
from train_networks import NETWORKS, spec_of, trained  # noqa: E402

SAMPLES = 200

Arrays = NDArray[np.float32]


class Reader(stock.CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime is untyped here
    """Hands samples to the stock quantiser, one by one."""

    def __init__(self, name: str, samples: Arrays) -> None:
        self._feeds: Iterator[dict[str, Arrays]] = iter([{name: s[None]} for s in samples])

    def get_next(self) -> dict[str, Arrays] | None:
        """The next sample."""
        return next(self._feeds, None)


def stock_default(model: Path, target: Path, samples: Arrays) -> None:
    """The stock quantiser with its defaults: signed activations, one scale a kernel."""
    stock.quantize_static(model, target, Reader(_input(model), samples))


def stock_fast(model: Path, target: Path, samples: Arrays) -> None:
    """The stock quantiser with unsigned activations and a scale for each output channel."""
    stock.quantize_static(
        model, target, Reader(_input(model), samples), per_channel=True,
        activation_type=stock.QuantType.QUInt8, weight_type=stock.QuantType.QInt8,
    )  # fmt: skip


STOCK: Mapping[str, Callable[[Path, Path, Arrays], None]] = {
    "stock": stock_default,
    "stock u8s8": stock_fast,
}


def build(spec: str | Path, weights: Path | None, samples: Arrays, folder: Path) -> dict[str, Path]:
    """A network in float, by archc in eight bits, and by the stock quantiser."""
    paths = {name: folder / f"{name}.onnx" for name in ("float", "archc", *STOCK)}
    archc.build(spec, paths["float"], weights=weights)
    given = folder / "samples.npz"
    arrays: dict[str, Any] = {_input(paths["float"]): samples}
    np.savez(given, **arrays)
    precision = Precision("int8", given)
    archc.build(spec, paths["archc"], weights=weights, precision=precision)
    for name, quantize in STOCK.items():
        quantize(paths["float"], paths[name], samples)
    return paths


class Counts(NamedTuple):
    """What a form of a network answers to digits that it was not trained on.

    Attributes:
        right: the digits that it gets right.
        alike: those that get the answer of the float model, right or wrong.
        signal: the sum of the squares of the float model's outputs.
        noise: that of the differences from them.
    """

    right: int = 0
    alike: int = 0
    signal: float = 0.0
    noise: float = 0.0

    def plus(self, found: Arrays, exact: Arrays, labels: NDArray[np.int64]) -> Counts:
        """The counts with the outputs [digits, classes] for further digits."""
        classes = found.argmax(axis=1)
        return Counts(
            self.right + int((classes == labels).sum()),
            self.alike + int((classes == exact.argmax(axis=1)).sum()),
            self.signal + float((exact.astype(np.float64) ** 2).sum()),
            self.noise + float(((found.astype(np.float64) - exact) ** 2).sum()),
        )

    @property
    def decibels(self) -> float:
        """The signal-to-noise ratio."""
        return 10 * math.log10(self.signal / self.noise)


def accuracy(cache: Path, networks: Sequence[str]) -> None:
    """Prints how each form of each network answers to all digits."""
    logging.disable(logging.WARNING)  # the stock quantiser's advice, once a build
    cache.mkdir(parents=True, exist_ok=True)
    rounded = ("archc", *STOCK)
    columns = [f"{form}: right, as float, dB" for form in rounded]
    print(f"| network, digits | float: right | {' | '.join(columns)} |")
    print("| --- " * (2 + len(rounded)) + "|")
    for network in networks:
        images, labels = prepared(spec_of(network))
        counts = dict.fromkeys(("float", *rounded), Counts())
        for number, (known, tested) in enumerate(folds(labels)):
            weights = _weights(cache, network, number, images[known], labels[known])
            with tempfile.TemporaryDirectory() as made:
                chosen = np.random.default_rng(number).permutation(known)[:SAMPLES]
                paths = build(spec_of(network), weights, images[chosen], Path(made))
                exact = _outputs(paths["float"], images[tested])
                for form, path in paths.items():
                    found = exact if form == "float" else _outputs(path, images[tested])
                    counts[form] = counts[form].plus(found, exact, labels[tested])
        cells = [f"{c.right}, {c.alike}, {c.decibels:.1f}" for c in map(counts.get, rounded) if c]
        print(f"| {network}, {len(labels)} | {counts['float'].right} | {' | '.join(cells)} |")
        sys.stdout.flush()


def _weights(
    cache: Path, network: str, fold: int, images: Arrays, labels: NDArray[np.int64]
) -> Path:
    from safetensors.torch import save_file

    path = cache / f"{network}_{fold}.safetensors"
    if not path.exists():
        save_file(trained(network, images, labels, seed=fold).weights(), path)
    return path


def _outputs(path: Path, images: Arrays) -> Arrays:
    """The outputs [images, classes], one image at a time."""
    session = _session(path)
    (name,) = (entry.name for entry in session.get_inputs())
    return np.concatenate([session.run(None, {name: image[None]})[0] for image in images])


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _input(path: Path) -> str:
    name: str = _session(path).get_inputs()[0].name
    return name


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument(
        "--cache", type=Path, default=Path("build") / "eight_bits",
        help="the folder of what was trained",
    )  # fmt: skip
    options = parser.parse_args()
    accuracy(options.cache, options.networks)


if __name__ == "__main__":
    main()
