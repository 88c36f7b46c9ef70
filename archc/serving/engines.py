"""The kinds of servers, and the choice among them: the first that runs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.container import IMAGE, Container
from archc.serving.environment import Say
from archc.serving.launch import Engine, Prepared
from archc.serving.ml_server import MLServer
from archc.serving.triton_server import TritonOnPath, TritonWheel
from archc.weights.checkpoint import file_place

NO_SERVER = Rule(
    "serve/no-server",
    "no inference server can be started on this machine",
    "A package is served by a real server; which ones were looked for, the notes say.",
)
ENGINE_NOT_HERE = Rule(
    "serve/engine-not-here",
    "the server that was asked for cannot be started on this machine",
    "Another server may; without `--engine` the first that runs is taken.",
)

AUTO = "auto"
_ENGINES: tuple[Engine, ...] = (
    TritonOnPath(), TritonWheel(), Container("docker"), Container("podman"), MLServer(),
)  # fmt: skip

ENGINES = tuple(engine.name for engine in _ENGINES)
"""What `--engine` takes besides `auto`, in the order in which `auto` tries them."""


class Chosen(NamedTuple):
    """The server that was taken, installed."""

    engine: Engine
    prepared: Prepared


def choose_engine(
    name: str, environment: Path | None, say: Say, reporter: Reporter
) -> Chosen | Failed:
    """The server of a name, or the first that runs here for `auto`, installed where it was not.

    Reports: serve/no-server, serve/engine-not-here, serve/no-image, serve/not-an-environment,
        serve/not-installed.
    """
    place = file_place(f"--engine {name}")
    if name == AUTO:
        return _first(environment, say, place, reporter)
    engine = next(engine for engine in _ENGINES if engine.name == name)
    why = engine.obstacle()
    if why is not None:
        message = f"`{name}` cannot be started here"
        helps = ("leave out `--engine`: the first server that runs here is taken",)
        return reporter.error(ENGINE_NOT_HERE, message, place, notes=(why,), helps=helps)
    prepared = engine.prepare(environment, say, reporter)
    return FAILED if isinstance(prepared, Failed) else Chosen(engine, prepared)


def _first(environment: Path | None, say: Say, place: Place, reporter: Reporter) -> Chosen | Failed:
    reasons: list[str] = []
    helps: list[str] = []
    for engine in _ENGINES:
        why = engine.obstacle()
        if why is None and isinstance(engine, Container) and not engine.has_image():
            why = f"it lacks the image: `{engine.name} pull {IMAGE}`"
        if why is not None:
            reasons.append(f"`{engine.name}`: {why}")
            continue
        aside = Reporter()
        prepared = engine.prepare(environment, say, aside)
        if not isinstance(prepared, Failed):
            return Chosen(engine, prepared)
        for found in aside.diagnostics:
            reasons.append(f"`{engine.name}`: {'; '.join((found.message, *found.notes))}")
            helps.extend(found.helps)
    return reporter.error(
        NO_SERVER,
        "no inference server can be started here",
        place,
        notes=reasons,
        helps=dict.fromkeys(helps) or ("install Docker or Podman: Triton runs in a container",),
    )
