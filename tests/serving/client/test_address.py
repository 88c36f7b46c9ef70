"""Addresses of servers and models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.diagnostics.reporter import Failed, Reporter
from archc.serving.client.address import Address, ModelAddress, model_path, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost:8000", (Address("localhost", 8000), None, None)),
        ("http://localhost:8000/", (Address("localhost", 8000), None, None)),
        ("http://localhost:8000/v2", (Address("localhost", 8000), None, None)),
        ("https://gate", (Address("gate", 443, "https"), None, None)),
        ("http://gate/a/b", (Address("gate", 80, "http", "/a/b"), None, None)),
        ("grpc://[::1]:8001", (Address("::1", 8001, "grpc"), None, None)),
        ("grpc://host", (Address("host", 8001, "grpc"), None, None)),
        ("grpcs://host/v2/models/m", (Address("host", 443, "grpcs"), "m", None)),
        ("http://h:1/v2/models/m", (Address("h", 1), "m", None)),
        ("http://h:1/v2/models/m/infer", (Address("h", 1), "m", None)),
        ("http://h:1/p/v2/models/m/versions/3", (Address("h", 1, "http", "/p"), "m", "3")),
        ("http://h:1/v2/models/a%2Fb%20c/versions/3/infer", (Address("h", 1), "a/b c", "3")),
    ],
)
def test_an_address_is_read(text: str, expected: tuple[Address, str | None, str | None]) -> None:
    assert parse_address(text, Reporter()) == ModelAddress(*expected)


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("localhost:8000", "did you mean `http://localhost:8000`?"),
        ("htttp://h:1", "did you mean `http://h:1`?"),
        ("file:///etc/passwd", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://:8000", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://h:x", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://h:99999", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://[::1", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://me:secret@h:1", "credentials go into a header: `--header 'Authorization: …'`"),
        ("http://a..b:1", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        (f"http://{'a' * 70}:1", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
        ("http://h:1/a b/v2", "write `/a%20b/v2` for the path"),
        ("http://h:1/v2/models/ü", "write `/v2/models/%C3%BC` for the path"),
        ("", "write `http://HOST:PORT` or `grpc://HOST:PORT`"),
    ],
)
def test_what_is_no_address_is_said_with_a_way_out(text: str, help_: str) -> None:
    reporter = Reporter()
    assert isinstance(parse_address(text, reporter), Failed)
    (found,) = reporter.diagnostics
    assert found.rule.slug == "server/address"
    assert found.helps == (help_,)


@given(st.text(max_size=40) | st.text("htps:/@[]v2models.1%", max_size=40).map("http://".__add__))
def test_no_text_is_more_than_a_mistake(text: str) -> None:
    reporter = Reporter()
    assert isinstance(parse_address(text, reporter), Failed) == reporter.has_errors


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(NAMES, st.none() | NAMES)
def test_the_path_of_a_model_leads_back_to_it(model: str, version: str | None) -> None:
    found = parse_address(f"http://h:1{model_path(model, version, '/infer')}", Reporter())
    assert found == ModelAddress(Address("h", 1), model, version)
