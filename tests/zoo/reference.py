"""Reference models: torchvision's and our own, with seeded weights that show every mistake.

torch and torchvision are imported when a function is called, so that this module can be imported
without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.zoo.variants import TORCHVISION, VARIANTS

if TYPE_CHECKING:
    import torch

CALIBRATION_BATCH = 2
CALIBRATION_SIZE = 240
"""At most; on much smaller maps padding reaches too large a part of the statistics."""

BRANCH_SCALE = 0.25
"""How loud a residual branch is beside its shortcut; deep networks of equals amplify rounding."""

QUIET = 0.3
"""The spread before a batch norm: below one, so that its epsilon counts."""

LOUD = {"alexnet_2012": {"conv1": 100.0, "conv2": 100.0}}
"""Spreads other than 1: response normalisation does nothing visible to activations of order one."""

MOBILENET_ALPHAS = {
    "mobilenet_v1": 1.0,
    "mobilenet_v1_075": 0.75,
    "mobilenet_v1_050": 0.5,
    "mobilenet_v1_025": 0.25,
}


def bare_model(variant: str, classes: int | None = None) -> torch.nn.Module:
    """The reference network of a variant in eval mode, without memory for its weights."""
    import torch

    classes = classes or VARIANTS[variant].classes
    with torch.device("meta"):
        if any(variant in names for names in TORCHVISION.values()):
            return _torchvision_model(variant, classes).eval()
        return _own_model(variant, classes).eval()


def empty_model(variant: str, classes: int | None = None) -> torch.nn.Module:
    """The reference network of a variant in eval mode, with weights of any value."""
    import torch

    torch.set_num_threads(1)
    model = bare_model(variant, classes).to_empty(device="cpu").requires_grad_(False)
    for name, buffer in model.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()
    return model


def reference_model(variant: str, seed: int) -> torch.nn.Module:
    """The reference network of a variant in eval mode, with seeded weights, float32.

    Random data goes through once, and each layer's weights are scaled on the way so that
    activations stay of order one at every depth. Batch norms take the statistics of that data,
    moved off them, so that a build which ignores any of them is wrong.
    """
    import torch

    model = empty_model(variant)
    generator = torch.Generator().manual_seed(seed)
    drawn = _Calibration(generator, LOUD.get(variant, {}))
    facts = VARIANTS[variant]
    whole = facts.is_fixed_size or facts.side_heads
    size = facts.size if whole else min(facts.size, CALIBRATION_SIZE)
    shape = (CALIBRATION_BATCH, facts.channels, size, size)
    image = torch.randn(shape, generator=generator)
    with ExitStack() as hooks, torch.no_grad():
        for name, module in model.named_modules():
            for hook in drawn.prepare(name, module):
                hooks.callback(hook.remove)
        for norm in _branch_ends(model):
            norm.weight.mul_(BRANCH_SCALE)
        answers(model, variant, image, side=True)
    return model


def answers(
    model: torch.nn.Module, variant: str, image: torch.Tensor, *, side: bool = False
) -> dict[str, torch.Tensor]:
    """The logits (N, classes) and, if asked, what the side heads give under their names.

    torchvision's networks run their side heads in training alone.
    """
    import torch

    found: dict[str, torch.Tensor] = {}
    heads = VARIANTS[variant].side_heads if side else {}
    with ExitStack() as hooks, torch.no_grad():
        for name, (source, head) in heads.items():
            module = model.get_submodule(head)

            def keep(_: Any, __: Any, output: Any, name: str = name, module: Any = module) -> None:
                found[name] = module(output)

            hooks.callback(model.get_submodule(source).register_forward_hook(keep).remove)
        logits = model(image)
    return {"logits": logits, **found}


class _Calibration:
    """Draws a module's weights, and hooks that fit them to the data that passes through."""

    def __init__(self, generator: torch.Generator, spreads: dict[str, float]) -> None:
        self._generator = generator
        self._spreads = spreads

    def prepare(self, name: str, module: torch.nn.Module) -> Iterator[Any]:
        from torch import nn

        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.normal_(generator=self._generator)
            spread = self._spreads.get(name, QUIET if module.bias is None else 1.0)
            if module.bias is not None:
                module.bias.normal_(std=0.1, generator=self._generator)
            yield module.register_forward_hook(lambda m, _, out: self._rescale(m, out, spread))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.6, 1.4, generator=self._generator)
            module.bias.normal_(std=0.2, generator=self._generator)
            yield module.register_forward_pre_hook(self._fit_statistics)

    def _rescale(self, module: torch.nn.Module, output: torch.Tensor, spread: float) -> Any:
        bias = 0.0
        if module.bias is not None:
            bias = module.bias.reshape(-1, *[1] * (output.ndim - 2))
        product = output - bias
        factor = spread / product.std()
        module.weight.mul_(factor)
        return product * factor + bias

    def _fit_statistics(self, module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        import torch

        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        # A 1×1 map gives few samples: leaning on the other channels keeps variances from vanishing.
        variance = (variance + variance.mean()) / 2
        noise = torch.empty_like(mean).normal_(std=0.1, generator=self._generator)
        factor = torch.empty_like(mean).uniform_(0.8, 1.25, generator=self._generator)
        module.running_mean.copy_(mean + noise * variance.sqrt())
        module.running_var.copy_(variance * factor)


def _branch_ends(model: torch.nn.Module) -> Iterator[Any]:
    """The batch norms that end a residual branch."""
    from torch import nn

    for module in model.modules():
        if getattr(module, "use_res_connect", False):
            yield [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)][-1]
        elif hasattr(module, "bn2") and not isinstance(module, nn.Sequential):
            yield module.bn3 if hasattr(module, "bn3") else module.bn2


@cache
def _torchvision() -> ModuleType:
    import torch

    # torchvision's wheel describes two compiled operators that a CPU build of torch does not know;
    # it needs them declared, and no network of the zoo calls them.
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    _libraries.append(library)
    import torchvision

    return torchvision  # type: ignore[no-any-return]  # torchvision is untyped here


_libraries: list[Any] = []
"""Kept for as long as the process runs: a library that is collected takes its operators away."""


def _torchvision_model(variant: str, classes: int) -> torch.nn.Module:
    # Their own draw of weights is slow, and ours replaces it.
    own = {"init_weights": False} if variant in ("googlenet", "inception_v3") else {}
    return _torchvision().models.get_model(variant, weights=None, num_classes=classes, **own)


def _own_model(variant: str, classes: int) -> torch.nn.Module:
    from torch import nn

    from tests.zoo import reference_networks as networks

    if variant in MOBILENET_ALPHAS:
        return networks.mobilenet_v1(MOBILENET_ALPHAS[variant], classes)
    if variant in ("plain18", "plain34"):
        return networks.plain(variant.removeprefix("plain"), classes)
    if variant.endswith("_option_a"):
        return networks.resnet_option_a(variant[len("resnet") : -len("_option_a")], classes)
    match variant:
        case "lenet5":
            return networks.lenet5(nn.Tanh, nn.AvgPool2d, classes)
        case "lenet5_relu":
            return networks.lenet5(nn.ReLU, nn.MaxPool2d, classes)
        case "alexnet_2012":
            return networks.alexnet_2012(classes)
        case "nin":
            return networks.nin(classes)
        case "googlenet_5x5":
            return _with_real_5x5(_torchvision_model("googlenet", classes))
    raise KeyError(variant)


def _with_real_5x5(model: torch.nn.Module) -> torch.nn.Module:
    """GoogLeNet as in its paper: torchvision's copies a known mistake, 3×3 in the third branch."""
    from torch import nn

    for module in model.modules():
        if hasattr(module, "branch3"):
            old = module.branch3[1].conv
            module.branch3[1].conv = nn.Conv2d(
                old.in_channels, old.out_channels, 5, padding=2, bias=False
            )
    return model
