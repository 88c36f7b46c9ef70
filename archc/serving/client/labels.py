"""The classes' names as a server knows them, by the classification extension.

Each element of its answer is `value:index:label`. Source: docs/protocol/extension_classification.md
of triton-inference-server/server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.endpoint import Endpoint
from archc.serving.client.protocol import Client, Tensor
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_LABELS = Rule(
    "call/labels",
    "the labels that a server gives cannot be read",
    "Classes are called by their numbers then.",
)

_EXTENSION = "classification"
_CLASS = re.compile(r"[^:]*:(?P<index>\d{1,9})(?::(?P<label>.*))?", re.DOTALL)


def server_labels(
    client: Client, endpoint: Endpoint, sample: Mapping[str, Tensor], count: int, reporter: Reporter
) -> tuple[str, ...]:
    """The names of all classes, from one request more; none where the server has none.

    Reports: call/labels, a warning.
    """
    server = client.server(Reporter())
    if isinstance(server, Failed) or _EXTENSION not in server.extensions:
        return ()
    name = endpoint.scores.name
    attempt = Reporter()
    found = client.infer(
        endpoint.model, sample, attempt, outputs=[name], version=endpoint.version, classes=count
    )
    why = (
        attempt.diagnostics[0].message
        if isinstance(found, Failed)
        else _why_not(found[name], count)
    )
    if why is None and not isinstance(found, Failed):
        return _labels(found[name], count)
    reporter.warning(
        NO_LABELS,
        "the server's labels cannot be read, and classes are called by their numbers",
        file_place(client.address),
        notes=(why,) if why else (),
        helps=("name what knows them: `--like PACKAGE`, `--like MODEL.onnx` or `--like SPEC`",),
    )
    return ()


def _why_not(answer: NDArray[np.generic], count: int) -> str | None:
    if answer.dtype != np.object_:
        return f"the answer holds {answer.dtype} instead of texts"
    texts = [text.decode("utf-8", "replace") for text in answer.reshape(-1).tolist()]
    matches = [_CLASS.fullmatch(text) for text in texts]
    for text, match in zip(texts, matches, strict=True):
        if match is None:
            return f"`{shown(text)}` is no `value:index:label`"
    indices = sorted(int(match["index"]) for match in matches if match)
    if indices != list(range(count)):
        return f"it names {len(indices)} classes, and the output has {count}"
    return None


def _labels(answer: NDArray[np.generic], count: int) -> tuple[str, ...]:
    labels = [""] * count
    for text in answer.reshape(-1).tolist():
        match = _CLASS.fullmatch(text.decode("utf-8", "replace"))
        if match is not None:
            labels[int(match["index"])] = match["label"] or ""
    return tuple(label or str(i) for i, label in enumerate(labels)) if any(labels) else ()
