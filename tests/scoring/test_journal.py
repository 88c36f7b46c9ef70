"""A journal that was cut or damaged anywhere gives what was whole before, and nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.reporter import Failed, Reporter
from archc.scoring.journal import SUFFIX, Job, Journal, open_journal

JOB: Job = {"model": "sha256:0", "batch": 4}
CONTENTS = {0: b"first", 7: b"", 3: b"x" * 300, 4: bytes(40)}


def opened(result: Path) -> Journal:
    reporter = Reporter()
    journal = open_journal(result, JOB, reporter)
    assert not isinstance(journal, Failed), reporter.diagnostics
    return journal


def written(folder: str) -> tuple[Path, Path]:
    result = Path(folder) / "result"
    with opened(result) as journal:
        for number, content in CONTENTS.items():
            journal.add(number, content)
    return result, result.with_name(result.name + SUFFIX)


def check_prefix(result: Path) -> int:
    """How many batches are there: the first ones, as they were written; more can be added."""
    with opened(result) as journal:
        kept = [number for number in CONTENTS if number in journal]
        assert kept == list(CONTENTS)[: journal.found]
        assert [journal.read(number) for number in kept] == [CONTENTS[n] for n in kept]
        journal.add(9, b"more")
    with opened(result) as journal:
        assert journal.read(9) == b"more"
        return journal.found - 1


@given(st.floats(0, 1))
def test_cut_anywhere(share: float) -> None:
    with TemporaryDirectory() as folder:
        result, path = written(folder)
        data = path.read_bytes()
        path.write_bytes(data[: round(share * len(data))])
        assert check_prefix(result) <= len(CONTENTS)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_byte_changed_anywhere_behind_the_job(share: float, change: int) -> None:
    with TemporaryDirectory() as folder:
        result, path = written(folder)
        data = bytearray(path.read_bytes())
        start = data.index(b"}") + 1
        place = start + int(share * (len(data) - start))
        data[place] ^= change
        path.write_bytes(data)
        assert check_prefix(result) < len(CONTENTS)


@given(st.binary(max_size=200), st.integers(0, 100))
def test_bytes_behind_the_end_are_taken_off(rest: bytes, zeros: int) -> None:
    with TemporaryDirectory() as folder:
        result, path = written(folder)
        path.write_bytes(path.read_bytes() + bytes(zeros) + rest)
        assert check_prefix(result) == len(CONTENTS)


def test_another_job_is_refused_and_a_new_start_throws_away(tmp_path: Path) -> None:
    result, _ = written(str(tmp_path))
    reporter = Reporter()
    assert isinstance(open_journal(result, {**JOB, "batch": 5}, reporter), Failed)
    assert "its batch is 4, not 5" in reporter.diagnostics[0].notes
    journal = open_journal(result, JOB, Reporter(), restart=True)
    assert not isinstance(journal, Failed)
    with journal:
        assert journal.found == 0
