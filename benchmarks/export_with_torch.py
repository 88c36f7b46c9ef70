"""What a user of torchvision runs instead of `archc build`: model, checkpoint, torch.onnx.export.

python -m benchmarks.export_with_torch resnet50 resnet50.safetensors out.onnx [--dynamo]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.zoo.reference import empty_model
from tests.zoo.variants import VARIANTS


def main() -> None:
    """Exports the named model with its checkpoint's weights, into one file."""
    name, weights, output = sys.argv[1:4]
    model = empty_model(name)
    model.load_state_dict(load_file(weights))
    model.eval()
    facts = VARIANTS[name]
    image = torch.zeros(1, facts.channels, facts.size, facts.size)
    with torch.no_grad():
        if "--dynamo" in sys.argv:
            torch.onnx.export(model, (image,), output, dynamo=True, external_data=False)
        else:
            torch.onnx.export(model, (image,), output, dynamo=False, opset_version=17)
    assert Path(output).is_file()


if __name__ == "__main__":
    main()
