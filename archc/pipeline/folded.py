"""Models whose weights have taken in other layers: no longer the weights of their spec."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.library import nowhere
from archc.runtime.metadata import ModelRecord

FOLDED = Rule(
    "weights/folded",
    "the weights of a model have taken in other layers",
    "A norm that is folded into the convolution before it has changed that one's weights, and its "
    "own are gone: neither can be told from what is left.",
)


def check_unfolded(record: ModelRecord, path: str, reporter: Reporter) -> Failed | None:
    """Reports a model whose weights are not those of its spec.

    Reports: weights/folded.
    """
    if not record.folded:
        return None
    first, count = record.folded[0], len(record.folded)
    layers = "1 layer of the model is" if count == 1 else f"{count} layers of the model are"
    return reporter.error(
        FOLDED,
        f"{layers} folded into others, such as `{first.layer}` into `{first.into}`",
        nowhere(path),
        helps=("build the model with `-O0`, which keeps every weight under its name",),
    )
