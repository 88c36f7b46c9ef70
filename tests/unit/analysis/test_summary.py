"""Summaries: rows, groups and totals, and their three forms."""

from __future__ import annotations

import csv
import io
import json

import pytest

import archc
from archc.analysis.cost import count_macs, count_parameters
from archc.analysis.summary import Summary, summarize
from archc.analysis.summary_table import render_csv, render_json, render_table
from tests.unit.analysis.specs import graph

NESTED = """
input: {image: [3, 8, 8]}
blocks:
  unit:
    params: {out: int}
    layers:
      sum:
        add:
          - - {conv: $out, kernel: 3, padding: 1}
            - relu
          - skip: {conv: $out, kernel: 1}
      relu: relu
layers:
  stem: {conv: 4, kernel: 1}
  body: [{unit: 4}, {unit: 8}]
  head: {layers: {pool: global_avg_pool, flatten: flatten, fc: {dense: 2}}}
outputs:
  logits: head
  side: {from: body.0, layers: [global_avg_pool, flatten]}
"""


def _names(summary: Summary) -> list[str]:
    return [row.name for row in summary.rows]


def test_rows_are_the_layers_in_order() -> None:
    network = graph(NESTED)
    assert _names(summarize(network)) == [node.name for node in network.nodes]


@pytest.mark.parametrize("spec", ["lenet5", "resnet50", "googlenet"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_rows_add_up_to_the_totals(spec: str, depth: int | None) -> None:
    network = archc.elaborate(spec)
    found = summarize(network, depth)
    totals = found.totals
    assert totals.parameters == count_parameters(network)
    assert totals.macs.at_sample == count_macs(network)
    assert totals.layers == len(network.nodes) == sum(row.layers for row in found.rows)
    assert totals.parameters == sum(row.parameters for row in found.rows)
    assert totals.macs.at_sample == sum(row.macs.at_sample for row in found.rows)
    assert totals.activation_bytes.at_sample == sum(
        row.activation_bytes.at_sample for row in found.rows
    )


def test_depth_groups_by_the_first_parts_of_names() -> None:
    found = summarize(graph(NESTED), 1)
    assert _names(found) == ["stem", "body", "head", "side"]
    body = found.rows[1]
    assert (body.op, body.layers, body.shape) == ("", 10, (8, 8, 8))
    assert body.parameters == (9 * 16 + 4) + (16 + 4) + (9 * 32 + 8) + (32 + 8)


def test_a_group_has_the_name_of_its_block_and_the_output_of_its_scope() -> None:
    rows = {row.name: row for row in summarize(graph(NESTED), 2).rows}
    assert (rows["body.1"].op, rows["body.1"].shape) == ("unit", (8, 8, 8))
    assert rows["head.fc"].op == "dense"


def test_a_merge_with_numbered_branches_groups_with_them() -> None:
    rows = {row.name: row for row in summarize(graph(NESTED), 3).rows}
    assert (rows["body.0.sum"].op, rows["body.0.sum"].layers) == ("add", 3)
    assert rows["body.0.skip"].layers == 1


def test_shared_weights_count_where_they_are_used_first() -> None:
    text = """
input: {image: [3, 8, 8]}
layers:
  a: {conv: 3, kernel: 1}
  b: {conv: 3, kernel: 1, weights: a}
"""
    found = summarize(graph(text))
    assert [row.parameters for row in found.rows] == [12, 0]
    assert found.totals.parameters == 12


def test_symbols_without_default_give_functions() -> None:
    text = """
input: {{i: {{shape: [1, H, H], where: {{H: {{min: 8{0}}}}}}}}}
layers: [{{conv: 2, kernel: 3}}]
"""
    free = summarize(graph(text.format("")))
    assert free.open_symbols == ("H",)
    assert (free.totals.macs.at_sample, free.totals.macs.function) == (648, "-72·H + 18·H·H + 72")
    assert free.rows[0].sizes == ("2", "H - 2", "H - 2")
    fixed = summarize(graph(text.format(", default: 10")))
    assert fixed.open_symbols == ()
    assert (fixed.totals.macs.at_sample, fixed.totals.macs.function) == (18 * 64, None)


def test_table_shows_each_layer_and_the_totals() -> None:
    text = render_table(summarize(graph(NESTED), 1))
    lines = text.splitlines()
    assert lines[0] == "net: image 3 × 8 × 8"
    assert " ".join(lines[4].split()) == "stem conv 4 × 8 × 8 1.02 kB 16 768 1 × 1, step 1"
    assert lines[5].startswith("body   (10 layers)  8 × 8 × 8")
    assert "parameters  538" in lines


def test_table_cuts_names_to_the_width() -> None:
    summary = summarize(archc.elaborate("googlenet"))
    wide = render_table(summary).splitlines()
    narrow = render_table(summary, width=max(map(len, wide)) - 3).splitlines()
    assert max(map(len, narrow)) == max(map(len, wide)) - 3
    assert len(narrow) == len(wide)


def test_json_and_csv_hold_the_same_numbers() -> None:
    summary = summarize(archc.elaborate("lenet5"))
    document = json.loads(render_json(summary))
    assert document["version"] == 1
    assert document["totals"]["parameters"] == summary.totals.parameters
    rows = list(csv.DictReader(io.StringIO(render_csv(summary))))
    for row, layer in zip(rows, document["layers"], strict=True):
        assert row["name"] == layer["name"]
        assert row["shape"] == "x".join(map(str, layer["shape"]))
        for key in ("elements", "activation_bytes", "parameters", "macs"):
            assert int(row[key]) == layer[key]
    last, field = rows[-1], document["layers"][-1]["receptive_field"]
    assert (last["field_height"], last["step_height"]) == ("all", "")
    assert field["height"] == {"positions": None, "step": None}


def test_a_network_of_no_layers_has_a_summary() -> None:
    found = summarize(graph("input: {i: [1, 2, 2]}\nlayers: []"))
    assert found.rows == ()
    assert "layers      0" in render_table(found)
    assert json.loads(render_json(found))["layers"] == []
    assert len(render_csv(found).splitlines()) == 1
