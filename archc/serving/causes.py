"""Why a server did not start: its log in our words, with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from archc.weights.shown import shown

_LONGEST_REASON = 400
# What an exception in a Python backend has around its text, and what machines without a GPU say.
_AROUND = re.compile(r"TritonModelException: |\s+At:\s+/\S+\(\d+\): .*")
_HARMLESS = re.compile(r"CudaDriverHelper|NVML|DCGM|CUDA driver version is insufficient")
_TAIL_LINES = 6


class Cause(NamedTuple):
    """Why a server ended: the reasons, what helps, and whether a port was taken by another."""

    notes: tuple[str, ...]
    helps: tuple[str, ...]
    is_port: bool


class _Known(NamedTuple):
    pattern: re.Pattern[str]
    note: str
    help: str = ""


_PORT = re.compile(
    r"(?:Socket '(?P<triton>[^']+)' already in use|address already in use|"
    r"Failed to bind to address|[Ff]ailed to start \w+ service)"
)
_KNOWN = (
    _Known(
        re.compile(
            r"Unsupported model IR version: (?P<ir>\d+), max supported IR version: (?P<n>\d+)"
        ),
        "the model has the IR version {ir}, and the server's ONNX Runtime reads up to {n}",
        "build it with an older opset: `archc build --opset 17`",
    ),
    _Known(
        re.compile(r"Opset \d+ is under development|support for domain ai\.onnx is till opset"),
        "the server's ONNX Runtime is too old for the model's operators",
        "build it with an older opset: `archc build --opset 17`",
    ),
    _Known(
        re.compile(r"_recursion_count"),
        "the server's Python process has loaded the library of another Python",
        "remove the server's environment, so that it is made again",
    ),
    _Known(
        re.compile(r"error while loading shared libraries: (?P<name>[^:\s]+)"),
        "the server's program lacks the library `{name}`",
    ),
    _Known(
        re.compile(r"(?P<name>GLIBC_[\d.]+)' not found"),
        "the server's program needs a newer C library: {name}",
        "take a server that runs here: `--engine mlserver`",
    ),
    _Known(
        re.compile(r"No module named '(?P<name>[\w.]+)'"),
        "the server's Python has no package `{name}`",
    ),
    _Known(
        re.compile(r"No space left on device|[Uu]nable to create shared memory region"),
        "there is no room left in the shared memory (`/dev/shm`) or on the disk",
        "free some, or start the container with a larger one: `--shm-size`",
    ),
    _Known(
        re.compile(r"instance group .* of kind KIND_GPU|no GPUs are available"),
        "the package is for a machine with a GPU, and the server finds none",
        "deploy it for processors: `archc deploy --device cpu`",
    ),
    _Known(
        re.compile(r"failed to poll from model repository|failed to stat file (?P<name>\S+)"),
        "the server cannot read the package's folder",
    ),
)

# A line of Triton's table of models, whose last column goes on over several lines: its reason.
_UNAVAILABLE = re.compile(r"\|\s*(?P<model>\S+)\s*\|[^|]*\|\s*UNAVAILABLE:\s*(?P<reason>.*?)\s*\|")
_MORE = re.compile(r"\|\s*\|\s*\|\s*(?P<reason>.*?)\s*\|\s*$")
# A line of the log of Triton, or of MLServer: the level, and what is said.
_SAID = re.compile(
    r"(?:"
    r"\[libprotobuf ERROR [^]]*\] (?P<syntax>.*)|"
    r"[EF]\d{4} [\d:.]+ \d+ \S+\] \"?(?P<triton>.*?)\"?|"
    r".*\bERROR\b[^-]*- (?P<mlserver>.*)|"
    r"error: (?P<plain>.*)|"
    r"(?P<exception>\w+(?:Error|Exception): .*)"
    r")\s*"
)


def find_cause(log: str) -> Cause:
    """The cause of a server's end, from the tail of its log."""
    lines = [line for line in log.splitlines() if not _HARMLESS.search(line)]
    known = [_in_our_words(one, found) for one in _KNOWN if (found := one.pattern.search(log))]
    refused = list(_unavailable(lines))
    if refused:
        known.append(("", "`archc deploy --check DIR` says what a server refuses, and where"))
    reasons = dict.fromkeys(filter(None, (*refused, *(note for note, _ in known))))
    port = _PORT.search(log)
    if port is not None:
        where = f"`{port['triton']}`" if port["triton"] else "of them"
        reasons[f"another program listens at an address {where} already"] = None
        known.append(("", "leave out the ports: free ones are taken"))
    if not reasons:
        reasons = dict.fromkeys(_said(lines) or [s for line in lines if (s := line.strip())])
    notes = tuple(_cut(reason) for reason in reasons)[-_TAIL_LINES:]
    return Cause(notes, tuple(help_ for _, help_ in known if help_), port is not None)


def _in_our_words(known: _Known, found: re.Match[str]) -> tuple[str, str]:
    values = {name: shown(text) for name, text in found.groupdict().items() if text}
    return known.note.format_map(values), known.help


def _unavailable(lines: list[str]) -> Iterator[str]:
    """What Triton's table says of the models that it does not serve."""
    model, reason = "", ""
    for line in lines:
        more = _MORE.search(line)
        if model and more is not None:
            reason = f"{reason} {more['reason']}".strip()
            continue
        if model:
            yield f"`{shown(model)}`: {reason}"
        found = _UNAVAILABLE.search(line)
        model, reason = (found["model"], found["reason"]) if found else ("", "")
    if model:
        yield f"`{shown(model)}`: {reason}"


def _said(lines: list[str]) -> list[str]:
    found = (_SAID.fullmatch(line) for line in lines)
    return [text for one in found if one and (text := next(filter(None, one.groups()), ""))]


def _cut(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in _AROUND.sub("", text))
    if len(printable) > _LONGEST_REASON:
        return printable[:_LONGEST_REASON] + "…"
    return printable
