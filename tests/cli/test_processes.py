"""The command line as a process: streams, signals, and what the shell asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import archc
from tests.cli.conftest import LENET

COMMAND = [sys.executable, "-m", "archc.cli.main"]
ROOT = Path(archc.__file__).resolve().parent.parent
PATIENCE_SECONDS = 120

needs_signals = pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def _ran(*arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], env=_environment(**more), capture_output=True, check=False,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip


def test_exit_statuses_reach_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(LENET.replace("relu", "rellu"), encoding="utf-8")
    assert _ran("validate", "lenet5").returncode == 0
    assert _ran("validate", str(path)).returncode == 1
    assert _ran("vaalidate").returncode == 2


def test_a_model_goes_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(LENET, encoding="utf-8")
    ran = _ran("build", str(path), "-o", "-")
    assert ran.returncode == 0
    assert b"sha256" in ran.stderr
    session = archc.session(ran.stdout)
    assert [entry.name for entry in session.get_inputs()] == ["image"]


@needs_signals
def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "expand", "resnet152"], env=_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == b""


@needs_signals
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    # What starts the tests may have told its children to pass over interruptions.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from archc.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "build", "vgg16", "-o", str(tmp_path / "vgg16.onnx")],
        env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(tmp_path.iterdir()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == status
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_stream_that_lacks_characters_ends_no_command(encoding: str) -> None:
    ran = _ran("summary", "lenet5", PYTHONIOENCODING=encoding)
    assert ran.returncode == 0
    assert ("×" in ran.stdout.decode(encoding)) == (encoding == "utf-8")


def test_the_shell_completes_names_of_specs(tmp_path: Path) -> None:
    ran = _ran(
        _ARCHC_COMPLETE="complete_bash", COMP_WORDS="archc validate resnet1", COMP_CWORD="2"
    )  # fmt: skip
    assert {"resnet18", "resnet101", "resnet152"} <= set(ran.stdout.decode().split())


def test_commands_that_only_look_at_specs_import_no_framework(tmp_path: Path) -> None:
    heavy = {"onnx", "onnxruntime", "numpy", "PIL", "rich", "torch"}
    for arguments in (["validate", "resnet18"], ["summary", "resnet18"], ["list"], ["--help"]):
        code = (
            "import sys; from archc.cli.main import main; "
            f"assert main({arguments!r}) == 0; "
            f"print(sorted({heavy!r} & sys.modules.keys()), file=sys.stderr)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], env=_environment(), capture_output=True, check=False,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert ran.stderr.decode().strip() == "[]", arguments
