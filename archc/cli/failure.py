"""A bug of archc: the report to send, in place of a traceback."""

from __future__ import annotations

import os
import platform
import shlex
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from archc.cli.terminal import put_aside, say
from archc.diagnostics.cells import visible
from archc.version import __version__

SHOWN_LINES = 100

_PACKAGES = ("numpy", "onnx", "onnxruntime", "pydantic", "pyyaml", "typer")


def report_bug(error: Exception, arguments: Sequence[str]) -> None:
    """Puts a report on standard error: what happened and where, the versions, the spec.

    The spec is made as small as still shows the bug. The whole traceback stands in it where the
    environment has `ARCHC_TRACEBACK=1`.
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
    put_aside("\n".join(lines))  # what is known already, should the rest take long
    spec = _spec(error, arguments)
    helps = [f"report this text{'' if spec else ', with the spec,'} to the developers of archc"]
    if os.environ.get("ARCHC_TRACEBACK") != "1":
        helps.insert(0, "set ARCHC_TRACEBACK=1 for the traceback")
    put_aside("\n".join([*spec, *(f"  = help: {text}" for text in helps)]))


def _spec(error: Exception, arguments: Sequence[str]) -> list[str]:
    """The lines with the spec that shows the bug; none where none is known to."""
    from archc.cli.crash import spec_that_fails

    try:
        found = spec_that_fails(error, arguments)
    except (Exception, KeyboardInterrupt):  # neither must hide the bug
        return []
    if found is None:
        return []
    name, text, is_reduced = found
    how = "with all that the bug does not need taken out" if is_reduced else "as it is"
    shown = [visible(line) for line in text.splitlines()]
    if len(shown) > SHOWN_LINES:
        shown = [*shown[:SHOWN_LINES], f"... and {len(shown) - SHOWN_LINES} further lines"]
    return [f"  spec: {visible(name)}, {how}:", *(f"    {line}" for line in shown)]


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
