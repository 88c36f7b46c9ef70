"""The entry of the command `archc`: runs a command and turns how it ended into an exit status.

0 fine, 1 the spec (or a checkpoint, an image, answers) has errors, 2 wrong usage, 3 a bug of archc,
130 interrupted, 141 whoever read the output has gone, 143 told to end.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from archc.cli.interruption import INTERRUPTED, heed_signals

# Pydantic would look through every installed package for plugins; archc has none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

FINE, WRONG_USAGE, BUG, NO_READER = 0, 2, 3, 141

_ALLOCATIONS_BETWEEN_COLLECTIONS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of the command line with these arguments, else the process's own."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A command is short and makes few cycles: collecting as often as Python does costs a tenth.
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    _prepare_streams()
    heed_signals()
    try:
        status = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _leave_output()
        return NO_READER
    except Exception as error:
        from archc.cli.failure import report_bug

        report_bug(error, given)
        return BUG
    return status


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show must not end a command.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _leave_output() -> None:
    """Lets what is still buffered go nowhere, so that Python does not complain at its exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    import typer

    from archc.cli.app import command
    from archc.cli.usage import is_usage_error, report_usage_error

    root: Any = command()
    if "_ARCHC_COMPLETE" in os.environ:  # the shell asks what could stand here
        root.main(args=arguments, prog_name="archc")
    status = FINE if arguments else WRONG_USAGE
    try:
        with root.make_context("archc", arguments or ["--help"]) as context:
            root.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code or status
    except Exception as error:
        if not is_usage_error(error):
            raise
        report_usage_error(error, next((a for a in arguments if not a.startswith("-")), None))
        return WRONG_USAGE
    return status


def script() -> None:
    """Runs the command and ends the process at once, as the console script does.

    Python would spend a tenth of a short command on taking down what the system frees anyway.
    """
    status = main()
    with suppress(OSError, ValueError):  # whoever read the output has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    script()
