"""`archc weights match`: which tensor of a checkpoint is which weight of a spec, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from archc.cli.match_options import ByOrderOption, MappingOption, MatchOption
from archc.cli.options import SetOption, SpecArgument, TableOrJson, VariantOption
from archc.cli.policy_options import IgnoreOption, PrefixOption
from archc.cli.report import SPEC_ERRORS, print_json, show
from archc.cli.settings import choices
from archc.cli.terminal import columns, put, say
from archc.diagnostics.cells import visible
from archc.diagnostics.reporter import Failed, Reporter

if TYPE_CHECKING:
    from archc.matching.plan import Match, Plan
    from archc.pipeline.matching import PlannedNetwork

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_File: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="A checkpoint in any form.", show_default=False)
]
_Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write the plan as a mapping file, to be reviewed, completed and given to `build`.",
    ),
]


@app.command()
def match(
    spec: SpecArgument,
    file: _File,
    variant: VariantOption = None,
    settings: SetOption = None,
    mode: MatchOption = "auto",
    mapping: MappingOption = None,
    by_order: ByOrderOption = False,
    prefix: PrefixOption = "",
    ignore: IgnoreOption = None,
    output: _Out = None,
    form: TableOrJson = "table",
) -> None:
    """Show which tensor of a checkpoint is which weight of a spec, and why."""
    from archc.matching.options import as_matching
    from archc.pipeline.matching import plan_weights
    from archc.pipeline.reading import load_spec

    reporter = Reporter()
    chosen = choices(variant, settings, reporter)
    loaded = load_spec(spec, reporter)
    planned: PlannedNetwork | Failed | None = None
    if not isinstance(loaded, Failed) and not reporter.has_errors:
        planned = plan_weights(
            loaded, file, reporter, choices=chosen, prefix=prefix, ignore=tuple(ignore or ()),
            matching=as_matching(mode, mapping, is_by_order=by_order),
        )  # fmt: skip
    if planned is None or isinstance(planned, Failed):
        show(reporter.diagnostics)
        raise typer.Exit(SPEC_ERRORS)
    _give(planned, file, output, reporter, is_json=form == "json")
    if reporter.has_errors:
        raise typer.Exit(SPEC_ERRORS)


def _give(
    planned: PlannedNetwork, file: Path, output: Path | None, reporter: Reporter, *, is_json: bool
) -> None:
    from archc.pipeline.matching import report_plan, write_plan
    from archc.weights.checkpoint import file_place

    plan = planned.plan
    report_plan(plan, file_place(str(file)), reporter)
    is_written = output is not None and write_plan(planned, output, reporter)
    if is_json:
        print_json(_as_json(plan), reporter.diagnostics)
        return
    for note in planned.notes:
        say("note", note)
    for line in _table(plan):
        put(line)
    show(reporter.diagnostics)
    if is_written:
        put(f"{output}: {len(plan.matches)} weights bound{_left(plan)}")


def _left(plan: Plan) -> str:
    count = sum(len(choice.weights) for choice in plan.choices)
    return f", {count} open: choose in the file" if count else ""


def _table(plan: Plan) -> list[str]:
    """A line for each layer, and one with the counts."""
    rows = [
        (
            f"{layer}.{_names(matches)}",
            visible(group),
            ", ".join(dict.fromkeys(change for m in matches for change in m.changes)),
            matches[0].why,
        )
        for layer, group, matches in _layers(plan.matches)
    ]
    lines = columns(rows, "<<<<") if rows else []
    counts = [
        f"{len(plan.matches)} weights bound",
        *(f"{count} {why}" for why, count in Counter(m.why for m in plan.matches).items()),
        f"{len(plan.ignored)} tensors ignored",
        f"layout {plan.layout}",
    ]
    return [*lines, "; ".join(counts)]


def _layers(matches: Iterable[Match]) -> Iterator[tuple[str, str, list[Match]]]:
    """The layer, the prefix of its tensors, and its matches, one run at a time."""

    def ends(match: Match) -> tuple[str, str, str]:
        return match.weight.rpartition(".")[0], match.key.rpartition(".")[0], match.why

    for (layer, group, _), found in groupby(matches, ends):
        yield layer, group, list(found)


def _names(matches: list[Match]) -> str:
    names = [match.weight.rpartition(".")[2] for match in matches]
    return names[0] if len(names) == 1 else f"{{{','.join(names)}}}"


def _as_json(plan: Plan) -> dict[str, object]:
    return {
        "layout": plan.layout,
        "is_complete": plan.is_complete,
        "weights": [
            {
                "weight": match.weight,
                "key": match.key,
                "shape": list(match.shape),
                "stored": list(match.stored),
                "changes": list(match.changes),
                "why": match.why,
            }
            for match in plan.matches
        ],
        "open": [
            {"reason": choice.reason, "weights": choice.weights, "likely": choice.likely}
            for choice in plan.choices
        ],
        "missing": {name: list(shape) for name, shape in plan.missing.items()},
        "unexpected": {key: list(shape) for key, shape in plan.unexpected.items()},
        "ignored": list(plan.ignored),
    }
