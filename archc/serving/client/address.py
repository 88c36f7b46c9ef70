"""Addresses of servers and models: `http://host:port/v2/models/NAME/versions/V` and its parts."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from typing_extensions import override

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import nearest
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NO_ADDRESS = Rule(
    "server/address",
    "an address leads to no server",
    "The scheme says which protocol is spoken: `http` or `https`, `grpc` or `grpcs` (with TLS).",
)

_PORTS = {"http": 80, "https": 443, "grpc": 8001, "grpcs": 443}
_MODEL = re.compile(
    r"(?P<prefix>.*?)/v2(?:/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?"
    r"(?:/(?:infer|ready|config|stats))?)?/?"
)


class Address(NamedTuple):
    """Where a server listens; `prefix` is the path before `/v2`, as gateways have it."""

    host: str
    port: int
    scheme: str = "http"
    prefix: str = ""

    @property
    def is_grpc(self) -> bool:
        """Whether gRPC is spoken there."""
        return self.scheme.startswith("grpc")

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "grpcs")

    @property
    def authority(self) -> str:
        """`host:port`, with brackets about an address of IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @override
    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


class ModelAddress(NamedTuple):
    """A server, and the model and version that an address names."""

    server: Address
    model: str | None = None
    version: str | None = None


def model_path(model: str, version: str | None, end: str = "") -> str:
    """The path below a server's prefix at which a model is."""
    versions = f"/versions/{quote(version, safe='')}" if version else ""
    return f"/v2/models/{quote(model, safe='')}{versions}{end}"


def parse_address(text: str, reporter: Reporter) -> ModelAddress | Failed:
    """The server, model and version that a text names.

    >>> parse_address("http://localhost:8000/v2/models/digits", Reporter())
    ModelAddress(server=Address(host='localhost', port=8000, scheme='http', prefix=''), \
model='digits', version=None)

    Reports: server/address.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return _refused(text, reporter, str(error).lower())
    if parts.scheme not in _PORTS or "://" not in text:
        return _no_scheme(text, parts, reporter)
    host = parts.hostname or ""
    if not _is_host(host):
        return _refused(text, reporter, "it names no host")
    if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
        why = "its path has characters that are written as `%XX` there"
        return _refused(text, reporter, why, f"write `{quote(parts.path, safe='/%')}` for the path")
    if parts.username is not None or parts.query or parts.fragment:
        return _refused(
            text,
            reporter,
            "a user, a query or a fragment is no part of it",
            "credentials go into a header: `--header 'Authorization: …'`",
        )
    address = Address(host, _PORTS[parts.scheme] if port is None else port, parts.scheme)
    found = _MODEL.fullmatch(parts.path)
    if found is None:
        return ModelAddress(address._replace(prefix=parts.path.rstrip("/")))
    model, version = found["model"], found["version"]
    return ModelAddress(
        address._replace(prefix=found["prefix"]),
        unquote(model) if model else None,
        unquote(version) if version else None,
    )


def _is_host(name: str) -> bool:
    """Whether a name can be looked up."""
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        return False
    return encoded.isprintable() and encoded != "" and " " not in encoded


def _no_scheme(text: str, parts: SplitResult, reporter: Reporter) -> Failed:
    near = nearest(parts.scheme, _PORTS) if "://" in text else "http"
    rest = text.partition("://")[2] or text
    help_ = f"did you mean `{near}://{shown(rest)}`?" if near and rest else ""
    return _refused(text, reporter, "it begins with none of " + ", ".join(_PORTS), help_)


def _refused(text: str, reporter: Reporter, why: str, help_: str = "") -> Failed:
    return reporter.error(
        NO_ADDRESS,
        f"`{shown(text)}` is no address of a server",
        file_place(text),
        notes=(why,),
        helps=(help_ or "write `http://HOST:PORT` or `grpc://HOST:PORT`",),
    )
