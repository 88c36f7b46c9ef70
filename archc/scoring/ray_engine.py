"""Scoring by actors of Ray Data, on this machine or a cluster.

Each actor loads the model once and does what one machine does. A row of the data set is a whole
batch, the same as on one machine, so that a picture's numbers do not depend on who scores it; what
comes back is kept as it comes. Pictures and model must lie under the same paths on every machine,
and archc must be installed there.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple, final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.scoring.local import score_here
from archc.scoring.plan import Plan
from archc.scoring.scorer import in_a_line, open_scorer
from archc.scoring.work import Batch, Keep
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

RAY_FAILED = Rule(
    "score/ray-failed",
    "actors of Ray cannot be started or reached, or fail",
    "The note is Ray's own reason; what was scored before is kept.",
)

LOOPBACK = "127.0.0.1"
_SECONDS_TO_ANSWER = 10
_OBJECT_STORE_BYTES = 256 * 2**20
_BATCHES_A_CALL = 4
"""Batches that go to an actor together and come back together."""


class ModelRefusedError(Exception):
    """The model cannot be opened in an actor, though it can be here."""


class Actors(NamedTuple):
    """How many actors there are, where, and how many threads each one has.

    The address is None for a Ray of our own on this machine, `auto` for the cluster that this
    machine belongs to, else `HOST:PORT` or `ray://HOST:PORT`.
    """

    number: int = 2
    threads: int = 1
    address: str | None = None


@final
class ScoringActor:
    """A loaded model in a process of Ray."""

    def __init__(self, plan: Plan, threads: int, folder: str | None) -> None:
        if folder is not None:
            os.chdir(folder)  # the process is the actor's own
        reporter = Reporter()
        scorer = open_scorer(plan, reporter, threads=threads)
        if isinstance(scorer, Failed):
            raise ModelRefusedError(in_a_line(reporter.diagnostics))
        self._scorer = scorer
        self._threads = threads

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """What is found in some batches: the numbers of the batches, and bytes for each."""
        found: list[tuple[int, bytes]] = []
        batches = [
            Batch(int(number), [os.fsdecode(path) for path in paths])
            for number, paths in zip(rows["number"], rows["paths"], strict=True)
        ]
        score_here(self._scorer, batches, self._threads, lambda n, data: found.append((n, data)))
        return {"number": [number for number, _ in found], "content": [data for _, data in found]}


def score_with_ray(
    plan: Plan, batches: Sequence[Batch], actors: Actors, keep: Keep, reporter: Reporter
) -> Failed | None:
    """Scores batches by actors; they come back in any order.

    Reports: score/ray-failed.

    Raises:
        OSError: what was found cannot be kept.
    """
    for name, value in _settings(actors).items():
        os.environ[name] = value
    import ray

    try:
        rows: Any = None
        while True:
            try:
                if rows is None:
                    _start(ray, actors)
                    rows = _rows(plan, batches, actors)
                row = next(rows, None)
            # Ray's exceptions, and those of what it calls, have no base but this one.
            except Exception as error:
                return _ray_failed(error, actors, reporter)
            if row is None:
                return None
            keep(int(row["number"]), bytes(row["content"]))
    finally:
        ray.shutdown()


def _settings(actors: Actors) -> dict[str, str]:
    """What Ray's environment says before it is imported."""
    settings = {"RAY_USAGE_STATS_ENABLED": "0"}
    if actors.address is None:
        # Without it, Ray takes an outward address even where it is told 127.0.0.1, and listens to
        # everybody. The name is of the systems where that is the default; it holds on all.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Other users of this machine reach loopback too: they lack the word of this one job.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # Its processes warn of each other's ways; what goes wrong comes as an exception.
        settings["RAY_BACKEND_LOG_LEVEL"] = os.environ.get("RAY_BACKEND_LOG_LEVEL", "fatal")
    return settings


def _start(ray: Any, actors: Actors) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if actors.address is not None:
        _check_answers(actors.address)
        ray.init(address=actors.address, **quiet)
        return
    ray.init(
        address="local",  # whatever cluster the environment names
        num_cpus=actors.number * actors.threads + 1,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        _node_ip_address=LOOPBACK,
        **quiet,
    )
    if (found := ray.util.get_node_ip_address()) != LOOPBACK:
        raise OSError(f"it listens at {found}, and not at {LOOPBACK} alone")


def _check_answers(address: str) -> None:
    """Connects once, since Ray itself would go on trying for minutes.

    Raises:
        OSError: nobody answers there.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()


def _rows(plan: Plan, batches: Sequence[Batch], actors: Actors) -> Any:
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    paths = (path for batch in batches for path in batch.paths)
    folder = None if all(map(os.path.isabs, paths)) else os.getcwd()
    # Arrow's texts are UTF-8, and paths are bytes.
    items = [{"number": b.number, "paths": [os.fsencode(p) for p in b.paths]} for b in batches]
    data = ray.data.from_items(items, override_num_blocks=-(-len(items) // _BATCHES_A_CALL))
    scored = data.map_batches(
        ScoringActor,
        fn_constructor_args=(plan, actors.threads, folder),
        batch_size=_BATCHES_A_CALL,
        compute=ray.data.ActorPoolStrategy(size=actors.number),
        num_cpus=actors.threads,
    )
    return iter(scored.iter_rows())


def _ray_failed(error: Exception, actors: Actors, reporter: Reporter) -> Failed:
    where = "on this machine" if actors.address is None else f"at `{shown(actors.address)}`"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return reporter.error(
        RAY_FAILED,
        f"Ray cannot score {where}",
        file_place(actors.address or "ray"),
        notes=(shown(lines[-1] if lines else type(error).__name__),),
        helps=(
            "pictures, model and archc must be there under the same paths on every machine",
            "the same command goes on where this one stopped",
        ),
    )
