"""Models that the tests' server serves as Triton would: metadata, configuration, inference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.serving.client.loopback import Answered, Asked, as_json, inference

Outputs = Mapping[str, np.ndarray]


@dataclass
class ServedModel:
    """A model: what it says of itself, and the outputs for a batch, or a reason to refuse it."""

    inputs: Sequence[tuple[str, str, Sequence[int]]]
    outputs: Sequence[tuple[str, str, Sequence[int]]]
    run: Callable[[np.ndarray], Outputs | str]
    labels: Sequence[str] = ()
    max_batch_size: int = 8
    parameters: Mapping[str, str] = field(default_factory=dict)
    has_config: bool = True
    batches: list[np.ndarray] = field(default_factory=list)

    def metadata(self, name: str) -> dict[str, object]:
        return {
            "name": name,
            "platform": "test",
            "inputs": [_tensor(*entry) for entry in self.inputs],
            "outputs": [_tensor(*entry) for entry in self.outputs],
        }

    def config(self) -> dict[str, object]:
        labels = {"label_filename": "labels.txt"} if self.labels else {}
        return {
            "max_batch_size": self.max_batch_size,
            "parameters": {k: {"string_value": v} for k, v in self.parameters.items()},
            "output": [{"name": name, **labels} for name, _, _ in self.outputs[:1]],
        }

    def infer(self, asked: Asked) -> Answered:
        batch = asked.tensor()
        self.batches.append(batch)
        if 0 < self.max_batch_size < len(batch):
            return as_json({"error": f"batch-size must be <= {self.max_batch_size}"}, 400)
        found = self.run(batch)
        if isinstance(found, str):
            return as_json({"error": found}, 400)
        wanted = asked.document.get("outputs") or [{"name": n, "parameters": {}} for n in found]
        return inference(
            {
                output["name"]: self._given(
                    found[output["name"]], output["parameters"].get("classification")
                )
                for output in wanted
            }
        )

    def _given(self, array: np.ndarray, classes: int | None) -> np.ndarray:
        if not classes:
            return array
        texts = [
            [f"{row[i]:f}:{i}:{self.labels[i]}".encode() for i in np.argsort(-row)[:classes]]
            for row in array
        ]
        return np.array(texts, object)


@dataclass
class Models:
    """The behaviour of a server with these models."""

    models: Mapping[str, ServedModel]
    extensions: Sequence[str] = ("binary_tensor_data", "classification")
    has_index: bool = True
    state: str = "READY"

    def __call__(self, asked: Asked) -> Answered:
        if asked.path == "/v2":
            return as_json({"name": "t", "extensions": self.extensions})
        if asked.path == "/v2/repository/index" and self.has_index:
            return as_json([{"name": n, "state": self.state} for n in self.models])
        name, _, rest = asked.path.removeprefix("/v2/models/").partition("/")
        if name not in self.models:
            return as_json({"error": f"Request for unknown model: '{name}' is not found"}, 404)
        model = self.models[name]
        if rest == "":
            return as_json(model.metadata(name))
        if rest == "config" and model.has_config:
            return as_json(model.config())
        if rest == "infer":
            return model.infer(asked)
        return as_json({"error": "not found"}, 404)


def _tensor(name: str, datatype: str, shape: Sequence[int]) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def means(batch: np.ndarray) -> Outputs:
    """The scores of three classes: the mean of each colour, in tenths."""
    return {"logits": batch.mean(axis=(1, 2)).astype(np.float32) / 10}


def colours(**changes: object) -> ServedModel:
    """A model that says which colour a picture of 8 × 8 pixels has."""
    model = ServedModel(
        inputs=[("image", "UINT8", [-1, 8, 8, 3])],
        outputs=[("logits", "FP32", [-1, 3])],
        run=means,
        labels=["red", "green: grass", "blue"],
        parameters={"archc.preprocess": json.dumps({"resize": [8, 8]})},
    )
    for name, value in changes.items():
        setattr(model, name, value)
    return model
