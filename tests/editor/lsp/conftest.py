"""A server for all tests of a file, as an editor keeps one for all its files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editor.lsp.client import Client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client()
    yield client
    status = client.close()
    assert client.log == []
    assert status == 0
