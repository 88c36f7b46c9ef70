"""What a built model says of itself: the `metadata_props` of its file, as a typed record.

Every value in the file is a string; what is no string by nature is JSON there. A model that archc
did not write has other keys or none, and gives an empty record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, TypeVar

from annotated_types import Ge, MinLen
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from archc.runtime.fold_record import RECORD, format_steps, steps_of
from archc.runtime.model_input import Admitted, ModelInput
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType
from archc.weights.fold_step import FoldStep

T = TypeVar("T")

PREFIX = "archc."
"""What every key that archc writes begins with."""

DIGEST_KEY = f"{PREFIX}weights_digest"
"""The property that holds the digest of the weights, known only after the last of them."""


class PolicyRecord(NamedTuple):
    """What was decided where the checkpoint did not fit the network as it was.

    Attributes:
        policy: the option of the build: `head`, `stem`, `prefix`, `ema`, `allow_missing`, `ignore`.
        choice: what it was given.
        names: the weights that are not as the checkpoint has them, or the keys left out.
    """

    policy: str
    choice: str
    names: tuple[str, ...] = ()


class PrecisionRecord(NamedTuple):
    """How numbers are rounded in a model.

    Attributes:
        kind: `fp16` or `int8`.
        method: how ranges were chosen.
        samples: how many samples they were chosen from.
        top_1: the share of samples held back whose class is that of the float model.
        held_back: how many samples were held back.
        left_in_float: the operators that were left in float.
    """

    kind: str
    method: str | None = None
    samples: int = 0
    top_1: float | None = None
    held_back: int = 0
    left_in_float: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What is recorded in a model's file; None, or nothing, where it is not.

    Attributes:
        version: the archc that wrote the model.
        spec: the name of the spec.
        spec_digest: the digest of the spec.
        variant: the variant that was built.
        parameters: the parameters' values.
        weights_digest: the digest of the checkpoint.
        preprocess: how an image file becomes the first input.
        labels: the names of the classes, in order.
        is_trained: whether the weights come from a checkpoint, all of them.
        seed: the seed that the weights were drawn with.
        probabilities: the outputs that are probabilities already.
        inputs: the inputs, in order.
        policies: what was decided where the checkpoint did not fit as it was.
        folded: how weights were folded into others, in the order in which that was done.
        precision: how numbers are rounded, where they are.
        damaged: the keys whose values cannot be read, in order.
    """

    version: str | None = None
    spec: str | None = None
    spec_digest: str | None = None
    variant: str | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    weights_digest: str | None = None
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    is_trained: bool | None = None
    seed: int | None = None
    probabilities: frozenset[str] = frozenset()
    inputs: tuple[ModelInput, ...] = ()
    policies: tuple[PolicyRecord, ...] = ()
    folded: tuple[FoldStep, ...] = ()
    precision: PrecisionRecord | None = None
    damaged: tuple[str, ...] = ()

    @property
    def is_from_archc(self) -> bool:
        """Whether archc wrote the model."""
        return self.version is not None


class _Where(BaseModel):
    model_config = ConfigDict(strict=True)

    min: Annotated[int, Ge(1)] = 1
    multiple_of: Annotated[int, Ge(1)] = 1
    remainder: Annotated[int, Ge(0)] = 0
    default: Annotated[int, Ge(1)] | None = None


class _Input(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str
    shape: Annotated[tuple[Annotated[int, Ge(1)] | str, ...], MinLen(1)]
    dtype: DType = DType.FLOAT32
    layout: Literal["nchw", "nhwc"] = "nchw"
    where: dict[str, _Where] = {}


class _Policy(BaseModel):
    model_config = ConfigDict(strict=True)

    policy: str
    choice: str
    names: tuple[str, ...] = ()


_POLICIES = TypeAdapter(tuple[_Policy, ...])
_INPUTS = TypeAdapter(tuple[_Input, ...])
_NAMES = TypeAdapter(tuple[str, ...])
_PRECISION = TypeAdapter(PrecisionRecord)
_VALUES = TypeAdapter(dict[str, JsonValue])
_PREPROCESS = TypeAdapter(Preprocess)
_FLAG = TypeAdapter(bool)
_SEED = TypeAdapter(int)


def parse_metadata(properties: Mapping[str, str]) -> ModelRecord:
    """The record in a model's properties; a value that cannot be read is listed as damaged."""
    reader = _Reader(properties)
    parameters = reader.json("parameters", _VALUES)
    probabilities = reader.json("ends_in_softmax", _NAMES)
    inputs = reader.json("inputs", _INPUTS)
    policies = reader.json("policies", _POLICIES)
    folded = reader.json("folded", RECORD)
    return ModelRecord(
        version=reader.text("version"),
        spec=reader.text("spec"),
        spec_digest=reader.text("spec_digest"),
        variant=reader.text("variant"),
        parameters=parameters or {},
        weights_digest=reader.text("weights_digest"),
        preprocess=reader.json("preprocess", _PREPROCESS),
        labels=reader.json("labels", _NAMES) or (),
        is_trained=reader.json("trained", _FLAG),
        seed=reader.json("seed", _SEED),
        probabilities=frozenset(probabilities or ()),
        inputs=tuple(_model_input(entry) for entry in inputs or ()),
        folded=steps_of(folded or ()),
        precision=reader.json("precision", _PRECISION),
        policies=tuple(PolicyRecord(p.policy, p.choice, p.names) for p in policies or ()),
        damaged=tuple(reader.damaged),
    )


def format_metadata(record: ModelRecord) -> dict[str, str]:
    """The properties that hold a record, in a fixed order; what it lacks is left out.

    `parse_metadata` reads them back.
    """
    values: dict[str, str | None] = {
        "version": record.version,
        "spec": record.spec,
        "spec_digest": record.spec_digest,
        "variant": record.variant,
        "parameters": _json(record.parameters or None),
        "weights_digest": record.weights_digest,
        "preprocess": record.preprocess.model_dump_json() if record.preprocess else None,
        "labels": _json(record.labels or None),
        "trained": _json(record.is_trained),
        "seed": _json(record.seed),
        "ends_in_softmax": _json(sorted(record.probabilities) or None),
        "inputs": _json([_input_json(entry) for entry in record.inputs] or None),
        "policies": _json([policy._asdict() for policy in record.policies] or None),
        "precision": _json(record.precision and record.precision._asdict()),
        "folded": format_steps(record.folded),
    }
    return {PREFIX + key: value for key, value in values.items() if value is not None}


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _input_json(entry: ModelInput) -> dict[str, object]:
    where = {
        symbol: _Where(
            min=admitted.least,
            multiple_of=admitted.multiple_of,
            remainder=admitted.remainder,
            default=admitted.default,
        )
        for symbol, admitted in entry.where.items()
    }
    written = _Input(
        name=entry.name,
        shape=entry.shape,
        dtype=entry.dtype,
        layout="nhwc" if entry.nhwc else "nchw",
        where=where,
    )
    return written.model_dump(mode="json", exclude_none=True)


def _model_input(entry: _Input) -> ModelInput:
    return ModelInput(
        name=entry.name,
        shape=entry.shape,
        dtype=entry.dtype,
        nhwc=entry.layout == "nhwc",
        where={
            symbol: Admitted(where.min, where.multiple_of, where.remainder, where.default)
            for symbol, where in entry.where.items()
        },
    )


class _Reader:
    def __init__(self, properties: Mapping[str, str]) -> None:
        self._properties = properties
        self.damaged: list[str] = []

    def text(self, key: str) -> str | None:
        return self._properties.get(PREFIX + key) or None

    def json(self, key: str, adapter: TypeAdapter[T]) -> T | None:
        value = self.text(key)
        if value is None:
            return None
        try:
            return adapter.validate_json(value, strict=True)
        except ValidationError:
            self.damaged.append(PREFIX + key)
            return None
