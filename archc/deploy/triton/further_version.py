"""A further build of a network beside the first: it must fit the configuration that is there."""

from __future__ import annotations

from pathlib import Path

from archc.deploy.served import Served
from archc.deploy.triton.format_config import format_config
from archc.deploy.triton.served_config import ALL, LABELS, declared
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Span
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.signature import Port, Signature
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

OTHER_TENSORS = Rule(
    "triton/other-tensors",
    "a further version takes or gives something else than the configuration says",
    "All versions of a model share one configuration and one file of labels.",
)
_POLICY = "version_policy"


def check_agreement(
    config: Group, served: Served, signature: Signature, model: Path, reporter: Reporter
) -> Failed | None:
    """None where a build takes, gives and labels what the configuration says.

    Reports: triton/other-tensors.
    """
    is_batched = config.integer("max_batch_size") > 0
    helps = ("write it into a package of its own: `-o DIR`",)
    for kind, ports in (("input", signature.inputs), ("output", signature.outputs)):
        there = [_of_config(tensor) for tensor in config.groups(kind)]
        ours = [_of_port(port, is_batched=is_batched) for port in ports]
        if there != ours:
            return reporter.error(
                OTHER_TENSORS,
                f"the build has other {kind}s than the models beside it: {_written(ours)}",
                config.place_of(kind),
                notes=(f"they have {_written(there)}",),
                helps=helps,
            )
    labels = "".join(f"{label}\n" for label in served.labels)
    path = model / LABELS
    if path.exists() and path.read_text(encoding="utf-8") != labels:
        message = f"the build has other labels than `{LABELS}`"
        return reporter.error(OTHER_TENSORS, message, file_place(str(path)), helps=helps)
    return None


def updated_policy(config: Group, *, serve_all: bool) -> str | None:
    """The text of a configuration with every version served; None where nothing changes."""
    policy = config.group(_POLICY)
    if not serve_all or (policy is not None and policy.has("all")):
        return None
    text = config.span.source.text
    written = format_config({_POLICY: ALL})
    if policy is None:
        return f"{text.rstrip()}\n{written}"
    start, end = _offsets(policy.span, text)
    return f"{text[:start]}{written.removeprefix(_POLICY).strip()}{text[end:]}"


def _offsets(span: Span, text: str) -> tuple[int, int]:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1


def _of_config(tensor: Group) -> tuple[str, str, tuple[int, ...]]:
    return tensor.text("name"), tensor.text("data_type"), tensor.integers("dims")


def _of_port(port: Port, *, is_batched: bool) -> tuple[str, str, tuple[int, ...]]:
    has_batch = bool(port.dims) and not isinstance((port.dims or (0,))[0], int)
    own = declared(port, is_batched=is_batched and has_batch)
    return own.name, own.data_type, own.dims


def _written(tensors: list[tuple[str, str, tuple[int, ...]]]) -> str:
    return ", ".join(f"`{shown(name)}` {kind} {list(dims)}" for name, kind, dims in tensors)
