"""Installing packages into an environment with `venv` and pip, and what their failures mean."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archc.weights.shown import shown

_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off")
_STEP = re.compile(r"\s*(?:Downloading|Using cached|Building wheel|Installing collected)")
_KEPT_LINES = 400
_SHOWN_LINES = 4

# What pip and venv say, and what to do about it.
_CAUSES = (
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        "the disk is full: name a folder on another one with `--environment DIR`",
    ),
    (
        re.compile(r"ensurepip is not available|No module named (?:ensurepip|venv|pip)"),
        "this Python lacks `venv` or pip: on Debian and Ubuntu install `python3-venv`",
    ),
    (
        re.compile(
            r"NewConnectionError|ConnectTimeout|ReadTimeout|name resolution|ProxyError|"
            r"Max retries exceeded|SSLError|Network is unreachable"
        ),
        "pip reaches no package index: see `pip config list`, `PIP_INDEX_URL` and `HTTPS_PROXY`",
    ),
    (
        re.compile(r"No matching distribution found|Could not find a version"),
        "the package index has no such package for this Python: see `pip config list`",
    ),
    (
        re.compile(r"THESE PACKAGES DO NOT MATCH THE HASHES|hash"),
        "a download was damaged: `pip cache purge`, then try again",
    ),
)


class InstallationError(Exception):
    """Nothing usable was installed."""

    def __init__(self, notes: tuple[str, ...], helps: tuple[str, ...]) -> None:
        super().__init__(*notes)
        self.notes = notes
        self.helps = helps


def installed_python(folder: Path) -> Path:
    """The Python of an environment."""
    return folder / "bin" / "python"


def create_environment(
    folder: Path,
    program: Path,
    requirements: Sequence[str],
    alone: Sequence[str],
    say: Callable[[str], None],
    held: int,
) -> None:
    """Makes a virtual environment in a folder and installs into it.

    Args:
        folder: the environment's folder.
        program: the Python that it is made of.
        requirements: what pip installs, with what that needs.
        alone: what pip installs without what it asks for.
        say: told what is done.
        held: a file that the programs keep open as long as they run: a lock on the folder.

    Raises:
        InstallationError: `venv` or pip failed.
        OSError: a program cannot be started.
    """
    # Making pip is most of the work.
    bare = () if requirements or alone else ("--without-pip",)
    _run([str(program), "-I", "-m", "venv", *bare, str(folder)], "python -m venv", say, held)
    pip = (str(installed_python(folder)), "-I", *_PIP)
    if requirements:
        _run([*pip, *requirements], "pip install", say, held)
    if alone:
        _run([*pip, "--no-deps", *alone], "pip install", say, held)


def _run(command: Sequence[str], name: str, say: Callable[[str], None], held: int) -> None:
    lines: list[str] = []
    with _started(command, held) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            lines = [*lines[-_KEPT_LINES:], line]
            if _STEP.match(line):
                say(f"  {shown(line.strip())}")
        status = process.wait()
    if status:
        raise InstallationError(
            (f"`{name}` ended with status {status}", *_telling(lines)), _helps("\n".join(lines))
        )


@contextmanager
def _started(command: Sequence[str], held: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which ends with this block however it is left."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    # A cancelled pip must not ask, and must not install beside the environment.
    environment |= {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=(held,),
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def _telling(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines of a failed run that tell why: its errors, else its last ones."""
    errors = [line for line in lines if re.match(r"\s*(?:ERROR|Error)", line)]
    chosen = errors or [line for line in lines if line.strip()]
    return tuple(shown(line.strip()) for line in chosen[-_SHOWN_LINES:])


def _helps(text: str) -> tuple[str, ...]:
    return tuple(help_ for pattern, help_ in _CAUSES if pattern.search(text))[:1]
