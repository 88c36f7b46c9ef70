"""Packages for KServe: the service's manifest, its storage, and an image that holds the storage.

Triton is started with `--model-store=/mnt/models`, OpenVINO model server with `--model_path` of the
same folder, so one finds a folder a model there and the other a folder a version (KServe,
config/runtimes). What lies under `/models` in an image comes to stand there: mounted
(`oci+native://`, KServe 0.20, Kubernetes 1.33), unpacked (`oci+fetch://`), or, as a modelcar
(`oci://`), through a link that a shell in the image makes. An image of weights has no shell, so a
modelcar is given a static busybox.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from archc.deploy import openvino, triton
from archc.deploy.cluster_storage import Storage, parse_storage
from archc.deploy.inference_service import (
    InferenceService,
    format_service,
    resources,
    service_name,
)
from archc.deploy.oci import EVERY_ARCHITECTURE, Architecture, Content, Link, Program, write_image
from archc.deploy.served import Layout, Served, ServingOptions
from archc.deploy.static_program import program_architecture
from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.onnx_io.reader import read_metadata
from archc.runtime.metadata import ModelRecord, parse_metadata
from archc.version import __version__
from archc.weights.shown import shown

RUNTIME = Rule(
    "kserve/runtime",
    "a package for KServe is asked for a runtime that archc does not write for",
    "Each runtime finds its models in another layout of the storage.",
)
NO_SHELL = Rule(
    "kserve/no-shell",
    "a modelcar has no shell",
    "Unless the cluster mounts images as volumes, KServe starts `sh`, `ls`, `ln` and `sleep` in "
    "the image, and its pods fail where they are missing.",
)
ENSEMBLE = Rule(
    "kserve/ensemble",
    "a cluster's Triton is to take encoded pictures",
    "The step that decodes them needs Pillow, which the server's own image does not have: without "
    "it the server does not become ready.",
)

_STORAGE = "models"
_IMAGE = "image"
_MANIFEST = "inferenceservice.yaml"
_SHELL = "bin/busybox"
# What KServe's commands for a modelcar call (pkg/utils/storage.go, `modelcarCommand`).
_APPLETS = ("[", "echo", "ln", "ls", "mkdir", "sh", "sleep", "test")


class _Runtime(NamedTuple):
    layout: Layout
    name: str
    version: str | None
    arguments: tuple[str, ...]


def write(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> Layout | Failed:
    """The manifest, the storage under `models`, the image under `image`, and a README.

    `options.release` is the runtime: `triton`, `openvino`, or `triton:RELEASE`.

    Reports: kserve/runtime, kserve/no-storage, kserve/storage, kserve/not-static, and what the
        runtime's own target reports; kserve/no-shell and kserve/ensemble as warnings.
    """
    place = served.place
    storage = parse_storage(options.storage, place, reporter)
    if isinstance(storage, Failed):
        return FAILED
    architecture = _shell_architecture(options, reporter)
    if isinstance(architecture, Failed):
        return FAILED
    if storage.needs_shell and options.shell is None:
        _warn_of_modelcar(storage, place, reporter)
    runtime = _write_storage(served, folder, options, reporter)
    if isinstance(runtime, Failed):
        return FAILED
    model = folder / runtime.layout.model
    annotations = _annotations(served, parse_metadata(read_metadata(model)))
    digest = write_image(
        _image_content(folder, options.shell),
        folder / _IMAGE,
        annotations={"org.opencontainers.image.title": served.name, **annotations},
        tag=storage.tag or "latest",
        architectures=EVERY_ARCHITECTURE if architecture is None else (architecture,),
    )
    service = InferenceService(
        name=service_name(served.name),
        runtime=runtime.name,
        runtime_version=runtime.version,
        storage_uri=storage.uri(digest),
        arguments=runtime.arguments,
        annotations=annotations,
        resources=resources(model.stat().st_size, options),
    )
    (folder / _MANIFEST).write_text(format_service(service), encoding="utf-8")
    readme = _readme(served, service, storage, digest)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return runtime.layout


def _write_storage(
    served: Served, folder: Path, options: ServingOptions, reporter: Reporter
) -> _Runtime | Failed:
    runtime, _, release = (options.release or "triton").partition(":")
    # A modelcar is reached through a link into another process's root, and ONNX Runtime refuses
    # external weights that it finds behind one: whatever the target would do, one file.
    single = replace(served, write_model=lambda path, _: served.write_model(path, False))
    if runtime == "triton":
        own = replace(options, release=release or None)
        layout = triton.write(single, folder, own, reporter)
        if isinstance(layout, Failed):
            return FAILED
        if options.ensemble:
            _warn_of_ensemble(served.place, reporter)
        named = replace(layout, release=f"triton:{layout.release}")
        version = f"{layout.release}-py3" if layout.release else None
        return _Runtime(named, "kserve-tritonserver", version, ())
    if runtime == "openvino" and not release:
        layout = openvino.write_repository(single, folder, _STORAGE, options, reporter)
        if isinstance(layout, Failed):
            return FAILED
        named = replace(layout, release="openvino")
        return _Runtime(named, "kserve-openvino", None, tuple(openvino.server_options(options)))
    return reporter.error(
        RUNTIME,
        f"there is no runtime `{shown(options.release or '')}`",
        served.place,
        notes=("the runtimes are `triton`, `triton:RELEASE` and `openvino`",),
        helps=("write `--target kserve:triton` or `--target kserve:openvino`",),
    )


def _shell_architecture(
    options: ServingOptions, reporter: Reporter
) -> Architecture | Failed | None:
    return None if options.shell is None else program_architecture(options.shell, reporter)


def _warn_of_modelcar(storage: Storage, place: Place, reporter: Reporter) -> None:
    reporter.warning(
        NO_SHELL,
        "`oci://` makes the image a modelcar, and it has no shell",
        place,
        notes=("a cluster whose `ociModelMode` is `native` mounts it, and needs none",),
        helps=(
            f"let the cluster mount it: `--storage oci+native://{storage.place}`",
            "or give it a shell: `--shell BUSYBOX`, a statically linked busybox",
        ),
    )


def _warn_of_ensemble(place: Place, reporter: Reporter) -> None:
    reporter.warning(
        ENSEMBLE,
        "decoding pictures needs Pillow, and NVIDIA's image for Triton has none",
        place,
        helps=(
            "give the runtime `kserve-tritonserver` an image with Pillow: "
            "`RUN pip install pillow`, on top of NVIDIA's",
            "or leave `--encoded` out, and let clients decode",
        ),
    )


def _image_content(folder: Path, shell: Path | None) -> dict[str, Content]:
    content: dict[str, Content] = {
        path.relative_to(folder).as_posix(): path
        for path in (folder / _STORAGE).rglob("*")
        if path.is_file()
    }
    if shell is not None:
        content[_SHELL] = Program(shell)
        content |= {f"bin/{applet}": Link("busybox") for applet in _APPLETS}
    return content


def _annotations(served: Served, record: ModelRecord) -> Mapping[str, str]:
    digests = {"spec-digest": record.spec_digest, "weights-digest": record.weights_digest}
    return {
        "archc.dev/model": served.name,
        "archc.dev/version": __version__,
        **{f"archc.dev/{key}": f"sha256:{hex}" for key, hex in digests.items() if hex},
    }


def _readme(served: Served, service: InferenceService, storage: Storage, digest: str) -> str:
    if storage.is_image:
        target = f"docker://{storage.place}:{storage.tag}"
        push = shlex.join(
            ["skopeo", "copy", "--all", "--preserve-digests", f"oci:{_IMAGE}:{storage.tag}", target]
        )
        supply = f"""Push the image, which has the digest that the manifest names, `{digest}`:

    {push}
"""
    else:
        supply = f"""Copy what lies in `{_STORAGE}/` (not the folder itself) to

    {service.storage_uri}
"""
    asked = service.name if service.runtime == "kserve-openvino" else served.name
    return f"""# {served.name}

{supply}
Then create the service, and wait until it is ready:

    kubectl apply -f {_MANIFEST}
    kubectl wait --for=condition=Ready inferenceservice/{service.name} --timeout=5m

Clients ask for the model `{asked}`. {_modes(storage)}
"""


def _modes(storage: Storage) -> str:
    modes = {
        "oci": (
            "KServe's configuration has to say `enableModelcar: true`, and with `uidModelcar` as "
            "whom the shell and the server run: one user, else the server cannot follow the link."
        ),
        "oci+native": (
            "KServe's configuration has to say `enableOciModelSupport: true` (KServe 0.20), and "
            "Kubernetes has to mount image volumes (1.33 behind a feature gate, 1.35 by itself)."
        ),
        "oci+fetch": (
            "KServe's configuration has to say `enableOciModelSupport: true` (later than KServe "
            "0.20)."
        ),
    }
    return modes.get(storage.scheme, "The service's account needs the rights to read that address.")
