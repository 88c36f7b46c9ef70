"""`archc deploy --check`: whether Triton loads a repository, found out without a server.

Any repository is taken, whoever wrote it. An error is what a server refuses, or what every request
would fail on; a warning is what it takes although it is surely not meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from archc.deploy.manifest import MANIFEST
from archc.deploy.triton.check_ensemble import check_ensemble
from archc.deploy.triton.check_fields import check_fields
from archc.deploy.triton.check_files import check_files
from archc.deploy.triton.check_onnx import check_onnx
from archc.deploy.triton.check_scheduling import check_scheduling
from archc.deploy.triton.check_tensors import check_tensors
from archc.deploy.triton.check_warmup import check_warmup
from archc.deploy.triton.examined import (
    CONFIG,
    ENSEMBLE,
    MODEL_FILES,
    ONNX,
    Examined,
    resolve_backend,
    subfolders,
    version_folders,
)
from archc.deploy.triton.read_config import ROOT, read_config
from archc.deploy.triton.releases import Release, find_release
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule, Severity
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_MODELS = Rule(
    "triton/no-models",
    "a folder holds no model for Triton",
    "A repository is a folder of models, each a folder with a `config.pbtxt` and its versions.",
)

REPOSITORY = "models"
"""The repository in a package."""


class CheckedModel(NamedTuple):
    """A model that was checked.

    Attributes:
        name: its name.
        backend: what runs it; empty where that is not known.
        versions: the versions that a server would serve.
        is_accepted: whether a server loads it, as far as is known.
    """

    name: str
    backend: str
    versions: tuple[int, ...]
    is_accepted: bool


class CheckedRepository(NamedTuple):
    """A repository that was checked: where it lies, for which release, and its models."""

    folder: Path
    release: Release
    models: tuple[CheckedModel, ...]


def check_repository(
    folder: Path, reporter: Reporter, release: str | None = None, *, auto_complete: bool = True
) -> CheckedRepository | Failed:
    """What was checked, the mistakes reported.

    Args:
        folder: a repository, a single model's folder, or a package.
        reporter: takes the mistakes.
        release: the server's release; the newest that is known for None.
        auto_complete: whether the server fills in what configurations leave out, as it does unless
            it is started with `--disable-auto-complete-config`.

    Reports: triton/no-models, triton/unknown-release, and what the modules `check_*` and
        `read_config` report.
    """
    found = find_release(release, file_place(str(folder)), reporter)
    if isinstance(found, Failed):
        return found
    repository, names = _models(folder)
    if not names:
        return reporter.error(
            NO_MODELS,
            f"`{shown(str(folder))}` holds no model for Triton",
            file_place(str(folder)),
            notes=("a model is a folder with a `config.pbtxt`, or with `1/model.onnx`",),
            helps=("write one with `archc deploy SPEC --target triton -o DIR`",),
        )
    beside = subfolders(repository)
    read: dict[str, tuple[Examined | None, Reporter]] = {}
    for name in dict.fromkeys([*names, *beside]):
        own = Reporter()
        read[name] = (_examine(repository / name, own, found, auto_complete=auto_complete), own)
    others = {name: model for name, (model, _) in read.items()}
    checked = []
    for name in names:
        model, own = read[name]
        if model is not None:
            check_model(model, others, own)
        reporter.add(own.diagnostics)
        checked.append(_result(name, model, own))
    return CheckedRepository(repository, found, tuple(_with_steps(checked, others)))


def check_model(model: Examined, others: Mapping[str, Examined | None], reporter: Reporter) -> None:
    """Checks one model by all rules, ensembles against the models beside them."""
    check_fields(model, reporter)
    check_files(model, reporter)
    check_scheduling(model, reporter)
    check_tensors(model, reporter)
    check_warmup(model, reporter)
    check_ensemble(model, others, reporter)
    if model.backend == ONNX:
        check_onnx(model, reporter)


def _models(folder: Path) -> tuple[Path, list[str]]:
    """The repository that a folder is or belongs to, and the models that are meant."""
    if _is_model(folder):
        folder = Path(os.path.abspath(folder)) if not folder.name else folder
        return folder.parent, [folder.name]
    inner = folder / REPOSITORY
    names = [name for name in subfolders(folder) if not name.startswith(".")]
    is_package = os.path.exists(folder / MANIFEST)
    if not is_package and any(_is_model(folder / name) for name in names):
        return folder, names
    if os.path.isdir(inner) and (is_package or not _is_model(inner)):
        return inner, [name for name in subfolders(inner) if not name.startswith(".")]
    return folder, names if not is_package else []


def _is_model(folder: Path) -> bool:
    """Whether a folder has a configuration, or a version with a model that needs none."""
    if os.path.isfile(folder / CONFIG):
        return True
    versions = version_folders(folder).values()
    files = MODEL_FILES.values()
    return any(os.path.exists(version / file) for version in versions for file in files)


def _examine(
    folder: Path, reporter: Reporter, release: Release, *, auto_complete: bool
) -> Examined | None:
    path = folder / CONFIG
    has_config = os.path.exists(path)
    if has_config or not auto_complete:
        config = read_config(path, reporter)
    else:
        config = Group(ROOT, file_place(str(folder)).span, {})
    if isinstance(config, Failed):
        return None
    versions = version_folders(folder)
    backend = resolve_backend(config, folder)
    return Examined(folder, config, has_config, backend, versions, release, auto_complete)


def _result(name: str, model: Examined | None, reporter: Reporter) -> CheckedModel:
    if model is None:
        return CheckedModel(name, "", (), is_accepted=False)
    is_accepted = all(found.severity is not Severity.ERROR for found in reporter.diagnostics)
    return CheckedModel(name, model.backend, tuple(model.served), is_accepted)


def _with_steps(
    checked: list[CheckedModel], others: Mapping[str, Examined | None]
) -> list[CheckedModel]:
    """The same, ensembles of refused models refused as well."""
    refused = {model.name for model in checked if not model.is_accepted}
    found = []
    for model in checked:
        known = others[model.name]
        schedule = known.config.group("ensemble_scheduling") if known else None
        steps = schedule.groups("step") if schedule and model.backend == ENSEMBLE else ()
        is_stopped = any(step.text("model_name") in refused for step in steps)
        found.append(model._replace(is_accepted=model.is_accepted and not is_stopped))
    return found
