"""Summaries as text: a table for people, JSON with a version, and comma-separated values.

The JSON document is an object with `version` (1), `name`, `variant`, `inputs`, `sample_sizes`,
`open_symbols`, `layers` and `totals`. Each layer has `name`, `op`, `layers`, `dtype`, `shape`,
`sizes`, `elements`, `activation_bytes`, `parameters`, `macs` and `receptive_field`: null, or
`height` and `width`, each with `positions` (null for the whole axis) and `step` (null where there
is one position). Where symbols have no default, `functions` holds the same amounts in them.
"""

from __future__ import annotations

import csv
import io
import json

from archc.analysis.readable import readable_bytes
from archc.analysis.receptive_field import AxisField, ReceptiveField
from archc.analysis.summary import Amount, LayerRow, Summary, Totals
from archc.diagnostics.cells import cells, shorten
from archc.shapes.tensor_type import DType

VERSION = 1
NARROWEST_NAME = 12
"""Cells that a layer's name keeps, however narrow the terminal is."""

_HEADS = ("layer", "op", "output", "activations", "parameters", "MACs", "receptive field")
_LEFT = (True, True, True, False, False, False, True)


def render_table(summary: Summary, *, width: int | None = None) -> str:
    """The summary as a table with the totals below, without a final line break.

    Long names are cut in the middle where the table would be wider than `width` cells.
    """
    rows = [_HEADS, *(_cells(row) for row in summary.rows)]
    widths = [max(cells(row[column]) for row in rows) for column in range(len(_HEADS))]
    if width is not None:
        others = sum(widths[1:]) + 2 * (len(widths) - 1)
        widths[0] = min(widths[0], max(width - others, NARROWEST_NAME))
    lines = [_line(row, widths) for row in rows]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([_title(summary), "", lines[0], rule, *lines[1:], rule, *_totals(summary)])


def _title(summary: Summary) -> str:
    name = f"{summary.variant} of {summary.name}" if summary.variant else summary.name
    shapes = ", ".join(f"{n} {_times(shape)}" for n, shape in summary.inputs.items())
    at = ", ".join(f"{n} = {size}" for n, size in summary.sample_sizes.items())
    return f"{name}: {shapes}" + (f", at {at}" if at else "")


def _cells(row: LayerRow) -> tuple[str, ...]:
    kind = "" if row.dtype is DType.FLOAT32 else f" {row.dtype.value}"
    op = row.op if row.layers == 1 else f"{row.op} ({row.layers} layers)".lstrip()
    return (
        row.name, op, _times(row.shape) + kind, readable_bytes(row.activation_bytes.at_sample),
        _or_dash(row.parameters), _or_dash(row.macs.at_sample), _field(row.receptive_field),
    )  # fmt: skip


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    parts = []
    for text, width, is_left in zip(row, widths, _LEFT, strict=True):
        shown = shorten(text, width)
        gap = " " * (width - cells(shown))
        parts.append(shown + gap if is_left else gap + shown)
    return "  ".join(parts).rstrip()


def _totals(summary: Summary) -> list[str]:
    totals = summary.totals
    lines = [
        ("layers", f"{totals.layers:,}"),
        ("parameters", f"{totals.parameters:,}"),
        ("MACs", f"{totals.macs.at_sample:,}"),
        ("activations", f"{readable_bytes(totals.activation_bytes.at_sample)} a sample"),
        ("at once", f"{readable_bytes(totals.peak_bytes)} a sample"),
    ]
    if totals.macs.function is not None:
        lines.append(("MACs are", totals.macs.function))
    return [f"{name:<12}{text}" for name, text in lines]


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _or_dash(number: int) -> str:
    return f"{number:,}" if number else "-"


def _field(field: ReceptiveField | None) -> str:
    if field is None:
        return "-"
    height, width = field.height, field.width
    if height.positions is None and width.positions is None:
        return "all"
    extents = " × ".join(
        "all" if a.positions is None else str(a.positions) for a in (height, width)
    )
    steps = [_step(axis) for axis in (height, width)]
    step = steps[0] if steps[0] == steps[1] else " × ".join(steps)
    return f"{extents}, step {step}" if any(steps) else extents


def _step(axis: AxisField) -> str:
    return "" if axis.step is None else str(axis.step)


def render_json(summary: Summary) -> str:
    """The summary as one JSON document in ASCII, without a final line break."""
    document = {
        "version": VERSION,
        "name": summary.name,
        "variant": summary.variant,
        "inputs": {name: list(shape) for name, shape in summary.inputs.items()},
        "sample_sizes": dict(summary.sample_sizes),
        "open_symbols": list(summary.open_symbols),
        "layers": [_layer(row) for row in summary.rows],
        "totals": _total(summary.totals),
    }
    return json.dumps(document, indent=2)


def _layer(row: LayerRow) -> dict[str, object]:
    amounts = {"elements": row.elements, "activation_bytes": row.activation_bytes, "macs": row.macs}
    return {
        "name": row.name,
        "op": row.op,
        "layers": row.layers,
        "dtype": row.dtype.value,
        "shape": list(row.shape),
        "sizes": list(row.sizes),
        "elements": row.elements.at_sample,
        "activation_bytes": row.activation_bytes.at_sample,
        "parameters": row.parameters,
        "macs": row.macs.at_sample,
        "receptive_field": _field_json(row.receptive_field),
        **_functions(amounts),
    }


def _total(totals: Totals) -> dict[str, object]:
    amounts = {"macs": totals.macs, "activation_bytes": totals.activation_bytes}
    return {
        "layers": totals.layers,
        "parameters": totals.parameters,
        "macs": totals.macs.at_sample,
        "activation_bytes": totals.activation_bytes.at_sample,
        "peak_bytes": totals.peak_bytes,
        **_functions(amounts),
    }


def _functions(amounts: dict[str, Amount]) -> dict[str, object]:
    found = {name: a.function for name, a in amounts.items() if a.function is not None}
    return {"functions": found} if found else {}


def _field_json(field: ReceptiveField | None) -> dict[str, object] | None:
    if field is None:
        return None
    return {"height": _axis_json(field.height), "width": _axis_json(field.width)}


def _axis_json(axis: AxisField) -> dict[str, object]:
    return {"positions": axis.positions, "step": None if axis.step is None else float(axis.step)}


def render_csv(summary: Summary) -> str:
    """The layers as comma-separated values (RFC 4180) with a head, without a final line break."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ("name", "op", "layers", "dtype", "shape", "elements", "activation_bytes", "parameters",
         "macs", "field_height", "field_width", "step_height", "step_width")
    )  # fmt: skip
    for row in summary.rows:
        shape = "x".join(map(str, row.shape))
        writer.writerow(
            (row.name, row.op, row.layers, row.dtype.value, shape, row.elements.at_sample,
             row.activation_bytes.at_sample, row.parameters, row.macs.at_sample,
             *_field_csv(row.receptive_field))
        )  # fmt: skip
    return text.getvalue().removesuffix("\r\n")


def _field_csv(field: ReceptiveField | None) -> tuple[object, ...]:
    if field is None:
        return ("", "", "", "")
    axes = (field.height, field.width)
    positions = ("all" if axis.positions is None else axis.positions for axis in axes)
    return (*positions, *("" if axis.step is None else float(axis.step) for axis in axes))
