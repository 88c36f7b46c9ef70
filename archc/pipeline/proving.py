"""Proving: a package's golden samples put to the server that it was written for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archc.deploy.manifest import MANIFEST, Manifest, format_manifest, read_manifest
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.atomic import NewFile
from archc.weights.checkpoint import file_place

NO_PROOF = Rule(
    "deploy/no-proof",
    "a package is to be proved where its server cannot run",
    "A proof is the server's own answer; nothing else stands for it.",
)

_ENGINES = {"triton": "auto", "kserve": "auto", "mlserver": "mlserver"}


@dataclass(frozen=True, slots=True)
class ProvedPackage:
    """What gave the golden answers, and its largest difference over the largest answer."""

    title: str
    worst: float


def prove_package(
    folder: Path, reporter: Reporter, *, say: Callable[[str], None] = lambda _: None
) -> ProvedPackage | Failed:
    """What gave a package's golden answers, which its manifest then records.

    Packages for Triton, KServe and MLServer are served by a real server on this machine, those for
    OpenVINO are run by its runtime. A page for browsers proves itself at `index.html?golden`.

    Reports: deploy/no-package, deploy/no-proof, and what the server reports.
    """
    manifest = read_manifest(folder, reporter)
    if isinstance(manifest, Failed):
        return FAILED
    if manifest.target == "openvino" or manifest.release == "openvino":
        proved = _prove_in_openvino(folder, manifest, reporter)
    elif manifest.target in _ENGINES:
        proved = _prove_on_server(folder, manifest, reporter, say)
    else:
        proved = reporter.error(
            NO_PROOF,
            f"a package for `{manifest.target}` is proved where it runs",
            file_place(str(folder)),
            helps=("open `index.html?golden` in a browser: the page compares the golden answers",),
        )
    if isinstance(proved, ProvedPackage):
        _record(folder, manifest, proved.title)
    return proved


def _prove_on_server(
    folder: Path, manifest: Manifest, reporter: Reporter, say: Callable[[str], None]
) -> ProvedPackage | Failed:
    from archc.serving.proof import prove
    from archc.serving.start import start_server

    engine = _ENGINES[manifest.target]
    running = start_server(folder, reporter, engine=engine, say=say)
    if isinstance(running, Failed):
        return FAILED
    with running:
        proof = prove(folder, running, reporter)
    return FAILED if isinstance(proof, Failed) else ProvedPackage(running.title, proof.worst)


def _prove_in_openvino(
    folder: Path, manifest: Manifest, reporter: Reporter
) -> ProvedPackage | Failed:
    from archc.deploy.openvino_proof import openvino_version, prove_openvino

    try:
        title = f"OpenVINO {openvino_version()}"
        proof = prove_openvino(folder, manifest, reporter)
    except ImportError:
        return reporter.error(
            NO_PROOF,
            "OpenVINO is not installed here",
            file_place(str(folder)),
            helps=("install it: `pip install openvino`",),
        )
    if isinstance(proof, Failed):
        return FAILED
    return ProvedPackage(title, max(d.relative for found in proof.values() for d in found))


def _record(folder: Path, manifest: Manifest, title: str) -> None:
    if title in manifest.proved_on:
        return
    known = manifest.model_copy(update={"proved_on": (*manifest.proved_on, title)})
    with NewFile(folder / MANIFEST) as new:
        new.file.write(format_manifest(known).encode())
        new.keep()
