"""The configuration of a served network: all of it, so that no server guesses anything.

Sizes and types are the ONNX file's own. Fields: https://github.com/triton-inference-server/server,
`docs/user_guide/model_configuration.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archc.deploy.served import Served, ServingOptions
from archc.deploy.triton.element_types import BY_ONNX
from archc.deploy.triton.examined import ONNX
from archc.deploy.triton.format_config import Word, Written, entry
from archc.onnx_io.signature import Port, Signature
from archc.runtime.metadata import ModelRecord, format_metadata
from archc.runtime.preprocess import final_size

LABELS = "labels.txt"

LATEST: Mapping[str, Written] = {"latest": {"num_versions": 1}}
ALL: Mapping[str, Written] = {"all": {}}


class Declared(NamedTuple):
    """An input or output as a configuration has it; −1 stands for an open size."""

    name: str
    data_type: str
    dims: tuple[int, ...]


def declared(port: Port, *, is_batched: bool) -> Declared:
    """An input or output of an ONNX file, the batch left out where there is one."""
    sizes = tuple(size if isinstance(size, int) else -1 for size in port.dims or ())
    return Declared(port.name, BY_ONNX[port.element], sizes[1:] if is_batched else sizes)


def served_config(
    served: Served, signature: Signature, options: ServingOptions
) -> Mapping[str, Written]:
    """The fields of the configuration, in the order in which they are written."""
    most = most_samples(served, options)
    inputs = [declared(port, is_batched=most > 0) for port in signature.inputs]
    config: dict[str, Written] = {
        "name": served.name,
        "backend": ONNX,
        "max_batch_size": most,
        "input": [_input(one, served, is_batched=most > 0) for one in inputs],
        "output": [
            _output(declared(port, is_batched=most > 0), served) for port in signature.outputs
        ],
        "version_policy": ALL if options.serve_all else LATEST,
        "instance_group": [instances(options, options.device.upper())],
    }
    if most > 0:
        config["dynamic_batching"] = {"max_queue_delay_microseconds": options.max_queue_delay_us}
    warmup = _warmup(inputs, served, most)
    if warmup:
        config["model_warmup"] = warmup
    return config | {"parameters": _parameters(served, options)}


def most_samples(served: Served, options: ServingOptions) -> int:
    """The most samples of a request; 0 where the model has no batch of any length."""
    return options.max_batch_size if served.has_batch else 0


def instances(options: ServingOptions, kind: str) -> Mapping[str, Written]:
    """The group of a model's instances."""
    return {"count": options.instances, "kind": Word(f"KIND_{kind}")}


def tensor(one: Declared) -> dict[str, Written]:
    """An input or output with what every one has."""
    return {"name": one.name, "data_type": Word(one.data_type), "dims": list(one.dims)}


def _input(one: Declared, served: Served, *, is_batched: bool) -> Mapping[str, Written]:
    """An input; what is a picture says in which order its axes are."""
    fields = tensor(one)
    is_picture = served.preprocess is not None and len(served.inputs) == 1
    if is_picture and is_batched and len(one.dims) == 3:
        order = "FORMAT_NHWC" if one.data_type == "TYPE_UINT8" else "FORMAT_NCHW"
        fields["format"] = Word(order)
    return fields


def _output(one: Declared, served: Served) -> Mapping[str, Written]:
    labels: dict[str, Written] = {"label_filename": LABELS}
    return tensor(one) | (labels if one.name in served.labelled else {})


def _warmup(inputs: list[Declared], served: Served, most: int) -> list[Written]:
    """Requests of one sample and of the most; none where a size is open and nothing names one."""
    fed = [(one, _sample_sizes(one, served, is_batched=most > 0)) for one in inputs]
    if not fed or any(-1 in sizes for _, sizes in fed):
        return []
    samples: dict[int, str] = {1: "one sample"}
    samples |= {most: "a full batch"} if most > 1 else {}
    return [
        {
            "name": name,
            "batch_size": count,
            "inputs": [entry(one.name, _zeros(one, sizes)) for one, sizes in fed],
        }
        for count, name in samples.items()
    ]


def _zeros(one: Declared, sizes: tuple[int, ...]) -> Mapping[str, Written]:
    return {"data_type": Word(one.data_type), "dims": list(sizes), "zero_data": True}


def _sample_sizes(one: Declared, served: Served, *, is_batched: bool) -> tuple[int, ...]:
    """The sizes of a sample: those of a preprocessed picture where the model leaves them open."""
    batch, sizes = ((), one.dims) if is_batched else (one.dims[:1], one.dims[1:])
    batch = tuple(1 if size == -1 else size for size in batch)
    size = final_size(served.preprocess) if served.preprocess is not None else None
    if size is None or len(sizes) != 3 or len(served.inputs) != 1:
        return batch + sizes
    axes = (0, 1) if one.data_type == "TYPE_UINT8" else (1, 2)
    known = dict(zip(axes, size, strict=True))
    return batch + tuple(known.get(i, n) if n == -1 else n for i, n in enumerate(sizes))


def _parameters(served: Served, options: ServingOptions) -> list[Written]:
    threads = str(options.threads)
    values = {
        "intra_op_thread_count": threads,
        "inter_op_thread_count": "1",
        "execution_mode": "0",
    }
    # Clients read how a picture becomes the input, and what is probabilities, by the same names
    # as in a model file.
    record = ModelRecord(
        preprocess=served.preprocess, probabilities=frozenset(served.probabilities)
    )
    values |= format_metadata(record)
    return [entry(key, {"string_value": value}) for key, value in values.items()]
