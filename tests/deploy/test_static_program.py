"""Programs that need no libraries, told by their headers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.deploy.static_program import program_architecture
from archc.diagnostics.reporter import Failed, Reporter
from tests.deploy.elf_files import write_program
from tests.unit.runtime.reporting import only


@pytest.mark.parametrize(("machine", "name"), [(62, "amd64"), (183, "arm64")])
def test_a_static_program_says_what_it_is_for(machine: int, name: str, tmp_path: Path) -> None:
    program = write_program(tmp_path / "busybox", machine=machine)
    assert program_architecture(program, Reporter()) == name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kinds": (1, 3)}, "it needs a dynamic linker"),
        ({"machine": 40}, "it is no program for amd64 or arm64"),
        ({"kinds": ()}, "its program headers are damaged"),
        ({"kinds": (1,) * 65}, "its program headers are damaged"),
    ],
)
def test_another_program_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    reporter = Reporter()
    program = write_program(tmp_path / "busybox", **changes)
    assert isinstance(program_architecture(program, reporter), Failed)
    assert only(reporter).notes == (reason,)


@given(st.binary(max_size=200), st.integers(0, 120))
def test_damaged_programs_are_refused_and_never_break(junk: bytes, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_program(Path(folder) / "busybox")
        path.write_bytes(path.read_bytes()[:cut] + junk)
        found = program_architecture(path, Reporter())
        assert isinstance(found, Failed) or found in {"amd64", "arm64"}


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    reporter = Reporter()
    assert isinstance(program_architecture(tmp_path / "busybox", reporter), Failed)
    assert only(reporter).notes == ("it cannot be read: no such file or directory",)
