"""The options of `archc deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from archc.cli.options import complete_spec, completing, one_of, whole_number


def _complete_target(incomplete: str) -> list[str]:
    from archc.deploy.targets import TARGETS

    return [name for name in (*TARGETS, "kserve:openvino") if name.startswith(incomplete)]


Source: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="SPEC|MODEL",
        help="A spec file, the name of a built-in spec or variant, or a built model.",
        autocompletion=complete_spec,
        show_default=False,
    ),
]
Target: TypeAlias = Annotated[
    str,
    typer.Option(
        "--target",
        "-t",
        metavar="TARGET",
        help="triton, kserve, openvino, mlserver or web; triton:25.01 is checked for that "
        "release, kserve:openvino serves with OpenVINO.",
        autocompletion=_complete_target,
    ),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="The package's folder.  [default: NAME-TARGET]",
        show_default=False,
    ),
]
Check: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--check",
        metavar="DIR",
        help="Check this package or model repository instead, offline, whoever wrote it.",
    ),
]
Weights: TypeAlias = Annotated[
    Path | None,
    typer.Option("--weights", "-w", metavar="FILE", help="A checkpoint, as for `archc build`."),
]
Form: TypeAlias = Annotated[
    str,
    typer.Option(
        "--form",
        metavar="image|tensor",
        help="What the served model takes: pixels, uint8 (N, H, W, C), or what the network does.",
        parser=one_of("image", "tensor"),
        autocompletion=completing("image", "tensor"),
    ),
]
Name: TypeAlias = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="The model's name on the server.")
]
Probabilities: TypeAlias = Annotated[
    bool,
    typer.Option("--probabilities", help="Give the softmax of the first output as well."),
]
Features: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--features", metavar="LAYER", help="Give this layer's output as `features` as well."
    ),
]
Samples: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--sample",
        metavar="IMAGE",
        help="A golden picture; two are drawn if none is given. May be given several times.",
    ),
]
Encoded: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--encoded", help="Serve a second model that takes JPEG or PNG bytes (Triton only)."
    ),
]
Add: TypeAlias = Annotated[
    bool,
    typer.Option("--add", help="Join the package that stands in DIR as a further version."),
]
Version: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--version",
        metavar="N",
        help="The number that the build is served under.  [default: 1, or the next]",
        parser=whole_number(1),
        show_default=False,
    ),
]
ServeAll: TypeAlias = Annotated[
    bool, typer.Option("--all-versions", help="Serve every version, not the latest alone.")
]
Batch: TypeAlias = Annotated[
    int,
    typer.Option(
        "--max-batch",
        metavar="N",
        help="The most samples of one batch; 0 for no batching.",
        parser=whole_number(0),
    ),
]
Delay: TypeAlias = Annotated[
    int,
    typer.Option(
        "--max-delay",
        metavar="MICROSECONDS",
        help="How long a request may wait for others to share its batch.",
        parser=whole_number(0),
    ),
]
Instances: TypeAlias = Annotated[
    int,
    typer.Option(
        "--instances",
        metavar="N",
        help="Copies of the model that run at once.",
        parser=whole_number(1),
    ),
]
Threads: TypeAlias = Annotated[
    int,
    typer.Option(
        "--threads", metavar="N", help="Threads of each instance.", parser=whole_number(1)
    ),
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="cpu|gpu",
        help="What the instances run on.",
        parser=one_of("cpu", "gpu"),
        autocompletion=completing("cpu", "gpu"),
    ),
]
Storage: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URI",
        help="Where a cluster fetches the package: oci://REGISTRY/NAME, s3://…, pvc://… (KServe).",
    ),
]
BrowserRuntime: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--browser-runtime",
        metavar="DIR",
        help="The folder `dist` of the npm package onnxruntime-web, to be packed along (web).",
    ),
]
Shell: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--shell",
        metavar="FILE",
        help="A statically linked busybox for the image, which a modelcar needs (KServe).",
    ),
]
Seed: TypeAlias = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", help="What random weights are drawn with.", parser=whole_number(0)
    ),
]
Opset: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--opset", metavar="N", help="The version of ONNX's operators.", parser=whole_number(1)
    ),
]
Prove: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--prove", help="Start the real server with the package and compare the golden answers."
    ),
]
