"""MLServer, for machines that Triton does not run on (https://mlserver.readthedocs.io).

Its repository is archc's `mlserver` package; the settings of the server itself are written here,
for the addresses are chosen here.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import final

from typing_extensions import override

from archc.deploy.mlserver import MLSERVER_RELEASE, REQUIREMENTS
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.addresses import Addresses
from archc.serving.environment import Recipe, Say, ensure_environment
from archc.serving.interpreter import NoInterpreterError, find_interpreter
from archc.serving.launch import Engine, Launch, LayoutName, Prepared, nothing_to_tidy

SETTINGS = "settings.json"

_PYTHONS = (3, 9), (3, 12)


@final
class MLServer(Engine):
    """MLServer in an environment of its own."""

    name = "mlserver"
    layout: LayoutName = "mlserver"

    @override
    def obstacle(self) -> str | None:
        try:
            find_interpreter(*_PYTHONS)
        except NoInterpreterError as error:
            return f"no Python that it runs in: {error}"
        return None

    @override
    def prepare(self, environment: Path | None, say: Say, reporter: Reporter) -> Prepared | Failed:
        python = find_interpreter(*_PYTHONS)
        recipe = Recipe("MLServer", REQUIREMENTS, python.program, python.version)
        folder = ensure_environment(recipe, environment, say, reporter)
        if isinstance(folder, Failed):
            return FAILED
        return Prepared(f"MLServer {MLSERVER_RELEASE}", partial(_launch, folder))


def _launch(environment: Path, repository: Path, addresses: Addresses, folder: Path) -> Launch:
    models = folder / "models"
    models.mkdir()
    for entry in repository.iterdir():
        if entry.name != SETTINGS:
            (models / entry.name).symlink_to(entry.resolve())
    (models / SETTINGS).write_text(json.dumps(_settings(repository, addresses)), encoding="utf-8")
    command = (str(environment / "bin" / "mlserver"), "start", str(models))
    changes = {
        "PATH": f"{environment / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Launch(command, changes, nothing_to_tidy)


def _settings(repository: Path, addresses: Addresses) -> dict[str, object]:
    try:
        given = json.loads((repository / SETTINGS).read_bytes())
    except (OSError, ValueError):
        given = {}
    return {
        "parallel_workers": 0,
        **(given if isinstance(given, dict) else {}),
        "host": addresses.host,
        "http_port": addresses.http_port,
        "grpc_port": addresses.grpc_port,
        "metrics_port": addresses.metrics_port,
    }
