"""Servers found on a machine, started, waited for and ended; programs of ours stand in for them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from archc.diagnostics.reporter import Failed, Reporter
from archc.serving import interpreter, server
from archc.serving.addresses import Ports, choose_addresses
from archc.serving.container import IMAGE
from archc.serving.engines import ENGINES, Chosen, choose_engine
from archc.serving.process import ServerProcess, group_members
from archc.serving.readiness import wait_until_ready
from archc.serving.server import RunningServer, ServerOptions, start_repository

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# It keeps its arguments, and listens as Triton does; `FAKE` says what is wrong with it.
PROGRAM = """#!{python}
import http.server, json, os, socket, sys, threading, time
with open({arguments!r}, "a") as file:
    file.write(json.dumps(sys.argv) + chr(10))
fake = os.environ.get("FAKE", "")
words = sys.argv[1:]
if words[:1] in (["info"], ["pull"], ["image"], ["rm"]):
    sys.exit(words[0] in os.environ.get("FAILS", "").split())
options = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
ports = [int(options[name + "-port"]) for name in ("http", "grpc", "metrics")]
if fake == "port" and not os.path.exists({arguments!r} + ".second"):
    open({arguments!r} + ".second", "w").close()
    print("E1121 1:1 1 a.cc:1] \\"Socket '127.0.0.1:%d' already in use\\"" % ports[0], flush=True)
    sys.exit(1)
if fake == "dies":
    print("error: creating server: it will not", flush=True)
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if fake == "unready" else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
held = [socket.create_server(("127.0.0.1", port)) for port in ports[1:]]
http.server.ThreadingHTTPServer(("127.0.0.1", ports[0]), Handler).serve_forever()
"""

Calls: TypeAlias = Callable[[], list[list[str]]]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Calls]:
    """Puts a program of this name on an otherwise empty path; gives what it was called with."""
    programs = tmp_path / "triton" / "bin"
    programs.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(programs))
    # A machine on which nothing can be installed: what is tested here is what is found.
    monkeypatch.setattr(interpreter, "_probe", lambda program: f"`{program}` does not run")

    def put(name: str) -> Calls:
        arguments = tmp_path / f"{name}.calls"
        file = programs / name
        text = PROGRAM.format(python=sys.executable, arguments=str(arguments))
        file.write_text(text)
        file.chmod(0o755)
        return lambda: [json.loads(line)[1:] for line in arguments.read_text().splitlines()]

    return put


@pytest.fixture
def triton(machine: Callable[[str], Calls], tmp_path: Path) -> Calls:
    """A machine that has a Triton with a backend for ONNX."""
    backend = tmp_path / "triton" / "backends" / "onnxruntime"
    backend.mkdir(parents=True)
    (backend / "libtriton_onnxruntime.so").touch()
    return machine("tritonserver")


def chosen(name: str) -> Chosen | Reporter:
    reporter = Reporter()
    found = choose_engine(name, None, lambda _: None, reporter)
    return reporter if isinstance(found, Failed) else found


def started(
    name: str, repository: Path, options: ServerOptions | None = None
) -> RunningServer | Reporter:
    found = chosen(name)
    assert isinstance(found, Chosen), found.diagnostics
    reporter = Reporter()
    running = start_repository(
        found, repository, ["digits"], options or ServerOptions(), lambda _: None, reporter
    )
    return reporter if isinstance(running, Failed) else running


@pytest.mark.parametrize("name", ["auto", "tritonserver"])
def test_a_triton_on_the_path_is_started_with_loopback_alone(
    triton: Calls, tmp_path: Path, name: str
) -> None:
    running = started(name, tmp_path)
    assert isinstance(running, RunningServer), running.diagnostics
    with running:
        group, folder = running.group, running.folder
        assert list(group_members(group)) != []
    assert list(group_members(group)) == []
    assert not folder.exists()
    (call,) = triton()
    assert f"--model-repository={tmp_path}" in call
    assert "--disable-auto-complete-config" in call
    addresses = [word for word in call if "-address=" in word]
    assert addresses == [f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")]


def test_a_triton_without_a_backend_for_onnx_is_not_taken(
    machine: Callable[[str], Calls],
) -> None:
    machine("tritonserver")
    found = chosen("tritonserver")
    assert isinstance(found, Reporter)
    (diagnostic,) = found.diagnostics
    assert diagnostic.rule.slug == "serve/engine-not-here"
    assert "libtriton_onnxruntime.so" in diagnostic.notes[0]


def test_where_nothing_runs_each_is_said_why(machine: Callable[[str], Calls]) -> None:
    found = chosen("auto")
    assert isinstance(found, Reporter)
    (diagnostic,) = found.diagnostics
    assert diagnostic.rule.slug == "serve/no-server"
    assert [note.split("`")[1] for note in diagnostic.notes] == list(ENGINES)


def test_a_server_that_ends_is_told_at_once_with_its_reason(
    triton: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "dies")
    log = tmp_path / "kept.log"
    failed = started("tritonserver", tmp_path, ServerOptions(seconds=3600, log=log))
    assert isinstance(failed, Reporter)
    (diagnostic,) = failed.diagnostics
    assert diagnostic.rule.slug == "serve/ended"
    assert diagnostic.message.endswith("ended with status 3")
    assert diagnostic.notes == ("creating server: it will not",)
    assert log.read_text() == "error: creating server: it will not\n"


def test_a_server_that_does_not_get_ready_is_ended(
    triton: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "unready")
    groups: list[int] = []
    wait = wait_until_ready

    def noting(process: ServerProcess, *rest: object) -> tuple[str, ...]:
        groups.append(process.number)
        return wait(process, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(server, "wait_until_ready", noting)
    failed = started("tritonserver", tmp_path, ServerOptions(seconds=0.5))
    assert isinstance(failed, Reporter)
    assert [d.rule.slug for d in failed.diagnostics] == ["serve/not-ready"]
    assert "`digits`" in failed.diagnostics[0].message
    assert list(group_members(groups[0])) == []


def test_a_free_port_that_was_taken_meanwhile_is_replaced(
    triton: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "port")
    running = started("tritonserver", tmp_path)
    assert isinstance(running, RunningServer), running.diagnostics
    running.stop()
    assert len(triton()) == 2


def test_a_host_that_is_not_here_is_told(triton: Calls, tmp_path: Path) -> None:
    failed = started("tritonserver", tmp_path, ServerOptions(host="192.0.2.1"))
    assert isinstance(failed, Reporter)
    assert [d.rule.slug for d in failed.diagnostics] == ["serve/host"]


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_container_is_reached_from_this_machine_alone(
    machine: Callable[[str], Calls], tmp_path: Path, engine: str
) -> None:
    calls = machine(engine)
    options = ServerOptions(ports=Ports(*choose_addresses("127.0.0.1", Ports())[1:]))
    running = started("auto", tmp_path, options)
    assert isinstance(running, RunningServer), running.diagnostics
    running.stop()
    *_, run, remove = calls()
    assert run[:2] == ["run", "--rm"]
    assert f"--volume={tmp_path}:/models:ro" in run
    ports = [f"--publish=127.0.0.1:{port}:{port}" for port in options.ports]
    assert [word for word in run if word.startswith("--publish")] == ports
    image = run.index(IMAGE)
    assert run[image + 1] == "tritonserver"
    assert "--model-repository=/models" in run[image:]
    name = next(word.partition("=")[2] for word in run if word.startswith("--name="))
    assert remove == ["rm", "--force", name]


def test_an_engine_without_the_image_is_not_taken_unasked(
    machine: Callable[[str], Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = machine("docker")
    monkeypatch.setenv("FAILS", "image")
    found = chosen("auto")
    assert isinstance(found, Reporter)
    assert f"`docker`: it lacks the image: `docker pull {IMAGE}`" in found.diagnostics[0].notes
    assert isinstance(chosen("docker"), Chosen)  # asked for, it fetches
    assert calls()[-1] == ["pull", "--quiet", IMAGE]
    monkeypatch.setenv("FAILS", "image pull")
    failed = chosen("docker")
    assert isinstance(failed, Reporter)
    assert [d.rule.slug for d in failed.diagnostics] == ["serve/no-image"]


def test_an_engine_whose_daemon_is_silent_is_not_taken(
    machine: Callable[[str], Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("docker")
    monkeypatch.setenv("FAILS", "info")
    found = chosen("docker")
    assert isinstance(found, Reporter)
    assert "daemon does not answer" in found.diagnostics[0].notes[0]


def test_the_backend_for_triton_needs_nothing_of_archc() -> None:
    import ast
    from importlib import resources

    source = (resources.files("archc.serving") / "backend" / "triton_backend.py").read_text()
    tree = ast.parse(source, feature_version=(3, 10))
    modules = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    own = {"__future__", "json", "pathlib", "typing"}
    assert modules == own | {"numpy", "onnxruntime", "triton_python_backend_utils"}
