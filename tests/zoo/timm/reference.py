"""timm's own networks, with seeded weights that show every mistake, and their answers.

torch and timm are imported when a function is called, so that this module can be imported without
them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.zoo.oracle_answers import ERROR_MARGIN, FAITHFUL
from tests.zoo.reference import (
    BRANCH_SCALE,
    CALIBRATION_BATCH,
    QUIET,
    _Calibration,
    _torchvision,
)
from tests.zoo.timm.network import OLDER_NAMES

GATE = ".se."
"""In the names of layers that make gates; loud ones grow with their input, and so square it."""


def timm() -> Any:
    """The module."""
    _torchvision()  # timm imports it, and it needs what is declared there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own renamed modules
        import timm

    return timm


def bare_model(name: str) -> Any:
    """The network in eval mode, without memory for its weights."""
    import torch

    with torch.device("meta"), warnings.catch_warnings():
        if name in OLDER_NAMES:
            warnings.filterwarnings("ignore", "Mapping deprecated model name")
        return timm().create_model(name, pretrained=False).eval()


def reference_model(name: str, seed: int) -> Any:
    """The network in eval mode with seeded weights, fitted to data as the zoo's references are.

    The data has the default size: gates see means over a whole map, and those of a larger one than
    they were fitted to make activations, and with them rounding, grow from block to block.
    """
    import torch

    torch.set_num_threads(1)
    model = bare_model(name).to_empty(device="cpu").requires_grad_(False)
    for buffer, value in model.named_buffers():
        if buffer.endswith("num_batches_tracked"):
            value.zero_()
    generator = torch.Generator().manual_seed(seed)
    drawn = _Calibration(
        generator, {path: QUIET for path, _ in model.named_modules() if GATE in path}
    )
    size = model.pretrained_cfg["input_size"][1]
    image = torch.randn((CALIBRATION_BATCH, 3, size, size), generator=generator)
    with ExitStack() as hooks, torch.no_grad():
        for path, module in model.named_modules():
            for hook in drawn.prepare(path, module):
                hooks.callback(hook.remove)
        for norm in _branch_ends(model):
            norm.weight.mul_(BRANCH_SCALE)
        model(image)
    return model


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The shapes in a checkpoint of the network, by name, without counters."""
    return {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def answers(
    model: Any, size: tuple[int, int], *, batch: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Images (N, C, H, W) and the logits (N, classes) that timm gives for them."""
    import torch

    image = torch.randn((batch, 3, *size), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return image.numpy(), model(image).numpy()


def assert_faithful(
    model: Any,
    image: NDArray[np.float32],
    got: NDArray[np.float32],
    wanted: NDArray[np.float32],
) -> None:
    """Passes where logits are timm's to 1e-4 of the largest, or to what rounding explains.

    That is four times what float32 costs timm itself, and is looked at where the first fails alone:
    a deep network without shortcuts amplifies the rounding of its first layers.
    """
    import torch

    assert got.shape == wanted.shape
    difference = float(np.abs(got - wanted).max())
    if difference > FAITHFUL * float(np.abs(wanted).max()):
        with torch.no_grad():
            exact = model.double()(torch.from_numpy(image).double()).numpy()
        model.float()
        assert difference <= ERROR_MARGIN * float(np.abs(wanted - exact).max())


def transformed(model: Any, picture: Any) -> NDArray[np.float32]:
    """The input (C, H, W) that timm makes of a picture of Pillow's."""
    from timm.data import create_transform, resolve_model_data_config

    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    found: NDArray[np.float32] = transform(picture).numpy()
    return found


def _branch_ends(model: Any) -> Iterator[Any]:
    """The batch norms that end a residual branch."""
    from torch import nn

    for path, module in model.named_modules():
        kind = type(module).__name__
        if kind == "Block":  # Xception's
            yield [m for m in module.rep if isinstance(m, nn.BatchNorm2d)][-1]
        elif path and hasattr(module, "bn2") and kind != "Sequential":
            yield module.bn3 if hasattr(module, "bn3") else module.bn2
