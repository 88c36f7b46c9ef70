"""`archc deploy`: packs a network for an inference server, or checks such a package offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from archc.cli.deploy_options import (
    Add,
    Batch,
    BrowserRuntime,
    Check,
    Delay,
    Device,
    Encoded,
    Features,
    Form,
    Instances,
    Name,
    Opset,
    Out,
    Probabilities,
    Prove,
    Samples,
    Seed,
    ServeAll,
    Shell,
    Source,
    Storage,
    Target,
    Threads,
    Version,
    Weights,
)
from archc.cli.options import SetOption, VariantOption
from archc.cli.progress import Progress
from archc.cli.report import SPEC_ERRORS, end_on_errors
from archc.cli.settings import choices
from archc.cli.terminal import put, put_aside, say
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.deploy.package import Package
    from archc.deploy.request import PackageRequest
    from archc.pipeline.networks import Choices

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def deploy(
    source: Source = None,
    target: Target = "triton",
    output: Out = None,
    check: Check = None,
    weights: Weights = None,
    variant: VariantOption = None,
    settings: SetOption = None,
    form: Form = "image",
    name: Name = None,
    probabilities: Probabilities = False,
    features: Features = None,
    samples: Samples = None,
    encoded: Encoded = False,
    add: Add = False,
    version: Version = None,
    serve_all: ServeAll = False,
    max_batch: Batch = 16,
    max_delay: Delay = 1000,
    instances: Instances = 1,
    threads: Threads = 1,
    device: Device = "cpu",
    storage: Storage = None,
    shell: Shell = None,
    browser_runtime: BrowserRuntime = None,
    opset: Opset = None,
    seed: Seed = 0,
    prove: Prove = False,
) -> None:
    """Pack a network for an inference server; its answers are known before it leaves."""
    if check is not None:
        _check(source, check, target)
        return
    if source is None:
        raise typer.BadParameter("a SPEC or a MODEL is missing, or `--check DIR`")
    from archc.deploy.request import PackageRequest
    from archc.deploy.served import ServingOptions

    reporter = Reporter()
    chosen = choices(variant, settings, reporter)
    end_on_errors(reporter)
    options = ServingOptions(
        max_batch_size=max_batch, max_queue_delay_us=max_delay, instances=instances,
        threads=threads, device="gpu" if device == "gpu" else "cpu", serve_all=serve_all,
        ensemble=encoded, storage=storage, shell=shell, browser_runtime=browser_runtime,
    )  # fmt: skip
    request = PackageRequest(
        target, output or Path(f"{Path(source).stem}-{target.partition(':')[0]}"), name,
        "tensor" if form == "tensor" else "image", probabilities, features,
        tuple(samples or ()), add, version, options,
    )  # fmt: skip
    package = _write(source, request, chosen, weights, seed, opset)
    if prove:
        _prove(package)


def _write(
    source: str,
    request: PackageRequest,
    chosen: Choices,
    weights: Path | None,
    seed: int,
    opset: int | None,
) -> Package:
    from archc.pipeline.building import DEFAULT_OPSET
    from archc.pipeline.deploying import deploy_model

    reporter = Reporter()
    with Progress(f"packing {Path(source).stem}") as progress:
        package = deploy_model(
            source,
            request,
            reporter,
            choices=chosen,
            weights=weights,
            seed=seed,
            opset=DEFAULT_OPSET if opset is None else opset,
            progress=progress,
        )
    end_on_errors(reporter)
    if isinstance(package, Failed):
        raise typer.Exit(SPEC_ERRORS)
    _report(package)
    return package


def _report(package: Package) -> None:
    """Says what was written."""
    from archc.analysis.readable import readable_bytes

    manifest, folder = package.manifest, package.folder
    if manifest.is_trained is False:
        say("warning", "the weights are random: nothing is trained")
        say("help", "give a checkpoint: `--weights FILE`")
    total = sum(file.size_bytes for file in manifest.files.values())
    versions = ", ".join(str(version.number) for version in manifest.versions)
    put(f"{folder}: {readable_bytes(total)} for {manifest.target}")
    put(f"  model     {manifest.name}, version {versions}")
    for word, tensors in (("takes", manifest.inputs), ("gives", manifest.outputs)):
        for tensor in tensors:
            sizes = ", ".join("?" if size < 0 else str(size) for size in tensor.shape)
            batch = "N, " if manifest.max_batch_size else ""
            put(f"  {word:<9} {tensor.name}: {tensor.dtype} ({batch}{sizes})")
    if manifest.ensemble is not None:
        put(f"  encoded   {manifest.ensemble} takes the bytes of JPEG and PNG files")
    put(f"  answers   {len(manifest.pictures) or 2} golden samples, known from "
        f"{', '.join(manifest.proved_on)}")  # fmt: skip


def _check(source: str | None, folder: Path, target: str) -> None:
    if source is not None:
        raise typer.BadParameter("`--check DIR` takes no SPEC or MODEL")
    from archc.deploy.check import check_folder

    reporter = Reporter()
    name, _, release = target.partition(":")
    if name != "triton":
        raise typer.BadParameter("`--check` is told a release by `--target triton:RELEASE` alone")
    found = check_folder(folder, reporter, release=release or None)
    end_on_errors(reporter)
    if isinstance(found, Failed):
        raise typer.Exit(SPEC_ERRORS)
    models = ", ".join(f"`{model}`" for model in found.models)
    put(f"{folder}: nothing that a server would refuse in {models}")


def _prove(package: Package) -> None:
    from archc.pipeline.proving import prove_package

    reporter = Reporter()
    proved = prove_package(package.folder, reporter, say=put_aside)
    end_on_errors(reporter)
    if isinstance(proved, Failed):
        raise typer.Exit(SPEC_ERRORS)
    put(
        f"  proved    {proved.title} gives them, worst difference {proved.worst:.2g} of the largest"
    )
