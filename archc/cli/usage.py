"""Wrong usage of the command line: what is said of it."""

from __future__ import annotations

import re
from typing import Any

import typer

from archc.cli.terminal import say
from archc.diagnostics.nearest import did_you_mean

# The base of what typer raises for wrong usage; it has had several homes, and this leads to each.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


_SUGGESTION = re.compile(r": (did you mean `[^`]+`\?)$")
_QUOTED = re.compile(r"'([^' ]+)'")


def is_usage_error(error: Exception) -> bool:
    """Whether an exception says that the command line was used wrongly."""
    return isinstance(error, _USAGE_ERROR)


def report_usage_error(error: Any, command: str | None) -> None:
    """Says on standard error what is wrong with a command line, and where the help is."""
    context = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    message: str = error.format_message().strip()
    helps: tuple[str, ...] = ()
    if getattr(error, "param", None) is None and hasattr(error, "param_hint"):
        message = error.message  # without the words that typer puts before it
    if option is not None and hasattr(error, "possibilities") and context is not None:
        message = f"there is no option `{option}`"
        params = context.command.get_params(context)
        known = [opt for p in params for opt in (*p.opts, *p.secondary_opts)]
        helps = did_you_mean(option, known)
    suggestion = _SUGGESTION.search(message)
    if suggestion is not None:
        message, helps = message[: suggestion.start()], (suggestion[1],)
    path = context.command_path if context is not None else f"archc {command or ''}".strip()
    message = _QUOTED.sub(r"`\1`", message[:1].lower() + message[1:].rstrip("."))
    say("error", message)
    for line in (*helps, f"`{path} --help` says what it takes"):
        say("help", line)
