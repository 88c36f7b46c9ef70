"""The commands, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup
from typing_extensions import override

from archc.diagnostics.nearest import nearest
from archc.version import __version__

_COMMANDS = {
    "list": "list_specs",
    "validate": "validate",
    "explain": "explain",
    "fmt": "fmt",
    "schema": "schema",
    "build": "build",
    "summary": "summary",
    "expand": "expand",
    "run": "run",
    "verify": "verify",
    "bench": "bench",
    "profile": "profile",
    "weights": "weights",
    "score": "score",
    "deploy": "deploy",
    "serve": "serve",
    "call": "call",
    "lsp": "lsp",
}
"""The module of each command, in the order of the help."""


class CommandGroup(TyperGroup):
    """Commands, imported one by one: those of archc, or of a group of them."""

    modules: ClassVar[Mapping[str, str]] = _COMMANDS

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.modules)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = self.modules.get(cmd_name)
        if module is None:
            return None
        found = typer.main.get_command(import_module(f"archc.cli.{module}").app)
        found.name = cmd_name
        return found

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.modules and not args[0].startswith("-"):
            near = nearest(args[0], self.modules)
            hint = f": did you mean `{near}`?" if near else f": {', '.join(self.modules)} are there"
            ctx.fail(f"there is no command `{args[0]}`{hint}")
        return super().resolve_command(ctx, args)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"archc {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="archc",
    cls=CommandGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def archc(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Compile convolutional network architectures, written in YAML, to ONNX models."""


def command() -> Any:
    """The whole command line, as a command of the library below typer."""
    return typer.main.get_command(app)
