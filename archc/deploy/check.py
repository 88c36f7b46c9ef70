"""The offline check of a package: its files, its golden answers, and what its server would refuse.

A folder that archc did not write is checked as a model repository of Triton's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archc.deploy.contents import digest_of
from archc.deploy.manifest import MANIFEST, Manifest, Version, read_manifest
from archc.deploy.triton.check import CheckedRepository, check_repository
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.model import open_model
from archc.runtime.verify import verify
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

CHANGED = Rule(
    "deploy/changed",
    "a file of a package is not the one that was written",
    "The digests in the manifest were taken when the package was proved; another file was not.",
)
ANSWERS_DIFFER = Rule(
    "deploy/answers-differ",
    "a model gives other answers than the golden ones",
    "The golden answers were given by the model when the package was written.",
)


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """What was checked: a package of archc's where there is a manifest, else a model repository.

    Attributes:
        manifest: the package's manifest.
        models: the names of the models in the repository.
    """

    manifest: Manifest | None
    models: tuple[str, ...]


def check_folder(
    folder: Path, reporter: Reporter, *, release: str | None = None
) -> CheckedFolder | Failed:
    """What was checked in a package, or in a model repository of Triton's.

    Reports: deploy/no-package, deploy/changed, deploy/answers-differ, and the rules of
        `archc.deploy.triton` that a server refuses by.
    """
    if not (folder / MANIFEST).is_file():
        found = check_repository(folder, reporter, release=release)
        return FAILED if isinstance(found, Failed) else CheckedFolder(None, _names(found))
    manifest = read_manifest(folder, reporter)
    if isinstance(manifest, Failed):
        return FAILED
    check_digests(folder, manifest, reporter)
    for version in manifest.versions:
        _check_answers(folder, version, reporter)
    models: tuple[str, ...] = (manifest.name,)
    repository = folder / (manifest.repository or "")
    if manifest.repository is not None and any(repository.glob("*/config.pbtxt")):
        checked = check_repository(repository, reporter, release=release or _release(manifest))
        if isinstance(checked, Failed):
            return FAILED
        models = _names(checked)
    return CheckedFolder(manifest, models)


def _release(manifest: Manifest) -> str | None:
    """The release of Triton that a package was checked for; KServe's name their runtime first."""
    return None if manifest.release is None else manifest.release.removeprefix("triton:")


def _names(checked: CheckedRepository) -> tuple[str, ...]:
    return tuple(model.name for model in checked.models)


def check_digests(folder: Path, manifest: Manifest, reporter: Reporter) -> None:
    """Compares every file of a package with the digest in its manifest.

    Reports: deploy/changed.
    """
    helps = ("write the package anew with `archc deploy`",)
    for name, known in manifest.files.items():
        path = folder / name
        place = file_place(str(path))
        try:
            found = digest_of(path)
        except OSError:
            message = f"`{shown(name)}` is missing, or cannot be read"
            reporter.error(CHANGED, message, place, helps=helps)
            continue
        if found != known:
            message = f"`{shown(name)}` is not the file that was written"
            notes = (f"its SHA-256 was {known.sha256} and is {found.sha256}",)
            reporter.error(CHANGED, message, place, notes=notes, helps=helps)


def _check_answers(folder: Path, version: Version, reporter: Reporter) -> None:
    model = open_model(folder / version.model, reporter)
    if isinstance(model, Failed):
        return
    found = verify(model, folder / version.golden, reporter, tolerance=version.tolerance)
    if isinstance(found, Failed):
        return
    for output in found.outputs:
        if not output.is_close:
            reporter.error(
                ANSWERS_DIFFER,
                f"`{output.name}` of version {version.number} is off by {output.relative:.3g} of "
                f"the largest answer, and {version.tolerance:g} is allowed",
                file_place(str(folder / version.model)),
                helps=("write the package anew with `archc deploy`",),
            )
