"""What a target packs: one network in the form that it is served in, and how it shall be served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from archc.deploy.manifest import Form, TensorSpec
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.writer import WriteResult
from archc.runtime.preprocess import Preprocess

Device: TypeAlias = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Served:
    """One network as a server is to serve it.

    Attributes:
        name: its name on the server: letters, digits, `_`, `-` and dots.
        form: what it takes.
        inputs: what it takes, the batch left out.
        outputs: what it gives, the batch left out.
        opset: the version of its operators.
        ir_version: the version of its format.
        has_batch: whether the first axis of everything is a batch of any length.
        preprocess: how a picture becomes the input.
        labels: the classes' names; empty where there are none.
        labelled: the outputs that have one number a label.
        probabilities: the outputs that are probabilities already.
        place: where a mistake is shown.
        write_model: writes the ONNX file, and the weights to a second file beside it or into it.
    """

    name: str
    form: Form
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    ir_version: int
    has_batch: bool
    preprocess: Preprocess | None
    labels: tuple[str, ...]
    labelled: tuple[str, ...]
    probabilities: tuple[str, ...]
    place: Place
    write_model: Callable[[Path, bool], WriteResult | Failed]


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """How a network shall be served; each target takes what it knows.

    Attributes:
        version: the number under which it is served.
        release: the server's release, None for the target's default.
        max_batch_size: the most samples of one request; 0 for no batching.
        max_queue_delay_us: microseconds that a request waits for others to share its batch.
        instances: copies of the model that run at once.
        threads: threads of each.
        device: what they run on.
        serve_all: whether every version is served, not the latest alone.
        ensemble: whether a second model that takes encoded pictures is served.
        storage: the address that a cluster fetches the package from.
        shell: a static busybox for an image in which a cluster runs a shell; None for none.
        browser_runtime: the folder of onnxruntime-web's files; None to fetch them from a network.
    """

    version: int = 1
    release: str | None = None
    max_batch_size: int = 16
    max_queue_delay_us: int = 1000
    instances: int = 1
    threads: int = 1
    device: Device = "cpu"
    serve_all: bool = False
    ensemble: bool = False
    storage: str | None = None
    shell: Path | None = None
    browser_runtime: Path | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a target put things, as paths relative to the package.

    Attributes:
        model: the ONNX file.
        repository: the folder that the server is started with, if it is started with one.
        labels: the file of the labels, one a line, where there are any.
        ensemble: the name of the model that takes encoded pictures.
        release: the server's release that the package was checked for.
    """

    model: str
    repository: str | None = None
    labels: str | None = None
    ensemble: str | None = None
    release: str | None = None


class Target(Protocol):
    """What the module of a target has."""

    def write(
        self, served: Served, folder: Path, options: ServingOptions, reporter: Reporter
    ) -> Layout | Failed:
        """Writes a package into an empty folder, without the golden samples and the manifest."""


@runtime_checkable
class VersionedTarget(Target, Protocol):
    """The module of a target whose server holds several builds of a network beside each other."""

    def add_version(
        self, served: Served, folder: Path, options: ServingOptions, reporter: Reporter
    ) -> Layout | Failed:
        """Writes a further version into a package; its layout is that of the new version."""
