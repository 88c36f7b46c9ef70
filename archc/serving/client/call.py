"""Pictures to classes by a served model: in batches, a broken picture apart from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Diagnostic, Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.given_file import check_file
from archc.runtime.image_tensor import to_tensor
from archc.runtime.predict import Prediction, is_class_scores, top_k
from archc.runtime.preprocess import Preprocess
from archc.serving.client.address import parse_address
from archc.serving.client.connect import connect
from archc.serving.client.endpoint import Endpoint, Wanted, find_endpoint
from archc.serving.client.labels import server_labels
from archc.serving.client.preparation import fitted, usual
from archc.serving.client.protocol import Client, Tensor, Tensors
from archc.serving.client.trouble import REFUSED
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_SCORES = Rule(
    "call/no-scores",
    "a server's answer is no list of class scores for each picture",
    "Numbers of another count or shape belong to other pictures, or to no classes.",
)
UNREADABLE = Rule(
    "call/unreadable",
    "a picture's file cannot be read",
    "The bytes of the file are what is sent.",
)

Sample: TypeAlias = NDArray[np.generic] | bytes
"""One picture as it is sent: its tensor without the batch, or its file's bytes."""


class Outcome(NamedTuple):
    """What came of one picture.

    Attributes:
        image: its file.
        classes: the most probable ones; None where something failed.
        diagnostics: what was found on the way.
        tensors: what was sent and what came back, without the batch, by name.
    """

    image: Path
    classes: tuple[Prediction, ...] | None
    diagnostics: tuple[Diagnostic, ...]
    tensors: Mapping[str, NDArray[np.generic]]


def open_call(
    url: str, reporter: Reporter, *, encoded: bool = False, top: int = 5
) -> Call | Failed:
    """Calls of the model behind an address, pictures prepared as the server says.

    Where it says nothing, they are resized and cropped as is usual.

    Reports: what `parse_address`, `connect` and `find_endpoint` report.
    """
    address = parse_address(url, reporter)
    client = address if isinstance(address, Failed) else connect(address.server, reporter)
    if isinstance(address, Failed) or isinstance(client, Failed):
        return FAILED
    wanted = Wanted(address.model, address.version, encoded, None)
    endpoint = find_endpoint(client, wanted, reporter)
    if isinstance(endpoint, Failed):
        client.close()
        return FAILED
    record, target = endpoint.record, endpoint.pixels
    steps = None
    if target is not None:
        steps = fitted(record.preprocess, target) if record.preprocess else usual(target)
    return Call(client, endpoint, steps, top, record.labels or None, record.probabilities)


@dataclass(slots=True)
class _Part:
    """One picture of a batch, on its way."""

    image: Path
    reporter: Reporter
    sample: Sample | None = None
    answer: Tensors | None = None


@dataclass(slots=True)
class Call:
    """Calls of one model with pictures.

    Attributes:
        client: the connection.
        endpoint: the model.
        preprocess: how pictures become its input; None where their files are sent.
        top: how many classes are named.
        labels: the classes' names; where they are None the server is asked.
        probabilities: the outputs that are probabilities already.
        all_outputs: whether every output is asked for.
        is_over: whether the server was lost, so that the rest was not sent.
    """

    client: Client
    endpoint: Endpoint
    preprocess: Preprocess | None
    top: int
    labels: tuple[str, ...] | None = None
    probabilities: frozenset[str] = frozenset()
    all_outputs: bool = False
    is_over: bool = field(default=False, init=False)

    def outcomes(self, images: Sequence[Path]) -> Iterator[Outcome]:
        """What comes of each picture, in order; ends early where the server is lost.

        Reports, in the outcomes: what preparing a picture and what the client report,
            call/no-scores, call/unreadable and call/labels.
        """
        rest = iter(images)
        while not self.is_over and (chunk := list(islice(rest, self.endpoint.batch))):
            yield from self._chunk(chunk)

    def _chunk(self, images: Sequence[Path]) -> Iterator[Outcome]:
        parts = [_Part(image, Reporter()) for image in images]
        for part in parts:
            sample = self._sample(part)
            part.sample = None if isinstance(sample, Failed) else sample
        if sent := [part for part in parts if part.sample is not None]:
            self._ask(sent)
        yield from map(self._outcome, parts)

    def _outcome(self, part: _Part) -> Outcome:
        if part.sample is None or part.answer is None:
            return Outcome(part.image, None, part.reporter.diagnostics, {})
        is_file = isinstance(part.sample, bytes)
        given = {} if is_file else {self.endpoint.source.name: np.asarray(part.sample)}
        classes = self._classes(part.answer[self.endpoint.scores.name])
        return Outcome(part.image, classes, part.reporter.diagnostics, {**given, **part.answer})

    def _sample(self, part: _Part) -> Sample | Failed:
        image, reporter = part.image, part.reporter
        if self.preprocess is not None and self.endpoint.pixels is not None:
            return to_tensor(image, self.preprocess, self.endpoint.pixels, reporter)
        if isinstance(failed := check_file(image, reporter), Failed):
            return failed
        try:
            return image.read_bytes()
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            message = f"`{shown(str(image))}` cannot be read: {why}"
            return reporter.error(UNREADABLE, message, file_place(str(image)))

    def _ask(self, parts: Sequence[_Part]) -> None:
        """Puts the outputs of each part into it; of a batch that is refused, each goes alone."""
        if self.is_over:
            return
        attempt = Reporter()
        found = self._infer([part.sample for part in parts if part.sample is not None], attempt)
        if not isinstance(found, Failed):
            parts[0].reporter.add(attempt.diagnostics)
            for i, part in enumerate(parts):
                part.answer = {name: array[i] for name, array in found.items()}
            return
        diagnostics = attempt.diagnostics
        if any(d.rule is REFUSED for d in diagnostics):
            if len(parts) > 1:
                for part in parts:
                    self._ask([part])
                return
            # This picture, and no other.
            place = file_place(str(parts[0].image))
            diagnostics = tuple(d._replace(place=place) for d in diagnostics)
        else:
            self.is_over = True
        parts[0].reporter.add(diagnostics)

    def _infer(self, samples: Sequence[Sample], reporter: Reporter) -> Tensors | Failed:
        endpoint = self.endpoint
        wanted = () if self.all_outputs else (endpoint.scores.name,)
        found = self.client.infer(
            endpoint.model,
            {endpoint.source.name: self._together(samples)},
            reporter,
            outputs=wanted,
            version=endpoint.version,
        )
        if isinstance(found, Failed):
            return FAILED
        scores = found.get(endpoint.scores.name)
        for name, array in found.items():
            if array.shape[:1] != (len(samples),):
                return self._no_scores(name, array, len(samples), reporter)
        if scores is None or scores.dtype.kind not in "fiu" or not is_class_scores(scores):
            return self._no_scores(endpoint.scores.name, scores, len(samples), reporter)
        if self.labels is None:
            one = {endpoint.source.name: self._together(samples[:1])}
            count = scores.shape[1]
            self.labels = server_labels(self.client, endpoint, one, count, reporter)
        return found

    def _together(self, samples: Sequence[Sample]) -> Tensor:
        files = [sample for sample in samples if isinstance(sample, bytes)]
        if not files:
            return np.stack([s for s in samples if not isinstance(s, bytes)])
        if len(self.endpoint.source.shape) == 2:
            return files
        array = np.empty(len(files), np.object_)
        array[:] = files
        return array

    def _classes(self, scores: NDArray[np.generic]) -> tuple[Prediction, ...]:
        name = self.endpoint.scores.name
        is_probability = name in self.probabilities or name == "probabilities"
        with np.errstate(all="ignore"):  # a network may give what has no softmax
            return top_k(scores, self.top, self.labels or (), is_probability=is_probability)

    def _no_scores(
        self, name: str, found: NDArray[np.generic] | None, count: int, reporter: Reporter
    ) -> Failed:
        shape = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
        return reporter.error(
            NO_SCORES,
            f"the output `{shown(name)}` is {shape} for {count} picture{'s' * (count > 1)}",
            file_place(self.client.address),
            helps=("name an output with one number a class: `--output NAME`",),
        )
