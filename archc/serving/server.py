"""Starting a real server for a package, and ending it.

A server counts as started when each model of the package answers that it is ready: a server's own
health says less (MLServer's is good while its models are not there).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.addresses import LOOPBACK, Addresses, Ports, choose_addresses
from archc.serving.causes import Cause, find_cause
from archc.serving.engines import Chosen
from archc.serving.environment import Say
from archc.serving.launch import Launch, LayoutName
from archc.serving.process import ServerProcess
from archc.serving.readiness import accepts, wait_until_ready
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

ENDED = Rule(
    "serve/ended",
    "a server ends while it starts",
    "The notes are the server's own reasons, from its log.",
)
NOT_READY = Rule(
    "serve/not-ready",
    "a server is not ready in time",
    "It runs, but its models do not answer; the notes are the end of its log.",
)
NO_HOST = Rule(
    "serve/host",
    "a server is to listen where this machine has no address",
    "A server listens at an address of this machine; 127.0.0.1 is reached from here alone.",
)
PORT_TAKEN = Rule(
    "serve/port-taken",
    "a server is to listen at a port that is taken",
    "Only one program at a time listens at a port.",
)

SECONDS_TO_START = 180.0
"""How long a server may take until its models are ready, where nothing else is asked for."""

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server is started.

    Attributes:
        host: the address that it listens at.
        ports: its ports.
        usual: whether the usual ports are preferred where none are asked for.
        seconds: how long it may take until its models are ready.
        log: the file for its output; None for one that goes with the server.
    """

    host: str = LOOPBACK
    ports: Ports = field(default_factory=Ports)
    usual: bool = False
    seconds: float = SECONDS_TO_START
    log: Path | None = None


@final
class RunningServer:
    """A server whose models are ready; a context manager, which ends it.

    Attributes:
        title: what it is called in messages.
        layout: the kind of repository that it was started with.
        addresses: where it listens.
        folder: a folder for files of this run, gone when the server has ended.
    """

    def __init__(
        self,
        title: str,
        layout: LayoutName,
        addresses: Addresses,
        folder: Path,
        process: ServerProcess,
        launch: Launch,
    ) -> None:
        self.title = title
        self.layout = layout
        self.addresses = addresses
        self.folder = folder
        self._process = process
        self._launch = launch
        self._resources = ExitStack()

    @property
    def http(self) -> str:
        """The address over HTTP, such as `http://127.0.0.1:8000`."""
        return self.addresses.http

    @property
    def grpc(self) -> str:
        """The address over gRPC, such as `grpc://127.0.0.1:8001`."""
        return self.addresses.grpc

    @property
    def metrics(self) -> str:
        """The address of the metrics in the form of Prometheus."""
        return self.addresses.metrics

    @property
    def log(self) -> Path:
        """The file of its output."""
        return self._process.log

    @property
    def group(self) -> int:
        """The number of its group of processes."""
        return self._process.number

    def status(self) -> int | None:
        """The exit status if it has ended by itself; None while it runs."""
        return self._process.status()

    def wait(self, reporter: Reporter) -> Failed:
        """Waits until it ends by itself, which is reported.

        Reports: serve/ended.
        """
        status = self._process.wait()
        return _report_end(self.title, status, find_cause(self._process.tail()), reporter)

    def hold(self, resources: ExitStack) -> None:
        """Takes over what the server needs, to be closed when it has ended."""
        self._resources = resources

    def stop(self) -> None:
        """Ends it and all that it has started."""
        with self._resources:
            _end(self._process, self._launch, self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_repository(
    chosen: Chosen,
    repository: Path,
    models: Sequence[str],
    options: ServerOptions,
    say: Say,
    reporter: Reporter,
) -> RunningServer | Failed:
    """A server over a repository, when all of these models are ready.

    To be called by a thread that lives as long as the server: on Linux the server is told to end
    when that thread does.

    Reports: serve/ended, serve/not-ready, serve/host, serve/port-taken.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        addresses = _addresses(options, reporter)
        if isinstance(addresses, Failed):
            return FAILED
        # Between the choice of free ports and their use another program may have taken one.
        last = attempt == _ATTEMPTS or options.ports.is_fixed
        started = _start(chosen, repository, models, addresses, options, say)
        if isinstance(started, RunningServer):
            return started
        if last or not started.cause.is_port:
            return started.report(chosen.prepared.title, options, reporter)
    raise AssertionError("the last attempt returns")


def _addresses(options: ServerOptions, reporter: Reporter) -> Addresses | Failed:
    try:
        found = choose_addresses(options.host, options.ports, usual=options.usual)
    except OSError as error:
        return reporter.error(
            NO_HOST,
            f"a server cannot listen at `{shown(options.host)}`",
            file_place(f"--host {options.host}"),
            notes=((error.strerror or str(error)).lower(),),
            helps=("leave out `--host`: 127.0.0.1 is reached from this machine alone",),
        )
    asked = zip(("http", "grpc", "metrics"), options.ports, strict=True)
    for kind, port in asked:
        if port is not None and accepts(found.reached_at, port):
            return reporter.error(
                PORT_TAKEN,
                f"another program listens at port {port} already",
                file_place(f"--{kind}-port {port}"),
                helps=(f"leave out `--{kind}-port`: a free port is taken",),
            )
    return found


@dataclass(frozen=True, slots=True)
class _NotStarted:
    """A server that is not there: how its process ended, if by itself, and why."""

    status: int | None
    cause: Cause
    waiting_for: tuple[str, ...]

    def report(self, title: str, options: ServerOptions, reporter: Reporter) -> Failed:
        if self.status is not None:
            return _report_end(title, self.status, self.cause, reporter)
        helps = (*self.cause.helps, "give it more time: `--wait SECONDS`")
        return reporter.error(
            NOT_READY,
            f"{title} does not serve {listed(list(self.waiting_for))} after "
            f"{options.seconds:.0f} seconds",
            file_place(title),
            notes=self.cause.notes,
            helps=helps,
        )


def _start(
    chosen: Chosen,
    repository: Path,
    models: Sequence[str],
    addresses: Addresses,
    options: ServerOptions,
    say: Say,
) -> RunningServer | _NotStarted:
    title = chosen.prepared.title
    say(f"starting {title}")
    folder = Path(tempfile.mkdtemp(prefix="archc-serve-"))
    try:
        launch = chosen.prepared.launch(repository.absolute(), addresses, folder)
        log = options.log or folder / "server.log"
        process = ServerProcess(launch.command, launch.environment, log.absolute(), folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        waiting = wait_until_ready(process, addresses, models, options.seconds, say)
        if not waiting:
            layout = chosen.engine.layout
            return RunningServer(title, layout, addresses, folder, process, launch)
        failed = _NotStarted(process.status(), find_cause(process.tail()), waiting)
    except BaseException:
        _end(process, launch, folder)
        raise
    _end(process, launch, folder)
    return failed


def _end(process: ServerProcess, launch: Launch, folder: Path) -> None:
    try:
        process.stop()
    finally:
        launch.tidy()
        shutil.rmtree(folder, ignore_errors=True)


def _report_end(title: str, status: int, cause: Cause, reporter: Reporter) -> Failed:
    how = f"with status {status}" if status >= 0 else f"by signal {-status}"
    return reporter.error(
        ENDED,
        f"{title} ended {how}",
        file_place(title),
        notes=cause.notes,
        helps=(*cause.helps, "see all that it says: `--log FILE`"),
    )
