"""What a caller asks of a package."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from archc.deploy.manifest import Form
from archc.deploy.served import ServingOptions


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What a caller asks of a package.

    Attributes:
        target: what it is for: `triton`, `triton:25.01`, `kserve:openvino`, `web` ….
        folder: where it will stand.
        name: the model's name on the server; the variant's or the spec's where it is left out.
        form: what the served model takes.
        probabilities: whether the softmax of the first output is given as well.
        features: the layer whose output is given as `features` as well.
        pictures: the golden pictures; two are drawn where there are none.
        is_further_version: whether the build joins those of a package that is there.
        version: the number that it is served under; 1, or the next one, where it is left out.
        options: how it shall be served.
    """

    target: str
    folder: Path
    name: str | None = None
    form: Form = "image"
    probabilities: bool = False
    features: str | None = None
    pictures: tuple[Path, ...] = ()
    is_further_version: bool = False
    version: int | None = None
    options: ServingOptions = field(default_factory=ServingOptions)
