"""`archc lsp`: the language server, for editors."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Annotated

import typer

from archc.cli.terminal import say

WRONG_USAGE = 2
_ALLOCATIONS_BETWEEN_COLLECTIONS = (100_000, 20, 50)
"""Of the young, the middle and the old: a collection of all takes as long as an answer."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def lsp(
    variant: Annotated[
        str | None,
        typer.Option(help="The variant whose types and costs are shown, where a spec has it."),
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak over standard input and output, as always.")
    ] = False,
) -> None:
    """Serve editors: diagnostics, types, completion and more, over standard input and output."""
    del stdio  # clients of the protocol give it, and there is no other way
    try:
        from archc.editor.lsp.handlers import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        say("error", "`archc lsp` needs pygls, which is not installed")
        say("help", "install it: `pip install 'archc[editor]'`")
        raise typer.Exit(WRONG_USAGE) from None
    # Nothing but the protocol may come out: what is printed by mistake goes to standard error.
    given, taken = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # the client is told what goes wrong
    server = make_server(variant)
    gc.freeze()
    gc.set_threshold(*_ALLOCATIONS_BETWEEN_COLLECTIONS)
    server.start_io(os.fdopen(given, "rb"), os.fdopen(taken, "wb"))
    if not server.is_shut_down:
        raise typer.Exit(1)  # as the protocol has it of a client that leaves without a word
