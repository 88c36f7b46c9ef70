"""The rule on fields that came with a later release than the one that is checked for."""

from __future__ import annotations

from archc.deploy.triton.examined import Examined
from archc.deploy.triton.releases import SINCE
from archc.deploy.triton.values import Group
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Reporter

FIELD_TOO_NEW = Rule(
    "triton/field-too-new",
    "a configuration has a field that the release does not know yet",
    "An older Triton refuses the whole file.",
)


def check_fields(model: Examined, reporter: Reporter) -> None:
    """Checks a configuration for fields that the release does not know.

    Reports: triton/field-too-new.
    """
    _check(model.config, model, reporter)


def _check(group: Group, model: Examined, reporter: Reporter) -> None:
    for name, values in group.fields.items():
        since = SINCE.get((group.message, name))
        if since is not None and since > model.release.name:
            message = f"Triton {model.release.name} does not know `{name}`"
            helps = (f"leave it out, or serve with Triton {since} or newer",)
            reporter.error(FIELD_TOO_NEW, message, Place(values[0].span), helps=helps)
        for value in values:
            if isinstance(value.data, Group):
                _check(value.data, model, reporter)
