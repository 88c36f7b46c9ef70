"""A bug of archc: the report to send, in place of a traceback."""

from __future__ import annotations

import os
import platform
import shlex
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from archc.cli.terminal import put_aside, say
from archc.version import __version__

_PACKAGES = ("numpy", "onnx", "onnxruntime", "pydantic", "pyyaml", "typer")


def report_bug(error: Exception, arguments: Sequence[str]) -> None:
    """Puts a report on standard error: what happened and where, the versions, the command line.

    The whole traceback stands in it where the environment has `ARCHC_TRACEBACK=1`.
    """
    say("error", f"archc has a bug: {_described(error)}")
    lines = []
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        last = frames[-1]
        lines.append(f"  at: {last.filename}:{last.lineno}, in {last.name}")
    lines += [
        f"  command: {shlex.join(['archc', *arguments])}",
        f"  versions: archc {__version__}, Python {platform.python_version()}, {_versions()}",
        f"  system: {platform.platform()}",
    ]
    if os.environ.get("ARCHC_TRACEBACK") == "1":
        lines.append("".join(traceback.format_exception(error)).rstrip())
    else:
        lines.append("  = help: set ARCHC_TRACEBACK=1 for the traceback")
    lines.append("  = help: report this text, with the spec, to the developers of archc")
    put_aside("\n".join(lines))


def _described(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _versions() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)
