"""Results as Apache Parquet, by pyarrow; what the columns mean stands in the file's metadata.

Columns of numbers are lists of any length. Parquet knows no lists of fixed length, and readers that
restore Arrow's fail at a null among them, which is what a broken picture has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from archc.onnx_io.atomic import NewFile
from archc.scoring.plan import ERROR, INDICES, LABELS, PATH, ROW, Column
from archc.scoring.rows import Rows
from archc.scoring.scored import Lists, Scored

_GROUP_ROWS = 16384
_GROUP_BYTES = 32_000_000
_ELEMENTS = {"string": pa.string(), "int32": pa.int32(), "float32": pa.float32()}


def write_parquet(path: Path, rows: Rows, notes: Mapping[str, str]) -> None:
    """Writes a result: complete, or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    schema = _schema(rows.columns, notes)
    with NewFile(path) as new:
        with pq.ParquetWriter(new.file, schema, compression="zstd") as writer:
            for group in _groups(_tables(rows, schema)):
                writer.write_table(group, row_group_size=group.num_rows)
        new.keep()


def _schema(columns: Sequence[Column], notes: Mapping[str, str]) -> pa.Schema:
    leading = [
        pa.field(ROW, pa.int64(), nullable=False),
        pa.field(PATH, pa.string(), nullable=False),
        pa.field(ERROR, pa.string()),
    ]
    lists = [pa.field(c.name, pa.list_(_ELEMENTS[c.element])) for c in columns]
    return pa.schema([*leading, *lists], metadata=dict(notes))


def _tables(rows: Rows, schema: pa.Schema) -> Iterable[pa.Table]:
    for start, paths, scored in rows.batches:
        is_there = np.array([error is None for error in scored.errors], dtype=bool)
        arrays = [
            pa.array(np.arange(start, start + len(paths), dtype=np.int64)),
            pa.array(paths, pa.string()),
            pa.array(scored.errors, pa.string()),
        ]
        arrays += [_array(column, scored, is_there, rows.labels) for column in rows.columns]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _groups(tables: Iterable[pa.Table]) -> Iterable[pa.Table]:
    """The tables joined to groups, whose borders hang on what is in them alone."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        count = sum(t.num_rows for t in waiting)
        if count >= _GROUP_ROWS or sum(t.nbytes for t in waiting) >= _GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _array(
    column: Column, scored: Scored, is_there: np.ndarray[Any, Any], labels: Sequence[str]
) -> Any:
    lists = scored.columns[INDICES if column.name == LABELS else column.name]
    values: Any = lists.values
    if column.name == LABELS:
        values = [labels[i] if i < len(labels) else str(i) for i in lists.values]
    return _lists(lists, pa.array(values, _ELEMENTS[column.element]), is_there)


def _lists(lists: Lists, values: Any, is_there: np.ndarray[Any, Any]) -> Any:
    ends = np.concatenate([[0], np.cumsum(lists.lengths)]).astype(np.int32)
    # An empty offset marks a null, which also pyarrow 15 understands.
    offsets = pa.array(ends, pa.int32(), mask=np.append(~is_there, [False]))
    return pa.ListArray.from_arrays(offsets, values)
