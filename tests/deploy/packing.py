"""Packages of the digits example and of built-in networks, written for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archc.deploy.manifest import Form
from archc.deploy.package import Package
from archc.deploy.request import PackageRequest
from archc.deploy.served import ServingOptions
from archc.diagnostics.reporter import Failed, Reporter
from archc.pipeline.deploying import deploy_model
from archc.pipeline.networks import Choices

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
HELD_OUT = tuple(sorted((DIGITS / "held_out").glob("*.png")))


def pack(
    target: str,
    folder: Path,
    reporter: Reporter,
    *,
    network: str = "digits",
    form: Form = "image",
    options: ServingOptions | None = None,
    name: str | None = None,
    pictures: Sequence[Path] = HELD_OUT[:4],
    is_further_version: bool = False,
) -> Package | Failed:
    """A package; `digits` has its trained weights, other networks random ones."""
    is_digits = network == "digits"
    request = PackageRequest(
        target=target,
        folder=folder,
        name=name,
        form=form,
        pictures=tuple(pictures) if is_digits else (),
        is_further_version=is_further_version,
        options=options or ServingOptions(),
    )
    return deploy_model(
        DIGITS / "digits.yaml" if is_digits else network,
        request,
        reporter,
        choices=Choices(),
        weights=DIGITS / "lenet5_digits.safetensors" if is_digits else None,
    )


def packed(
    target: str,
    folder: Path,
    *,
    network: str = "digits",
    form: Form = "image",
    options: ServingOptions | None = None,
    name: str | None = None,
    is_further_version: bool = False,
) -> Package:
    """The same where nothing may be wrong."""
    reporter = Reporter()
    package = pack(
        target,
        folder,
        reporter,
        network=network,
        form=form,
        options=options,
        name=name,
        is_further_version=is_further_version,
    )
    assert not isinstance(package, Failed), reporter.diagnostics
    return package
