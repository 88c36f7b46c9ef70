"""What is known of a job: what tells it from others, and the metadata of its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from archc.onnx_io.external_files import external_files
from archc.scoring.journal import Job
from archc.scoring.plan import LEADING, Plan
from archc.scoring.scorer import Scorer
from archc.version import __version__

_CHUNK_BYTES = 1 << 20


def model_digest(model: Path) -> str:
    """The SHA-256 of a model's file, followed by the files of its external weights.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    beside: tuple[Path, ...] = ()
    with suppress(ValueError):  # ONNX Runtime loads files of its own form as well
        beside = external_files(model)
    for path in (model, *beside):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def job_of(plan: Plan, digest: str, paths: Sequence[str]) -> Job:
    """What must be the same for an interrupted run to go on."""
    listed = hashlib.sha256(b"\0".join(map(os.fsencode, paths))).hexdigest()
    return {
        "archc version": __version__,
        "model": digest,
        "pictures": f"{len(paths)}, sha256:{listed}",
        "preprocessing": plan.steps.model_dump_json(),
        "top": plan.top,
        "logits": str(plan.logits).lower(),
        "features": plan.layer,
        "batch": plan.batch,
    }


def notes_of(plan: Plan, scorer: Scorer, digest: str) -> dict[str, str]:
    """The metadata of a result: where its numbers come from, and what its columns mean."""
    record = scorer.model.record
    meanings = {**LEADING, **{column.name: column.meaning for column in scorer.columns}}
    shape = scorer.features_shape
    known = {
        "archc.version": __version__,
        "archc.model": plan.model.name,
        "archc.model_digest": digest,
        "archc.spec": record.spec,
        "archc.spec_digest": record.spec_digest,
        "archc.variant": record.variant,
        "archc.weights_digest": record.weights_digest,
        "archc.preprocess": plan.steps.model_dump_json(),
        "archc.batch": str(plan.batch),
        "archc.features": plan.layer,
        "archc.features_shape": None if shape is None else json.dumps(shape),
        "archc.columns": json.dumps(meanings, ensure_ascii=False),
    }
    return {key: value for key, value in known.items() if value is not None}
