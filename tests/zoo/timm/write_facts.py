"""Writes `facts.json` from what timm says of its networks."""

from __future__ import annotations

import math

from tests.zoo.timm.network import ALL, FACTS, Facts, digest
from tests.zoo.timm.reference import bare_model, shapes


def current(name: str) -> Facts:
    """What the installed timm says of a network."""
    model = bare_model(name)
    found = shapes(model)
    config = model.pretrained_cfg
    (_, height, width) = config["input_size"]
    assert height == width
    assert config["crop_mode"] == "center"
    return Facts(
        parameters=sum(p.numel() for p in model.parameters()),
        names_digest=digest(found),
        size=height,
        resize=math.floor(height / config["crop_pct"]),
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def text() -> str:
    """The whole file, a line a network."""
    return "{\n" + ",\n".join(f'"{name}": {current(name)}' for name in sorted(ALL)) + "\n}\n"


if __name__ == "__main__":
    FACTS.write_text(text(), encoding="utf-8")
