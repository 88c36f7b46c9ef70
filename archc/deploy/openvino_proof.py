"""The proof that OpenVINO gives a package's golden answers; needs the `openvino` package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.deploy.manifest import Manifest, Version
from archc.deploy.openvino import device_options
from archc.deploy.served import ServingOptions
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.answers import Answers, read_answers
from archc.runtime.difference import OutputDifference, difference
from archc.runtime.verify import MISSING_INPUT, MISSING_OUTPUT
from archc.weights.checkpoint import file_place
from archc.weights.shown import listed, shown

NOT_LOADED = Rule(
    "openvino/not-loaded",
    "OpenVINO does not take a model",
    "What the runtime refuses the model server refuses as well; the note is its own reason.",
)
OTHER_ANSWERS = Rule(
    "openvino/other-answers",
    "OpenVINO gives other answers than the golden ones",
    "A server that disagrees with ONNX Runtime on known pictures would do so on all others.",
)

OPENVINO_TOLERANCE = 1e-5
"""Of the largest answer: float32 in another order of sums stays below, bfloat16 does not."""

Proof = Mapping[int, tuple[OutputDifference, ...]]
"""How far each output is from its answer, by the number of the version."""


def openvino_version() -> str:
    """The version of the OpenVINO that is installed.

    Raises:
        ImportError: none is.
    """
    return str(import_module("openvino").__version__).partition("-")[0]


def prove_openvino(
    folder: Path, manifest: Manifest, reporter: Reporter, *, tolerance: float = OPENVINO_TOLERANCE
) -> Proof | Failed:
    """How far OpenVINO's answers are from a package's golden ones, each within the tolerance.

    The device gets the options that the package's own server is started with, on one thread.

    Reports: openvino/not-loaded, openvino/other-answers, verify/missing-input,
        verify/missing-output, verify/output-shape, and what `read_answers` reports.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    proved = {}
    for version in manifest.versions:
        differences = _prove_version(folder, manifest, version, reporter, tolerance)
        if isinstance(differences, Failed):
            return FAILED
        proved[version.number] = differences
    return proved


def _prove_version(
    folder: Path, manifest: Manifest, version: Version, reporter: Reporter, tolerance: float
) -> tuple[OutputDifference, ...] | Failed:
    golden = folder / version.golden
    outputs = [output.name for output in manifest.outputs]
    inputs = [entry.name for entry in manifest.inputs]
    known = read_answers(golden, {*inputs, *outputs}, reporter)
    if isinstance(known, Failed):
        return FAILED
    lacking = [name for name in (*inputs, *outputs) if name not in known.arrays]
    if lacking:
        return reporter.error(
            MISSING_INPUT if lacking[0] in inputs else MISSING_OUTPUT,
            f"the golden answers lack {listed(lacking)}",
            file_place(str(golden)),
            helps=("write the package anew",),
        )
    feeds = {name: known.arrays[name] for name in inputs}
    answers = _run(folder / version.model, feeds, outputs, reporter)
    if isinstance(answers, Failed):
        return FAILED
    return _compare(known, answers, reporter, tolerance)


def _compare(
    known: Answers, answers: Mapping[str, NDArray[Any]], reporter: Reporter, tolerance: float
) -> tuple[OutputDifference, ...] | Failed:
    place = file_place(str(known.path))
    differences: list[OutputDifference] = []
    for name, answer in answers.items():
        found = difference(name, known.arrays[name], answer, place, reporter, tolerance=tolerance)
        if isinstance(found, Failed):
            return FAILED
        if not found.is_close:
            return reporter.error(
                OTHER_ANSWERS,
                f"`{shown(name)}` is off by {found.worst:.2g}, and {found.tolerance:.2g} is "
                "allowed",
                place,
                notes=(f"OpenVINO {openvino_version()} was asked for float32",),
                helps=("take another release of OpenVINO, or another server: `--target triton`",),
            )
        differences.append(found)
    return tuple(differences)


def _run(
    model: Path, feeds: Mapping[str, NDArray[Any]], outputs: list[str], reporter: Reporter
) -> dict[str, NDArray[Any]] | Failed:
    openvino = import_module("openvino")
    try:
        core = openvino.Core()
        compiled = core.compile_model(str(model), "CPU", device_options(ServingOptions()))
        request = compiled.create_infer_request()
        request.infer(dict(feeds))
    # OpenVINO's exceptions have no common base but this one.
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        return reporter.error(
            NOT_LOADED,
            f"`{shown(str(model))}` cannot be run by OpenVINO",
            file_place(str(model)),
            notes=(shown(reason),),
            helps=("build it with an older opset, such as `--opset 17`, or for another server",),
        )
    return {name: np.array(request.get_tensor(name).data) for name in outputs}
