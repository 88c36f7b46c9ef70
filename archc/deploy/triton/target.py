"""The target `triton`: a model repository that loads at once, with everything said.

models/NAME/config.pbtxt
models/NAME/labels.txt
models/NAME/VERSION/model.onnx, its weights in a second file beside it
models/NAME_preprocess, models/NAME_pictures      for encoded pictures, on request
"""

from __future__ import annotations

import os
from pathlib import Path

from archc.deploy.served import Layout, Served, ServingOptions
from archc.deploy.triton.check import REPOSITORY, check_repository
from archc.deploy.triton.element_types import BY_ONNX
from archc.deploy.triton.ensemble import check_ensemble_form, ensemble_name, write_ensemble
from archc.deploy.triton.examined import CONFIG
from archc.deploy.triton.format_config import format_config
from archc.deploy.triton.further_version import check_agreement, updated_policy
from archc.deploy.triton.read_config import read_config
from archc.deploy.triton.releases import Release, check_release, find_release
from archc.deploy.triton.served_config import LABELS, served_config
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.signature import Signature, read_signature
from archc.weights.shown import shown

UNUSED_LABELS = Rule(
    "triton/unused-labels",
    "labels belong to no output",
    "Labels are given for an output with one number a label.",
)
SERVED_TYPE = Rule(
    "triton/served-type",
    "a model has an input or output that Triton cannot serve",
    "Triton serves tensors of its own element types, with a known number of axes.",
)


def write(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """Where the files of a new package are; they were checked by all rules.

    Reports: triton/unknown-release, triton/model-too-new, triton/unused-labels, triton/served-type,
        triton/no-ensemble, what writing the model reports, and what `check_repository` reports.

    Raises:
        OSError: a file cannot be written.
    """
    release = _check(served, options, reporter)
    if isinstance(release, Failed):
        return FAILED
    model = folder / REPOSITORY / served.name
    signature = _write_version(served, model, options, reporter)
    if isinstance(signature, Failed):
        return FAILED
    config = format_config(served_config(served, signature, options))
    (model / CONFIG).write_text(config, encoding="utf-8")
    if served.labels:
        (model / LABELS).write_text("\n".join(served.labels) + "\n", encoding="utf-8")
    return _finish(served, folder, signature, options, release, reporter)


def add_version(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """Where the files of a further build are, in a package that has one already.

    The configuration stays as it is, but for the version policy where all shall be served.

    Reports: triton/other-tensors, and what `write` and `read_config` report.

    Raises:
        OSError: a file cannot be written.
    """
    model = folder / REPOSITORY / served.name
    release = _check(served, options, reporter)
    config = read_config(model / CONFIG, reporter)
    if isinstance(release, Failed) or isinstance(config, Failed):
        return FAILED
    signature = _write_version(served, model, options, reporter)
    if isinstance(signature, Failed):
        return FAILED
    if isinstance(check_agreement(config, served, signature, model, reporter), Failed):
        return FAILED
    text = updated_policy(config, serve_all=options.serve_all)
    if text is not None:
        (model / CONFIG).write_text(text, encoding="utf-8")
    return _finish(served, folder, signature, options, release, reporter)


def _check(served: Served, options: ServingOptions, reporter: Reporter) -> Release | Failed:
    place = served.place
    release = find_release(options.release, place, reporter)
    if isinstance(release, Failed):
        return FAILED
    failed = check_release(served.opset, served.ir_version, release, place, reporter)
    if served.labels and not served.labelled:
        message = f"there are {len(served.labels)} labels, and no output has as many classes"
        helps = ("leave `labels` out of the spec, or end it in one number a class",)
        reporter.warning(UNUSED_LABELS, message, place, helps=helps)
    if options.ensemble:
        failed = check_ensemble_form(served, place, reporter) or failed
    return release if failed is None else failed


def _write_version(
    served: Served, model: Path, options: ServingOptions, reporter: Reporter
) -> Signature | Failed:
    """Writes a build, its weights in a second file; gives what the file takes and gives."""
    path = model / str(options.version) / "model.onnx"
    path.parent.mkdir(parents=True)
    if isinstance(served.write_model(path, True), Failed):
        return FAILED
    signature = read_signature(path)
    for port in (*signature.inputs, *signature.outputs):
        if port.element not in BY_ONNX or not port.dims:
            lack = "no axes" if port.dims == () else "no known number of axes"
            if port.element not in BY_ONNX:
                lack = f"the type {port.element or 'of no tensor'}, which Triton has not"
            message = f"`{shown(port.name)}` has {lack}"
            helps = ("export the model with a tensor of numbers and axes in its place",)
            return reporter.error(SERVED_TYPE, message, served.place, helps=helps)
    return signature


def _finish(
    served: Served,
    folder: Path,
    signature: Signature,
    options: ServingOptions,
    release: Release,
    reporter: Reporter,
) -> Layout | Failed:
    repository = folder / REPOSITORY
    ensemble = repository / ensemble_name(served.name)
    if options.ensemble and served.preprocess is not None and not ensemble.exists():
        write_ensemble(served, served.preprocess, signature, repository, options)
    own = Reporter()
    check_repository(repository, own, release.name, auto_complete=False)
    if own.has_errors:
        reporter.add(own.diagnostics)
        return FAILED
    name = f"{REPOSITORY}/{served.name}"
    labels = f"{name}/{LABELS}"
    return Layout(
        model=f"{name}/{options.version}/model.onnx",
        repository=REPOSITORY,
        labels=labels if os.path.exists(folder / labels) else None,
        ensemble=ensemble.name if ensemble.exists() else None,
        release=release.name,
    )
