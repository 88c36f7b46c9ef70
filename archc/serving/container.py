"""Triton in a container, where the machine has an engine whose daemon answers.

The image is many gigabytes, so that `auto` takes an engine only if it has the image already; an
engine that was asked for fetches it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import final

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.addresses import Addresses
from archc.serving.environment import Say
from archc.serving.launch import Engine, Launch, LayoutName, Prepared
from archc.serving.triton_server import server_options
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_IMAGE = Rule(
    "serve/no-image",
    "a container engine cannot fetch the server's image",
    "The server in a container is NVIDIA's image of Triton, which the engine must have or fetch.",
)

IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3"
"""The release that the package `nvidia-pytriton` carries too, so that both serve alike."""

_REPOSITORY = "/models"
_PATIENCE_SECONDS = 20
_STOP_SECONDS = 20


@final
class Container(Engine):
    """Triton in a container of Docker or Podman."""

    layout: LayoutName = "triton"

    def __init__(self, name: str) -> None:
        self._program = name

    @property
    @override
    def name(self) -> str:
        return self._program

    @override
    def obstacle(self) -> str | None:
        if shutil.which(self._program) is None:
            return f"there is no `{self._program}` on the path"
        if not self._succeeds("info"):
            return f"`{self._program} info` fails: its daemon does not answer"
        return None

    def has_image(self) -> bool:
        """Whether the server's image need not be fetched."""
        return self._succeeds("image", "inspect", IMAGE)

    @override
    def prepare(self, environment: Path | None, say: Say, reporter: Reporter) -> Prepared | Failed:
        if not self.has_image():
            say(f"fetching {IMAGE}, many gigabytes (once)")
            ran = subprocess.run(
                [self._program, "pull", "--quiet", IMAGE], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
            if ran.returncode:
                lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
                return reporter.error(
                    NO_IMAGE,
                    f"`{self._program}` cannot fetch `{IMAGE}`",
                    file_place(IMAGE),
                    notes=tuple(shown(line) for line in lines[-2:]),
                    helps=("take the server of the Python package: `--engine triton`",),
                )
        return Prepared(f"Triton in {self._program} ({IMAGE})", self._launch)

    def _launch(self, repository: Path, addresses: Addresses, _folder: Path) -> Launch:
        name = f"archc-{secrets.token_hex(6)}"
        # Within the container the server listens at all addresses; only this machine's are opened.
        inside = addresses._replace(host="0.0.0.0")
        host = f"[{addresses.host}]" if ":" in addresses.host else addresses.host
        command = (
            self._program, "run", "--rm", "--init", f"--name={name}", "--shm-size=256m",
            f"--volume={repository.resolve()}:{_REPOSITORY}:ro",
            *(f"--publish={host}:{port}:{port}" for port in addresses[1:]),
            IMAGE, "tritonserver", *server_options(_REPOSITORY, inside),
        )  # fmt: skip
        return Launch(command, {}, partial(self._remove, name))

    def _remove(self, name: str) -> None:
        """Ends a container whose client was ended by force."""
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [self._program, "rm", "--force", name], stdin=subprocess.DEVNULL,
                capture_output=True, check=False, timeout=_STOP_SECONDS,
            )  # fmt: skip

    def _succeeds(self, *arguments: str) -> bool:
        try:
            ran = subprocess.run(
                [self._program, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                check=False, timeout=_PATIENCE_SECONDS, env=dict(os.environ),
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return False
        # `docker info` of some versions succeeds while it says that no daemon answers.
        return ran.returncode == 0 and b"Cannot connect" not in ran.stderr + ran.stdout
