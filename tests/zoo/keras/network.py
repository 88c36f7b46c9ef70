"""The networks of `specs/keras/`: which of Keras's they are, and the facts that Keras gives.

Free of frameworks. The facts in `tables/` are written by `tools/keras_tables.py`. A family is added
by a module in `families/` whose `NETWORKS` lists it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from typing_extensions import override

TABLES = Path(__file__).parent / "tables"
FAMILIES = Path(__file__).parent / "families"


@dataclass(frozen=True)
class Network:
    """A network of `keras.applications` and its name in the zoo.

    Attributes:
        name: the spec's built-in name, with its folder.
        constructor: the function of `keras.applications` that gives it.
        module: the module there whose `preprocess_input` goes with it.
        family: networks that differ in their tables alone; one of each runs in quick runs.
        size: the default height and width.
        is_fixed_size: whether it takes the default size alone.
        takes_pixels: whether it scales pixels from 0 to 255 itself.
        settings: parameters, called the same in Keras as in the spec, that differ from a default;
            `published` is the spec's alone.
        is_quick: whether quick runs compare it.
    """

    name: str
    constructor: str
    module: str
    family: str
    size: int = 224
    is_fixed_size: bool = False
    takes_pixels: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    is_quick: bool = False

    @override
    def __str__(self) -> str:
        """What tests and tables are called by: `mobilenet_alpha_0.25`."""
        own = [f"{key}_{value}" for key, value in self.settings.items()]
        return "_".join([self.name.rpartition("/")[2], *own])

    @property
    def is_published(self) -> bool:
        """Whether Keras builds it as for its published weights; EfficientNet differs then."""
        return self.module == "efficientnet" and bool(self.settings.get("published", True))

    @property
    def keras_settings(self) -> dict[str, object]:
        """The settings that Keras's constructor takes."""
        return {name: value for name, value in self.settings.items() if name != "published"}


@dataclass(frozen=True)
class Table:
    """What Keras says of a network.

    Attributes:
        parameters: learned values.
        macs: multiply-accumulates a sample of convolutions and dense layers at the default size.
        input: channels, height, width of the default input.
        classes: the number of classes.
        weights: for each layer that has any, the shapes of its variables, as Keras lays them.
        epsilons: what each batch norm adds to the variance.
    """

    parameters: int
    macs: int
    input: tuple[int, int, int]
    classes: int
    weights: dict[str, dict[str, tuple[int, ...]]]
    epsilons: dict[str, float]

    def counts(self) -> dict[str, int]:
        """The number of elements of each weight, by its name in the spec."""
        return {
            f"{layer}.{name}": math.prod(shape)
            for layer, variables in self.weights.items()
            for name, shape in zip(_names(variables), variables.values(), strict=True)
        }


NAMES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "mean": "running_mean",
    "variance": "running_var",
    "pointwise_kernel": "pointwise.weight",
}
"""What a variable of a Keras layer is called in a spec."""


def _names(variables: Iterable[str]) -> list[str]:
    """What the variables of a layer are called in a spec; a separable convolution is two there."""
    names = [NAMES[variable] for variable in variables]
    return ["depthwise.weight", *names[1:]] if "pointwise.weight" in names else names


@cache
def networks() -> tuple[Network, ...]:
    """All networks, of every family."""
    modules = sorted(path.stem for path in FAMILIES.glob("[!_]*.py"))
    lists = [import_module(f"tests.zoo.keras.families.{name}").NETWORKS for name in modules]
    return tuple(network for listed in lists for network in listed)


@cache
def table(name: str) -> Table:
    """The committed facts of a network, by what it is called in tests."""
    facts = json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))
    weights = {
        layer: {variable: tuple(shape) for variable, shape in variables.items()}
        for layer, variables in facts.pop("weights").items()
    }
    return Table(input=tuple(facts.pop("input")), weights=weights, **facts)
