"""`start_server`: a real server for a package, from the choice of it to its readiness."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from archc.deploy.manifest import Manifest, read_manifest
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.serving.engines import AUTO, Chosen, choose_engine
from archc.serving.environment import Say
from archc.serving.repack import repository_for
from archc.serving.server import RunningServer, ServerOptions, start_repository


def start_server(
    package: Path,
    reporter: Reporter,
    *,
    engine: str = AUTO,
    environment: Path | None = None,
    options: ServerOptions | None = None,
    say: Say = lambda _: None,
) -> RunningServer | Failed:
    """A server that serves a package; a context manager, which ends it.

    Args:
        package: the package's folder.
        reporter: told what is wrong.
        engine: one of `archc.serving.engines.ENGINES`, or `auto` for the first that runs here.
        environment: the folder for what is installed; None for one in the user's cache.
        options: where it listens, and how long it may take.
        say: told what is being done.

    Reports: deploy/no-package, and what `choose_engine` and `serve_package` report.
    """
    manifest = read_manifest(package, reporter)
    if isinstance(manifest, Failed):
        return FAILED
    chosen = choose_engine(engine, environment, say, reporter)
    if isinstance(chosen, Failed):
        return FAILED
    return serve_package(package, manifest, chosen, options or ServerOptions(), say, reporter)


def serve_package(
    package: Path,
    manifest: Manifest,
    chosen: Chosen,
    options: ServerOptions,
    say: Say,
    reporter: Reporter,
) -> RunningServer | Failed:
    """The server that was chosen, when it serves a package.

    Reports: serve/unreadable-package, and what `start_repository` reports.
    """
    with ExitStack() as resources:
        layout = chosen.engine.layout
        repository = repository_for(package, manifest, layout, resources, reporter)
        if isinstance(repository, Failed):
            return FAILED
        models = [manifest.name, *([manifest.ensemble] if manifest.ensemble else [])]
        if layout != "triton":
            models = models[:1]
        started = start_repository(chosen, repository, models, options, say, reporter)
        if isinstance(started, RunningServer):
            started.hold(resources.pop_all())
        return started
