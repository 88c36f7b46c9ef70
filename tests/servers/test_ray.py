"""The same job by actors of Ray and by this machine alone: the same bytes come out."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import archc

pytestmark = pytest.mark.ray

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
PICTURES = sorted((DIGITS / "held_out").glob("*.png"))[:200]
MARK = "ARCHC_RAY_TEST"
LISTENING = "0A"
LOOPBACK = {
    "0100007F",
    "00000000000000000000000001000000",
    "0000000000000000FFFF00000100007F",
}
"""127.0.0.1, ::1 and ::ffff:127.0.0.1, as /proc/net/tcp and tcp6 write them."""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    weights = DIGITS / "lenet5_digits.safetensors"
    archc.build(DIGITS / "digits.yaml", path, weights=weights)
    return path


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A word in the environment of all processes of a job, none of which outlives it."""
    word = secrets.token_hex(8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(MARK, word)
    # A cluster that the environment names is not joined unless it is asked for.
    monkeypatch.setenv("RAY_ADDRESS", "ray://192.0.2.1:10001")
    yield word
    end = time.monotonic() + 30
    while left := processes(word):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def start(digits: Path, pictures: str, result: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "archc.cli.main", "score", str(digits), pictures]
    return subprocess.Popen(
        [*command, "-o", result, *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def processes(word: str) -> list[int]:
    """The other processes whose environment has the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # it has ended, or is somebody else's
            continue
        if f"{MARK}={word}".encode() in environment.split(b"\0"):
            found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


def listening(word: str) -> set[str]:
    """The addresses, as the system writes them, where processes with the mark listen."""
    inodes = set()
    for pid in processes(word):
        try:
            links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING and rest[5] in inodes:
                found.add(local.partition(":")[0])
    return found


def test_two_actors_score_as_this_process_does(digits: Path, mark: str) -> None:
    Path("naïve.png").write_bytes(PICTURES[0].read_bytes())
    Path("broken.png").write_text("no picture")
    given = [str(PICTURES[0]), "naïve.png", "broken.png", *map(str, PICTURES[1:])]
    Path("list.txt").write_text("\n".join(given), encoding="utf-8")
    options = ["--batch", "8", "--threads", "1", "--logits"]
    heard: set[str] = set()
    ray = ["--engine", "ray", "--workers", "2"]
    with start(digits, "@list.txt", "ray.parquet", *ray, *options) as running:
        while running.poll() is None:
            heard |= listening(mark)
            time.sleep(0.05)
        out, err = running.communicate()
    assert (running.returncode, out) == (0, "ray.parquet: 202 pictures, 1 broken\n"), err
    with start(digits, "@list.txt", "local.parquet", *options) as running:
        running.communicate()
    assert running.returncode == 0
    rows = pq.read_table("ray.parquet")
    assert rows.equals(pq.read_table("local.parquet"))
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()
    assert [Path(p).name[0] for p in rows["path"].to_pylist()[3:]] == [
        p.name[0] for p in PICTURES[1:]
    ]
    assert rows["error"].null_count == 201
    # Ray runs whatever it is sent: nobody outside may send it anything.
    assert heard
    assert heard <= LOOPBACK


def test_a_layer_by_actors(digits: Path, mark: str) -> None:
    Path("list.txt").write_text("\n".join(map(str, PICTURES)), encoding="utf-8")
    for engine in ("ray", "local"):
        options = ["--features", "act6", "--threads", "1", "--engine", engine]
        with start(digits, "@list.txt", f"{engine}.parquet", *options) as running:
            _, err = running.communicate()
        assert running.returncode == 0, err
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()


def test_what_actors_began_this_process_ends(digits: Path, mark: str) -> None:
    Path("list.txt").write_text("\n".join(map(str, PICTURES * 40)), encoding="utf-8")
    journal = Path("out.parquet.part")
    options = ["--threads", "1"]
    with start(digits, "@list.txt", "out.parquet", *options, "--engine", "ray") as running:
        while running.poll() is None and not (journal.exists() and journal.stat().st_size > 9000):
            time.sleep(0.01)
        assert running.poll() is None, running.communicate()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate()
    assert running.returncode == 130, err
    assert "what was scored is kept" in err
    with start(digits, "@list.txt", "out.parquet", *options) as running:
        _, err = running.communicate()
    assert running.returncode == 0, err
    assert "were scored by a run before this one" in err
    with start(digits, "@list.txt", "whole.parquet", *options) as running:
        running.communicate()
    assert Path("out.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_a_cluster_that_is_there_is_joined(
    digits: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    ray = str(Path(sys.executable).with_name("ray"))
    # Ray puts an outward address in the place of 127.0.0.1, on both sides, unless it is told so.
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # A cluster with a secret of its own, as its users have it in their environment.
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    head = ["start", "--head", "--node-ip-address=127.0.0.1", f"--port={address.split(':')[1]}"]
    more = ["--num-cpus=3", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    Path("list.txt").write_text("\n".join(map(str, PICTURES)), encoding="utf-8")
    with subprocess.Popen(
        [ray, *head, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as node:
        try:
            options = ["--threads", "1", "--engine", "ray", "--address", address]
            wait_for(address, node)
            with start(digits, "@list.txt", "ray.parquet", *options) as running:
                _, err = running.communicate()
            assert running.returncode == 0, err
            assert node.poll() is None
        finally:
            node.terminate()
    with start(digits, "@list.txt", "local.parquet", "--threads", "1") as running:
        running.communicate()
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()


def wait_for(address: str, node: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    while node.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.1)
    raise AssertionError("the cluster has ended")


def test_a_cluster_that_is_not_there_is_said_at_once(digits: Path, mark: str) -> None:
    options = ["--engine", "ray", "--address", "127.0.0.1:1"]
    with start(digits, str(PICTURES[0]), "out.parquet", *options) as running:
        _, err = running.communicate()
    assert running.returncode == 1
    assert "error[score/ray-failed]: Ray cannot score at `127.0.0.1:1`" in err
    assert list(Path().iterdir()) == []
