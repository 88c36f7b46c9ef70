"""What goes wrong when a server is started, or when it is asked the golden samples."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import numpy as np

from archc.deploy.manifest import Manifest
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.addresses import Addresses, Ports
from archc.serving.container import Container
from archc.serving.engines import Chosen, choose_engine
from archc.serving.environment import Recipe, ensure_environment
from archc.serving.installation import InstallationError
from archc.serving.json_inference import infer_by_json
from archc.serving.launch import Launch, LayoutName, Prepared, nothing_to_tidy
from archc.serving.proof import prove
from archc.serving.repack import repository_for
from archc.serving.server import RunningServer, ServerOptions, start_repository
from tests.rendered.scenarios import Scene, scenario
from tests.rendered.scenarios.calling import answering
from tests.rendered.scenarios.colours import put_package
from tests.serving.client.loopback import Asked, as_json, inference

TITLE = "Triton 2.51.0"
RECIPE = Recipe("Triton", (), Path(sys.executable), (3, 12))
LAUNCH = Launch(("tritonserver",), {}, nothing_to_tidy)

_REFUSED = """\
+---------+---------+--------------------------------------------------+
| Model   | Version | Status                                           |
+---------+---------+--------------------------------------------------+
| colours | 1       | UNAVAILABLE: Invalid argument: model output must |
|         |         | specify 'dims' for colours                       |
+---------+---------+--------------------------------------------------+
error: creating server: Internal - failed to load all models
"""


def _quiet(_: str) -> None:
    """What a command would say meanwhile."""


class _Process:
    """A server's process that is there or has ended, and what it has said."""

    def __init__(self, status: int | None, said: str) -> None:
        self.log = Path("server.log")
        self.number = 1
        self._status, self._said = status, said

    def status(self) -> int | None:
        return self._status

    def tail(self) -> str:
        return self._said

    def stop(self) -> None:
        pass


def _started(
    *, status: int | None = None, said: str = "", options: ServerOptions | None = None
) -> Callable[[Path], Scene]:
    """A server whose process does as it is told, and whose model never gets ready."""

    def scene(_: Path) -> Scene:
        reporter = Reporter()
        chosen = Chosen(Container("docker"), Prepared(TITLE, lambda *_: LAUNCH))
        process = _Process(status, said)
        with (
            patch("archc.serving.server.ServerProcess", return_value=process),
            patch("archc.serving.server.wait_until_ready", return_value=("colours",)),
            patch("archc.serving.server.accepts", return_value=True),
        ):
            given = options or ServerOptions()
            start_repository(chosen, Path("models"), ["colours"], given, _quiet, reporter)
        return reporter.diagnostics

    return scene


scenario("serve/ended")(_started(status=1, said=_REFUSED))
scenario("serve/not-ready")(_started(said='I1121 10:00:00.0 1 server.cc:1] "loading: colours"\n'))
scenario("serve/port-taken")(_started(options=ServerOptions(ports=Ports(http=8000))))
scenario("serve/host", masks=((r"note: can.*", "note: cannot assign requested address"),))(
    _started(options=ServerOptions(host="192.0.2.1"))
)


@scenario("serve/engine-not-here")
def engine_not_here(_: Path) -> Scene:
    """A machine without Podman."""
    reporter = Reporter()
    with patch("archc.serving.container.shutil.which", return_value=None):
        choose_engine("podman", None, _quiet, reporter)
    return reporter.diagnostics


@scenario("serve/no-server")
def no_server(_: Path) -> Scene:
    """A machine on which nothing runs."""
    reporter = Reporter()
    obstacles = {
        "tritonserver": "there is no `tritonserver` on the path",
        "triton": "its package is for Linux on x86-64, and this is macOS on arm64",
        "docker": "there is no `docker` on the path",
    }
    engines = [MagicMock(**{"obstacle.return_value": why}) for why in obstacles.values()]
    for engine, name in zip(engines, obstacles, strict=True):
        engine.name = name
    with patch("archc.serving.engines._ENGINES", engines):
        choose_engine("auto", None, _quiet, reporter)
    return reporter.diagnostics


@scenario("serve/no-image")
def no_image(_: Path) -> Scene:
    """A container engine without the server's image, and without a network."""
    said = b'Error response from daemon: Get "https://nvcr.io/v2/": dial tcp: no route to host\n'
    ran = subprocess.CompletedProcess([], 1, b"", said)
    reporter = Reporter()
    with patch("archc.serving.container.subprocess.run", return_value=ran):
        Container("docker").prepare(None, _quiet, reporter)
    return reporter.diagnostics


@scenario("serve/not-an-environment")
def not_an_environment(folder: Path) -> Scene:
    """A folder of somebody's in the place of the environment."""
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter_1.tex").touch()
    reporter = Reporter()
    ensure_environment(RECIPE, Path("thesis"), _quiet, reporter)
    return reporter.diagnostics


@scenario("serve/not-installed")
def not_installed(_: Path) -> Scene:
    """A machine that reaches no package index."""
    error = InstallationError(
        ("`pip install` ended with status 1", "ERROR: No matching distribution found for tritony"),
        ("pip reaches no package index: see `pip config list`, `PIP_INDEX_URL` and `HTTPS_PROXY`",),
    )
    reporter = Reporter()
    with patch("archc.serving.environment.create_environment", side_effect=error):
        ensure_environment(RECIPE, Path("environment"), _quiet, reporter)
    return reporter.diagnostics


@scenario("serve/unreadable-package")
def unreadable_package(folder: Path) -> Scene:
    """A package that lost its labels."""
    manifest = put_package(folder)
    (folder / "package" / (manifest.labels or "")).unlink()
    reporter = Reporter()
    with ExitStack() as resources:
        repository_for(Path("package"), manifest, "mlserver", resources, reporter)
    return reporter.diagnostics


@scenario("serve/no-answer")
def no_answer(_: Path) -> Scene:
    """A server that refuses a request in JSON."""
    answer = MagicMock(status=400, **{"read.return_value": b'{"error": "Model colours is gone"}'})
    connection = MagicMock(**{"getresponse.return_value": answer})
    reporter = Reporter()
    pixels = {"image": np.zeros((1, 8, 8, 3), np.uint8)}
    with patch("http.client.HTTPConnection", return_value=connection):
        infer_by_json("http://127.0.0.1:8080", "colours", pixels, reporter)
    return reporter.diagnostics


def _running(layout: LayoutName = "triton") -> RunningServer:
    process: Any = _Process(None, "")
    addresses = Addresses("127.0.0.1", 8000, 8001, 8002)
    return RunningServer(TITLE, layout, addresses, Path("run"), process, LAUNCH)


def _proved(folder: Path, *, versions: list[str], scores: float) -> Scene:
    """A package put to a server with these versions, which gives this number for each class."""
    manifest = put_package(folder)

    def served(asked: Asked) -> object:
        if not asked.path.endswith("/infer"):
            return as_json(_metadata(manifest, versions))
        return inference({"scores": np.full((len(asked.tensor()), 3), scores, np.float32)})

    reporter = Reporter()
    with answering(served):
        assert isinstance(prove(Path("package"), _running(), reporter), Failed)
    return reporter.diagnostics


def _metadata(manifest: Manifest, versions: list[str]) -> dict[str, object]:
    image = {"name": "image", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}
    scores = {"name": "scores", "datatype": "FP32", "shape": [-1, 3]}
    return {
        "name": manifest.name, "versions": versions, "inputs": [image], "outputs": [scores],
    }  # fmt: skip


_DIFFERENCE = (
    r"is \S+ at (.*); \S+ is allowed, and the largest answer is \S+",
    r"is 0.5 at \1; 5e-05 is allowed, and the largest answer is 0.5",
)


@scenario("serve/other-answers", masks=(_DIFFERENCE,))
def other_answers(folder: Path) -> Scene:
    """A server that gives zeros."""
    return _proved(folder, versions=["1"], scores=0.0)


@scenario("serve/other-versions")
def other_versions(folder: Path) -> Scene:
    """A server with other versions than the package."""
    return _proved(folder, versions=["7"], scores=0.0)
