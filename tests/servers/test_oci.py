"""Images of packages in a real registry and in real tools; run by `make registry`.

The registry is Debian's `docker-registry`, the tools are `skopeo` and `umoci`, the shell of a
modelcar is that of `busybox-static`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from archc.deploy.served import ServingOptions
from tests.deploy.packing import packed

pytestmark = pytest.mark.registry

WITHIN_SECONDS = 30


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty registry on this machine."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": address},
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "registry.yaml")],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_it_answers(process, f"http://{address}/v2/", folder / "log")
            yield address
        finally:
            process.terminate()
            process.wait(WITHIN_SECONDS)


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"the registry does not answer:\n{log.read_text(encoding='utf-8')}")


def storage_uri(package: Path) -> str:
    manifest: dict[str, Any] = yaml.safe_load(
        (package / "inferenceservice.yaml").read_text("utf-8")
    )
    uri: str = manifest["spec"]["predictor"]["model"]["storageUri"]
    return uri


def push(package: Path) -> str:
    """Pushes the image as the README says; gives the address that the cluster fetches from."""
    text = (package / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("    skopeo ")]
    run(*shlex.split(line), "--dest-tls-verify=false", "--quiet", cwd=package)
    return "docker://" + storage_uri(package).partition("://")[2]


def unpack(layout: Path, rootfs: Path) -> Path:
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:latest", rootfs)
    return rootfs / "rootfs"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("runtime", ["triton", "openvino"])
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_what_was_pushed_comes_back(
    runtime: str, architecture: str, registry: str, tmp_path: Path
) -> None:
    image = f"oci+native://{registry}/models/{runtime}:v1"
    packed(f"kserve:{runtime}", tmp_path / "p", options=ServingOptions(storage=image))
    address = push(tmp_path / "p")
    pulled = tmp_path / "pulled"
    run(
        "skopeo",
        f"--override-arch={architecture}",
        "copy",
        "--src-tls-verify=false",
        "--quiet",
        address,
        f"oci:{pulled}:latest",
    )
    rootfs = unpack(pulled, tmp_path / "unpacked")
    assert [path.name for path in rootfs.iterdir()] == ["models"]
    assert files(rootfs / "models") == files(tmp_path / "p" / "models")


def test_two_builds_are_one_image_in_the_registry(registry: str, tmp_path: Path) -> None:
    image = f"oci+native://{registry}/models/twice:v1"
    for name in ("a", "b"):
        packed("kserve:openvino", tmp_path / name, options=ServingOptions(storage=image))
    assert files(tmp_path / "a/image") == files(tmp_path / "b/image")
    assert push(tmp_path / "a") == push(tmp_path / "b")


def test_skopeo_reads_what_the_image_says_of_itself(registry: str, tmp_path: Path) -> None:
    image = f"oci+native://{registry}/models/digits:v1"
    package = packed("kserve:openvino", tmp_path / "p", options=ServingOptions(storage=image))
    layout = json.loads(run("skopeo", "inspect", f"oci:{tmp_path / 'p/image'}:v1"))
    pushed = json.loads(run("skopeo", "inspect", "--tls-verify=false", push(tmp_path / "p")))
    for found in (layout, pushed):
        assert found["Os"] == "linux"
        assert found["Labels"]["archc.dev/model"] == "digits"
        spec_digest = f"sha256:{package.manifest.spec_digest}"
        assert found["Labels"]["archc.dev/spec-digest"] == spec_digest
        assert found["Digest"] == storage_uri(tmp_path / "p").partition("@")[2]
    assert pushed["RepoTags"] == ["v1"]


@pytest.fixture(scope="module")
def modelcar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked root of an image with a shell."""
    folder = tmp_path_factory.mktemp("modelcar")
    shell = shutil.which("busybox")
    assert shell is not None
    options = ServingOptions(storage="oci://registry.example/digits", shell=Path(shell))
    packed("kserve:triton", folder / "p", options=options)
    rootfs = unpack(pulled_here(folder), folder / "unpacked")
    (rootfs / "mnt").mkdir()  # where a pod mounts the volume that both containers share
    return rootfs


def pulled_here(folder: Path) -> Path:
    run("skopeo", "copy", "--quiet", f"oci:{folder}/p/image:latest", f"oci:{folder}/l:latest")
    return folder / "l"


def inside(rootfs: Path, script: str) -> list[str]:
    """The command that runs a script as a container of the image would, by its `sh` and PATH."""
    isolate = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return [*isolate, "env", "-i", "PATH=/bin:/usr/bin:/usr/sbin", "chroot", str(rootfs),
            "sh", "-c", script]  # fmt: skip


def test_a_modelcar_passes_the_check_before_it_starts(modelcar: Path) -> None:
    # What KServe's init container runs (pkg/utils/storage.go, `CreateModelcarInitContainer`).
    script = '[ -d /models ] && [ "$(ls -A /models)" ] && echo OK || (echo NOK && exit 1)'
    assert run(*inside(modelcar, script)) == "OK\n"


def test_a_modelcar_links_the_models_and_stays(modelcar: Path) -> None:
    # What its sidecar runs (`modelcarCommand`); the server then reads through the link.
    script = "ln -sf /proc/$$/root/models /mnt/models && sleep infinity"
    process = subprocess.Popen(inside(modelcar, script))
    try:
        link = modelcar / "mnt" / "models"
        deadline = time.monotonic() + WITHIN_SECONDS
        while not link.is_symlink() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        target = link.readlink()
        assert target.parts[:2] == ("/", "proc")
        assert files(target) == files(modelcar / "models")
        assert (target / "digits" / "config.pbtxt").is_file()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
