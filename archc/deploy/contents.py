"""What lies in a package: the target's files, the golden samples, the manifest.

The model that the target wrote is opened in ONNX Runtime, and what it answers to the golden
pictures is what every server must answer.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archc.deploy.golden import (
    PICTURE_SIZES,
    Batch,
    answer,
    draw_pictures,
    drawn_batch,
    picture_batch,
    sample_size,
)
from archc.deploy.manifest import (
    MANIFEST,
    FileDigest,
    Manifest,
    Version,
    format_manifest,
)
from archc.deploy.request import PackageRequest
from archc.deploy.served import Layout, Served, ServingOptions, VersionedTarget
from archc.deploy.targets import ChosenTarget
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.session import runtime_version
from archc.runtime.metadata import ModelRecord
from archc.runtime.model import Model, open_model
from archc.runtime.picture import read_picture
from archc.runtime.preprocess import final_size
from archc.version import __version__

_PICTURES = "golden/pictures"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Golden:
    pictures: tuple[str, ...]
    answers: str


def fill(
    folder: Path,
    served: Served,
    record: ModelRecord,
    request: PackageRequest,
    target: ChosenTarget,
    standing: Manifest | None,
    reporter: Reporter,
) -> Manifest | Failed:
    """Writes everything into a folder, which is empty or holds the standing package.

    Reports: what the target reports, run/not-a-model, run/failed, and of pictures what `to_tensor`
        reports.
    """
    number = request.version or _next_number(standing)
    options = _options(request.options, served, target, number)
    if standing is not None and isinstance(target.module, VersionedTarget):
        layout = target.module.add_version(served, folder, options, reporter)
    else:
        layout = target.module.write(served, folder, options, reporter)
    if isinstance(layout, Failed):
        return FAILED
    model = open_model(folder / layout.model, reporter)
    if isinstance(model, Failed):
        return FAILED
    golden = _write_golden(folder, model, served, request, standing, number, reporter)
    if isinstance(golden, Failed):
        return FAILED
    version = Version(
        number=number,
        model=layout.model,
        opset=served.opset,
        ir_version=served.ir_version,
        weights_digest=model.record.weights_digest,
        golden=golden.answers,
    )
    manifest = _manifest(served, record, layout, target, options, golden, standing, version)
    manifest = manifest.model_copy(update={"files": dict(_digests(folder))})
    new = folder / MANIFEST
    new.unlink(missing_ok=True)
    new.write_text(format_manifest(manifest), encoding="utf-8")
    return manifest


def _next_number(standing: Manifest | None) -> int:
    return 1 if standing is None else max(version.number for version in standing.versions) + 1


def _options(
    options: ServingOptions, served: Served, target: ChosenTarget, number: int
) -> ServingOptions:
    batch = options.max_batch_size if served.has_batch else 0
    release = options.release if target.release is None else target.release
    return replace(options, version=number, max_batch_size=batch, release=release)


def _write_golden(
    folder: Path,
    model: Model,
    served: Served,
    request: PackageRequest,
    standing: Manifest | None,
    number: int,
    reporter: Reporter,
) -> _Golden | Failed:
    pictures: tuple[str, ...] = ()
    batch: Batch | Failed
    if served.preprocess is not None and len(model.inputs) == 1 and model.inputs[0].is_image:
        if standing is None:
            written = _write_pictures(folder, model, request, reporter)
            if isinstance(written, Failed):
                return FAILED
            pictures = written
        else:
            pictures = standing.pictures
        # Under the names that the caller knows, as far as there are any.
        home = folder if standing is None else request.folder
        named = request.pictures if standing is None else ()
        paths = named or [home / name for name in pictures]
        batch = picture_batch(model, paths, served.preprocess, reporter)
    else:
        batch = drawn_batch(model)
    if isinstance(batch, Failed):
        return FAILED
    known = answer(model, batch, reporter, batched=served.has_batch)
    if isinstance(known, Failed):
        return FAILED
    path = folder / "golden" / f"{number}.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, allow_pickle=False, **known)
    return _Golden(pictures, f"golden/{number}.npz")


def _write_pictures(
    folder: Path, model: Model, request: PackageRequest, reporter: Reporter
) -> tuple[str, ...] | Failed:
    (folder / _PICTURES).mkdir(parents=True)
    names: list[str] = []
    if request.pictures:
        for index, source in enumerate(request.pictures):
            if isinstance(read_picture(source, reporter), Failed):
                return FAILED
            names.append(f"{_PICTURES}/{index:02}{source.suffix.lower()}")
            shutil.copyfile(source, folder / names[-1])
        return tuple(names)
    steps = model.record.preprocess
    is_fixed = steps is not None and final_size(steps) is not None
    sizes = PICTURE_SIZES if is_fixed else (sample_size(model.inputs[0]),)
    for index, png in enumerate(draw_pictures(sizes)):
        names.append(f"{_PICTURES}/{index:02}.png")
        (folder / names[-1]).write_bytes(png)
    return tuple(names)


def _manifest(
    served: Served,
    record: ModelRecord,
    layout: Layout,
    target: ChosenTarget,
    options: ServingOptions,
    golden: _Golden,
    standing: Manifest | None,
    version: Version,
) -> Manifest:
    if standing is not None:
        versions = sorted((*standing.versions, version), key=lambda v: v.number)
        return standing.model_copy(update={"versions": tuple(versions), "archc": __version__})
    return Manifest(
        archc=__version__,
        target=target.name,
        release=layout.release,
        name=served.name,
        form=served.form,
        spec=record.spec,
        variant=record.variant,
        spec_digest=record.spec_digest,
        parameters=record.parameters,
        is_trained=record.is_trained,
        inputs=served.inputs,
        outputs=served.outputs,
        max_batch_size=options.max_batch_size,
        preprocess=served.preprocess,
        labels=layout.labels,
        probabilities=served.probabilities,
        ensemble=layout.ensemble,
        repository=layout.repository,
        pictures=golden.pictures,
        versions=(version,),
        proved_on=(f"onnxruntime {runtime_version()}",),
    )


def _digests(folder: Path) -> Iterator[tuple[str, FileDigest]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            yield name, digest_of(path)


def digest_of(path: Path) -> FileDigest:
    """The digest of a file, read in pieces."""
    found, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
            size_bytes += len(chunk)
    return FileDigest(sha256=found.hexdigest(), size_bytes=size_bytes)
