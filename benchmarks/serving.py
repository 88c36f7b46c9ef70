"""Load on a served network: `python -m benchmarks.serving` (or `make bench-serving`).

mobilenet_v2 is packed and served by the real Triton on this machine, one instance of one thread.
Clients in processes of their own send pictures of 224 × 224 as binary uint8 tensors, each its next
when it has its last answer. Beside it, in the same run, bare ONNX Runtime of the same model and
threads: what a server adds, and what one replica can bear. A request that fails ends the benchmark.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import archc
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.address import parse_address
from archc.serving.client.connect import connect

NAME = "mobilenet_v2"
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: how many were answered in how many seconds, and each one's seconds."""

    name: str
    seconds: float
    latencies: Sequence[float]

    def row(self) -> str:
        """A line of the table: answers a second, and milliseconds at two percentiles."""
        cuts = statistics.quantiles(self.latencies, n=100)
        rate = len(self.latencies) / self.seconds
        return (
            f"| {self.name} | {len(self.latencies)} | {rate:.1f} | {1e3 * cuts[49]:.1f} | "
            f"{1e3 * cuts[98]:.1f} |"
        )


def repeat(ask: Callable[[], object], seconds: float) -> list[float]:
    """The seconds that each call took, one after the other, until the time is over."""
    for _ in range(WARM_UP):
        ask()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        ask()
        found.append(time.perf_counter() - start)
    return found


def client(url: str, way: str, seconds: float) -> list[float]:
    """The latencies that one client sees."""
    reporter = Reporter()
    address = parse_address(url, reporter)
    assert not isinstance(address, Failed)
    opened = connect(address.server, reporter)
    assert not isinstance(opened, Failed)
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    with opened:

        def ask() -> None:
            opened.infer(NAME, {"image": picture}, reporter)
            if reporter.has_errors:
                raise RuntimeError(f"{way}: {[d.message for d in reporter.diagnostics]}")

        return repeat(ask, seconds)


def bare(model: Path, seconds: float) -> Load:
    """One process that runs the model, with one thread and one picture at a time."""
    session = archc.session(model, threads=1)
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    return Load(
        "bare ONNX Runtime", seconds, repeat(lambda: session.run(None, {"image": picture}), seconds)
    )


def load(url: str, way: str, clients: int, seconds: float) -> Load:
    """Several clients at once."""
    with ProcessPoolExecutor(clients) as pool:
        tasks = [pool.submit(client, url, way, seconds) for _ in range(clients)]
        latencies = [one for task in tasks for one in task.result()]
    return Load(f"Triton, {way}, {clients} client{'s' if clients > 1 else ''}", seconds, latencies)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--environment", type=Path, help="of Triton; default: the user's cache")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = archc.pack(NAME, Path(folder) / "package")
        print("| load | answered | a second | median ms | 99 % ms |")
        print("| --- | --- | --- | --- | --- |")
        print(bare(package.folder / package.manifest.versions[0].model, chosen.seconds).row())
        with archc.serve(package.folder, environment=chosen.environment) as server:
            for way, url in (("HTTP", server.http), ("gRPC", server.grpc)):
                for clients in chosen.clients:
                    print(load(url, way, clients, chosen.seconds).row(), flush=True)


if __name__ == "__main__":
    main()
