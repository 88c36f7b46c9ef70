"""A model for Triton's Python backend: encoded pictures to pixels. Written by archc.

It needs numpy and Pillow in the server's Python. What happens to a picture stands in `steps.json`,
and is done by the functions of `archc_pixels.py`, both beside this file. A picture that cannot be
read is an error of its request alone.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

FOLDER = Path(__file__).resolve().parent


class TritonPythonModel:
    """One instance of the model, as Triton makes and calls it."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Reads the steps; says what is missing where Pillow is."""
        sys.path.insert(0, str(FOLDER))
        try:
            self._shared: Any = import_module("archc_pixels")
        except ImportError as error:
            raise pb_utils.TritonModelException(
                "pictures are decoded by Pillow: install it in the server's Python, "
                f"`pip install pillow` ({error})"
            ) from error
        plain = json.loads((FOLDER / "steps.json").read_text(encoding="utf-8"))
        self._steps = self._shared.PixelSteps.of(plain)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request, in their order."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:
        pictures = pb_utils.get_input_tensor_by_name(request, "picture").as_numpy().reshape(-1)
        prepared = []
        for index, data in enumerate(pictures):
            try:
                picture = self._shared.decode(bytes(data))
                prepared.append(self._shared.to_pixels(picture, self._steps))
            except self._shared.UnreadablePicture as error:
                return _refuse(f"picture {index} cannot be read: {error}", "INVALID_ARG")
            except Exception as error:  # whatever it is, it is the answer to this request alone
                return _refuse(f"picture {index} cannot be prepared: {error}", "INTERNAL")
        return pb_utils.InferenceResponse([pb_utils.Tensor("pixels", np.stack(prepared))])


def _refuse(message: str, code: str) -> Any:
    number = getattr(pb_utils.TritonError, code, None)  # older releases have no codes
    error = pb_utils.TritonError(message, *([] if number is None else [number]))
    return pb_utils.InferenceResponse([], error)
