"""The page's preprocessing in Node.js, asked for one picture after the other."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
PAGE = Path(str(files("archc.deploy.web") / "page"))


@final
class PageProgram:
    """A process that runs `preprocess.js` until it is closed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "--no-warnings", HERE / "pixels.mjs", PAGE / "preprocess.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tensor(
        self,
        pixels: NDArray[np.uint8],
        steps: Mapping[str, object],
        dtype: str = "uint8",
        layout: str = "nhwc",
    ) -> NDArray[np.generic]:
        """The tensor that the page makes of pixels (H, W, 3)."""
        height, width, _ = pixels.shape
        request = {
            "width": width,
            "height": height,
            "data": base64.b64encode(pixels.tobytes()).decode(),
            "steps": dict(steps),
            "input": {"dtype": dtype, "layout": layout},
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        h, w, c = answer["shape"]
        values = np.frombuffer(base64.b64decode(answer["data"]), dtype=dtype)
        return values.reshape((h, w, c) if layout == "nhwc" else (c, h, w))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=30)
