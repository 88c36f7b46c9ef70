"""What can go wrong between a client and a server, as the two protocols share it."""

from __future__ import annotations

from typing import final

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.protocol import MAX_ANSWER_BYTES, ModelInfo, Tensors
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

UNREACHABLE = Rule(
    "server/unreachable",
    "no server answers at an address",
    "Nothing listens there, or the connection ended before an answer was complete.",
)
TIMEOUT = Rule(
    "server/timeout",
    "a server does not answer in time",
    "A request that is never answered would hold the caller for ever.",
)
REFUSED = Rule(
    "server/refused",
    "a server refuses a request",
    "The note is the server's own reason.",
)
MALFORMED = Rule(
    "server/malformed-answer",
    "an answer is not what the protocol says",
    "Lengths, types and names are compared before anything is believed; the address may be "
    "that of another kind of server.",
)
TOO_LARGE = Rule(
    "server/answer-too-large",
    "an answer is longer than what is read",
    "A bound is kept so that a server cannot fill the caller's memory.",
)
DATATYPE = Rule(
    "server/datatype",
    "a tensor has elements that cannot be sent or read",
    "Arrays hold the number types of numpy, and byte strings.",
)
MISSING_OUTPUT = Rule(
    "server/missing-output",
    "an answer lacks an output that was asked for",
    "The outputs of another model, or of another version, would be taken for the wanted ones.",
)


_NO_ID = "[request id: <id_unknown>] "
"""What Triton begins its reasons with, where a request has no number."""


@final
class Trouble:
    """Reports what went wrong with one server."""

    def __init__(self, address: str, seconds: float) -> None:
        self._place = file_place(address)
        self._address = address
        self._seconds = seconds

    def unreachable(self, why: str, reporter: Reporter) -> Failed:
        """Nothing answered, or not to the end."""
        return reporter.error(
            UNREACHABLE,
            f"no server answers at `{shown(self._address)}`",
            self._place,
            notes=(shown(why),) if why else (),
            helps=("see that the server runs, and that the host and the port are right",),
        )

    def timeout(self, reporter: Reporter) -> Failed:
        """The answer was not complete in time."""
        return reporter.error(
            TIMEOUT,
            f"`{shown(self._address)}` has not answered within {self._seconds:g} seconds",
            self._place,
            helps=("give it longer: `--timeout SECONDS`",),
        )

    def refused(
        self, status: str, reason: str, reporter: Reporter, helps: tuple[str, ...] = ()
    ) -> Failed:
        """The server said no."""
        return reporter.error(
            REFUSED,
            f"`{shown(self._address)}` refuses the request: {status}",
            self._place,
            notes=(f"the server says: {_line(reason)}",) if reason.strip() else (),
            helps=helps,
        )

    def malformed(self, what: str, why: str, reporter: Reporter) -> Failed:
        """The server's answer cannot be understood."""
        return reporter.error(
            MALFORMED,
            f"what `{shown(self._address)}` answers is no {what}",
            self._place,
            notes=(why,),
            helps=("see that a server of the Open Inference Protocol, version 2, listens there",),
        )

    def too_large(self, limit: int, reporter: Reporter) -> Failed:
        """The answer is longer than what is read."""
        return reporter.error(
            TOO_LARGE,
            f"the answer of `{shown(self._address)}` has more than {limit} bytes",
            self._place,
            helps=("ask for fewer samples at once, or for fewer outputs",)
            if limit == MAX_ANSWER_BYTES
            else (),
        )

    def datatype(self, why: str, reporter: Reporter) -> Failed:
        """The elements of a tensor are of no known type."""
        helps = ("serve the model with other elements at its inputs and outputs, such as FP32",)
        message = f"a tensor cannot be handled: {why}"
        return reporter.error(DATATYPE, message, self._place, helps=helps)

    def checked(
        self, found: Tensors, wanted: tuple[str, ...], reporter: Reporter
    ) -> Tensors | Failed:
        """The outputs, where all that were asked for are there.

        Reports: server/missing-output.
        """
        missing = [name for name in wanted if name not in found]
        if not missing:
            return found
        return reporter.error(
            MISSING_OUTPUT,
            f"`{shown(self._address)}` does not give {listed(missing)}",
            self._place,
            notes=(f"it gives {listed(list(found))}",) if found else (),
        )

    def model_of(self, found: ModelInfo, name: str, reporter: Reporter) -> ModelInfo | Failed:
        """The metadata, where it is that of the model that was asked for."""
        if found.name == name:
            return found
        why = f"it is about `{shown(found.name)}`"
        return self.malformed(f"metadata of the model `{shown(name)}`", why, reporter)


def _line(reason: str) -> str:
    """A server's reason in one line, short enough for a note."""
    text = " ".join(reason.removeprefix(_NO_ID).split())
    parts = [shown(text[start : start + 80]) for start in range(0, min(len(text), 320), 80)]
    return "".join(parts) + ("…" if len(text) > 320 else "")
