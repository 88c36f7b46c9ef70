"""A whole job: pictures to a result, by one of the engines, with a journal until it is complete.

After it the result is complete, or it is as it was before and the journal holds what was done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from errno import EISDIR
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.scoring.journal import not_writable, open_journal
from archc.scoring.local import score_here
from archc.scoring.notes import job_of, model_digest, notes_of
from archc.scoring.plan import Plan
from archc.scoring.ray_engine import Actors, score_with_ray
from archc.scoring.rows import Rows
from archc.scoring.scorer import Scorer, open_scorer
from archc.scoring.text_files import write_csv, write_json_lines
from archc.scoring.work import batches_of
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

RESULT_FORM = Rule(
    "score/result-form",
    "a result is to have a form that it cannot have",
    "Parquet holds everything; JSON lines and CSV are for predictions alone.",
)
MISSING_PACKAGE = Rule(
    "score/missing-package",
    "a package that the job needs is not installed",
    "Packages that few need are extras of archc's, so that the rest stays small.",
)

PARQUET, JSON_LINES, CSV = ".parquet", ".jsonl", ".csv"

Told = Callable[[int, int], None]
"""Told the pictures that are done and those that there are."""


class Threads(NamedTuple):
    """The local engine: threads of the model, and threads that read pictures."""

    threads: int
    readers: int


class Summary(NamedTuple):
    """How a job ended.

    Attributes:
        pictures: how many there are.
        broken: how many of them have no answer.
        resumed: how many were scored by runs before this one.
        first_error: the row and the error of the first broken picture.
    """

    pictures: int
    broken: int
    resumed: int
    first_error: tuple[int, str] | None


def check_result(result: Path, plan: Plan, reporter: Reporter) -> Failed | None:
    """None where a result of this name can hold what a plan wants, with what is installed.

    Reports: score/result-form, score/missing-package, score/not-writable.
    """
    suffix, place = result.suffix.lower(), file_place(str(result))
    if result.is_dir():
        return not_writable(result, IsADirectoryError(EISDIR, os.strerror(EISDIR)), reporter)
    if suffix not in (PARQUET, JSON_LINES, CSV):
        return reporter.error(
            RESULT_FORM,
            f"the name `{shown(result.name)}` says no form that is written",
            place,
            helps=(f"end it in `{PARQUET}`, `{JSON_LINES}` or `{CSV}`",),
        )
    if suffix == PARQUET:
        return check_package("pyarrow", "score", "results in Parquet", reporter)
    if plan.layer is None and not plan.logits:
        return None
    return reporter.error(
        RESULT_FORM,
        f"`{suffix}` is for predictions, not for features and logits",
        place,
        helps=(f"write them to `{shown(result.stem)}{PARQUET}`",),
    )


def check_package(package: str, extra: str, purpose: str, reporter: Reporter) -> Failed | None:
    """None where a package is installed.

    Reports: score/missing-package.
    """
    if find_spec(package) is not None:
        return None
    return reporter.error(
        MISSING_PACKAGE,
        f"{purpose} need the package `{package}`, which is not installed",
        file_place(package),
        helps=(f"install it: `pip install 'archc[{extra}]'`",),
    )


def score(
    plan: Plan,
    paths: Sequence[str],
    result: Path,
    engine: Threads | Actors,
    reporter: Reporter,
    *,
    restart: bool = False,
    progress: Told | None = None,
) -> Summary | Failed:
    """Scores pictures and writes the result; goes on where an interrupted run stopped.

    Reports: score/not-writable, and what `check_result`, `open_scorer`, `open_journal` and
        `score_with_ray` report.
    """
    if isinstance(check_result(result, plan, reporter), Failed):
        return FAILED
    if isinstance(engine, Actors) and isinstance(
        check_package("ray", "ray", "actors", reporter), Failed
    ):
        return FAILED
    scorer = open_scorer(plan, reporter, threads=engine.threads)
    if isinstance(scorer, Failed):
        return FAILED
    digest = model_digest(plan.model)
    opened = open_journal(result, job_of(plan, digest, paths), reporter, restart=restart)
    if isinstance(opened, Failed):
        return FAILED
    with opened as journal:
        rows = Rows(scorer.columns, scorer.model.record.labels, paths, plan.batch, journal)
        try:
            if isinstance(_run(plan, scorer, rows, engine, reporter, progress), Failed):
                return FAILED
            _write(result, rows, plan, notes_of(plan, scorer, digest))
            journal.remove()
        except OSError as error:
            kept = "what was scored is kept: the same command goes on where this one stopped"
            return not_writable(result, error, reporter, kept)
        done_before = min(journal.found * plan.batch, len(paths))
        return Summary(len(paths), rows.tally.count, done_before, rows.tally.first)


def _run(
    plan: Plan,
    scorer: Scorer,
    rows: Rows,
    engine: Threads | Actors,
    reporter: Reporter,
    progress: Told | None,
) -> Failed | None:
    journal, total = rows.journal, len(rows.paths)
    left = list(batches_of(rows.paths, plan.batch, journal))
    done = total - sum(len(batch.paths) for batch in left)

    def keep(number: int, content: bytes) -> None:
        nonlocal done
        journal.add(number, content)
        done += min(plan.batch, total - number * plan.batch)
        if progress is not None:
            progress(done, total)

    if not left:
        return None
    if isinstance(engine, Threads):
        score_here(scorer, left, engine.readers, keep)
        return None
    return score_with_ray(plan, left, engine, keep, reporter)


def _write(result: Path, rows: Rows, plan: Plan, notes: dict[str, str]) -> None:
    match result.suffix.lower():
        case suffix if suffix == PARQUET:
            from archc.scoring.parquet import write_parquet

            write_parquet(result, rows, notes)
        case suffix if suffix == CSV:
            write_csv(result, rows, plan.top)
        case _:
            write_json_lines(result, rows)
