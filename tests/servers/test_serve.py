"""`archc serve` as a process: what it prints works, and when it ends nothing is left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import archc
from archc.deploy.package import Package
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.engines import Chosen
from archc.serving.process import group_members
from archc.serving.proof import Proof, prove
from archc.serving.server import RunningServer, ServerOptions
from archc.serving.start import serve_package, start_server
from tests.deploy.packing import DIGITS, HELD_OUT, packed
from tests.servers.conftest import MLSERVER, TRITON, client_of

SOURCE = Path(archc.__file__).resolve().parent.parent
# What starts the tests may have told its children to pass over interruptions.
CODE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from archc.cli.main import script; script()"
)
COMMAND = [sys.executable, "-c", CODE, "serve"]
PATIENCE_SECONDS = 120
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Serving:
    """A running `archc serve`, the lines that it has printed, and its temporary folder."""

    process: subprocess.Popen[str]
    lines: list[str]
    folder: Path

    def printed(self, word: str) -> str:
        """What stands behind a word that begins a line."""
        return next(line.split(maxsplit=1)[1] for line in self.lines if line.split()[0] == word)

    def descendants(self) -> list[int]:
        """The processes that have the temporary folder in their environment or command."""
        return list(processes_of(self.folder))


def processes_of(folder: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            texts = [(entry / name).read_bytes() for name in ("environ", "cmdline")]
            state = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX" and any(os.fsencode(folder) in text for text in texts):
            yield int(entry.name)


def shared_memory() -> set[str]:
    return {path.name for path in SHARED_MEMORY.glob("archc_*")}


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def serving(folder: Path, *arguments: str | Path) -> Iterator[Serving]:
    """`archc serve` once it has printed all its lines; it is killed if it is still there."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment,
    )  # fmt: skip
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("note: Ctrl-C"):
                break
        yield Serving(process, lines, folder)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ran(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False,
        timeout=PATIENCE_SECONDS, env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip


def by_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line as it was printed, with this Python and this archc as `python` and `archc`."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, command in (("python", ""), ("archc", " -m archc.cli.main")):
        file = programs / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}"{command} "$@"\n')
        file.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, text=True, check=False, cwd=folder,
        timeout=PATIENCE_SECONDS, env={**os.environ, "PATH": path, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip


@pytest.mark.triton
def test_what_is_printed_works(triton: Chosen, digits: Package, tmp_path: Path) -> None:
    before = shared_memory()
    options = ("--engine", "triton", "--environment", TRITON)
    with serving(tmp_path / "run", digits.folder, *options) as served:
        assert "pictures over HTTP" in served.printed("digits:")
        curl = by_shell(served.printed("curl"), tmp_path)
        assert re.search(r'"data":\["[\d.]+:(\d):\1"', curl.stdout), curl
        python = by_shell(served.printed("Python"), tmp_path)
        assert re.search(r"-?\d+\.\d+", python.stdout), python
        call = by_shell(served.printed("archc"), tmp_path)
        assert call.returncode == 0, call
        digit = HELD_OUT[0].name[0]
        assert call.stdout.splitlines()[1].split()[-1] == digit
        assert f':{digit}:{digit}"' in curl.stdout
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(PATIENCE_SECONDS) == 130
        assert served.descendants() == []
        assert list(served.folder.glob("archc-*")) == []
    assert shared_memory() <= before


@pytest.mark.triton
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(
    triton: Chosen, digits: Package, tmp_path: Path, number: signal.Signals
) -> None:
    before = shared_memory()
    options = ("--engine", "triton", "--environment", TRITON)
    with serving(tmp_path / "run", digits.folder, *options) as served:
        assert len(served.descendants()) > 2  # archc, the server, and its Python processes
        assert shared_memory() - before
        served.process.send_signal(number)
        status = served.process.wait(PATIENCE_SECONDS)
        assert status == (143 if number == signal.SIGTERM else -signal.SIGKILL)
        wait_for(lambda: not served.descendants())
        wait_for(lambda: shared_memory() <= before)


@pytest.mark.triton
def test_a_server_that_is_killed_ends_the_command(
    triton: Chosen, digits: Package, tmp_path: Path
) -> None:
    options = ("--engine", "triton", "--environment", TRITON)
    with serving(tmp_path / "run", digits.folder, *options) as served:
        (server,) = (n for n in served.descendants() if _command(n).endswith("/tritonserver"))
        os.kill(server, signal.SIGKILL)
        assert served.process.stdout is not None
        said = served.process.stdout.read()
        assert served.process.wait(PATIENCE_SECONDS) == 1
        assert "error[serve/ended]" in said
        assert "ended by signal 9" in said
        assert served.descendants() == []


def _command(number: int) -> str:
    return (Path("/proc") / str(number) / "cmdline").read_bytes().split(b"\0")[0].decode()


@pytest.mark.triton
def test_a_spec_is_packed_proved_and_stopped(triton: Chosen) -> None:
    once = ran(
        DIGITS / "digits.yaml", "-w", DIGITS / "lenet5_digits.safetensors", "--once",
        "--engine", "triton", "--environment", TRITON,
    )  # fmt: skip
    assert once.returncode == 0, once
    assert "digits: the golden samples are answered as ONNX Runtime did (HTTP" in once.stdout


@pytest.mark.triton
def test_a_package_that_the_server_refuses_is_told(
    triton: Chosen, digits: Package, tmp_path: Path
) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(digits.folder, folder)
    config = folder / "models" / "digits" / "config.pbtxt"
    config.write_text(config.read_text().replace("dims: [ 10 ]", "dims: [ 11 ]"))
    log = tmp_path / "log"
    once = ran(folder, "--once", "--engine", "triton", "--environment", TRITON, "--log", log)
    assert once.returncode == 1
    assert "error[serve/ended]" in once.stderr
    assert "the output 'logits' is configured with the shape [-1, 11]" in " ".join(
        once.stderr.split()
    )
    assert "failed to load 'digits'" in log.read_text()


@pytest.mark.triton
def test_a_port_that_is_taken_is_told(triton: Chosen, digits: Package) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        once = ran(
            digits.folder, "--once", "--engine", "triton", "--environment", TRITON,
            "--grpc-port", str(port),
        )  # fmt: skip
    assert once.returncode == 1
    assert f"another program listens at port {port} already" in once.stderr


@pytest.mark.triton
def test_stopping_leaves_nothing(triton: Chosen, digits: Package, tmp_path: Path) -> None:
    before = shared_memory()
    server = _served(digits, triton)
    group, folder = server.group, server.folder
    assert len(list(group_members(group))) > 2
    assert shared_memory() - before
    server.stop()
    assert list(group_members(group)) == []
    assert shared_memory() <= before
    assert not folder.exists()
    for port in server.addresses[1:]:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((server.addresses.reached_at, port))


@pytest.mark.triton
def test_a_package_for_another_server_is_packed_anew(triton: Chosen, tmp_path: Path) -> None:
    package = packed("mlserver", tmp_path / "package")
    with _served(package, triton) as server:
        proof = prove(package.folder, server, Reporter())
    assert isinstance(proof, Proof)
    assert proof.ways == ("HTTP", "gRPC")


@pytest.mark.mlserver
@pytest.mark.parametrize("target", ["mlserver", "triton"])
def test_mlserver_answers(mlserver: Chosen, tmp_path: Path, target: str) -> None:
    package = packed(target, tmp_path / "package")
    reporter = Reporter()
    server = start_server(package.folder, reporter, engine="mlserver", environment=MLSERVER)
    assert isinstance(server, RunningServer), reporter.diagnostics
    with server:
        proof = prove(package.folder, server, reporter)
        assert isinstance(proof, Proof), reporter.diagnostics
        assert proof.ways == ("HTTP in JSON", "gRPC")
        with client_of(server, "grpc") as client:
            assert client.is_ready("digits")
    assert list(group_members(server.group)) == []


@pytest.mark.mlserver
def test_what_is_printed_works_with_mlserver(mlserver: Chosen, tmp_path: Path) -> None:
    package = packed("mlserver", tmp_path / "package")
    options = ("--engine", "mlserver", "--environment", MLSERVER)
    with serving(tmp_path / "run", package.folder, *options) as served:
        curl = by_shell(served.printed("curl"), tmp_path)
        assert '"name":"logits"' in curl.stdout.replace(" ", ""), curl
        python = by_shell(served.printed("Python"), tmp_path)
        assert re.search(r"-?\d+\.\d+", python.stdout), python
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_SECONDS) == 143
        assert served.descendants() == []


def _served(package: Package, chosen: Chosen) -> RunningServer:
    reporter = Reporter()
    options = ServerOptions()
    server = serve_package(package.folder, package.manifest, chosen, options, print, reporter)
    assert not isinstance(server, Failed), reporter.diagnostics
    return server
