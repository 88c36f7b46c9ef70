"""`archc explain`: what a rule is about, with a wrong and a corrected example."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Annotated

import typer

from archc.cli.options import completing, one_of
from archc.cli.report import print_json
from archc.cli.terminal import columns, has_color, put, width_of
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import nearest
from archc.explanations.declared import all_rules, find_rule, slugs, subject_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)


def _complete(incomplete: str) -> list[str]:
    names = (*dict.fromkeys(map(subject_of, slugs())), *slugs())
    return [name for name in names if name.startswith(incomplete)]


@app.command()
def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[RULE|SUBJECT]",
            help="A rule, as it stands in brackets in a message, or the part before the slash.",
            autocompletion=_complete,
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|json|markdown",
            help="For people, for programs or for a document.",
            parser=one_of("text", "json", "markdown"),
            autocompletion=completing("text", "json", "markdown"),
        ),
    ] = "text",
) -> None:
    """Explain a rule: what is wrong, why it matters, and how it is done right."""
    rule = find_rule(name) if name else None
    if rule is not None:
        _explain(rule, form)
        return
    rules = [r for r in all_rules() if name is None or subject_of(r.slug) == name]
    if not rules:
        raise typer.BadParameter(f"there is no rule `{name}`{_hint(str(name))}")
    _list(rules, form)


def _explain(rule: Rule, form: str) -> None:
    from archc.explanations.explanation import explain as explanation_of

    explanation = explanation_of(rule)
    if form == "json":
        from archc.explanations.as_json import explained

        print_json({"rules": [explained(explanation)]})
    elif form == "markdown":
        from archc.explanations.as_markdown import render_section

        put(render_section(explanation).rstrip())
    else:
        from archc.explanations.as_text import render_explanation

        width, color = width_of(sys.stdout), has_color(sys.stdout)
        put(render_explanation(explanation, width=width, color=color))


def _list(rules: list[Rule], form: str) -> None:
    if form == "json":
        from archc.explanations.as_json import listed

        print_json({"rules": [listed(rule) for rule in rules]})
    elif form == "markdown":
        from archc.explanations.as_markdown import render_reference

        put(render_reference(rules).rstrip())
    else:
        _put_list(rules)


def _put_list(rules: list[Rule]) -> None:
    """One line a rule, with a free line between subjects."""
    width = width_of(sys.stdout) if sys.stdout.isatty() else None
    lines = iter(columns([(rule.slug, rule.summary) for rule in rules], "<<", width=width))
    groups = groupby(zip(rules, lines, strict=True), lambda pair: subject_of(pair[0].slug))
    put("\n\n".join("\n".join(line for _, line in group) for _, group in groups))


def _hint(name: str) -> str:
    """What may have been meant: the nearest rule or subject, or the rules that end like this."""
    near = nearest(name, (*slugs(), *map(subject_of, slugs())))
    if near is not None:
        return f": did you mean `{near}`?"
    ending = [slug for slug in slugs() if slug.endswith(f"/{name}")]
    if ending:
        return f": did you mean {' or '.join(f'`{slug}`' for slug in ending)}?"
    return ": `archc explain` lists all"
