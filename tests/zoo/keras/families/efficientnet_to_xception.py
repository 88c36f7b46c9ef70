"""EfficientNet in both versions, the Inception networks and Xception."""

from __future__ import annotations

from tests.zoo.keras.network import Network

_EFFICIENTNET = {0: 224, 1: 240, 2: 260, 3: 300, 4: 380, 5: 456, 6: 528, 7: 600}
_EFFICIENTNET_V2 = {
    "b0": 224, "b1": 240, "b2": 260, "b3": 300, "s": 384, "m": 480, "l": 480,
}  # fmt: skip


def _efficientnet(number: int, **more: object) -> Network:
    return Network(
        f"keras/efficientnetb{number}", f"EfficientNetB{number}", "efficientnet", "efficientnet",
        size=_EFFICIENTNET[number], takes_pixels=True, settings=more, is_quick=number == 0,
    )  # fmt: skip


def _efficientnet_v2(letter: str, *, takes_pixels: bool = True) -> Network:
    return Network(
        f"keras/efficientnetv2{letter}", f"EfficientNetV2{letter.upper()}", "efficientnet_v2",
        "efficientnet_v2", size=_EFFICIENTNET_V2[letter], takes_pixels=takes_pixels,
        settings={} if takes_pixels else {"include_preprocessing": False},
        is_quick=letter in ("b0", "s") and takes_pixels,
    )  # fmt: skip


NETWORKS = [
    *(_efficientnet(number) for number in _EFFICIENTNET),
    _efficientnet(0, published=False),
    *(_efficientnet_v2(letter) for letter in _EFFICIENTNET_V2),
    _efficientnet_v2("b0", takes_pixels=False),
    Network("keras/inception_v3", "InceptionV3", "inception_v3", "inception", 299, is_quick=True),
    Network(
        "keras/inception_resnet_v2", "InceptionResNetV2", "inception_resnet_v2",
        "inception_resnet", 299, is_quick=True,
    ),
    Network("keras/xception", "Xception", "xception", "xception", size=299, is_quick=True),
]  # fmt: skip
