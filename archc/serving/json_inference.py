"""Inference with tensors as JSON, for servers that take no binary tensors over HTTP (MLServer).

Slow, as numbers become text: for a proof with a few samples alone. Source: the Open Inference
Protocol, version 2 (https://github.com/kserve/open-inference-protocol).
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.tensors import DATATYPES, encode
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_ANSWER = Rule(
    "serve/no-answer",
    "a server does not answer a request in JSON",
    "The golden samples are put to the server that was started; it must answer each.",
)

_SECONDS = 60.0


def json_request(inputs: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The body of a request."""
    described = [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": encode(array).datatype,
            "data": array.ravel().tolist(),
        }
        for name, array in inputs.items()
    ]
    return json.dumps({"inputs": described}).encode()


def infer_by_json(
    address: str, model: str, inputs: Mapping[str, NDArray[np.generic]], reporter: Reporter
) -> dict[str, NDArray[np.generic]] | Failed:
    """The outputs by name, for inputs by name.

    Reports: serve/no-answer.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        path = f"/v2/models/{quote(model, safe='')}/infer"
        fields = {"Content-Type": "application/json"}
        connection.request("POST", path, json_request(inputs), fields)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            why = f"{answer.status}: {body.decode('utf-8', 'replace')}"
            return _refused(address, why, reporter)
        return {output["name"]: _array(output) for output in json.loads(body)["outputs"]}
    except (OSError, http.client.HTTPException) as error:
        return _refused(address, str(error), reporter)
    except (KeyError, TypeError, ValueError) as error:
        return _refused(address, f"it is no answer of the protocol: {error}", reporter)
    finally:
        connection.close()


def _array(output: Mapping[str, Any]) -> NDArray[np.generic]:
    return np.asarray(output["data"], DATATYPES[output["datatype"]]).reshape(output["shape"])


def _refused(address: str, why: str, reporter: Reporter) -> Failed:
    return reporter.error(
        NO_ANSWER,
        f"`{shown(address)}` does not answer a request in JSON",
        file_place(address),
        notes=(shown(why),),
        helps=("see all that the server says: `--log FILE`",),
    )
