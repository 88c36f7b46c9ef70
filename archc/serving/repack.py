"""The repository that a server is started with: the package's own, or one made of it.

A package for one kind of server can be tried on another: what is served is known from its manifest,
and the other's files are written anew.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from archc.deploy.manifest import Manifest
from archc.deploy.served import Served, ServingOptions
from archc.deploy.targets import find_target
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.model_file import open_model_file
from archc.onnx_io.writer import WriteResult, write_model
from archc.serving.launch import LayoutName
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

CANNOT_READ = Rule(
    "serve/unreadable-package",
    "a package lacks files that its manifest names",
    "The manifest says where the model and its labels lie; a package is complete or it is none.",
)

_MARKS: dict[LayoutName, str] = {"triton": "config.pbtxt", "mlserver": "model-settings.json"}
"""The file in a model's folder by which each kind of repository is known."""


def repository_for(
    package: Path, manifest: Manifest, layout: LayoutName, resources: ExitStack, reporter: Reporter
) -> Path | Failed:
    """The folder that a server of this kind is started with.

    A folder that is made lasts until `resources` is closed.

    Reports: serve/unreadable-package, and what the target reports.
    """
    if manifest.repository is not None:
        own = package / manifest.repository
        if (own / manifest.name / _MARKS[layout]).is_file():
            return own
    made = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="archc-repository-")))
    place = file_place(str(package))
    target = find_target(layout, place, reporter)
    served = _served(package, manifest, reporter)
    if isinstance(target, Failed) or isinstance(served, Failed):
        return FAILED
    number = manifest.versions[-1].number
    options = ServingOptions(
        version=number,
        max_batch_size=manifest.max_batch_size,
        ensemble=layout == "triton" and manifest.ensemble is not None,
    )
    written = target.module.write(served, made, options, reporter)
    if isinstance(written, Failed) or written.repository is None:
        return FAILED
    return made / written.repository


def _served(package: Path, manifest: Manifest, reporter: Reporter) -> Served | Failed:
    version = manifest.versions[-1]
    labels = _labels(package, manifest, reporter)
    if isinstance(labels, Failed):
        return FAILED

    def write(path: Path, external: bool) -> WriteResult | Failed:
        opened = open_model_file(package / version.model, reporter)
        if isinstance(opened, Failed):
            return FAILED
        with opened as file:
            place = file_place(str(package / version.model))
            return write_model(file.model, path, reporter=reporter, place=place, external=external)

    labelled = (
        output.name
        for output in manifest.outputs
        if labels and output.shape[:1] == (len(labels),) and set(output.shape[1:]) <= {1}
    )
    return Served(
        name=manifest.name,
        form=manifest.form,
        inputs=manifest.inputs,
        outputs=manifest.outputs,
        opset=version.opset,
        ir_version=version.ir_version,
        has_batch=manifest.max_batch_size > 0,
        preprocess=manifest.preprocess,
        labels=labels,
        labelled=tuple(labelled),
        probabilities=manifest.probabilities,
        place=file_place(str(package)),
        write_model=write,
    )


def _labels(package: Path, manifest: Manifest, reporter: Reporter) -> tuple[str, ...] | Failed:
    if manifest.labels is None:
        return ()
    path = package / manifest.labels
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        message = f"the labels of `{shown(str(package))}` cannot be read"
        helps = ("write the package anew with `archc deploy`",)
        return reporter.error(CANNOT_READ, message, file_place(str(path)), helps=helps)
