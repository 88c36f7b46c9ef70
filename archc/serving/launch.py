"""How a kind of server is started: what every engine gives to the launcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.addresses import Addresses
from archc.serving.environment import Say

LayoutName: TypeAlias = Literal["triton", "mlserver"]
"""The form of the repository that a server is started with: Triton's or MLServer's."""


class Launch(NamedTuple):
    """A server ready to be started.

    Attributes:
        command: the program and its arguments.
        environment: additions to the environment.
        tidy: removes what the server may leave when it is ended by force.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    tidy: Callable[[], None]


class Prepared(NamedTuple):
    """A server that is installed.

    Attributes:
        title: what it is called in messages.
        launch: how it is started, for a repository, addresses, and a folder for its own files.
    """

    title: str
    launch: Callable[[Path, Addresses, Path], Launch]


class Engine(Protocol):
    """A kind of server."""

    @property
    def name(self) -> str:
        """What `--engine` calls it."""

    @property
    def layout(self) -> LayoutName:
        """The repository that it is started with."""

    def obstacle(self) -> str | None:
        """Why it cannot be taken on this machine; None where nothing is in the way."""

    def prepare(self, environment: Path | None, say: Say, reporter: Reporter) -> Prepared | Failed:
        """Installs or finds it; `environment` is the folder for what is installed."""


def nothing_to_tidy() -> None:
    """For servers that leave nothing behind."""
