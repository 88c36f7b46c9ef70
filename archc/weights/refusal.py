"""How a reader gives up: one exception, which `open_checkpoint` alone catches and reports.

Also the rules that several readers hold a file to.
"""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.diagnostic import Rule

TRUNCATED = Rule(
    "weights/truncated",
    "the checkpoint ends too early",
    "What the file declares is compared with the bytes it has before anything is read. A shorter"
    " file is a broken download.",
)
OVERLAP = Rule(
    "weights/overlap",
    "two parts of a checkpoint share bytes",
    "No program writes such a file; bytes that mean two things hide something.",
)
DUPLICATE_NAME = Rule(
    "weights/duplicate-name",
    "two tensors have the same name",
    "Which of the two is meant cannot be known, and programs choose differently.",
)
TOO_MANY = Rule(
    "weights/too-many-entries",
    "the checkpoint has too many entries",
    "The largest networks have some thousand tensors; a bound keeps a hostile file cheap.",
)
ELEMENT_TYPE = Rule(
    "weights/element-type",
    "a tensor is stored in an element type that archc cannot convert",
    "Weights become float32 or float16. Complex, quantized and 8-bit float tensors have no plain"
    " conversion.",
)


AGAIN = "copy or download the file again"
"""What helps against a damaged file."""


class CheckpointError(Exception):
    """A checkpoint that is not read further: the broken rule and what its diagnostic says.

    It never leaves this package: `open_checkpoint` turns it into a diagnostic.
    """

    def __init__(
        self, rule: Rule, message: str, *, notes: Iterable[str] = (), helps: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.notes = tuple(notes)
        self.helps = tuple(helps)


class OutOfRangeError(Exception):
    """A weight has numbers that the element type that is written does not hold.

    Attributes:
        name: the weight.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
