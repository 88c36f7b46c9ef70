"""What ends `archc score` and `archc run`, where one broken picture does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock, patch

from archc.diagnostics.reporter import Reporter
from archc.runtime.preprocess import Preprocess
from archc.scoring.job import check_package
from archc.scoring.journal import SUFFIX, Job, open_journal
from archc.scoring.listing import list_pictures
from archc.scoring.plan import Plan
from archc.scoring.ray_engine import Actors, score_with_ray
from archc.scoring.work import Batch
from tests.rendered.scenarios import Scene, scenario
from tests.rendered.scenarios.colours import put_model, put_picture

_JOB: Job = {"model": "sha256:1f3a", "batch": 8}
_MAP = ("mean: {global_avg_pool: false}", "mean: relu")
_NO_LABELS = ("labels: [red, green, blue]\n", "")
_TWO_INPUTS = (
    ("input: {image: [3, 32, 32]}", "input: {left: [3, 32, 32], right: [3, 32, 32]}"),
    ("preprocess: {resize: [32, 32]}\n", ""),
    ("layers:\n", "layers:\n  both: {add: [[], [{from: right, relu: }]]}\n"),
)


def _scored(folder: Path, *options: str, result: str = "photos.jsonl") -> Scene:
    """The network, to score a picture."""
    return ["score", put_model(folder), put_picture(folder), "-o", result, *options]


@scenario("score/result-form")
def result_form(folder: Path) -> Scene:
    """Features, to a form that holds predictions alone."""
    return _scored(folder, "--features", "mean", result="photos.csv")


@scenario("score/not-writable")
def not_writable(folder: Path) -> Scene:
    """A result in a folder that is not there."""
    return _scored(folder, result="results/photos.jsonl")


@scenario("score/no-journal")
def no_journal(folder: Path) -> Scene:
    """Somebody's file where the journal would be."""
    (folder / f"photos.jsonl{SUFFIX}").write_text("half of a download")
    return _scored(folder)


@scenario("score/no-such-picture")
def no_such_picture(folder: Path) -> Scene:
    """A misspelt folder."""
    (folder / "photos").mkdir()
    return ["score", put_model(folder), "potos", "-o", "photos.jsonl"]


@scenario("score/no-pictures")
def no_pictures(folder: Path) -> Scene:
    """A folder of something else."""
    (folder / "photos").mkdir()
    (folder / "photos" / "readme.txt").touch()
    return ["score", put_model(folder), "photos", "-o", "photos.jsonl"]


@scenario("score/unreadable-list")
def unreadable_list(folder: Path) -> Scene:
    """A list that is not there."""
    return ["score", put_model(folder), "@photos.txt", "-o", "photos.jsonl"]


@scenario("score/unreadable-folder")
def unreadable_folder(folder: Path) -> Scene:
    """A folder of another user's among the pictures."""
    put_picture(folder, "photos/rose.png")
    denied = PermissionError(13, "Permission denied", "photos/private")

    def walk(_: str, onerror: MagicMock) -> Iterator[tuple[str, list[str], list[str]]]:
        yield "photos", ["private"], ["rose.png"]
        onerror(denied)

    reporter = Reporter()
    with patch.object(os, "walk", walk):
        list_pictures(["photos"], MagicMock(), reporter)
    return reporter.diagnostics


@scenario("score/no-classes")
def no_classes(folder: Path) -> Scene:
    """A network that gives a map instead of one number a class."""
    model = put_model(folder, _MAP, _NO_LABELS)
    return ["score", model, put_picture(folder), "-o", "photos.jsonl"]


@scenario("score/several-inputs")
def several_inputs(folder: Path) -> Scene:
    """A network that compares two pictures."""
    model = put_model(folder, *_TWO_INPUTS)
    return ["score", model, put_picture(folder), "-o", "photos.jsonl"]


@scenario("run/no-classes")
def run_no_classes(folder: Path) -> Scene:
    """A network that gives a map instead of one number a class."""
    return ["run", put_model(folder, _MAP, _NO_LABELS), put_picture(folder)]


@scenario("run/several-inputs")
def run_several_inputs(folder: Path) -> Scene:
    """A network that compares two pictures."""
    return ["run", put_model(folder, *_TWO_INPUTS), put_picture(folder)]


@scenario("score/other-job")
def other_job(_: Path) -> Scene:
    """An interrupted run with batches of another size."""
    result = Path("photos.parquet")
    reporter = Reporter()
    with open_journal(result, _JOB, reporter) as journal:  # type: ignore[union-attr]
        journal.add(0, b"what was found")
    open_journal(result, {**_JOB, "batch": 32}, reporter)
    return reporter.diagnostics


@scenario("score/busy")
def busy(_: Path) -> Scene:
    """A second run of the same command while the first one runs."""
    result = Path("photos.parquet")
    reporter = Reporter()
    with open_journal(result, _JOB, reporter):  # type: ignore[union-attr]
        open_journal(result, _JOB, reporter)
    return reporter.diagnostics


@scenario("score/missing-package")
def missing_package(_: Path) -> Scene:
    """An archc without its extra for Ray."""
    reporter = Reporter()
    with patch("archc.scoring.job.find_spec", return_value=None):
        check_package("ray", "ray", "actors", reporter)
    return reporter.diagnostics


@contextmanager
def _ray(error: Exception) -> Iterator[None]:
    """A library in the place of Ray, which cannot be started."""
    library = ModuleType("ray")
    library.init = MagicMock(side_effect=error)  # type: ignore[attr-defined]
    library.shutdown = MagicMock()  # type: ignore[attr-defined]
    with patch.dict(sys.modules, ray=library), patch.dict(os.environ):
        yield


@scenario("score/ray-failed")
def ray_failed(_: Path) -> Scene:
    """A cluster that is not reached."""
    plan = Plan(Path("net.onnx"), Preprocess(), 5, False, None, 8)
    reporter = Reporter()
    error = ConnectionError("ray client connection timeout")
    with _ray(error):
        batches = [Batch(0, ["rose.png"])]
        actors = Actors(address="auto")
        score_with_ray(plan, batches, actors, lambda *_: None, reporter)
    return reporter.diagnostics
