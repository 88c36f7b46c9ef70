"""Which model of a server is called with pictures, and what its input and output are.

What a server says of its models decides: a model takes pixels where its one input is (N, H, W, C)
or (N, C, H, W), and encoded pictures where that is one byte string a sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.metadata import ModelRecord, parse_metadata
from archc.runtime.model_input import ModelInput
from archc.serving.client.protocol import Client, ModelConfig, ModelInfo, TensorInfo
from archc.serving.client.tensors import BYTES
from archc.serving.client.trouble import REFUSED
from archc.shapes.tensor_type import DType
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

NO_MODEL = Rule(
    "call/no-model",
    "nothing says which model of a server is called",
    "Of several models that take pictures none is the obvious one.",
)
INPUT = Rule(
    "call/input",
    "the input of a served model takes no pictures",
    "A picture is given to a model with one input, of pixels or of a file's bytes.",
)
OUTPUT = Rule(
    "call/output",
    "a served model gives no list of class scores",
    "Only a classifier gives one number for each class.",
)

ENCODED_SUFFIX = "_pictures"
"""What archc adds to a model's name for the one that takes encoded pictures."""

MOST_AT_ONCE = 32
"""Pictures of one request, where the server would take more."""

UNBOUNDED_BATCH = 16
"""Pictures of one request, where the server does not say how many it takes."""

_PIXELS = {"UINT8": DType.UINT8, "FP32": DType.FLOAT32, "FP16": DType.FLOAT16}
_NUMBERS = {"FP16", "FP32", "FP64", "UINT8", "INT8", "INT32", "INT64"}
_CHANNELS = (1, 3)


class Wanted(NamedTuple):
    """What a caller asks for: a model, or None for the one there is; and how pictures are sent."""

    model: str | None = None
    version: str | None = None
    encoded: bool = False
    output: str | None = None


class Endpoint(NamedTuple):
    """A model that is called with pictures.

    Attributes:
        model: its name on the server.
        version: the version asked for; None for the server's choice.
        source: its input.
        pixels: its input as pictures become it; None where it takes encoded pictures.
        scores: its output of class scores.
        batch: the most pictures of a request.
        record: what the server's configuration says of preprocessing and outputs.
    """

    model: str
    version: str | None
    source: TensorInfo
    pixels: ModelInput | None
    scores: TensorInfo
    batch: int
    record: ModelRecord


def find_endpoint(client: Client, wanted: Wanted, reporter: Reporter) -> Endpoint | Failed:
    """The model that is called.

    Reports: call/no-model, call/input, call/output, and what the client reports.
    """
    info = (
        _only_model(client, wanted, reporter)
        if wanted.model is None
        else _named_model(client, wanted.model, wanted, reporter)
    )
    if isinstance(info, Failed):
        return FAILED
    config = client.config(info.name, Reporter(), version=wanted.version)
    known = None if isinstance(config, Failed) else config
    scores = _scores(info, known, wanted.output, client, reporter)
    if isinstance(scores, Failed):
        return FAILED
    source = info.inputs[0]
    pixels = None if source.datatype == BYTES else _pixels(source)
    return Endpoint(
        info.name,
        wanted.version,
        source,
        pixels,
        scores,
        _batch(source, pixels, known),
        parse_metadata(known.parameters if known else {}),
    )


def takes_pixels(info: ModelInfo) -> bool:
    """Whether a model's one input is a batch of arrays of pixels."""
    return (
        len(info.inputs) == 1
        and info.inputs[0].datatype in _PIXELS
        and len(info.inputs[0].shape) == 4
        and info.inputs[0].shape[0] in (-1, 1)
    )


def takes_encoded(info: ModelInfo) -> bool:
    """Whether a model's one input is a byte string a sample, and an output a list of scores."""
    return (
        len(info.inputs) == 1
        and info.inputs[0].datatype == BYTES
        and len(info.inputs[0].shape) in (1, 2)
        and any(map(_is_scores, info.outputs))
    )


def _named_model(
    client: Client, name: str, wanted: Wanted, reporter: Reporter
) -> ModelInfo | Failed:
    attempt = Reporter()
    info = client.metadata(name, attempt, version=wanted.version)
    if isinstance(info, Failed):
        return _unknown(name, attempt, client, reporter)
    if wanted.encoded and not takes_encoded(info):
        other = client.metadata(name + ENCODED_SUFFIX, Reporter(), version=wanted.version)
        if not isinstance(other, Failed) and takes_encoded(other):
            return other
    if takes_encoded(info) if wanted.encoded else takes_pixels(info):
        return info
    return _no_pictures(info, wanted, client, reporter)


def _unknown(name: str, attempt: Reporter, client: Client, reporter: Reporter) -> Failed:
    """Why a model's metadata were refused: where the server has no such model, that is said."""
    refused = next((d for d in attempt.diagnostics if d.rule is REFUSED), None)
    states = FAILED if refused is None else client.models(Reporter())
    names = [] if isinstance(states, Failed) else list(dict.fromkeys(s.name for s in states))
    if refused is None or isinstance(states, Failed) or name in names:
        reporter.add(attempt.diagnostics)
        return FAILED
    return reporter.error(
        NO_MODEL,
        f"the server has no model `{shown(name)}`",
        file_place(client.address),
        notes=(f"it has {listed(names)}" if names else "it has none", *refused.notes),
        helps=did_you_mean(name, names),
    )


def _no_pictures(info: ModelInfo, wanted: Wanted, client: Client, reporter: Reporter) -> Failed:
    what = "encoded pictures" if wanted.encoded else "pixels"
    helps: tuple[str, ...] = ()
    if takes_encoded(info):
        helps = ("it takes files as they are: `--encoded`",)
    elif takes_pixels(info):
        helps = (
            "leave `--encoded` out: pictures are prepared here then",
            "or deploy the model with `archc deploy --encoded`",
        )
    return reporter.error(
        INPUT,
        f"the model `{shown(info.name)}` takes no {what}",
        file_place(client.address),
        notes=(f"it takes {_described(info.inputs)}",),
        helps=helps,
    )


def _only_model(client: Client, wanted: Wanted, reporter: Reporter) -> ModelInfo | Failed:
    attempt = Reporter()
    states = client.models(attempt)
    if isinstance(states, Failed):
        if any(found.rule is not REFUSED for found in attempt.diagnostics):
            reporter.add(attempt.diagnostics)
            return FAILED
        return _not_found("the server does not say which models it has", (), client, reporter)
    names = list(dict.fromkeys(s.name for s in states if s.is_ready))
    infos = [i for i in (client.metadata(n, Reporter()) for n in names) if isinstance(i, ModelInfo)]
    fitting = [i for i in infos if (takes_encoded(i) if wanted.encoded else takes_pixels(i))]
    prepared = [i for i in fitting if i.inputs[0].datatype == "UINT8"] or fitting
    if len(prepared) == 1:
        return prepared[0]
    if len(infos) == 1:
        return _no_pictures(infos[0], wanted, client, reporter)
    if not infos:
        waiting = [
            f"`{shown(s.name)}` is {shown(s.state)}" + (f": {shown(s.reason)}" if s.reason else "")
            for s in states
        ]
        return _not_found("the server has no model that is ready", waiting[:5], client, reporter)
    what = "encoded pictures" if wanted.encoded else "pixels"
    some = [f"`{shown(i.name)}` takes {_described(i.inputs)}" for i in infos]
    message = f"{len(prepared) or 'none'} of the server's models take{'' if prepared else 's'}"
    return _not_found(f"{message} {what}", some[:8], client, reporter)


def _not_found(message: str, notes: Iterable[str], client: Client, reporter: Reporter) -> Failed:
    return reporter.error(
        NO_MODEL, message, file_place(client.address), notes=notes,
        helps=("say which is called: `--model NAME`",),
    )  # fmt: skip


def _scores(
    info: ModelInfo,
    config: ModelConfig | None,
    name: str | None,
    client: Client,
    reporter: Reporter,
) -> TensorInfo | Failed:
    outputs = {output.name: output for output in info.outputs}
    place = file_place(client.address)
    if name is not None and name not in outputs:
        return reporter.error(
            OUTPUT,
            f"the model `{shown(info.name)}` has no output `{shown(name)}`",
            place,
            notes=(f"it gives {listed(list(outputs))}",) if outputs else (),
            helps=did_you_mean(name, outputs),
        )
    first = (name,) if name is not None else (config.labelled if config else ())
    chosen = [outputs[n] for n in first if n in outputs] or list(info.outputs)
    for output in chosen:
        if _is_scores(output):
            return output
    return reporter.error(
        OUTPUT,
        f"the model `{shown(info.name)}` gives no list of class scores",
        place,
        notes=(f"it gives {_described(chosen)}",),
        helps=("name another output: `--output NAME`",) if len(outputs) > 1 else (),
    )


def _is_scores(output: TensorInfo) -> bool:
    sizes = output.shape[1:]
    return (
        output.datatype in _NUMBERS
        and len(sizes) >= 1
        and sizes[0] != 1
        and all(size in (-1, 1) for size in sizes[1:])
    )


def _pixels(source: TensorInfo) -> ModelInput:
    """The input, channels first; which axis they are is seen from the sizes, else from the type."""
    first, last = source.shape[1] in _CHANNELS, source.shape[3] in _CHANNELS
    nhwc = last if first != last else source.datatype == "UINT8"
    sizes = source.shape[1:]
    channels, height, width = (sizes[2], *sizes[:2]) if nhwc else sizes
    shape = tuple(
        symbol if size < 0 else size
        for symbol, size in (("C", channels), ("H", height), ("W", width))
    )
    return ModelInput(source.name, shape, _PIXELS[source.datatype], nhwc)


def _batch(source: TensorInfo, pixels: ModelInput | None, config: ModelConfig | None) -> int:
    if pixels is not None and not all(isinstance(size, int) for size in pixels.shape):
        return 1  # pictures of several sizes make no batch
    if config is not None and config.max_batch_size > 0:
        return min(config.max_batch_size, MOST_AT_ONCE)
    return UNBOUNDED_BATCH if source.shape[:1] == (-1,) else 1


def _described(tensors: Iterable[TensorInfo]) -> str:
    return (
        ", ".join(
            f"`{shown(t.name)}` {shown(t.datatype)} {shown(str(list(t.shape)))}" for t in tensors
        )
        or "nothing"
    )
