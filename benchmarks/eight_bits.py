"""Eight bits on real data: float, archc's and the stock quantiser's, side by side.

    python -m benchmarks.eight_bits accuracy
    python -m benchmarks.eight_bits latency resnet50 mobilenet_v2

Accuracy: the three networks of examples/quantize, each trained five times on four fifths of the
1,797 digits and tested on the last, so that every digit is tested once. All quantisers choose from
the same samples of what was trained on. Latency: CPU time at one thread, runs in turn; ratios to
the float model of the same build. Needs torch, scikit-learn, safetensors.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
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
ZOO = ("resnet50", "alexnet", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0")
_WARM = 3

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


def accuracy(cache: Path, networks: Sequence[str]) -> None:
    """Prints how many of all digits each form of each network gets right."""
    cache.mkdir(parents=True, exist_ok=True)
    print("| network | digits | float | archc | stock | stock u8s8 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for network in networks:
        images, labels = prepared(spec_of(network))
        right: dict[str, int] = dict.fromkeys(("float", "archc", *STOCK), 0)
        for number, (known, tested) in enumerate(folds(labels)):
            weights = _weights(cache, network, number, images[known], labels[known])
            with tempfile.TemporaryDirectory() as made:
                chosen = np.random.default_rng(number).permutation(known)[:SAMPLES]
                paths = build(spec_of(network), weights, images[chosen], Path(made))
                for name, path in paths.items():
                    right[name] += _count_right(path, images[tested], labels[tested])
        row = " | ".join(str(count) for count in right.values())
        print(f"| {network} | {len(labels)} | {row} |", flush=True)


def _weights(
    cache: Path, network: str, fold: int, images: Arrays, labels: NDArray[np.int64]
) -> Path:
    from safetensors.torch import save_file

    path = cache / f"{network}_{fold}.safetensors"
    if not path.exists():
        save_file(trained(network, images, labels, seed=fold).weights(), path)
    return path


def _count_right(path: Path, images: Arrays, labels: NDArray[np.int64]) -> int:
    session = _session(path)
    (name,) = (entry.name for entry in session.get_inputs())
    found = [int(session.run(None, {name: image[None]})[0].argmax()) for image in images]
    return int((np.array(found) == labels).sum())


class Latency(NamedTuple):
    """The CPU time of a model.

    Attributes:
        name: which form it is.
        milliseconds: what a tenth of the runs is faster than.
        ratio: the median of its ratios to the first model, run by run.
        quiet: the ratio of the times that a tenth of the runs is faster than: on a shared machine
            what others do in the caches and on the other half of the core slows bytes down most.
    """

    name: str
    milliseconds: float
    ratio: float
    quiet: float


def latency(names: Sequence[str], rounds: int) -> None:
    """Prints the latency of zoo networks with random weights in each form."""
    print("| network | form | ms | ratio to float: fastest tenth | median |")
    print("| --- | --- | --- | --- | --- |")
    generator = np.random.default_rng(0)
    for name in names:
        sizes = archc.elaborate(name).inputs[0].type.sizes
        shape = [size if isinstance(size, int) else 224 for size in sizes]
        samples = generator.standard_normal([4, *shape]).astype(np.float32)
        with tempfile.TemporaryDirectory() as made:
            paths = build(name, None, samples, Path(made))
            for found in paired(paths, samples[:1], rounds):
                print(
                    f"| {name} | {found.name} | {found.milliseconds:.2f} | {found.quiet:.3f} | "
                    f"{found.ratio:.3f} |"
                )
        sys.stdout.flush()


def paired(paths: Mapping[str, Path], image: Arrays, rounds: int) -> list[Latency]:
    """Runs models in turn, each once a round; every second round in the other direction."""
    sessions = [_session(path) for path in paths.values()]
    names = [session.get_inputs()[0].name for session in sessions]
    times: list[list[float]] = [[] for _ in sessions]
    for number in range(_WARM + rounds):
        order = list(range(len(sessions)))
        for at in order if number % 2 else reversed(order):
            start = time.process_time()
            sessions[at].run(None, {names[at]: image})
            times[at].append(time.process_time() - start)
    kept = [runs[_WARM:] for runs in times]
    fast = [float(np.quantile(runs, 0.1)) for runs in kept]
    ratios = [statistics.median(a / b for a, b in zip(runs, kept[0], strict=True)) for runs in kept]
    return [
        Latency(name, 1000 * least, ratio, least / fast[0])
        for name, least, ratio in zip(paths, fast, ratios, strict=True)
    ]


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
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    right = commands.add_parser("accuracy")
    right.add_argument("networks", nargs="*", default=NETWORKS)
    right.add_argument("--cache", type=Path, default=Path("build") / "eight_bits")
    fast = commands.add_parser("latency")
    fast.add_argument("networks", nargs="*", default=ZOO)
    fast.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    if options.command == "accuracy":
        accuracy(options.cache, options.networks)
    else:
        latency(options.networks, options.rounds)


if __name__ == "__main__":
    main()
