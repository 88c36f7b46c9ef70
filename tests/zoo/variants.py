"""The variants of the zoo: their families, default sizes, side heads, and tables of facts.

Free of frameworks. The facts in `tables/` come from the reference implementations, written by
`tools/reference_tables.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from typing_extensions import override

TABLES = Path(__file__).parent / "tables"

TORCHVISION = {
    "alexnet": ["alexnet"],
    "vgg": ["vgg11", "vgg13", "vgg16", "vgg19"],
    "vgg_bn": ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"],
    "googlenet": ["googlenet"],
    "inception_v3": ["inception_v3"],
    "resnet": ["resnet50", "resnet18", "resnet34", "resnet101", "resnet152"],
    "wide_resnet": ["wide_resnet50_2", "wide_resnet101_2"],
    "resnext": ["resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"],
    "mobilenet_v2": ["mobilenet_v2"],
    "mobilenet_v3": ["mobilenet_v3_small", "mobilenet_v3_large"],
    "efficientnet": [f"efficientnet_b{i}" for i in range(8)],
    "efficientnet_v2": ["efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l"],
}
"""Families whose reference is torchvision's; the first of each stands for it in quick runs."""

OURS = {
    "lenet5": ["lenet5", "lenet5_relu"],
    "alexnet_2012": ["alexnet_2012"],
    "nin": ["nin"],
    "googlenet_5x5": ["googlenet_5x5"],
    "plain": ["plain18", "plain34"],
    "option_a": ["resnet18_option_a", "resnet34_option_a"],
    "mobilenet_v1": [
        "mobilenet_v1",
        "mobilenet_v1_075",
        "mobilenet_v1_050",
        "mobilenet_v1_025",
    ],
}
"""Families whose reference is in `reference_networks.py`."""

FAMILIES = OURS | TORCHVISION

SIZES = {
    "lenet5": 32,
    "lenet5_relu": 32,
    "alexnet_2012": 227,
    "inception_v3": 299,
    "efficientnet_b1": 240,
    "efficientnet_b2": 260,
    "efficientnet_b3": 300,
    "efficientnet_b4": 380,
    "efficientnet_b5": 456,
    "efficientnet_b6": 528,
    "efficientnet_b7": 600,
    "efficientnet_v2_s": 384,
    "efficientnet_v2_m": 480,
    "efficientnet_v2_l": 480,
}
"""Height and width that a variant is published for, where it is not 224."""

FIXED_SIZE = frozenset({"lenet5", "alexnet", "alexnet_2012", "vgg", "vgg_bn"})
"""Families that flatten a feature map into a dense layer, and so take one size alone."""

SIDE_SETTINGS: dict[str, dict[str, object]] = {
    "googlenet": {"aux": True, "H": 224, "W": 224},
    "googlenet_5x5": {"aux": True, "H": 224, "W": 224},
    "inception_v3": {"aux": True},
}
"""What builds a variant with its side heads; those with dense layers need one size."""

SIDE_HEADS = {
    "googlenet": {"aux1": ("inception4a", "aux1"), "aux2": ("inception4d", "aux2")},
    "googlenet_5x5": {"aux1": ("inception4a", "aux1"), "aux2": ("inception4d", "aux2")},
    "inception_v3": {"aux": ("Mixed_6e", "AuxLogits")},
}
"""Side outputs: the module that each starts from, and the prefix of its own weights."""

GOLDEN = {
    "lenet5": (32, 32),
    "lenet5_relu": (32, 32),
    "nin": (96, 128),
    "googlenet": (64, 96),
    "googlenet_5x5": (64, 96),
    "inception_v3": (96, 128),
    "resnet18": (64, 96),
    "resnet18_option_a": (64, 96),
    "plain18": (64, 96),
    "mobilenet_v1_025": (64, 96),
    "mobilenet_v2": (64, 96),
    "mobilenet_v3_small": (64, 96),
    "efficientnet_b0": (64, 96),
}
"""Variants with committed answers, and the height and width of their input."""

GOLDEN_CLASSES = 10

LIGHT_PARAMETERS = 12_000_000
LIGHT_MACS = 2_500_000_000


@dataclass(frozen=True)
class Variant:
    """A variant of the zoo."""

    name: str
    family: str

    @override
    def __str__(self) -> str:
        return self.name

    @property
    def size(self) -> int:
        """The default height and width."""
        return SIZES.get(self.name, 224)

    @property
    def channels(self) -> int:
        """The channels of the input."""
        return 1 if self.family == "lenet5" else 3

    @property
    def classes(self) -> int:
        """The default number of classes."""
        return 10 if self.family == "lenet5" else 1000

    @property
    def is_fixed_size(self) -> bool:
        """Whether it takes its default size alone."""
        return self.family in FIXED_SIZE

    @property
    def side_heads(self) -> dict[str, tuple[str, str]]:
        """Side outputs: the module that each starts from, and the prefix of its own weights."""
        return SIDE_HEADS.get(self.name, {})

    @property
    def is_representative(self) -> bool:
        """Whether it stands for its family in quick runs."""
        return FAMILIES[self.family][0] == self.name

    @property
    def is_light(self) -> bool:
        """Whether building and running it costs little."""
        facts = table(self.name)
        return facts.parameters <= LIGHT_PARAMETERS and facts.macs <= LIGHT_MACS


VARIANTS = {name: Variant(name, family) for family, names in FAMILIES.items() for name in names}


def chosen(everything: bool) -> list[Variant]:
    """All variants, or for a quick run the light ones and one of each family."""
    return [v for v in VARIANTS.values() if everything or v.is_representative or v.is_light]


@dataclass(frozen=True)
class Table:
    """The facts of a variant, from its reference implementation.

    Attributes:
        weights: shapes by name in the order of a checkpoint, without the side heads' and without
            `num_batches_tracked`.
        side_weights: those of the side heads.
        parameters: learned values, without the side heads'.
        side_parameters: those of the side heads.
        macs: multiply-accumulates a sample of convolutions and dense layers at the default size,
            without the side heads'.
        input: channels, height, width of the default input.
        classes: the number of classes.
    """

    weights: dict[str, tuple[int, ...]]
    side_weights: dict[str, tuple[int, ...]]
    parameters: int
    side_parameters: int
    macs: int
    input: tuple[int, int, int]
    classes: int


@cache
def table(name: str) -> Table:
    """The committed facts of a variant."""
    facts = json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))
    for key in ("weights", "side_weights"):
        facts[key] = {name: tuple(shape) for name, shape in facts.get(key, {}).items()}
    channels, height, width = facts.pop("input")
    return Table(input=(channels, height, width), **{"side_parameters": 0} | facts)
