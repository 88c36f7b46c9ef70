"""Releases of Triton: the ONNX Runtime in each, and the newest models that it loads.

Which ONNX Runtime a release has is what `build.py` says on its branch of
https://github.com/triton-inference-server/server. Which operators and which format an ONNX Runtime
loads was found by loading models into the packages of those versions, from 1.15.1 on; for 1.13 and
1.14 it is what https://onnxruntime.ai/docs/reference/compatibility.html says. A newer opset is
refused as being "under development", a newer IR version as unsupported.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.shown import shown

UNKNOWN_RELEASE = Rule(
    "triton/unknown-release",
    "a release of Triton is not known",
    "What a release can load is known only for those that were looked at.",
)
TOO_NEW = Rule(
    "triton/model-too-new",
    "a model is newer than the server's ONNX Runtime",
    "ONNX Runtime refuses operators and formats that are newer than itself, and then Triton does "
    "not load the model.",
)


class Release(NamedTuple):
    """A release of Triton.

    Attributes:
        name: its year and month, such as `24.10`, which is also the container's tag.
        onnxruntime: the version of its ONNX Runtime.
        opset: the newest version of ONNX's own operators that it loads.
        ir_version: the newest version of the format that it loads.
    """

    name: str
    onnxruntime: str
    opset: int
    ir_version: int


_LOADS = {
    "1.13": (17, 8), "1.14": (18, 8), "1.15": (19, 9), "1.16": (19, 9), "1.17": (20, 9),
    "1.18": (21, 10), "1.19": (21, 10), "1.20": (21, 10), "1.21": (22, 10), "1.22": (22, 10),
    "1.23": (23, 11), "1.24": (25, 13), "1.27": (26, 13), "1.28": (26, 13),
}  # fmt: skip
"""The newest opset and IR version by ONNX Runtime."""

_FIRST_WITH = {
    "22.10": "1.13.1", "23.03": "1.14.1", "23.05": "1.15.0", "23.07": "1.15.1", "23.09": "1.16.0",
    "23.11": "1.16.3", "24.03": "1.17.2", "24.04": "1.17.3", "24.05": "1.18.0", "24.07": "1.18.1",
    "24.08": "1.19.0", "24.09": "1.19.2", "24.12": "1.20.1", "25.03": "1.21.0", "25.05": "1.22.0",
    "25.08": "1.23.0", "25.10": "1.23.1", "25.11": "1.23.2", "26.02": "1.24.1", "26.03": "1.24.2",
    "26.04": "1.24.4", "26.07": "1.27.0", "26.08": "1.28.0",
}  # fmt: skip
"""ONNX Runtime's versions by the first release that has them; those between have the same."""

NEWEST = "26.08"
"""The newest release that was looked at, and what is checked for where none is named."""

RELEASES = {
    name: Release(name, version, *_LOADS[version.rpartition(".")[0]])
    for name, version in _FIRST_WITH.items()
}
"""The releases with another ONNX Runtime than the one before."""

SINCE = {
    ("ModelSequenceBatching.State", "use_same_buffer_for_input_output"): "23.11",
    ("ModelSequenceBatching.State", "use_growable_memory"): "23.11",
    ("ModelConfig", "runtime"): "24.01",
    ("ModelInput", "is_non_linear_format_io"): "24.08",
    ("ModelOutput", "is_non_linear_format_io"): "24.08",
    ("ModelConfig", "model_metrics"): "24.11",
    ("ModelEnsembling", "max_inflight_requests"): "25.11",
}
"""The first release that knows a field, for fields that came after the oldest release here."""

_NAME = re.compile(r"[0-9]{2}\.(0[1-9]|1[0-2])\Z")


def find_release(name: str | None, place: Place, reporter: Reporter) -> Release | Failed:
    """The release of a name; the newest for None. One between two has what the older one has.

    Reports: triton/unknown-release.
    """
    wanted = NEWEST if name is None else name
    older = [known for known in RELEASES if known <= wanted]
    if not _NAME.match(wanted) or not older or wanted > NEWEST:
        return reporter.error(
            UNKNOWN_RELEASE,
            f"`{shown(wanted)}` is no release of Triton that is known",
            place,
            notes=(f"known are {min(RELEASES)} to {NEWEST}, year and month",),
            helps=(f"name one of them, such as `triton:{NEWEST}`, or none for the newest",),
        )
    return RELEASES[older[-1]]._replace(name=wanted)


def check_release(
    opset: int, ir_version: int, release: Release, place: Place, reporter: Reporter
) -> Failed | None:
    """None where a release loads models of this opset and IR version.

    Reports: triton/model-too-new.
    """
    first = next((r.name for r in RELEASES.values() if opset <= r.opset), None)
    if opset <= release.opset and ir_version <= release.ir_version:
        return None
    is_opset = opset > release.opset
    what, limit = ("opset", release.opset) if is_opset else ("IR version", release.ir_version)
    if not is_opset:
        first = next((r.name for r in RELEASES.values() if ir_version <= r.ir_version), None)
    build = f"build it with `--opset {release.opset}` or less"
    if not is_opset:
        build = f"write it with IR version {limit} or less; archc's own models have 8 for opset 17"
    return reporter.error(
        TOO_NEW,
        f"the model has {what} {opset if is_opset else ir_version}, and Triton {release.name} "
        f"loads {limit} at most",
        place,
        notes=(f"its ONNX Runtime is {release.onnxruntime}",),
        helps=(build, *((f"or serve it with Triton {first} or newer",) if first else ())),
    )
