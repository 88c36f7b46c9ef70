"""A process that does nothing but load a model and run it once: what that costs, as JSON.

    python fresh_process.py MODEL FEEDS.npz THREADS

It is run by its path and imports nothing of archc, so that what is measured is ONNX Runtime and the
model. The peak of memory is read from the kernel's account of this very program: the one of
`getrusage` begins with that of the process which has started it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime


def main() -> None:
    """Prints seconds of the session's start and of the first run, and memory in bytes."""
    path, feeds_path, threads = sys.argv[1:4]
    with np.load(feeds_path) as stored:
        feeds = {name: stored[name] for name in stored.files}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    before = _peak_bytes()
    begin = _clocks()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    loaded = _clocks()
    session.run(None, feeds)
    end = _clocks()
    sys.stdout.write(
        json.dumps({
            "start_wall": loaded[0] - begin[0],
            "start_cpu": loaded[1] - begin[1],
            "first_wall": end[0] - loaded[0],
            "first_cpu": end[1] - loaded[1],
            "peak_bytes": _peak_bytes(),
            "empty_bytes": before,
        })
    )  # fmt: skip


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _peak_bytes() -> int:
    """The most memory that this program has had resident (proc(5), VmHWM)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
