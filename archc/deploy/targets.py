"""The targets: what a package can be written for, each module imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple, cast

from archc.deploy.served import Target
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.shown import shown

UNKNOWN_TARGET = Rule(
    "deploy/unknown-target",
    "a package is asked for a server that archc does not know",
    "Each server wants its own files; those that were proved on the real server are written.",
)

TARGETS = {
    "triton": "archc.deploy.triton",
    "kserve": "archc.deploy.kserve",
    "openvino": "archc.deploy.openvino",
    "mlserver": "archc.deploy.mlserver",
    "web": "archc.deploy.web",
}
"""The module of each target."""


class ChosenTarget(NamedTuple):
    """A target, and what was written behind the colon of `--target NAME:RELEASE`."""

    name: str
    module: Target
    release: str | None


def find_target(text: str, place: Place, reporter: Reporter) -> ChosenTarget | Failed:
    """The target of `NAME` or `NAME:RELEASE`.

    Reports: deploy/unknown-target.
    """
    name, _, release = text.partition(":")
    if name not in TARGETS:
        return reporter.error(
            UNKNOWN_TARGET,
            f"there is no target `{shown(name)}`",
            place,
            notes=(f"the targets are {', '.join(f'`{known}`' for known in TARGETS)}",),
            helps=did_you_mean(name, TARGETS),
        )
    return ChosenTarget(name, cast(Target, import_module(TARGETS[name])), release or None)
