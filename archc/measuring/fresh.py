"""What a model costs a process that has just started: session start, first run, peak of memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.measuring.feeds import Feeds
from archc.measuring.quartiles import Quartiles
from archc.onnx_io import fresh_process
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

PROCESS = Rule(
    "measure/process",
    "a process that runs a model comes to an end before it has measured it",
    "Start-up and memory are those of a process of its own. The model ran in this one, so what is "
    "missing there is memory, mostly.",
)

_PROGRAM = Path(fresh_process.__file__)
_LONGEST_REASON = 600


@dataclass(frozen=True, slots=True)
class Start:
    """What one model costs at its start.

    Attributes:
        start: seconds on the wall until the session stands.
        start_cpu: the same in seconds of the processor.
        first_run: seconds on the wall of the first run.
        peak_bytes: the most memory that the process has had resident.
        added_bytes: what of that has come after the libraries were loaded.
        start_ratio: of the wall, to the model that others are compared with; None for that one.
        first_ratio: that of the first run.
        memory_ratio: that of the peak.
    """

    start: Quartiles
    start_cpu: Quartiles
    first_run: Quartiles
    peak_bytes: Quartiles
    added_bytes: Quartiles
    start_ratio: Quartiles | None
    first_ratio: Quartiles | None
    memory_ratio: Quartiles | None


def measure_starts(
    models: Mapping[str, tuple[Path, Feeds]],
    against: str | None,
    reporter: Reporter,
    *,
    count: int,
    threads: int = 1,
) -> dict[str, Start] | Failed:
    """What each costs at its start, by its name: `count` processes each, in turn.

    Reports: measure/process.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in models}
    with tempfile.TemporaryDirectory(prefix="archc-") as folder:
        stored = {name: Path(folder) / f"{i}.npz" for i, name in enumerate(models)}
        for name, (_, feeds) in models.items():
            np.savez(stored[name], **cast("Any", feeds))
        order = list(models)
        for turn in range(count + 1):
            for name in order:
                one = _run(models[name][0], stored[name], threads, reporter)
                if isinstance(one, Failed):
                    return FAILED
                if turn:  # the first turn brings the files into memory
                    found[name].append(one)
            order.reverse()
    base = None if against is None else found[against]
    return {name: _start(ones, None if name == against else base) for name, ones in found.items()}


def _run(model: Path, feeds: Path, threads: int, reporter: Reporter) -> dict[str, float] | Failed:
    command = [sys.executable, "-P", str(_PROGRAM), str(model), str(feeds), str(threads)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        measured: dict[str, float] = json.loads(ran.stdout)
        return measured
    last = ran.stderr.strip().rpartition("\n")[2]
    return reporter.error(
        PROCESS,
        f"the process that runs `{shown(str(model))}` ended with status {ran.returncode}",
        file_place(str(model)),
        notes=(shown(last, _LONGEST_REASON),) if last else (),
        helps=("leave start and memory out: `--starts 0`",),
    )


def _start(
    ones: Sequence[Mapping[str, float]], base: Sequence[Mapping[str, float]] | None
) -> Start:
    def over(key: str) -> Quartiles:
        return Quartiles.of([one[key] for one in ones])

    def ratio(key: str) -> Quartiles | None:
        if base is None:
            return None
        return Quartiles.of([a[key] / b[key] for a, b in zip(ones, base, strict=True)])

    return Start(
        over("start_wall"),
        over("start_cpu"),
        over("first_wall"),
        over("peak_bytes"),
        Quartiles.of([one["peak_bytes"] - one["empty_bytes"] for one in ones]),
        ratio("start_wall"),
        ratio("first_wall"),
        ratio("peak_bytes"),
    )
