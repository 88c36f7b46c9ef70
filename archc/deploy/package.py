"""Packages: a network in the form that it is served in, with answers that were known before.

A package is written as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from archc.deploy.contents import fill
from archc.deploy.form import as_served, serving_form
from archc.deploy.manifest import MANIFEST, Manifest, read_manifest
from archc.deploy.new_folder import NewFolder, with_final_name
from archc.deploy.request import PackageRequest
from archc.deploy.served import Served, VersionedTarget
from archc.deploy.targets import ChosenTarget, find_target
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.model import ModelDef
from archc.onnx_io.writer import Progress, WriteResult, write_model
from archc.runtime.metadata import DIGEST_KEY, parse_metadata
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

FOLDER = Rule(
    "deploy/folder",
    "a package cannot be written where it is asked for",
    "A package is a folder of its own; what others put into a folder is not overwritten.",
)
OTHER_NETWORK = Rule(
    "deploy/other-network",
    "a further version is another network than the package serves",
    "Clients ask for a name and get whichever version is served: all must take and give the same.",
)
NO_VERSIONS = Rule(
    "deploy/no-versions",
    "a further version is asked of a server that has none",
    "Only model repositories hold builds of a network beside each other.",
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that stands in its folder."""

    folder: Path
    manifest: Manifest


def write_package(
    model: ModelDef,
    request: PackageRequest,
    place: Place,
    reporter: Reporter,
    *,
    progress: Progress | None = None,
) -> Package | Failed:
    """The package of a model whose weights can be read; on a mistake the folder is as it was.

    Reports: deploy/unknown-target, deploy/folder, deploy/name, deploy/no-preprocess,
        deploy/no-picture, deploy/no-versions, deploy/other-network, deploy/sample-sizes, what the
        target reports, and what ONNX Runtime says where it cannot load or run the model.
    """
    target = find_target(request.target, place, reporter)
    if isinstance(target, Failed):
        return FAILED
    standing = _standing(request, target, reporter)
    if isinstance(standing, Failed):
        return FAILED
    formed = serving_form(model, request, place, reporter)
    if isinstance(formed, Failed):
        return FAILED
    write = _writer(formed, place, reporter, progress)
    if standing is not None and request.name is None:
        request = replace(request, name=standing.name)
    served = as_served(formed, request, write, place, reporter)
    if isinstance(served, Failed):
        return FAILED
    if standing is not None and (failed := _check_same(served, standing, place, reporter)):
        return failed
    return _write(formed, served, request, target, standing, reporter)


def _write(
    model: ModelDef,
    served: Served,
    request: PackageRequest,
    target: ChosenTarget,
    standing: Manifest | None,
    reporter: Reporter,
) -> Package | Failed:
    folder = request.folder
    record = parse_metadata(model.metadata)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        with NewFolder(folder.absolute()) as new:
            if standing is not None:
                new.start_from(folder)
            own = Reporter()
            manifest = fill(new.path, served, record, request, target, standing, own)
            reporter.add(with_final_name(one, new.path, folder) for one in own.diagnostics)
            if isinstance(manifest, Failed) or reporter.has_errors:
                return FAILED
            new.keep()
            return Package(folder, manifest)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"`{shown(str(folder))}` cannot be written: {reason}"
        return reporter.error(FOLDER, message, file_place(str(folder)))


def _writer(
    model: ModelDef, place: Place, reporter: Reporter, progress: Progress | None
) -> Callable[[Path, bool], WriteResult | Failed]:
    """What writes the model; the digest of its weights is recorded where it is not already."""
    record = parse_metadata(model.metadata)
    is_new = record.is_from_archc and record.weights_digest is None

    def write(path: Path, external: bool) -> WriteResult | Failed:
        return write_model(
            model, path, reporter=reporter, place=place, external=external,
            digest_key=DIGEST_KEY if is_new else None, progress=progress,
        )  # fmt: skip

    return write


def _standing(
    request: PackageRequest, target: ChosenTarget, reporter: Reporter
) -> Manifest | Failed | None:
    """The manifest of the package that a further version joins; None for a new package."""
    folder, place = request.folder, file_place(str(request.folder))
    if not request.is_further_version:
        return _check_free(folder, place, reporter)
    manifest = read_manifest(folder, reporter)
    if isinstance(manifest, Failed):
        return FAILED
    if manifest.target != target.name or not isinstance(target.module, VersionedTarget):
        message = f"`{shown(str(folder))}` is a package for `{manifest.target}`"
        helps = (f"write the package anew, with `--target {manifest.target}`",)
        if manifest.target == target.name:
            message = f"a package for `{manifest.target}` holds one build"
            helps = ("write the build into a folder of its own: `-o DIR`",)
        return reporter.error(NO_VERSIONS, message, place, helps=helps)
    numbers = [version.number for version in manifest.versions]
    if request.version in numbers:
        message = f"version {request.version} is in `{shown(str(folder))}` already"
        helps = (f"take another number: `--version {max(numbers) + 1}`",)
        return reporter.error(FOLDER, message, place, helps=helps)
    return manifest


def _check_free(folder: Path, place: Place, reporter: Reporter) -> Failed | None:
    """None where a new package may stand: at a free place, or in place of an older package."""
    if not folder.exists() and not folder.is_symlink():
        return None
    if not folder.is_dir() or folder.is_symlink():
        message = f"`{shown(str(folder))}` is no folder"
    elif (folder / MANIFEST).is_file() or not any(folder.iterdir()):
        return None
    else:
        message = f"`{shown(str(folder))}` holds other files than a package's"
    helps = ("name a folder that does not exist yet: `-o DIR`",)
    return reporter.error(FOLDER, message, place, helps=helps)


def _check_same(
    served: Served, standing: Manifest, place: Place, reporter: Reporter
) -> Failed | None:
    for name, ours, theirs in (
        ("form", served.form, standing.form),
        ("name", served.name, standing.name),
        ("inputs", served.inputs, standing.inputs),
        ("outputs", served.outputs, standing.outputs),
    ):
        if ours != theirs:
            message = f"the build has other {name} than the package: {_shown(ours)}"
            return reporter.error(
                OTHER_NETWORK,
                message if name.endswith("s") else message.replace("other", "another", 1),
                place,
                notes=(f"the package has {_shown(theirs)}",),
                helps=("write it into a folder of its own: `-o DIR`",),
            )
    return None


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{t.name}` {t.dtype} {list(t.shape)}" for t in value)
    return f"`{value}`"
