"""VGG, ResNet in both versions, DenseNet and the MobileNets."""

from __future__ import annotations

from tests.zoo.keras.network import Network

NETWORKS = [
    Network("keras/vgg16", "VGG16", "vgg16", "vgg", is_fixed_size=True, is_quick=True),
    Network("keras/vgg19", "VGG19", "vgg19", "vgg", is_fixed_size=True),
    Network("keras/resnet50", "ResNet50", "resnet", "resnet", is_quick=True),
    Network("keras/resnet101", "ResNet101", "resnet", "resnet"),
    Network("keras/resnet152", "ResNet152", "resnet", "resnet"),
    Network("keras/resnet50v2", "ResNet50V2", "resnet_v2", "resnet_v2", is_quick=True),
    Network("keras/resnet101v2", "ResNet101V2", "resnet_v2", "resnet_v2"),
    Network("keras/resnet152v2", "ResNet152V2", "resnet_v2", "resnet_v2"),
    Network("keras/densenet121", "DenseNet121", "densenet", "densenet", is_quick=True),
    Network("keras/densenet169", "DenseNet169", "densenet", "densenet"),
    Network("keras/densenet201", "DenseNet201", "densenet", "densenet"),
    Network("keras/mobilenet", "MobileNet", "mobilenet", "mobilenet", is_quick=True),
    Network("keras/mobilenet", "MobileNet", "mobilenet", "mobilenet", settings={"alpha": 0.25}),
    Network("keras/mobilenet_v2", "MobileNetV2", "mobilenet_v2", "mobilenet_v2", is_quick=True),
    *(
        Network(
            "keras/mobilenet_v2", "MobileNetV2", "mobilenet_v2", "mobilenet_v2",
            settings={"alpha": alpha},
        )
        for alpha in (0.35, 1.4)
    ),
    *(
        Network(
            f"keras/mobilenet_v3_{size}", f"MobileNetV3{size.title()}", "mobilenet_v3",
            "mobilenet_v3", takes_pixels=True, settings=settings, is_quick=not settings,
        )
        for size in ("small", "large")
        for settings in ({}, {"alpha": 0.75}, {"minimalistic": True})
    ),
]  # fmt: skip
