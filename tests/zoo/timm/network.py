"""The networks of `specs/timm/`, and the facts that timm gives.

Free of frameworks. `python -m tests.zoo.timm.write_facts` writes the facts anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from typing_extensions import override

FACTS = Path(__file__).with_name("facts.json")

QUICK = (
    "tf_efficientnet_b0",
    "efficientnet_b0",
    "tf_mobilenetv3_large_100",
    "tf_mobilenetv3_small_075",
    "tf_mobilenetv3_small_minimal_100",
    "mobilenetv3_large_100",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "resnet18",
    "resnet50d",
    "densenet121",
    "inception_v4",
    "inception_resnet_v2",
    "legacy_xception",
)
"""One of each kind, for runs that do not name all."""

LARGER = (
    *(f"tf_efficientnet_b{i}" for i in range(1, 8)),
    *(f"efficientnet_b{i}" for i in range(1, 5)),
    "tf_mobilenetv3_large_075",
    "tf_mobilenetv3_large_minimal_100",
    "tf_mobilenetv3_small_100",
    "mobilenetv3_small_050",
    "mobilenetv3_small_075",
    "mobilenetv3_small_100",
    "mobilenetv1_125",
    "mobilenetv2_050",
    "mobilenetv2_140",
    "resnet26",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "resnext50_32x4d",
    "resnet18d",
    "resnet26t",
    "resnet26d",
    "resnet34d",
    "resnet101d",
    "resnet152d",
    "resnet200d",
    "resnext50d_32x4d",
    "densenet161",
    "densenet169",
    "densenet201",
    "xception",
)

ALL = (*QUICK, *LARGER)

OLDER_NAMES = {"xception": "legacy_xception"}
"""Names under which timm still gives a network, with a warning, and what it calls them today."""


@dataclass(frozen=True)
class AsTorchvision:
    """A spec of the zoo in torchvision's flavour, and the settings that make it timm's network."""

    spec: str
    settings: Mapping[str, object] = field(default_factory=dict)


RENAMED = {
    "resnet18": AsTorchvision("resnet18"),
    "mobilenetv2_100": AsTorchvision("mobilenet_v2"),
    "efficientnet_b0": AsTorchvision("efficientnet_b0"),
    "efficientnet_b1": AsTorchvision("efficientnet_b1"),
    "inception_v3": AsTorchvision("inception_v3"),
    "vgg11": AsTorchvision("vgg11"),
    "vgg13_bn": AsTorchvision("vgg13_bn"),
    "vgg16": AsTorchvision("vgg16"),
    "mobilenetv2_140": AsTorchvision("mobilenet_v2", {"width": 1.4}),
    "efficientnet_b5": AsTorchvision("efficientnet_b5", {"eps": 1e-5}),
    "resnet50": AsTorchvision("resnet50"),
    "resnet101": AsTorchvision("resnet101"),
    "wide_resnet50_2": AsTorchvision("wide_resnet50_2"),
    "resnext50_32x4d": AsTorchvision("resnext50_32x4d"),
}
"""timm's networks that are torchvision's but for the names."""

IN_BOTH_FLAVOURS = ("resnet18", "mobilenetv2_100", "efficientnet_b0", "efficientnet_b1")
"""Of those, some that `specs/timm/` has as well."""

RENAMED_QUICK = (*IN_BOTH_FLAVOURS, "inception_v3", "vgg11")

FIXED_SIZE = ("vgg",)
"""Beginnings of the names of networks that take the default size alone."""


@dataclass(frozen=True)
class Facts:
    """What timm says of a network.

    Attributes:
        parameters: learned values.
        names_digest: `digest` of its checkpoint's names and shapes.
        size: height and width of the default input.
        resize: the shorter side of a picture before it is cropped.
        interpolation: how it is resized.
        mean: what is subtracted from each channel, from 0 to 1.
        std: what each channel is divided by.
    """

    parameters: int
    names_digest: str
    size: int
    resize: int
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @override
    def __str__(self) -> str:
        """The facts as one line of the file."""
        return json.dumps(vars(self))


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """SHA-256 of names and shapes, in the order of the names.

    >>> digest({"b": (1,), "a": (2, 3)}) == digest({"a": (2, 3), "b": (1,)})
    True
    """
    lines = "".join(f"{name} {list(shape)}\n" for name, shape in sorted(shapes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


@cache
def facts(name: str) -> Facts:
    """The committed facts of a network."""
    found = json.loads(FACTS.read_text(encoding="utf-8"))[name]
    mean, std = tuple(found.pop("mean")), tuple(found.pop("std"))
    return Facts(mean=mean, std=std, **found)
