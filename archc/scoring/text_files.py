"""Predictions as JSON lines or as CSV, for tools that do not read Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from archc.onnx_io.atomic import NewFile
from archc.scoring.plan import ERROR, INDICES, LABELS, PATH, PROBABILITIES, ROW
from archc.scoring.rows import Rows


def write_json_lines(path: Path, rows: Rows) -> None:
    """Writes an object a line, its keys the columns: complete, or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    lines = (
        json.dumps(
            {
                ROW: row,
                PATH: name,
                ERROR: error,
                LABELS: None if error is not None else [label for label, _, _ in classes],
                INDICES: None if error is not None else [index for _, index, _ in classes],
                PROBABILITIES: None if error is not None else [share for _, _, share in classes],
            },
            ensure_ascii=False,
        )
        + "\n"
        for row, name, error, classes in _rows(rows)
    )
    _write(path, lines)


def write_csv(path: Path, rows: Rows, top: int) -> None:
    """Writes a line a picture, with three columns for each of its classes (RFC 4180).

    Raises:
        OSError: the file cannot be written.
    """
    names = [f"{name}_{k}" for k in range(1, top + 1) for name in ("label", "index", "probability")]

    def lines() -> Iterator[str]:
        yield _csv_line([ROW, PATH, ERROR, *names])
        for row, name, error, classes in _rows(rows):
            cells = [cell for found in classes for cell in found]
            blank = [""] * (len(names) - len(cells))
            yield _csv_line([row, name, error or "", *cells, *blank])

    _write(path, lines())


def _rows(
    rows: Rows,
) -> Iterator[tuple[int, str, str | None, list[tuple[str, int, float]]]]:
    labels = rows.labels
    for start, paths, scored in rows.batches:
        found = zip(
            paths,
            scored.errors,
            scored.columns[INDICES],
            scored.columns[PROBABILITIES],
            strict=True,
        )
        for row, (name, error, indices, shares) in enumerate(found, start):
            # A float32 by way of its own shortest digits, not those of the double it fits in.
            classes = [
                (labels[i] if i < len(labels) else str(i), int(i), float(str(share)))
                for i, share in zip(indices, shares, strict=True)
            ]
            yield row, name, error, classes


def _csv_line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _write(path: Path, lines: Iterable[str]) -> None:
    with NewFile(path) as new:
        for line in lines:
            new.file.write(line.encode())
        new.keep()
