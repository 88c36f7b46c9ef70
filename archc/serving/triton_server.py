"""Triton as a program: one on the path, and the one that the package `nvidia-pytriton` carries.

The package has the server and its Python backend, and none for ONNX; `archc/serving/backend` stands
in for that. Options: docs/user_guide of https://github.com/triton-inference-server/server and
`tritonserver --help`; all three addresses are given, as each is 0.0.0.0 by default.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import sys
from contextlib import suppress
from functools import partial
from importlib import resources
from pathlib import Path
from typing import NamedTuple, final

from typing_extensions import override

from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.addresses import Addresses
from archc.serving.environment import Recipe, Say, ensure_environment
from archc.serving.interpreter import Interpreter, NoInterpreterError, find_interpreter
from archc.serving.launch import Engine, Launch, LayoutName, Prepared, nothing_to_tidy

WHEEL_VERSION = "0.7.0"
TRITON_VERSION = "2.51.0"
"""The Triton that the package of this version carries: release 24.10."""

WHEEL = f"nvidia-pytriton=={WHEEL_VERSION}"
"""Installed without what it asks for: that is for its interface for Python, which is not used."""

REQUIREMENTS = (
    "onnxruntime>=1.18",
    # The server's Python processes were built before NumPy 2 and give empty outputs with it.
    "numpy>=1.26,<2",
    "pillow>=10.0",
)

_SHARED_MEMORY = Path("/dev/shm")
_OLDEST_GLIBC = (2, 35)
_PYTHONS = (3, 10), (3, 12)
"""The versions for which there are both a process for Python models and a NumPy below 2."""
_BACKEND = "onnxruntime"
_SECONDS_TO_EXIT = 15


def server_options(repository: Path | str, addresses: Addresses) -> tuple[str, ...]:
    """The options that every way of running Triton shares."""
    host = addresses.host
    return (
        f"--model-repository={repository}",
        # What archc writes is complete; a server that guesses would hide a mistake in it.
        "--disable-auto-complete-config",
        f"--exit-timeout-secs={_SECONDS_TO_EXIT}",
        *(f"--{kind}-address={host}" for kind in ("http", "grpc", "metrics")),
        f"--http-port={addresses.http_port}",
        f"--grpc-port={addresses.grpc_port}",
        f"--metrics-port={addresses.metrics_port}",
    )


@final
class TritonOnPath(Engine):
    """A `tritonserver` of the machine's own, as in NVIDIA's containers."""

    name = "tritonserver"
    layout: LayoutName = "triton"

    @override
    def obstacle(self) -> str | None:
        program = shutil.which("tritonserver")
        if program is None:
            return "there is no `tritonserver` on the path"
        if _backends_of(Path(program)) is None:
            return f"`{program}` has no backend for ONNX (`libtriton_onnxruntime.so`) beside it"
        return None

    @override
    def prepare(self, environment: Path | None, say: Say, reporter: Reporter) -> Prepared | Failed:
        program = Path(shutil.which("tritonserver") or "tritonserver")
        backends = _backends_of(program)

        def launch(repository: Path, addresses: Addresses, _folder: Path) -> Launch:
            chosen = () if backends is None else (f"--backend-directory={backends}",)
            command = (str(program), *server_options(repository, addresses), *chosen)
            return Launch(command, {}, nothing_to_tidy)

        return Prepared(f"Triton (`{program}`)", launch)


def _backends_of(program: Path) -> Path | None:
    """The folder of the backends of a `tritonserver` that has one for ONNX."""
    beside = program.resolve().parent.parent / "backends"
    for folder in (beside, Path("/opt/tritonserver/backends")):
        if (folder / _BACKEND / "libtriton_onnxruntime.so").is_file():
            return folder
    return None


class WheelFiles(NamedTuple):
    """Where the parts of Triton lie in an environment."""

    program: Path
    libraries: Path
    backend: Path
    stub: Path

    @classmethod
    def of(cls, environment: Path, version: tuple[int, ...]) -> WheelFiles:
        """The parts in an environment for a version of Python."""
        name = ".".join(map(str, version[:2]))
        packages = environment / "lib" / f"python{name}" / "site-packages"
        triton = packages / "pytriton" / "tritonserver"
        return cls(
            triton / "bin" / "tritonserver",
            packages / "nvidia_pytriton.libs",
            triton / "backends" / "python",
            triton / "python_backend_stubs" / name / "triton_python_backend_stub",
        )


@final
class TritonWheel(Engine):
    """The Triton of the package `nvidia-pytriton`, in an environment of its own."""

    name = "triton"
    layout: LayoutName = "triton"

    @override
    def obstacle(self) -> str | None:
        if sys.platform != "linux" or platform.machine() != "x86_64":
            here = f"{platform.system()} on {platform.machine()}"
            return f"the package `nvidia-pytriton` is for Linux on x86_64, and this is {here}"
        if _glibc() < _OLDEST_GLIBC:
            return "the package `nvidia-pytriton` needs glibc 2.35 or newer"
        try:
            find_interpreter(*_PYTHONS, shared=True)
        except NoInterpreterError as error:
            return f"no Python that it can load: {error}"
        return None

    @override
    def prepare(self, environment: Path | None, say: Say, reporter: Reporter) -> Prepared | Failed:
        python = find_interpreter(*_PYTHONS, shared=True)
        recipe = Recipe("Triton", REQUIREMENTS, python.program, python.version, (WHEEL,))
        folder = ensure_environment(recipe, environment, say, reporter)
        if isinstance(folder, Failed):
            return FAILED
        title = f"Triton {TRITON_VERSION}, of nvidia-pytriton {WHEEL_VERSION}"
        return Prepared(title, partial(_launch_wheel, folder, python))


def _launch_wheel(
    environment: Path, python: Interpreter, repository: Path, addresses: Addresses, folder: Path
) -> Launch:
    files = WheelFiles.of(environment, python.version)
    backends = folder / "backends"
    _lay_out_backends(files, backends)
    prefix = f"archc_{secrets.token_hex(6)}_"
    command = (
        str(files.program),
        *server_options(repository, addresses),
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name={prefix}",
    )
    folders = (files.libraries, python.library, os.environ.get("LD_LIBRARY_PATH"))
    changes = {
        "LD_LIBRARY_PATH": ":".join(str(folder) for folder in folders if folder),
        # The Python process finds its packages by the first `python3` on the path.
        "PATH": f"{environment / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Launch(command, changes, partial(_remove_shared_memory, prefix))


def _lay_out_backends(files: WheelFiles, backends: Path) -> None:
    """The backend for Python, and ours for ONNX that runs in it."""
    python = backends / "python"
    python.mkdir(parents=True)
    for file in files.backend.iterdir():
        if file.is_file():
            shutil.copy(file, python)
    shutil.copy(files.stub, python)
    ours = backends / _BACKEND
    ours.mkdir()
    source = resources.files("archc.serving") / "backend" / "triton_backend.py"
    (ours / "model.py").write_bytes(source.read_bytes())


def _remove_shared_memory(prefix: str) -> None:
    """Removes the regions of a server that could not do so itself."""
    for region in _SHARED_MEMORY.glob(f"{prefix}*"):
        with suppress(OSError):
            region.unlink()


def _glibc() -> tuple[int, ...]:
    """The version of the C library; of any other than glibc, (0,)."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return tuple(int(part) for part in version.split(".")) if name == "glibc" else (0,)
    except (ValueError, OSError):
        return (0,)
