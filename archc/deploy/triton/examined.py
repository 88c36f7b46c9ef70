"""A model of a repository while it is checked: its folder, its configuration, its versions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archc.deploy.triton.releases import Release
from archc.deploy.triton.values import Group
from archc.diagnostics.place import Place

CONFIG = "config.pbtxt"

ENSEMBLE = "ensemble"
ONNX = "onnxruntime"
PYTHON = "python"

MODEL_FILES = {
    ONNX: "model.onnx",
    PYTHON: "model.py",
    "tensorrt": "model.plan",
    "openvino": "model.xml",
    "pytorch": "model.pt",
}
"""The file of a model, by backend, where a configuration names none."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A model folder whose configuration could be read.

    Attributes:
        folder: where it lies.
        config: its configuration; an empty one where there is no file.
        has_config: whether there is a file.
        backend: what runs it, `ensemble` for an ensemble; empty where that is not to be found out.
        folders: the folders of its versions, by ascending number.
        release: the server that it is checked for.
        auto_complete: whether the server fills in what a configuration leaves out.
    """

    folder: Path
    config: Group
    has_config: bool
    backend: str
    folders: Mapping[int, Path]
    release: Release
    auto_complete: bool

    @property
    def name(self) -> str:
        """The name that it is served under."""
        return self.folder.name

    @property
    def max_batch_size(self) -> int:
        """The most samples of a request; 0 where there is no batch axis."""
        return self.config.integer("max_batch_size")

    @property
    def model_file(self) -> str:
        """The name of the model's file in a version's folder; empty where it is not known."""
        return self.config.text("default_model_filename") or MODEL_FILES.get(self.backend, "")

    @property
    def served(self) -> Mapping[int, Path]:
        """The folders of the versions that the version policy picks."""
        policy = self.config.group("version_policy")
        if policy is None:
            return dict([*self.folders.items()][-1:])
        specific, latest = policy.group("specific"), policy.group("latest")
        if specific is not None:
            wanted = specific.integers("versions")
            return {number: path for number, path in self.folders.items() if number in wanted}
        if latest is not None:
            count = latest.integer("num_versions")
            return dict([*self.folders.items()][-count:]) if count else {}
        return self.folders

    def place_of(self, field: str) -> Place:
        """Where a field of the configuration stands."""
        return self.config.place_of(field)


def version_folders(folder: Path) -> Mapping[int, Path]:
    """The folders whose names are numbers, by ascending number; a zero before a number hides it."""
    found = {
        int(name): folder / name
        for name in subfolders(folder)
        if name.isascii() and name.isdecimal() and (len(name) == 1 or name[0] != "0")
    }
    return dict(sorted(found.items()))


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; none where it cannot be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if os.path.isdir(folder / name)]


def resolve_backend(config: Group, folder: Path) -> str:
    """What runs a model, by its configuration or else by the files of its first version.

    As Triton resolves it (core, `AutoCompleteBackendFields`), whether or not it completes the rest.
    """
    backend, platform = config.text("backend"), config.text("platform")
    if platform == ENSEMBLE or backend:
        return backend or ENSEMBLE
    by_platform = {"onnxruntime_onnx": ONNX, "tensorrt_plan": "tensorrt"}
    by_platform |= {"pytorch_libtorch": "pytorch", "libtorch": "pytorch"}
    file = config.text("default_model_filename")
    by_file = {name: backend for backend, name in MODEL_FILES.items()}
    if platform in by_platform or file in by_file:
        return by_platform.get(platform) or by_file[file]
    first = next(iter(subfolders(folder)), None)
    if platform or file or first is None:
        return ""
    found = (kind for kind, name in MODEL_FILES.items() if os.path.exists(folder / first / name))
    return next(found, "")
