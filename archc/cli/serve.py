"""`archc serve`: starts a real inference server for a package, and proves what it serves."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from archc.cli.deploy_options import Form, Weights
from archc.cli.options import SetOption, VariantOption, completing, one_of, whole_number
from archc.cli.report import SPEC_ERRORS, end_on_errors, show
from archc.cli.settings import choices
from archc.cli.terminal import put, put_aside, say
from archc.diagnostics.reporter import FAILED, Failed, Reporter

if TYPE_CHECKING:
    from archc.deploy.manifest import Form as FormName
    from archc.deploy.manifest import Manifest
    from archc.deploy.package import Package
    from archc.serving.engines import Chosen
    from archc.serving.proof import Proof
    from archc.serving.server import RunningServer, ServerOptions

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_ENGINES = ("auto", "tritonserver", "triton", "docker", "podman", "mlserver")
_LARGEST_PORT = 65535
_NO_ENSEMBLE = "triton/no-ensemble"


def _port(text: str) -> int:
    number = whole_number(1)(text)
    if number > _LARGEST_PORT:
        raise typer.BadParameter(f"it is a port from 1 to {_LARGEST_PORT}, not `{text}`")
    return number


_Source: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="PACKAGE|SPEC|MODEL",
        help="A folder that `archc deploy` wrote; or a spec or a built model, which is packed for "
        "the occasion.",
        show_default=False,
    ),
]
_Engine: TypeAlias = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="|".join(_ENGINES),
        help="The server: `tritonserver` from the path, the Triton of a Python package (`triton`), "
        "Triton in a container, or MLServer; `auto` takes the first that runs here.",
        parser=one_of(*_ENGINES),
        autocompletion=completing(*_ENGINES),
    ),
]
_Environment: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--environment",
        metavar="DIR",
        help="The folder of the server's own environment, which is made on first use.  "
        "[default: one in the user's cache]",
        show_default=False,
    ),
]
_Host: TypeAlias = Annotated[
    str,
    typer.Option("--host", metavar="ADDRESS", help="The address that the server listens at."),
]
_HttpPort: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--http-port", metavar="N", parser=_port, show_default=False,
        help="The port of HTTP.  [default: 8000, or a free one]",
    ),
]  # fmt: skip
_GrpcPort: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--grpc-port", metavar="N", parser=_port, show_default=False,
        help="The port of gRPC.  [default: 8001, or a free one]",
    ),
]  # fmt: skip
_MetricsPort: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--metrics-port", metavar="N", parser=_port, show_default=False,
        help="The port of the metrics.  [default: 8002, or a free one]",
    ),
]  # fmt: skip
_Seconds: TypeAlias = Annotated[
    int,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        help="How long the server may take to be ready.",
        parser=whole_number(1),
    ),
]
_Log: TypeAlias = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Keep what the server says.", show_default=False),
]
_Once: TypeAlias = Annotated[
    bool, typer.Option("--once", help="Start, prove the golden samples, and stop.")
]
_Prepare: TypeAlias = Annotated[
    bool, typer.Option("--prepare", help="Install the server and do no more.")
]


class _Build(NamedTuple):
    """The options of a build, for a spec or a model that is no package yet."""

    weights: Path | None = None
    variant: str | None = None
    settings: list[str] | None = None
    form: str = "image"


@app.command()
def serve(
    source: _Source = None,
    engine: _Engine = "auto",
    environment: _Environment = None,
    host: _Host = "127.0.0.1",
    http_port: _HttpPort = None,
    grpc_port: _GrpcPort = None,
    metrics_port: _MetricsPort = None,
    seconds: _Seconds = 180,
    log: _Log = None,
    once: _Once = False,
    prepare: _Prepare = False,
    weights: Weights = None,
    variant: VariantOption = None,
    settings: SetOption = None,
    form: Form = "image",
) -> None:
    """Start a real inference server for a package, prove its golden samples, and serve."""
    if (source is None) != prepare:
        raise typer.BadParameter(
            "`--prepare` takes no PACKAGE" if prepare else "a PACKAGE, a SPEC or a MODEL is missing"
        )
    from archc.serving.addresses import Ports
    from archc.serving.server import ServerOptions

    if source is not None:
        _check_source(source)
    chosen = _choose(engine, environment)
    if source is None:
        put(f"{chosen.prepared.title} is installed")
        return
    ports = Ports(http_port, grpc_port, metrics_port)
    options = ServerOptions(host, ports, usual=True, seconds=seconds, log=log)
    with ExitStack() as resources:
        package = _package(source, chosen, _Build(weights, variant, settings, form), resources)
        running, manifest = _start(package, chosen, options)
        with running:
            _prove(package, manifest, running)
            if not once:
                _announce(package, manifest, running)
                _serve_on(running)


def _check_source(source: str) -> None:
    """Ends the command where nothing can be served, before a server is installed."""
    from archc.deploy.manifest import read_manifest
    from archc.pipeline.deploying import is_model
    from archc.pipeline.reading import load_spec

    reporter = Reporter()
    path = Path(source)
    if path.is_dir():
        read_manifest(path, reporter)
    elif not is_model(path):
        load_spec(source, reporter)
    if reporter.has_errors:
        end_on_errors(reporter)


def _choose(engine: str, environment: Path | None) -> Chosen:
    from archc.serving.engines import choose_engine

    reporter = Reporter()
    chosen = choose_engine(engine, environment, put_aside, reporter)
    end_on_errors(reporter)
    if isinstance(chosen, Failed):
        raise typer.Exit(SPEC_ERRORS)
    return chosen


def _package(source: str, chosen: Chosen, build: _Build, resources: ExitStack) -> Path:
    """The folder of a package: the one that is named, or one that is written for the occasion."""
    if Path(source).is_dir():
        if build != _Build():
            raise typer.BadParameter("a package was built before, and takes no options of a build")
        return Path(source)
    from archc.deploy.request import PackageRequest
    from archc.deploy.served import ServingOptions
    from archc.pipeline.deploying import deploy_model

    put_aside(f"packing {source}")
    made = resources.enter_context(tempfile.TemporaryDirectory(prefix="archc-package-"))
    target = chosen.engine.layout
    form: FormName = "tensor" if build.form == "tensor" else "image"
    request = PackageRequest(target, Path(made) / "package", form=form)
    package: Package | Failed = FAILED
    # Encoded pictures are taken where the network admits it, which the first attempt finds out.
    for ensemble in (True, False) if target == "triton" and form == "image" else (False,):
        reporter = Reporter()
        picked = choices(build.variant, build.settings, reporter)
        end_on_errors(reporter)
        request = replace(request, options=ServingOptions(ensemble=ensemble))
        package = deploy_model(source, request, reporter, choices=picked, weights=build.weights)
        if all(found.rule.slug != _NO_ENSEMBLE for found in reporter.diagnostics):
            break
    end_on_errors(reporter)
    if isinstance(package, Failed):
        raise typer.Exit(SPEC_ERRORS)
    return package.folder


def _start(package: Path, chosen: Chosen, options: ServerOptions) -> tuple[RunningServer, Manifest]:
    from archc.deploy.manifest import read_manifest
    from archc.serving.addresses import is_loopback
    from archc.serving.start import serve_package

    reporter = Reporter()
    manifest = read_manifest(package, reporter)
    if isinstance(manifest, Failed):
        end_on_errors(reporter)
        raise typer.Exit(SPEC_ERRORS)
    if not is_loopback(options.host):
        say("warning", f"whoever reaches {options.host} can use this server: it asks for no name")
    running = serve_package(package, manifest, chosen, options, put_aside, reporter)
    if isinstance(running, Failed):
        end_on_errors(reporter)
        raise typer.Exit(SPEC_ERRORS)
    show(reporter.diagnostics)
    return running, manifest


def _prove(package: Path, manifest: Manifest, running: RunningServer) -> None:
    from archc.serving.proof import prove

    reporter = Reporter()
    proof = prove(package, running, reporter)
    end_on_errors(reporter)
    if isinstance(proof, Failed):
        raise typer.Exit(SPEC_ERRORS)
    put(f"{manifest.name}: {_proved(proof)}")


def _proved(proof: Proof) -> str:
    versions = ", ".join(map(str, proof.versions))
    return (
        f"the golden samples are answered as ONNX Runtime did ({', '.join(proof.ways)}; version "
        f"{versions}), worst difference {proof.worst:.2g} of the largest answer"
    )


def _announce(package: Path, manifest: Manifest, running: RunningServer) -> None:
    from archc.serving.sample_calls import sample_calls

    put(f"  served by  {running.title}")
    put(f"  HTTP       {running.http}/v2/models/{manifest.name}")
    put(f"  gRPC       {running.grpc}")
    put(f"  metrics    {running.metrics}")
    reporter = Reporter()
    calls = sample_calls(package, manifest, running, reporter)
    show(reporter.diagnostics)
    if not isinstance(calls, Failed):
        put(f"  curl       {calls.curl}")
        put(f"  Python     {calls.python}")
        if calls.archc is not None:
            put(f"  archc      {calls.archc}")
    say("note", "Ctrl-C stops the server")


def _serve_on(running: RunningServer) -> None:
    """Waits until the command is interrupted, or the server ends by itself."""
    import sys

    sys.stdout.flush()  # whoever waits for these lines may read them through a pipe
    reporter = Reporter()
    running.wait(reporter)
    end_on_errors(reporter)
