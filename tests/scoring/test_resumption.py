"""Runs that are cut off in every way, and the runs that go on after them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pyarrow.parquet as pq
import pytest

from tests.scoring.conftest import HELD_OUT, Run, save

OUT, JOURNAL, WHOLE = Path("out.parquet"), Path("out.parquet.part"), Path("whole.parquet")
TIMES = 6
MANY = ["@list.txt", "--batch", "16", "--threads", "1"]

Popen: TypeAlias = subprocess.Popen[str]


def start(model: Path, *more: str, result: Path = OUT, kilobytes: str = "unlimited") -> Popen:
    """The long job in a process of its own, whose files have at most so many kilobytes."""
    command = [sys.executable, "-m", "archc.cli.main", "score", str(model), *more]
    return subprocess.Popen(
        ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "-", *command, "-o", str(result)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def job_folder(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job of some seconds on pictures of our own, and its result."""
    folder = tmp_path_factory.mktemp("job")
    shutil.copytree(HELD_OUT, folder / "in")
    names = sorted(f"in/{path.name}" for path in HELD_OUT.glob("*.png"))
    (folder / "list.txt").write_text("\n".join(names * TIMES), encoding="utf-8")
    with contextlib.chdir(folder), start(digits, *MANY, result=WHOLE) as running:
        out, err = running.communicate()
    assert (running.returncode, err) == (0, ""), err
    assert out == f"whole.parquet: {360 * TIMES:,} pictures, 0 broken\n"
    return folder


@pytest.fixture
def job(job_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The job's folder as the current one, and as it was."""
    monkeypatch.chdir(job_folder)
    yield
    for path in (OUT, JOURNAL):
        path.unlink(missing_ok=True)


def interrupt(running: Popen, number: int) -> str:
    """Ends the job when some batches are in the journal; what it said on standard error."""
    while running.poll() is None and not (JOURNAL.exists() and JOURNAL.stat().st_size > 20_000):
        time.sleep(0.005)
    assert running.poll() is None, running.communicate()
    running.send_signal(number)
    return running.communicate()[1]


ENDS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("number", ENDS)
def test_a_run_that_was_ended_is_gone_on_with(
    digits: Path, run: Run, number: signal.Signals
) -> None:
    with start(digits, *MANY) as running:
        err = interrupt(running, number)
    assert running.returncode == ENDS[number]
    assert ("what was scored is kept" in err) == (number != signal.SIGKILL)
    assert not OUT.exists()
    ran = run("score", digits, *MANY, "-o", OUT)
    assert ran.status == 0
    assert "pictures were scored by a run before this one" in ran.err
    assert not JOURNAL.exists()
    assert OUT.read_bytes() == WHOLE.read_bytes()


@pytest.mark.usefixtures("job")
def test_what_was_scored_is_not_read_again(digits: Path, run: Run) -> None:
    with start(digits, *MANY) as running:
        interrupt(running, signal.SIGKILL)
    first = sorted(Path("in").iterdir())[:32]
    originals = [path.read_bytes() for path in first]
    try:
        for path in first:
            path.write_bytes(b"junk")
        ran = run("score", digits, *MANY, "-o", OUT)
    finally:
        for path, data in zip(first, originals, strict=True):
            path.write_bytes(data)
    assert ran.status == 0
    resumed, whole = pq.read_table(OUT), pq.read_table(WHOLE)
    assert resumed.slice(0, 32).equals(whole.slice(0, 32))
    broken = resumed.num_rows - resumed["error"].null_count
    assert 32 <= broken <= 32 * (TIMES - 1)


@pytest.mark.usefixtures("job")
def test_a_full_disk_loses_nothing(digits: Path, run: Run) -> None:
    OUT.write_text("as it was")
    with start(digits, *MANY, kilobytes="40") as running:
        _, err = running.communicate()
    assert running.returncode == 1
    assert "error[score/not-writable]: `out.parquet` cannot be written" in err
    assert "the same command goes on where this one stopped" in err
    assert OUT.read_text() == "as it was"
    ran = run("score", digits, *MANY, "-o", OUT)
    assert (ran.status, "by a run before" in ran.err) == (0, True)
    assert OUT.read_bytes() == WHOLE.read_bytes()


@pytest.fixture
def unfinished(digits: Path, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a job whose result could not be put in its place."""
    save(here / "in" / "a.png")
    save(here / "in" / "b.png")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("archc.scoring.parquet.write_parquet", full)
        assert run("score", digits, "in", "--top", "2", "-o", OUT).status == 1
    assert JOURNAL.exists()
    return ["in", "--top", "2"]


def test_a_job_that_was_done_but_for_its_result_is_not_done_again(
    digits: Path, run: Run, unfinished: list[str]
) -> None:
    Path("in/a.png").write_bytes(b"junk")
    ran = run("score", digits, *unfinished, "-o", OUT)
    assert ran.status == 0
    assert "note: 2 pictures were scored by a run before this one" in ran.err
    assert ran.out == "out.parquet: 2 pictures, 0 broken\n"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (["in", "--top", "3"], "`top`"),
        (["in", "--top", "2", "--logits"], "`logits`"),
        (["in", "--top", "2", "--batch", "1"], "`batch`"),
        (["in", "--top", "2", "--features", "act6"], "`features`"),
        (["in/a.png", "--top", "2"], "`pictures`"),
    ],
)
def test_another_job_does_not_go_on(
    digits: Path, run: Run, unfinished: list[str], changed: list[str], word: str
) -> None:
    ran = run("score", digits, *changed, "-o", OUT)
    assert ran.status == 1
    assert "error[score/other-job]" in ran.err
    assert word in ran.err
    assert "--restart" in ran.err
    assert not OUT.exists()
    assert run("score", digits, *changed, "-o", OUT, "--restart").status == 0
    assert not JOURNAL.exists()


def test_another_model_does_not_go_on(
    digits: Path, run: Run, unfinished: list[str], here: Path
) -> None:
    other = here / digits.name
    other.write_bytes(digits.read_bytes().replace(b"LeNet-5", b"LeNet-6", 1))
    if other.read_bytes() == digits.read_bytes():
        other.write_bytes(digits.read_bytes()[:-4] + bytes(4))
    ran = run("score", other, *unfinished, "-o", OUT)
    assert ran.status == 1
    assert "with other `model`" in ran.err


def test_two_at_once_are_refused(digits: Path, run: Run, unfinished: list[str]) -> None:
    with JOURNAL.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ran = run("score", digits, *unfinished, "-o", OUT)
    assert ran.status == 1
    assert "error[score/busy]" in ran.err
    assert run("score", digits, *unfinished, "-o", OUT).status == 0


def test_a_file_of_somebody_else_is_not_overwritten(digits: Path, run: Run, here: Path) -> None:
    save(here / "a.png")
    JOURNAL.write_text("a download of a browser")
    for more in ([], ["--restart"]):
        ran = run("score", digits, "a.png", "-o", OUT, *more)
        assert ran.status == 1
        assert "error[score/no-journal]" in ran.err
    assert JOURNAL.read_text() == "a download of a browser"


@pytest.mark.parametrize("place", ["none/out.parquet", "a.png/out.parquet", "in", "x" * 252])
def test_a_place_that_cannot_be_written_is_found_at_once(
    digits: Path, run: Run, here: Path, place: str
) -> None:
    save(here / "a.png")
    (here / "in").mkdir()
    ran = run("score", digits, "a.png", "-o", place if place != "in" else "in.parquet/../in")
    assert ran.status == 1
    assert "error[score/" in ran.err
    assert "Traceback" not in ran.err


def test_a_folder_that_may_not_be_written_into(digits: Path, run: Run, here: Path) -> None:
    save(here / "a.png")
    shut = here / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    # Whoever is root may write there; the system's own folders refuse even that.
    target = shut if os.access(shut, os.W_OK) is False else Path("/proc/self")
    ran = run("score", digits, "a.png", "-o", target / "out.parquet")
    assert ran.status == 1
    assert "error[score/not-writable]" in ran.err
