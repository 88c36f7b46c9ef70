"""The proof of a package: its golden samples put to a running server, by every way that it has.

What comes back must be what ONNX Runtime answered when the package was written, within the
tolerance that the manifest has for each version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from archc.deploy.manifest import Manifest, Version, read_manifest
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.answers import read_answers
from archc.runtime.difference import OutputDifference, difference
from archc.serving.client.address import parse_address
from archc.serving.client.connect import connect
from archc.serving.client.protocol import Client, ModelInfo, Tensor
from archc.serving.json_inference import infer_by_json
from archc.serving.server import RunningServer
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

OTHER_ANSWERS = Rule(
    "serve/other-answers",
    "a server answers the golden samples otherwise than ONNX Runtime did",
    "A package was right when it was written; what the server makes of it is another thing.",
)
OTHER_VERSIONS = Rule(
    "serve/other-versions",
    "a server serves none of the versions in a package",
    "The golden samples belong to versions; without one that is served nothing is proved.",
)

Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]
_Ask: TypeAlias = Callable[[Mapping[str, Tensor]], "Arrays | Failed"]

_SECONDS = 120.0
_COMPARED = ("see whether the package is as it was written: `archc deploy --check DIR`",)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One version of a package, asked by one way.

    Attributes:
        way: `HTTP`, `HTTP in JSON`, `gRPC`, or `pictures over HTTP`.
        version: the version's number.
        outputs: how far each output is from its answer.
    """

    way: str
    version: int
    outputs: tuple[OutputDifference, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: at least one comparison, all within their tolerance."""

    comparisons: tuple[Comparison, ...]

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways by which the server was asked."""
        return tuple(dict.fromkeys(one.way for one in self.comparisons))

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that answered."""
        return tuple(dict.fromkeys(one.version for one in self.comparisons))

    @property
    def worst(self) -> float:
        """The largest difference, as a share of the largest answer of its output."""
        return max(output.relative for one in self.comparisons for output in one.outputs)


def prove(package: Path, running: RunningServer, reporter: Reporter) -> Proof | Failed:
    """The proof that a server gives the golden answers of a package.

    gRPC is asked where its library is installed, and encoded pictures where the package takes them.

    Reports: deploy/no-package, serve/other-answers, serve/other-versions, serve/no-answer, and what
        reading the answers and calling the server report.
    """
    manifest = read_manifest(package, reporter)
    if isinstance(manifest, Failed):
        return FAILED
    served = _served_versions(manifest, running, reporter)
    if isinstance(served, Failed):
        return FAILED
    found: list[Comparison] = []
    for version in served:
        asked = _prove_version(package, manifest, version, running, reporter)
        if isinstance(asked, Failed):
            return FAILED
        found.extend(asked)
    return Proof(tuple(found))


def _served_versions(
    manifest: Manifest, running: RunningServer, reporter: Reporter
) -> tuple[Version, ...] | Failed:
    client = _connect(running.http, reporter)
    if isinstance(client, Failed):
        return FAILED
    with client:
        info: ModelInfo | Failed = client.metadata(manifest.name, reporter)
    if isinstance(info, Failed):
        return FAILED
    if running.layout != "triton":  # MLServer serves one model, whatever it says of versions
        return manifest.versions[-1:]
    served = tuple(v for v in manifest.versions if str(v.number) in info.versions)
    if served:
        return served
    return reporter.error(
        OTHER_VERSIONS,
        f"the server serves none of the versions of `{shown(manifest.name)}`",
        file_place(running.http),
        notes=(
            f"it serves {listed(list(info.versions)) or 'none'}; the package has "
            f"{listed([str(version.number) for version in manifest.versions])}",
        ),
        helps=("write the package anew, with every version served: `--all-versions`",),
    )


def _prove_version(
    package: Path, manifest: Manifest, version: Version, running: RunningServer, reporter: Reporter
) -> list[Comparison] | Failed:
    path = package / version.golden
    inputs = [entry.name for entry in manifest.inputs]
    outputs = [entry.name for entry in manifest.outputs]
    known = read_answers(path, {*inputs, *outputs}, reporter)
    if isinstance(known, Failed):
        return FAILED
    feeds = {name: known.arrays[name] for name in inputs}
    expected = {name: known.arrays[name] for name in outputs}
    found: list[Comparison] = []
    for way, feed, ask in _ways(package, manifest, version, feeds, running, reporter):
        answers = _in_batches(feed, ask, manifest.max_batch_size)
        if isinstance(answers, Failed):
            return FAILED
        compared = _compare(way, version, expected, answers, path, reporter)
        if isinstance(compared, Failed):
            return FAILED
        found.append(compared)
    return found


def _ways(
    package: Path,
    manifest: Manifest,
    version: Version,
    feeds: Arrays,
    running: RunningServer,
    reporter: Reporter,
) -> Iterator[tuple[str, Mapping[str, Tensor], _Ask]]:
    """Each way to ask, with what is sent."""
    names = [entry.name for entry in manifest.outputs]
    number = str(version.number)

    def asking(address: str, model: str, version: str | None) -> _Ask:
        def ask(inputs: Mapping[str, Tensor]) -> Arrays | Failed:
            client = _connect(address, reporter)
            if isinstance(client, Failed):
                return FAILED
            with client:
                return client.infer(model, inputs, reporter, outputs=names, version=version)

        return ask

    def ask_in_json(inputs: Mapping[str, Tensor]) -> Arrays | Failed:
        arrays = {name: np.asarray(tensor) for name, tensor in inputs.items()}
        return infer_by_json(running.http, manifest.name, arrays, reporter)

    if running.layout == "triton":
        yield "HTTP", feeds, asking(running.http, manifest.name, number)
    else:
        yield "HTTP in JSON", feeds, ask_in_json
    if find_spec("tritonclient") is not None and find_spec("grpc") is not None:
        wanted = number if running.layout == "triton" else None
        yield "gRPC", feeds, asking(running.grpc, manifest.name, wanted)
    is_latest = version is manifest.versions[-1]
    if manifest.ensemble is not None and is_latest and running.layout == "triton":
        pictures = [(package / picture).read_bytes() for picture in manifest.pictures]
        if pictures:
            ask = asking(running.http, manifest.ensemble, None)
            yield "pictures over HTTP", {"picture": pictures}, ask


def _connect(address: str, reporter: Reporter) -> Client | Failed:
    parsed = parse_address(address, reporter)
    if isinstance(parsed, Failed):
        return FAILED
    return connect(parsed.server, reporter, seconds=_SECONDS)


def _in_batches(feeds: Mapping[str, Tensor], ask: _Ask, most: int) -> Arrays | Failed:
    """The answers to a batch, put in pieces that the server takes."""
    length = min(len(tensor) for tensor in feeds.values())
    step = most or length
    pieces: list[Arrays] = []
    for start in range(0, length, step):
        answer = ask({name: tensor[start : start + step] for name, tensor in feeds.items()})
        if isinstance(answer, Failed):
            return FAILED
        pieces.append(answer)
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _compare(
    way: str, version: Version, expected: Arrays, answers: Arrays, path: Path, reporter: Reporter
) -> Comparison | Failed:
    place = file_place(str(path))
    outputs: list[OutputDifference] = []
    for name, answer in expected.items():
        if name not in answers:
            message = f"the server gives no `{shown(name)}` ({way}, version {version.number})"
            return reporter.error(OTHER_ANSWERS, message, place, helps=_COMPARED)
        found = difference(
            name, answer, answers[name], place, reporter, tolerance=version.tolerance
        )
        if isinstance(found, Failed):
            return FAILED
        if not found.is_close:
            return reporter.error(
                OTHER_ANSWERS,
                f"the server's `{shown(name)}` is not the golden one ({way}, version "
                f"{version.number})",
                place,
                notes=(
                    f"the worst difference is {found.worst:.3g} at {list(found.where)}; "
                    f"{found.tolerance:.3g} is allowed, and the largest answer is "
                    f"{found.largest:.4g}",
                ),
                helps=_COMPARED,
            )
        outputs.append(found)
    return Comparison(way, version.number, tuple(outputs))
