"""The manifest of a package: what it serves, where its files lie, and their digests.

It stands in `archc-package.json` at the top of every package that archc writes; paths in it are
relative to that folder, with `/` between their parts.
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, ValidationError

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.preprocess import Preprocess
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

MANIFEST = "archc-package.json"
"""The name of the manifest's file."""

NO_PACKAGE = Rule(
    "deploy/no-package",
    "a folder is no package that archc wrote",
    "The manifest says what is served and which answers are known; without it nothing is.",
)

Form: TypeAlias = Literal["image", "tensor"]
"""What a served model takes: pixels as uint8 (N, H, W, C), or floats as the network does."""

ServedDType: TypeAlias = Literal["float32", "float16", "uint8", "int64"]


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in path:
        raise ValueError("a path in a manifest stays inside the package")
    return path


PackagePath: TypeAlias = Annotated[str, AfterValidator(_inside)]
"""A path inside the package."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TensorSpec(_Part):
    """An input or output of a served model.

    Attributes:
        name: its name.
        dtype: its element type.
        shape: its sizes without the batch; −1 where the caller chooses.
    """

    name: str
    dtype: ServedDType
    shape: tuple[int, ...]


class Version(_Part):
    """One build of the network, served under a number.

    Attributes:
        number: the version's number on the server.
        model: the ONNX file.
        opset: the version of its operators.
        ir_version: the version of its format.
        weights_digest: the SHA-256 of its weights, where the build recorded one.
        golden: the known answers of this build, an `.npz` file as `archc verify` takes it.
        tolerance: the largest difference that counts as equal, over the largest answer.
    """

    number: Annotated[int, Ge(1)]
    model: PackagePath
    opset: int
    ir_version: int
    weights_digest: str | None = None
    golden: PackagePath
    tolerance: float = 1e-4


class FileDigest(_Part):
    """The SHA-256 of a file, in hex digits, and its length."""

    sha256: str
    size_bytes: Annotated[int, Ge(0)]


class Manifest(_Part):
    """What a package serves.

    Attributes:
        format: the version of this form.
        archc: the version of archc that wrote it.
        target: the server it is for: `triton`, `kserve`, `openvino`, `mlserver` or `web`.
        release: the server's release that it was checked for.
        name: the model's name on the server.
        form: what the model takes.
        spec: the name of the spec.
        variant: the variant that was built.
        spec_digest: the digest of the spec.
        parameters: the parameters' values.
        is_trained: whether the weights come from a checkpoint, where that is known.
        inputs: what the model takes.
        outputs: what it gives.
        max_batch_size: the most samples of one request; 0 where there is no batching.
        preprocess: how a picture becomes the input.
        labels: the file of the classes' names, one a line.
        probabilities: the outputs that are probabilities already.
        ensemble: the name of the served model that takes encoded pictures, if there is one.
        repository: the folder that the server is started with.
        pictures: the pictures of the golden samples, in the order of the batch.
        versions: the builds, by ascending number.
        files: the digest of every other file, by path.
        proved_on: the runtimes that gave the golden answers before the package was handed over.
    """

    format: Literal[1] = 1
    archc: str
    target: str
    release: str | None = None
    name: str
    form: Form
    spec: str | None = None
    variant: str | None = None
    spec_digest: str | None = None
    parameters: Mapping[str, JsonValue] = {}
    is_trained: bool | None = None
    inputs: Annotated[tuple[TensorSpec, ...], MinLen(1)]
    outputs: Annotated[tuple[TensorSpec, ...], MinLen(1)]
    max_batch_size: Annotated[int, Ge(0)]
    preprocess: Preprocess | None = None
    labels: PackagePath | None = None
    probabilities: tuple[str, ...] = ()
    ensemble: str | None = None
    repository: PackagePath | None = None
    pictures: tuple[PackagePath, ...] = ()
    versions: Annotated[tuple[Version, ...], MinLen(1)]
    files: Mapping[PackagePath, FileDigest] = {}
    proved_on: tuple[str, ...] = ()


def read_manifest(folder: Path, reporter: Reporter) -> Manifest | Failed:
    """The manifest of a package.

    Reports: deploy/no-package.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        why = f"`{MANIFEST}` cannot be read: {(error.strerror or str(error)).lower()}"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = f"`{MANIFEST}` is damaged at `{shown(where)}`: {shown(first['msg'])}"
    return reporter.error(
        NO_PACKAGE,
        f"`{shown(str(folder))}` is no package of archc's",
        file_place(str(folder)),
        notes=(why,),
        helps=("write one with `archc deploy SPEC --target triton -o DIR`",),
    )


def format_manifest(manifest: Manifest) -> str:
    """The text of a manifest, the same for the same values."""
    values = manifest.model_dump(mode="json", exclude_none=True)
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
