"""What ONNX Runtime's own profile says of a model, kernel by kernel.

Source: onnxruntime, `InferenceSession.end_profiling`: a list of events in the form of Chrome's
tracing, times in microseconds. Those of the category `Node` are kernels; their names are those of
the operators in the graph that runs, which is not the one in the file once it is optimized.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from archc.onnx_io.session import Array, session_options

_ERROR = 3
_KERNEL = "_kernel_time"
_RUN = "model_run"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """An operator as it ran.

    Attributes:
        name: its name in the graph that runs.
        op_type: the operator.
        seconds: the median over the runs.
        input_shapes: the sizes of what it took, constants among them.
        output_shapes: the sizes of what it gave.
        bytes: what it read and wrote, constants left aside.
    """

    name: str
    op_type: str
    seconds: float
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """The kernels of a model in the order in which they ran, and the median of a whole run."""

    kernels: tuple[Kernel, ...]
    run_seconds: float


def profile_kernels(
    model: Path,
    feeds: Mapping[str, Array],
    *,
    threads: int = 1,
    runs: int = 1,
    warm_up: int = 0,
    optimized: Path | None = None,
) -> KernelProfile:
    """What each kernel of a model costs.

    Args:
        model: the file.
        feeds: the inputs by name.
        threads: how many compute.
        runs: how many are measured.
        warm_up: how many come before.
        optimized: where the graph that runs is written; without it the graph of the file runs.

    Raises:
        Exception: ONNX Runtime's own errors.
    """
    options = session_options(threads)
    options.log_severity_level = _ERROR
    options.enable_profiling = True
    if optimized is None:
        off = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = off
        # The profile does not know the shapes of weights that were packed.
        options.add_session_config_entry("session.disable_prepacking", "1")
    else:
        options.optimized_model_filepath = str(optimized)
        entry = "session.optimized_model_external_initializers_file_name"
        options.add_session_config_entry(entry, f"{optimized.name}.data")
    with tempfile.TemporaryDirectory(prefix="archc-") as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        for _ in range(warm_up + runs):
            session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _profile(events, runs)


def _profile(events: Iterable[Mapping[str, Any]], runs: int) -> KernelProfile:
    """The profile of the last runs."""
    whole: list[float] = []
    kernels: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if event["name"] == _RUN:
            whole.append(event["dur"])
        elif event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            kernels.setdefault(event["name"].removesuffix(_KERNEL), []).append(event)
    return KernelProfile(
        tuple(_kernel(name, found[-runs:]) for name, found in kernels.items()),
        statistics.median(whole[-runs:]) / 1e6,
    )


def _kernel(name: str, events: Sequence[Mapping[str, Any]]) -> Kernel:
    said = events[-1]["args"]
    # `parameter_size` lacks the weights that ONNX Runtime keeps in another layout.
    sizes = ("activation_size", "output_size")
    return Kernel(
        name,
        said["op_name"],
        statistics.median(event["dur"] for event in events) / 1e6,
        _shapes(said.get("input_type_shape", ())),
        _shapes(said.get("output_type_shape", ())),
        sum(int(said.get(size, 0)) for size in sizes),
    )


def _shapes(entries: Iterable[Mapping[str, Sequence[int]]]) -> tuple[Shape, ...]:
    return tuple(tuple(dims) for entry in entries for dims in entry.values())
