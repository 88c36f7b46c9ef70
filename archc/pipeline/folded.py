"""Models whose weights have taken in other layers: no longer the weights of their spec."""

from __future__ import annotations

from collections.abc import Mapping

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.language.library import nowhere
from archc.runtime.metadata import PREFIX, ModelRecord
from archc.weights.fold_step import are_of

FOLDED = Rule(
    "weights/folded",
    "the weights of a model have taken in other layers",
    "A norm that is folded into the convolution before it has changed that one's weights, and its "
    "own are gone: neither can be told from what is left.",
)

_KEY = f"{PREFIX}folded"
"""The property that holds how weights were folded."""


def check_unfolded(record: ModelRecord, path: str, reporter: Reporter) -> Failed | None:
    """Reports a model whose weights are not those of its spec.

    Reports: weights/folded.
    """
    if _KEY in record.damaged:
        return _unreadable(path, reporter)
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


def check_folds(
    record: ModelRecord, dims: Mapping[str, tuple[int, ...]], path: str, reporter: Reporter
) -> Failed | None:
    """Reports a model that does not say how other weights are to be folded.

    Args:
        record: what the model says of itself.
        dims: the sizes of its weights.
        path: its file.
        reporter: takes the report.

    Reports: weights/folded.
    """
    if _KEY in record.damaged or not are_of(record.folded, dims):
        return _unreadable(path, reporter)
    return None


def _unreadable(path: str, reporter: Reporter) -> Failed:
    return reporter.error(
        FOLDED,
        f"what the model says of its folded weights, `{_KEY}`, cannot be read",
        nowhere(path),
        helps=("build the model anew: `archc build SPEC --weights FILE`",),
    )
