"""Reference networks that torchvision lacks, written from their papers. Needs torch.

Each function gives a module with untouched weights; its state dict's names are the zoo's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional
from typing_extensions import override

RESNET_DEPTHS = {"18": (2, 2, 2, 2), "34": (3, 4, 6, 3)}


def lenet5(activation: type[nn.Module], pool: type[nn.Module], classes: int = 10) -> nn.Sequential:
    """LeNet-5 on 32×32 images, with full connections in c3.

    LeCun et al., Gradient-based learning applied to document recognition, 1998. The original has
    tanh and average pooling; today's courses teach it with ReLU and max pooling.
    """
    layers: dict[str, nn.Module] = {
        "c1": nn.Conv2d(1, 6, 5),
        "act1": activation(),
        "s2": pool(2),
        "c3": nn.Conv2d(6, 16, 5),
        "act3": activation(),
        "s4": pool(2),
        "flatten": nn.Flatten(),
        "f5": nn.Linear(400, 120),
        "act5": activation(),
        "f6": nn.Linear(120, 84),
        "act6": activation(),
        "output": nn.Linear(84, classes),
    }
    return named(layers)


def alexnet_2012(classes: int = 1000) -> nn.Sequential:
    """AlexNet with two groups, response normalisation and overlapping pooling, on 227×227 images.

    Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012. The
    geometry is Caffe's: the paper's 224 does not give its 55×55 maps. Normalisation follows the
    ReLU, pooling follows it, and alpha is divided by the window's size, as in the paper's code.
    """
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 96, 11, stride=4),
        "relu1": nn.ReLU(),
        "norm1": nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
        "pool1": nn.MaxPool2d(3, 2),
        "conv2": nn.Conv2d(96, 256, 5, padding=2, groups=2),
        "relu2": nn.ReLU(),
        "norm2": nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
        "pool2": nn.MaxPool2d(3, 2),
        "conv3": nn.Conv2d(256, 384, 3, padding=1),
        "relu3": nn.ReLU(),
        "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2),
        "relu4": nn.ReLU(),
        "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
        "relu5": nn.ReLU(),
        "pool5": nn.MaxPool2d(3, 2),
        "flatten": nn.Flatten(),
        "fc6": nn.Linear(9216, 4096),
        "relu6": nn.ReLU(),
        "drop6": nn.Dropout(),
        "fc7": nn.Linear(4096, 4096),
        "relu7": nn.ReLU(),
        "drop7": nn.Dropout(),
        "fc8": nn.Linear(4096, classes),
    }
    return named(layers)


def nin(classes: int = 1000) -> nn.Sequential:
    """Network in Network for ImageNet: every spatial convolution is followed by two 1×1 ones.

    Lin et al., Network in network, 2014, as its authors published it for Caffe, whose pooling
    rounds sizes up. ReLU follows every convolution, the last one too.
    """
    convolutions = {
        "conv1": nn.Conv2d(3, 96, 11, stride=4),
        "cccp1": nn.Conv2d(96, 96, 1),
        "cccp2": nn.Conv2d(96, 96, 1),
        "conv2": nn.Conv2d(96, 256, 5, padding=2),
        "cccp3": nn.Conv2d(256, 256, 1),
        "cccp4": nn.Conv2d(256, 256, 1),
        "conv3": nn.Conv2d(256, 384, 3, padding=1),
        "cccp5": nn.Conv2d(384, 384, 1),
        "cccp6": nn.Conv2d(384, 384, 1),
        "conv4": nn.Conv2d(384, 1024, 3, padding=1),
        "cccp7": nn.Conv2d(1024, 1024, 1),
        "cccp8": nn.Conv2d(1024, classes, 1),
    }
    layers: dict[str, nn.Module] = {}
    for name, convolution in convolutions.items():
        layers[name] = convolution
        layers[f"relu_{name}"] = nn.ReLU()
        if name in ("cccp2", "cccp4", "cccp6"):
            layers[f"pool_{name}"] = nn.MaxPool2d(3, 2, ceil_mode=True)
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    return named(layers)


def mobilenet_v1(alpha: float, classes: int = 1000) -> nn.Sequential:
    """MobileNet with width multiplier alpha.

    Howard et al., MobileNets: efficient convolutional neural networks for mobile vision
    applications, 2017, table 1. Names follow torchvision's later mobile networks: `features.0.0`
    and `features.0.1` are the first convolution and its batch norm, `features.I.0.…` the
    depthwise and `features.I.1.…` the pointwise half of block I, `classifier.1` the dense layer
    after a dropout.
    """
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
    rows += [(1024, 2), (1024, 1)]
    c_in = int(32 * alpha)
    blocks = [_conv_bn(3, c_in, 3, 2)]
    for width, stride in rows:
        c_out = int(width * alpha)
        halves = _conv_bn(c_in, c_in, 3, stride, groups=c_in), _conv_bn(c_in, c_out, 1)
        blocks.append(nn.Sequential(*halves))
        c_in = c_out
    layers: dict[str, nn.Module] = {
        "features": nn.Sequential(*blocks),
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(nn.Dropout(0.001), nn.Linear(c_in, classes)),
    }
    return named(layers)


def plain(depth: str, classes: int = 1000) -> nn.Sequential:
    """A residual network's plain twin: the same layers and names, and no shortcuts.

    He et al., Deep residual learning for image recognition, 2015, figure 3.
    """
    return _resnet_like(depth, classes, _two_convs)


def resnet_option_a(depth: str, classes: int = 1000) -> nn.Sequential:
    """A residual network whose shortcuts have no weights.

    He et al., Deep residual learning for image recognition, 2015, section 3.3, option A: where
    shapes differ, every second position and zeros for the added channels.
    """
    return _resnet_like(depth, classes, PaddedResidual)


class PaddedResidual(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Two convolutions beside an identity that is subsampled and padded with zero channels."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        for name, module in _two_convs(c_in, c_out, stride).named_children():
            self.add_module(name, module)
        self.stride = stride
        self.added = c_out - c_in

    @override
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output, (N, C, H, W)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return functional.relu(y + functional.pad(shortcut, (0, 0, 0, 0, 0, self.added)))


def named(layers: dict[str, nn.Module]) -> nn.Sequential:
    """The layers in order, under their names."""
    sequence = nn.Sequential()
    for name, layer in layers.items():
        sequence.add_module(name, layer)
    return sequence


def _conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = kernel // 2
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(c_out), nn.ReLU())


def _two_convs(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False),
        "bn1": nn.BatchNorm2d(c_out),
        "relu1": nn.ReLU(),
        "conv2": nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
        "bn2": nn.BatchNorm2d(c_out),
        "relu2": nn.ReLU(),
    }
    return named(layers)


def _resnet_like(
    depth: str, classes: int, block: Callable[[int, int, int], nn.Module]
) -> nn.Sequential:
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(64),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, 2, padding=1),
    }
    c_in = 64
    for number, count in enumerate(RESNET_DEPTHS[depth]):
        c_out = 64 * 2**number
        shapes = _block_shapes(c_in, c_out, count, stride=1 if number == 0 else 2)
        layers[f"layer{number + 1}"] = nn.Sequential(*(block(*shape) for shape in shapes))
        c_in = c_out
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(c_in, classes)
    return named(layers)


def _block_shapes(c_in: int, c_out: int, count: int, stride: int) -> Iterator[tuple[int, int, int]]:
    yield c_in, c_out, stride
    for _ in range(count - 1):
        yield c_out, c_out, 1
