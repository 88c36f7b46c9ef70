"""Where a cluster fetches a model: an image in a registry, or a folder in some storage.

The schemes are those that KServe admits (`SupportedStorageURIPrefixList`); what an image is called
is the grammar of the distribution specification.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.shown import shown

NO_STORAGE = Rule(
    "kserve/no-storage",
    "nothing says where the cluster fetches the model",
    "Pods start empty: KServe mounts or downloads the model from an address in the manifest.",
)
STORAGE = Rule(
    "kserve/storage",
    "an address of storage is none that KServe takes",
    "A manifest with another address is refused, or its pods never become ready.",
)

_IMAGE_SCHEMES = ("oci", "oci+native", "oci+fetch")
_FOLDER_SCHEMES = ("gs", "s3", "pvc", "hdfs", "webhdfs", "http", "https", "hf")
_EXAMPLE = "oci+native://registry.example/models/digits"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    r"(?P<repository>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
    rf"(?:/{_PART})+)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
)


class Storage(NamedTuple):
    """An address that a cluster fetches from.

    Attributes:
        scheme: how it is fetched.
        place: what follows `://`, without the tag of an image.
        tag: the tag under which the image is pushed; None for a folder.
    """

    scheme: str
    place: str
    tag: str | None

    @property
    def is_image(self) -> bool:
        """Whether it is an image in a registry."""
        return self.tag is not None

    @property
    def needs_shell(self) -> bool:
        """Whether a cluster, unless it is told otherwise, runs a shell in the image."""
        return self.scheme == "oci"

    def uri(self, digest: str) -> str:
        """The address in a manifest: an image's by its digest, never by a tag that may move."""
        return f"{self.scheme}://{self.place}" + (f"@{digest}" if self.is_image else "")


def parse_storage(text: str | None, place: Place, reporter: Reporter) -> Storage | Failed:
    """The address that a caller gave.

    Reports: kserve/no-storage, kserve/storage.
    """
    if text is None:
        return reporter.error(
            NO_STORAGE,
            "KServe needs the address that the cluster will fetch the model from",
            place,
            helps=(
                f"name an image that you will push: `--storage {_EXAMPLE}`",
                "or the folder of a bucket or volume: `--storage s3://BUCKET/FOLDER`",
            ),
        )
    scheme, separator, rest = text.partition("://")
    if separator and scheme in _FOLDER_SCHEMES and re.fullmatch(r"[!-~]+", rest):
        return Storage(scheme, rest, None)
    if separator and scheme in _IMAGE_SCHEMES:
        image = _IMAGE.fullmatch(rest)
        if image is not None:
            return Storage(scheme, image["repository"], image["tag"] or "latest")
        note = "an image is `REGISTRY/NAME` or `REGISTRY/NAME:TAG`, its name in lower case"
        if "@" in rest:
            note = "the digest is that of the image in the package, and is added to it"
    else:
        schemes = (f"`{known}://`" for known in (*_IMAGE_SCHEMES, *_FOLDER_SCHEMES))
        note = f"KServe fetches from {', '.join(schemes)}"
    return reporter.error(
        STORAGE,
        f"`{shown(text)}` is no address that KServe fetches from",
        place,
        notes=(note,),
        helps=(f"name an image that you will push: `--storage {_EXAMPLE}`",),
    )
