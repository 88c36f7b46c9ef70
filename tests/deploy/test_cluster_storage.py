"""Addresses that a cluster fetches from."""

from __future__ import annotations

import pytest

from archc.deploy.cluster_storage import Storage, parse_storage
from archc.diagnostics.reporter import Failed, Reporter
from archc.weights.checkpoint import file_place
from tests.unit.runtime.reporting import rules

PLACE = file_place("package")


@pytest.mark.parametrize(
    ("text", "storage"),
    [
        ("oci://reg.example/a/b", Storage("oci", "reg.example/a/b", "latest")),
        ("oci+native://localhost:5000/a:v1", Storage("oci+native", "localhost:5000/a", "v1")),
        ("oci+fetch://r.io/a__b/c-d", Storage("oci+fetch", "r.io/a__b/c-d", "latest")),
        ("pvc://claim/folder", Storage("pvc", "claim/folder", None)),
        ("https://host/a.zip?x=1", Storage("https", "host/a.zip?x=1", None)),
    ],
)
def test_addresses_are_read(text: str, storage: Storage) -> None:
    assert parse_storage(text, PLACE, Reporter()) == storage


@pytest.mark.parametrize(
    "text",
    [
        "",
        "digits",
        "oci://digits",
        "oci://reg.example/Digits",
        "oci://reg.example/a@sha256:" + "0" * 64,
        "oci://reg.example/a:",
        "oci://reg.example//a",
        "oci+modelcar://reg.example/a",
        "s3://",
        "s3://a b",
        "file:///models",
        "OCI://reg.example/a",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    reporter = Reporter()
    assert isinstance(parse_storage(text, PLACE, reporter), Failed)
    assert rules(reporter) == ["kserve/storage"]
