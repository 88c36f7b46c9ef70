"""Writes the tables of facts of the zoo's Keras flavour from `keras.applications`.

    python tools/keras_tables.py [NETWORK …]

Each table in `tests/zoo/keras/tables/` holds the shapes of each layer's variables as Keras lays
them, the epsilons of batch norms, the parameter count, the multiply-accumulates of convolutions and
dense layers at the default size, and the default input. Needs Keras and torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.zoo.keras.network import NAMES, TABLES, Network, networks
from tests.zoo.keras.reference import bare_model

KERAS_EPSILON_SQUARED = 1e-14
"""A normalization of data divides by no less than `keras.config.epsilon()`, 1e-7."""


def count_macs(model: Any) -> int:
    """The multiply-accumulates of convolutions and dense layers for one sample."""
    return sum(_positions(layer) * _kernel_size(layer) for layer in model.layers)


def _positions(layer: Any) -> int:
    """Where a layer's kernel is applied: positions of the output without batch and channels."""
    return math.prod(layer.output.shape[1:-1])


def _kernel_size(layer: Any) -> int:
    kernels = [v for v in layer.trainable_weights if v.name.endswith("kernel")]
    return sum(math.prod(kernel.shape) for kernel in kernels)


def _epsilon(layer: Any) -> float | None:
    """What a layer adds to a variance, or the least variance that it divides by the root of."""
    if hasattr(layer, "adapt_mean"):
        return KERAS_EPSILON_SQUARED
    return getattr(layer, "epsilon", None)


def facts(network: Network) -> dict[str, Any]:
    """The table of a network, ready for JSON."""
    model = bare_model(network, (network.size, network.size))
    weights = {
        layer.name: {v.name: list(v.shape) for v in layer.weights if v.name in NAMES}
        for layer in model.layers
    }
    _, height, width, channels = model.input_shape
    return {
        "input": [channels, height, width],
        "classes": model.output_shape[-1],
        "parameters": sum(math.prod(v.shape) for v in model.trainable_weights),
        "macs": count_macs(model),
        "epsilons": {layer.name: epsilon for layer in model.layers if (epsilon := _epsilon(layer))},
        "weights": {name: variables for name, variables in weights.items() if variables},
    }


def as_text(found: dict[str, Any]) -> str:
    """The table as JSON with one layer a line."""
    lines = []
    for key, value in found.items():
        if isinstance(value, dict):
            rows = ",\n".join(f'    "{name}": {json.dumps(s)}' for name, s in value.items())
            lines.append(f'  "{key}": {{\n{rows}\n  }}')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Writes the tables of the named networks, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="left out: all")
    wanted = parser.parse_args().networks
    TABLES.mkdir(exist_ok=True)
    for network in networks():
        if not wanted or str(network) in wanted:
            found = facts(network)
            (TABLES / f"{network}.json").write_text(as_text(found), encoding="utf-8")
            print(f"{network}: {found['parameters']:,} parameters, {found['macs']:,} macs")


if __name__ == "__main__":
    main()
