"""The public functions: a spec in, a model out, mistakes raised as `SpecError`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from archc.diagnostics.errors import SpecError
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.graph.graph import Graph
from archc.pipeline.building import DEFAULT_OPSET, FOR_INFERENCE, BuildResult, build_model
from archc.pipeline.deploying import deploy_model
from archc.pipeline.networks import Choices, Network, Validation, elaborate_network, validate_spec
from archc.pipeline.precision import FLOAT32, Precision
from archc.pipeline.reading import Spec, SpecName, load_spec
from archc.weights.policies import AS_IT_IS, WeightPolicies

if TYPE_CHECKING:
    from archc.deploy.manifest import Form
    from archc.deploy.package import Package
    from archc.deploy.served import ServingOptions
    from archc.onnx_io.session import Session
    from archc.onnx_io.writer import Progress
    from archc.serving.client.call import Outcome
    from archc.serving.server import RunningServer

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
    policies: WeightPolicies = AS_IT_IS,
    optimization: int = FOR_INFERENCE,
    precision: Precision = FLOAT32,
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
        policies: what to do where the checkpoint does not fit the network.
        optimization: 1 for what gives the same and does less, 0 for the spec one to one.
        precision: whether it computes in sixteen or eight bits, and what those are chosen from.
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
            external_data=external_data, policies=policies, optimization=optimization,
            precision=precision, progress=progress,
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
    policies: WeightPolicies = AS_IT_IS,
    optimization: int = FOR_INFERENCE,
    precision: Precision = FLOAT32,
) -> bytes:
    """Compiles a spec to the bytes of an ONNX model; the arguments are those of `build`.

    Raises:
        SpecError: the spec, the checkpoint or an argument has mistakes, or the model is too large.
    """
    stream = io.BytesIO()
    build(
        spec, stream, weights=weights, variant=variant, settings=settings, outputs=outputs,
        seed=seed, opset=opset, policies=policies, optimization=optimization,
        precision=precision,
    )  # fmt: skip
    return stream.getvalue()


def pack(
    source: SpecName,
    folder: str | Path,
    *,
    target: str = "triton",
    weights: str | Path | None = None,
    variant: str | None = None,
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    form: Form = "image",
    name: str | None = None,
    probabilities: bool = False,
    features: str | None = None,
    pictures: Iterable[str | Path] = (),
    version: int | None = None,
    is_further_version: bool = False,
    options: ServingOptions | None = None,
) -> Package:
    """Packs a spec, or a model that was built before, for an inference server.

    Args:
        source: a spec's path or built-in name, or the path of a built model, which takes no
            weights, variant or settings.
        folder: the package's folder, which is replaced only when complete.
        target: `triton`, `kserve`, `openvino`, `mlserver` or `web`, with `:RELEASE` where it has
            releases.
        weights: as in `build`; so are variant, settings, seed and opset.
        variant: one of the spec's variants.
        settings: values of parameters and of symbolic sizes, by name.
        seed: what initial weights are drawn with.
        opset: the version of the ONNX operators.
        form: `image` takes pixels, uint8 (N, H, W, C); `tensor` takes what the network does.
        name: the model's name on the server.
        probabilities: whether the softmax of the first output is given as `probabilities`.
        features: the path of a layer whose output is given as `features`.
        pictures: golden pictures; two are drawn where there are none.
        version: the number that the build is served under.
        is_further_version: whether the build joins the package that stands in the folder.
        options: batching, threads, instances and what else servers are told.

    Raises:
        SpecError: the spec, the checkpoint or an argument has mistakes; nothing is written.
    """
    from archc.deploy.request import PackageRequest
    from archc.deploy.served import ServingOptions

    request = PackageRequest(
        target=target, folder=Path(folder), name=name, form=form, probabilities=probabilities,
        features=features, pictures=tuple(map(Path, pictures)), version=version,
        is_further_version=is_further_version, options=options or ServingOptions(),
    )  # fmt: skip
    choices = Choices(variant, settings or {})
    return _or_raise(
        lambda reporter: deploy_model(
            source, request, reporter, choices=choices, seed=seed, opset=opset,
            weights=Path(weights) if weights is not None else None,
        )
    )  # fmt: skip


def serve(
    package: str | Path, *, engine: str = "auto", environment: str | Path | None = None
) -> RunningServer:
    """A real inference server on this machine that serves a package; a context manager.

    Args:
        package: a folder that `pack` wrote.
        engine: `tritonserver`, `triton`, `docker`, `podman` or `mlserver`; `auto` takes the first
            that runs here.
        environment: where a server that is installed on first use lives; None for the user's cache.

    Raises:
        SpecError: the folder is no package, or no server can be started.
    """
    from archc.serving.start import start_server

    folder = None if environment is None else Path(environment)
    return _or_raise(
        lambda reporter: start_server(Path(package), reporter, engine=engine, environment=folder)
    )


def call(
    url: str, images: Iterable[str | Path], *, encoded: bool = False, top: int = 5
) -> tuple[Outcome, ...]:
    """What a served model sees in image files, in their order; broken ones have diagnostics.

    Args:
        url: `http://HOST:PORT` or `grpc://HOST:PORT`, with `/v2/models/NAME` behind it where the
            server serves several.
        images: the files.
        encoded: whether the files are sent as they are, to the model that decodes them itself.
        top: how many classes are named.

    Raises:
        SpecError: the address is none, or the server has no such model.
    """
    from archc.serving.client.call import open_call

    def run(reporter: Reporter) -> tuple[Outcome, ...] | Failed:
        opened = open_call(url, reporter, encoded=encoded, top=top)
        if isinstance(opened, Failed):
            return FAILED
        with opened.client:
            return tuple(opened.outcomes([Path(image) for image in images]))

    return _or_raise(run)


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
