"""Networks of torch, saved by torch, against specs that are built with what was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

import archc
from tests.packages.building import Built, assert_close, draw_image, write_spec

pytestmark = pytest.mark.oracle

Modules: TypeAlias = Callable[[Any], list[Any]]

SIZES = [(12, 12), (13, 17), (16, 11)]


class Case:
    """A list of layers, and the modules of `torch.nn` for a sequence of the same names."""

    def __init__(self, layers: str, modules: Modules, sizes: list[tuple[int, int]] = SIZES) -> None:
        self.layers = layers
        self.modules = modules
        self.sizes = sizes


CASES = {
    "convolutions": Case(
        """\
  - {conv: 8, kernel: 3, stride: 2, padding: 1, bias: false}
  - batch_norm
  - silu
  - {conv: 8, kernel: [1, 5], padding: [0, 2], groups: 4}
  - hard_swish
  - {depthwise_conv: 3, padding: 2, dilation: 2, multiplier: 2}
  - {group_norm: 4}
  - {gelu: {approximate: true}}
  - {conv_transpose: 6, kernel: 4, stride: 2, padding: 1, groups: 2}
  - prelu
  - {conv_transpose: 4, kernel: 3, stride: 3, padding: [2, 1], output_padding: [1, 2], dilation: 2}
  - mish
""",
        lambda nn: [
            nn.Conv2d(4, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.SiLU(),
            nn.Conv2d(8, 8, (1, 5), padding=(0, 2), groups=4), nn.Hardswish(),
            nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=8), nn.GroupNorm(4, 16),
            nn.GELU("tanh"), nn.ConvTranspose2d(16, 6, 4, 2, 1, groups=2), nn.PReLU(6),
            nn.ConvTranspose2d(6, 4, 3, 3, (2, 1), (1, 2), dilation=2), nn.Mish(),
        ],
    ),
    "pools": Case(
        """\
  - {max_pool: 3, stride: 2, padding: 1, ceil: true}
  - {avg_pool: 3, stride: 1, padding: 1}
  - {avg_pool: [2, 3], stride: [1, 2], padding: [1, 0], ceil: true, include_pad: false}
  - {max_pool: 2, stride: 1, dilation: 2}
  - {avg_pool: 2, stride: 2, padding: 1, ceil: true}
  - {local_response_norm: 3, alpha: 0.1, beta: 0.5, k: 2}
""",
        lambda nn: [
            nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(3, 1, 1),
            nn.AvgPool2d((2, 3), (1, 2), (1, 0), ceil_mode=True, count_include_pad=False),
            nn.MaxPool2d(2, 1, dilation=2), nn.AvgPool2d(2, 2, 1, ceil_mode=True),
            nn.LocalResponseNorm(3, 0.1, 0.5, 2.0),
        ],
    ),
    "shapes": Case(
        """\
  - {space_to_depth: 2}
  - {channel_shuffle: 4}
  - {instance_norm: {affine: true}}
  - {depth_to_space: 2}
  - {pad: [1, 2, 0, 1], mode: reflect}
  - {upsample: 2, mode: bilinear}
  - {pad: 1, mode: edge}
  - {upsample: [1, 3], mode: bilinear, align_corners: true}
  - {upsample: {size: [9, 14]}}
  - {upsample: {size: [5, 20]}, mode: bilinear}
""",
        lambda nn: [
            nn.PixelUnshuffle(2), nn.ChannelShuffle(4), nn.InstanceNorm2d(16, affine=True),
            nn.PixelShuffle(2), nn.ReflectionPad2d((2, 1, 1, 0)),
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReplicationPad2d(1),
            nn.Upsample(scale_factor=(1, 3), mode="bilinear", align_corners=True),
            nn.Upsample(size=(9, 14), mode="nearest"),
            nn.Upsample(size=(5, 20), mode="bilinear"),
        ],
        [(12, 12), (10, 16)],
    ),
    "activations": Case(
        """\
  - {leaky_relu: 0.2}
  - {elu: 0.5}
  - selu
  - gelu
  - hard_sigmoid
  - softplus
  - {clip: {min: 0.75, max: 0.9}}
  - {log_softmax: width}
  - {softmax: channels}
  - tanh
  - relu6
""",
        lambda nn: [
            nn.LeakyReLU(0.2), nn.ELU(0.5), nn.SELU(), nn.GELU(), nn.Hardsigmoid(), nn.Softplus(),
            nn.Hardtanh(0.75, 0.9), nn.LogSoftmax(3), nn.Softmax(1), nn.Tanh(), nn.ReLU6(),
        ],
    ),
    "head": Case(
        """\
  - {adaptive_avg_pool: 7}
  - {adaptive_max_pool: [3, 5]}
  - flatten
  - {dense: 12}
  - batch_norm
  - {prelu: {shared: true}}
  - {dropout: 0.5}
  - layer_norm
  - {dense: 3, bias: false}
  - log_softmax
""",
        lambda nn: [
            nn.AdaptiveAvgPool2d(7), nn.AdaptiveMaxPool2d((3, 5)), nn.Flatten(), nn.Linear(60, 12),
            nn.BatchNorm1d(12), nn.PReLU(), nn.Dropout(), nn.LayerNorm(12),
            nn.Linear(12, 3, bias=False), nn.LogSoftmax(1),
        ],
        [(11, 17)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("is_stream", [False, True], ids=["zip", "stream"])
@pytest.mark.parametrize("name", CASES)
def test_sequences_give_what_torch_gives(
    name: str, is_stream: bool, opset: int, tmp_path: Path
) -> None:
    import torch

    case = CASES[name]
    torch.manual_seed(0)
    network = torch.nn.Sequential(*case.modules(torch.nn)).eval()
    state = network.state_dict()
    with torch.no_grad():
        for key, array in state.items():
            if array.is_floating_point():
                drawn = 0.3 * torch.randn_like(array)
                array.copy_(drawn.abs() + 0.1 if "var" in key else drawn)
    checkpoint = tmp_path / "net.pt"
    torch.save(state, checkpoint, _use_new_zipfile_serialization=not is_stream)
    is_fixed = len(case.sizes) == 1
    height, width = case.sizes[0] if is_fixed else ("H", "W")
    where = ", where: {H: {multiple_of: 2}, W: {multiple_of: 2}}" if name == "shapes" else ""
    spec = f"input: {{image: {{shape: [4, {height}, {width}]{where}}}}}\nlayers:\n{case.layers}"
    path = write_spec(tmp_path, spec)
    model = Built(archc.build_bytes(path, weights=checkpoint if state else None, opset=opset))
    for size in case.sizes:
        image = draw_image(2, 4, *size)
        with torch.no_grad():
            wanted = network(torch.from_numpy(image)).numpy()
        assert_close(model.run(image=image)["output"], wanted.astype(np.float64))


def test_unpooling_gives_what_torch_gives(tmp_path: Path) -> None:
    import torch

    spec = "input: {image: [3, H, W]}\nlayers: {p: {max_pool: 2}, t: tanh, u: {max_unpool: p}}"
    model = Built(archc.build_bytes(write_spec(tmp_path, spec)))
    for size in SIZES:
        image = draw_image(2, 3, *size)
        pooled, places = torch.nn.functional.max_pool2d(
            torch.from_numpy(image), 2, return_indices=True
        )
        wanted = torch.nn.functional.max_unpool2d(
            torch.tanh(pooled), places, 2, output_size=list(size)
        )
        assert_close(model.run(image=image)["output"], wanted.numpy().astype(np.float64))


def test_saved_modules_and_training_states_serve_as_checkpoints(tmp_path: Path) -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    path = write_spec(
        tmp_path, "input: {image: [3, H, W]}\nlayers: [{conv: 4, kernel: 3}, batch_norm]"
    )
    image = draw_image(2, 3, 8, 8)
    with torch.no_grad():
        wanted = network(torch.from_numpy(image)).numpy().astype(np.float64)
    optimizer = torch.optim.Adam(network.parameters())
    saved = tmp_path / "net.pt"
    for state in (
        network.state_dict(),
        {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3},
        {"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}},
        dict(network.double().state_dict()),
    ):
        torch.save(state, saved)
        built = Built(archc.build_bytes(path, weights=saved))
        assert_close(built.run(image=image)["output"], wanted)
