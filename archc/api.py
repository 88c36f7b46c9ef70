"""The public functions: a spec in, a model out, mistakes raised as `SpecError`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from archc.diagnostics.errors import SpecError
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph
from archc.pipeline import (
    DEFAULT_OPSET,
    BuildResult,
    Choices,
    Network,
    Spec,
    SpecName,
    Validation,
    build_model,
    elaborate_network,
    load_spec,
    validate_spec,
)

if TYPE_CHECKING:
    from archc.onnx_io.session import Session
    from archc.onnx_io.writer import Progress

T = TypeVar("T")


def load(spec: SpecName) -> Spec:
    """The spec of a path or a built-in name, with its imports.

    Raises:
        SpecError: the spec cannot be read.
    """
    return _or_raise(lambda reporter: load_spec(spec, reporter))


def validate(
    spec: SpecName | Spec,
    *,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Validation:
    """The typed graphs of a spec: of one variant, or of complete defaults and every variant.

    Raises:
        SpecError: the spec has mistakes; its `diagnostics` say which and where.
    """
    reporter = Reporter()
    loaded = spec if isinstance(spec, Spec) else load_spec(spec, reporter)
    if isinstance(loaded, Failed):
        raise SpecError(reporter.diagnostics)
    graphs = validate_spec(loaded, Choices(variant, settings or {}), reporter)
    if reporter.has_errors:
        raise SpecError(reporter.diagnostics)
    return Validation(loaded, graphs, reporter.diagnostics)


def elaborate(
    spec: SpecName | Spec,
    *,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    outputs: Mapping[str, str] | None = None,
) -> Graph:
    """The typed graph of a spec.

    Args:
        spec: a path, a built-in name, or a loaded spec.
        variant: one of its variants.
        settings: values of parameters and of symbolic sizes, by name.
        outputs: paths of layers to give instead of the spec's outputs, by the outputs' names.

    Raises:
        SpecError: the spec has mistakes.
    """
    choices = Choices(variant, settings or {}, outputs or {})

    def run(reporter: Reporter) -> Network | Failed:
        loaded = spec if isinstance(spec, Spec) else load_spec(spec, reporter)
        if isinstance(loaded, Failed):
            return FAILED
        return elaborate_network(loaded, choices, reporter)

    return _or_raise(run).graph


def build(
    spec: SpecName | Spec,
    output: str | Path | BinaryIO,
    *,
    weights: str | Path | None = None,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    outputs: Mapping[str, str] | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    external_data: bool | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Compiles a spec to an ONNX model, in a file or a binary stream.

    Args:
        spec: a path, a built-in name, or a loaded spec.
        output: the model's file, which is replaced only when complete, or a stream.
        weights: a checkpoint; without one, weights are drawn from `seed` and the model says so.
        variant: one of the spec's variants.
        settings: values of parameters and of symbolic sizes, by name.
        outputs: paths of layers to give instead of the spec's outputs, by the outputs' names.
        seed: what initial weights are drawn with.
        opset: the version of the ONNX operators.
        external_data: whether weights lie in a second file; None only where they must.
        progress: told the bytes written and the bytes in all.

    Raises:
        SpecError: the spec, the checkpoint or an argument has mistakes; nothing is written.
    """
    choices = Choices(variant, settings or {}, outputs or {})
    target = Path(output) if isinstance(output, str) else output

    def run(reporter: Reporter) -> BuildResult | Failed:
        loaded = spec if isinstance(spec, Spec) else load_spec(spec, reporter)
        if isinstance(loaded, Failed):
            return FAILED
        return build_model(
            loaded, target, reporter, choices=choices, seed=seed, opset=opset,
            weights=Path(weights) if weights is not None else None,
            external_data=external_data, progress=progress,
        )  # fmt: skip

    return _or_raise(run)


def build_bytes(
    spec: SpecName | Spec,
    *,
    weights: str | Path | None = None,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    outputs: Mapping[str, str] | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
) -> bytes:
    """Compiles a spec to the bytes of an ONNX model; the arguments are those of `build`.

    Raises:
        SpecError: the spec, the checkpoint or an argument has mistakes, or the model is too large.
    """
    stream = io.BytesIO()
    build(
        spec, stream, weights=weights, variant=variant, settings=settings, outputs=outputs,
        seed=seed, opset=opset,
    )  # fmt: skip
    return stream.getvalue()


def session(model: str | Path | bytes, *, threads: int = 1) -> Session:
    """An ONNX Runtime session of a built model, on the CPU with this many threads."""
    from archc.onnx_io.session import open_session

    return open_session(Path(model) if isinstance(model, str) else model, threads=threads)


def _or_raise(run: Callable[[Reporter], T | Failed]) -> T:
    reporter = Reporter()
    result = run(reporter)
    if isinstance(result, Failed) or reporter.has_errors:
        raise SpecError(reporter.diagnostics)
    return result
