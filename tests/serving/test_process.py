"""Servers as processes, with small programs in their place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import archc
from archc.serving import process as module
from archc.serving.process import ServerProcess, group_members

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROOT = Path(archc.__file__).resolve().parent.parent
PATIENCE_SECONDS = 60

# It starts a helper, says so, and waits for both.
WITH_A_HELPER = """
import signal, subprocess, sys, time
if {deaf}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.{child}); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code])
print("started", flush=True)
time.sleep(600)
"""


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _start(code: str, folder: Path) -> ServerProcess:
    started = ServerProcess([sys.executable, "-c", code], {}, folder / "log", folder)
    _wait_for(lambda: "started" in started.tail())
    return started


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("child", ["SIG_DFL", "SIG_IGN"])
def test_the_whole_group_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaf: bool, child: str
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_END", 0.5 if deaf else PATIENCE_SECONDS)
    monkeypatch.setattr(module, "SECONDS_TO_LEAVE", 0.5)
    process = _start(WITH_A_HELPER.format(deaf=deaf, child=child), tmp_path)
    _wait_for(lambda: len(list(group_members(process.number))) == 2)
    process.stop()
    assert list(group_members(process.number)) == []
    assert process.status() == (-signal.SIGKILL if deaf else -signal.SIGTERM)


def test_a_server_may_finish_what_it_does(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('finished', flush=True); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('started', flush=True)\ntime.sleep(600)"
    )
    process = _start(code, tmp_path)
    process.stop()
    assert process.status() == 7
    assert process.tail() == "started\nfinished\n"


def test_stopping_twice_or_after_the_end_is_no_mistake(tmp_path: Path) -> None:
    process = _start("print('started')", tmp_path)
    assert process.wait() == 0
    process.stop()
    process.stop()


def test_an_interruption_while_stopping_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_LEAVE", 0.5)
    process = _start(WITH_A_HELPER.format(deaf=True, child="SIG_IGN"), tmp_path)

    def interrupt(_: float | None = None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_end_in_order", interrupt)
    with pytest.raises(KeyboardInterrupt):
        process.stop()
    assert list(group_members(process.number)) == []


def test_it_has_what_is_added_to_the_environment(tmp_path: Path) -> None:
    code = "import os; print('started', os.environ['ARCHC_TEST'], os.getcwd(), flush=True)"
    log = tmp_path / "log"
    process = ServerProcess([sys.executable, "-c", code], {"ARCHC_TEST": "ü x"}, log, tmp_path)
    assert process.wait() == 0
    assert process.tail().split(maxsplit=1)[1].strip() == f"ü x {tmp_path}"


def test_a_program_that_is_not_there_is_in_the_log(tmp_path: Path) -> None:
    process = ServerProcess(["/no/such/program"], {}, tmp_path / "log", tmp_path)
    assert process.wait() == 1
    assert process.tail() == "cannot start /no/such/program: No such file or directory\n"


def test_it_ends_when_archc_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from archc.serving.process import ServerProcess\n"
        f"log = Path({str(tmp_path / 'log')!r})\n"
        "p = ServerProcess([sys.executable, '-c', 'import time; time.sleep(600)'], {}, log, "
        "log.parent)\nprint(p.number, flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        assert list(group_members(group)) != []
        owner.kill()
        owner.wait()
    _wait_for(lambda: list(group_members(group)) == [])
