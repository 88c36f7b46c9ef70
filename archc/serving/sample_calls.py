"""Calls that work as they are pasted: for curl and for Python, with a golden sample of the package.

curl sends a file with the request's JSON and the tensor behind it, as the protocol's binary
extension has it, and asks for the best classes where the output is one number a class.
"""

from __future__ import annotations

import json
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archc.deploy.manifest import Manifest
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.runtime.answers import read_answers
from archc.serving.client.address import model_path
from archc.serving.client.tensors import encode
from archc.serving.json_inference import json_request
from archc.serving.server import RunningServer

_BEST = 3
_HEADER_LENGTH = "Inference-Header-Content-Length"


class SampleCalls(NamedTuple):
    """Command lines that ask a running server for a golden sample.

    Attributes:
        curl: for curl.
        python: for Python, with tritonclient where it is installed.
        archc: for `archc call`, with a golden picture; None where the package has none.
    """

    curl: str
    python: str
    archc: str | None


def sample_calls(
    package: Path, manifest: Manifest, running: RunningServer, reporter: Reporter
) -> SampleCalls | Failed:
    """The calls for a server; the file that curl sends lies in the server's own folder.

    Reports: what reading the answers reports.
    """
    golden = package / manifest.versions[-1].golden
    names = [entry.name for entry in manifest.inputs]
    known = read_answers(golden, set(names), reporter)
    if isinstance(known, Failed):
        return FAILED
    first = {name: known.arrays[name][:1] for name in names}
    url = running.http + model_path(manifest.name, None, "/infer")
    if running.layout == "triton":
        body, header = _binary_request(first, manifest)
        fields = {_HEADER_LENGTH: str(header)}
    else:
        body, fields = json_request(first), {"Content-Type": "application/json"}
    path = running.folder / "request.bin"
    path.write_bytes(body)
    headers = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
    curl = shlex.join(["curl", "-s", "--data-binary", f"@{path}", *headers, url])
    if _has_grpc():
        code = _code_for_grpc(golden, manifest, first, running)
    else:
        code = _code_for_http(path, fields, url)
    return SampleCalls(
        curl, shlex.join(["python", "-c", code]), _archc_call(package, manifest, running)
    )


def _archc_call(package: Path, manifest: Manifest, running: RunningServer) -> str | None:
    """With the picture prepared here, as the package says; numbers as text need gRPC."""
    has_grpc = _has_grpc()
    if not manifest.pictures or (running.layout != "triton" and not has_grpc):
        return None
    server = running.http if running.layout == "triton" else running.grpc
    address = server + model_path(manifest.name, None)
    picture = package / manifest.pictures[0]
    return shlex.join(["archc", "call", address, str(picture), "--like", str(package)])


def _has_grpc() -> bool:
    return find_spec("tritonclient") is not None and find_spec("grpc") is not None


def _binary_request(
    inputs: dict[str, NDArray[np.generic]], manifest: Manifest
) -> tuple[bytes, int]:
    """A request in the binary form, and the length of the JSON that it begins with."""
    encoded = {name: encode(array) for name, array in inputs.items()}
    output = manifest.outputs[0]
    is_list = bool(output.shape) and output.shape[0] > 1 and set(output.shape[1:]) <= {1}
    wanted = {"classification": _BEST} if is_list else {"binary_data": False}
    document = {
        "inputs": [
            {
                "name": name,
                "shape": tensor.shape,
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(tensor.data)},
            }
            for name, tensor in encoded.items()
        ],
        "outputs": [{"name": output.name, "parameters": wanted}],
    }
    header = json.dumps(document).encode()
    return header + b"".join(tensor.data for tensor in encoded.values()), len(header)


def _code_for_grpc(
    golden: Path, manifest: Manifest, inputs: dict[str, NDArray[np.generic]], running: RunningServer
) -> str:
    pairs = ", ".join(f'("{name}", "{encode(a).datatype}")' for name, a in inputs.items())
    target = running.grpc.removeprefix("grpc://")
    lines = (
        "import numpy as np, tritonclient.grpc as t",
        f"known = np.load({json.dumps(str(golden))})",
        f"inputs = [t.InferInput(n, known[n][:1].shape, d) for n, d in [{pairs}]]",
        "[i.set_data_from_numpy(known[i.name()][:1]) for i in inputs]",
        f'answer = t.InferenceServerClient("{target}").infer("{manifest.name}", inputs)',
        f'print(answer.as_numpy("{manifest.outputs[0].name}"))',
    )
    return "; ".join(lines)


def _code_for_http(request: Path, fields: dict[str, str], url: str) -> str:
    lines = (
        "import json, urllib.request as u",
        f'body = open({json.dumps(str(request))}, "rb").read()',
        f"asked = u.Request({json.dumps(url)}, body, {json.dumps(fields)})",
        'print(json.load(u.urlopen(asked))["outputs"])',
    )
    return "; ".join(lines)
