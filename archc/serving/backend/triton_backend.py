"""A backend for Triton that runs ONNX models: in Python, under the name of Triton's own in C++.

It is copied to `BACKENDS/onnxruntime/model.py` for servers that have the Python backend alone, such
as the one of the package `nvidia-pytriton`. What a configuration may say of a model is checked as
the backend in C++ checks it, so that a repository that loads here loads there
(https://github.com/triton-inference-server/onnxruntime_backend, `src/onnxruntime.cc`); one more
thing is refused, a configuration without outputs: in C++ every request to it fails.

It runs in the server's environment, with Python 3.10 and NumPy below 2, and imports nothing of
archc; nothing of archc imports it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

ELEMENTS = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
}
"""Element types of ONNX Runtime, and what a configuration calls them."""

ANY = -1
"""A size that the caller chooses."""

DEFAULT_FILE = "model.onnx"
_ERRORS_ALONE = 3


class TritonPythonModel:
    """One instance of a model, as Triton's Python backend makes and calls it."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """The configuration as it is: archc writes it completely."""
        return config

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the version's model and compares it with the configuration."""
        config = json.loads(args["model_config"])
        name = config.get("default_model_filename") or DEFAULT_FILE
        path = Path(args["model_repository"]) / str(args["model_version"]) / name
        self._session = _open(path, config.get("parameters") or {})
        self._is_batched = int(config.get("max_batch_size", 0)) > 0
        inputs, outputs = config.get("input") or [], config.get("output") or []
        if len(inputs) != len(self._session.get_inputs()):
            given = f"{len(inputs)} inputs, and the model {len(self._session.get_inputs())}"
            _refuse(f"the configuration has {given}")
        if not outputs:
            _refuse("the configuration has no outputs, so that every request would fail")
        _compare("input", inputs, self._session.get_inputs(), self._is_batched)
        _compare("output", outputs, self._session.get_outputs(), self._is_batched)
        self._inputs = [entry["name"] for entry in inputs]
        self._outputs = [entry["name"] for entry in outputs]

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request, in their order."""
        feeds = [self._feed(request) for request in requests]
        wanted = [self._wanted(request) for request in requests]
        if self._is_batched and len(requests) > 1:
            together = self._run_together(feeds, wanted)
            if together is not None:
                return together
        return [self._run_alone(feed, names) for feed, names in zip(feeds, wanted, strict=True)]

    def finalize(self) -> None:
        """Lets the model go."""
        self._session = None

    def _feed(self, request: Any) -> dict[str, Any]:
        tensors = {n: pb_utils.get_input_tensor_by_name(request, n) for n in self._inputs}
        return {name: tensor.as_numpy() for name, tensor in tensors.items()}

    def _wanted(self, request: Any) -> list[str]:
        asked = set(request.requested_output_names())
        return [name for name in self._outputs if name in asked] or self._outputs

    def _run_together(
        self, feeds: list[dict[str, Any]], wanted: list[list[str]]
    ) -> list[Any] | None:
        """The responses of one run over all requests; None where they cannot share one."""
        shapes = {tuple(array.shape[1:] for array in feed.values()) for feed in feeds}
        if len(shapes) != 1:
            return None
        names = [name for name in self._outputs if any(name in some for some in wanted)]
        batch = {name: np.concatenate([feed[name] for feed in feeds]) for name in self._inputs}
        try:
            arrays = dict(zip(names, self._session.run(names, batch), strict=True))
        except Exception:  # each alone, so that only those at fault are told
            return None
        ends = np.cumsum([len(feed[self._inputs[0]]) for feed in feeds]).tolist()
        return [
            _response({name: arrays[name][start:end] for name in some})
            for some, start, end in zip(wanted, [0, *ends[:-1]], ends, strict=True)
        ]

    def _run_alone(self, feed: dict[str, Any], names: list[str]) -> Any:
        try:
            arrays = self._session.run(names, feed)
        except Exception as error:  # whatever it is, it is the answer to this one
            text = f"ONNX Runtime cannot run the model on this request: {error}"
            return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(text))
        return _response(dict(zip(names, arrays, strict=True)))


def _response(outputs: dict[str, Any]) -> Any:
    tensors = [pb_utils.Tensor(name, np.ascontiguousarray(a)) for name, a in outputs.items()]
    return pb_utils.InferenceResponse(output_tensors=tensors)


def _refuse(message: str) -> NoReturn:
    raise pb_utils.TritonModelException(message)


def _open(path: Path, parameters: dict[str, Any]) -> Any:
    """A session; `intra_op_thread_count` and the like are the C++ backend's parameters."""
    if not path.is_file():
        _refuse(f"there is no model file {str(path)!r}")
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ALONE
    threads = _number(parameters, "intra_op_thread_count")
    if threads is not None:
        options.intra_op_num_threads = threads
    threads = _number(parameters, "inter_op_thread_count")
    if threads is not None:
        options.inter_op_num_threads = threads
    if _number(parameters, "execution_mode") == 1:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's have no common base but this
        _refuse(f"ONNX Runtime {ort.__version__} cannot load the model: {error}")


def _number(parameters: dict[str, Any], key: str) -> int | None:
    if key not in parameters:
        return None
    text = parameters[key].get("string_value", "")
    try:
        return int(text)
    except ValueError:
        _refuse(f"the parameter {key!r} is {text!r}, which is no whole number")


def _compare(
    kind: str, declared: list[dict[str, Any]], arguments: list[Any], is_batched: bool
) -> None:
    """Refuses a configuration whose tensors are not the model's."""
    known = {argument.name: argument for argument in arguments}
    for entry in declared:
        name = entry["name"]
        if name not in known:
            listed = ", ".join(repr(other) for other in known)
            _refuse(f"the model has no {kind} {name!r}; it has {listed}")
        given, element = entry["data_type"], known[name].type
        if ELEMENTS.get(element) != given:
            own = ELEMENTS.get(element, element)
            _refuse(f"the {kind} {name!r} is configured as {given}, and the model's is {own}")
        _compare_shapes(kind, entry, known[name], is_batched)


def _compare_shapes(kind: str, entry: dict[str, Any], argument: Any, is_batched: bool) -> None:
    what = f"the {kind} {entry['name']!r}"
    sizes = [size if isinstance(size, int) and size >= 0 else ANY for size in argument.shape]
    reshape = (entry.get("reshape") or {}).get("shape")
    dims = [int(size) for size in (entry["dims"] if reshape is None else reshape)]
    if is_batched:
        if not sizes or sizes[0] != ANY:
            _refuse(
                f"max_batch_size is above 0, and the first axis of {what}, whose shape in the "
                f"model is {sizes}, is no batch of any size"
            )
        dims = [ANY, *dims]
    # An input may narrow a size that the model leaves open, an output must be as the model has it.
    open_ones = (ANY,) if kind == "input" else ()
    fits = len(dims) == len(sizes) and all(
        s in (*open_ones, d) for s, d in zip(sizes, dims, strict=True)
    )
    if not fits:
        _refuse(f"{what} is configured with the shape {dims}, and the model's is {sizes}")
