"""The OpenAPI documents, read by the client."""

import pytest

from placement.client import NotAcceptable


def test_the_document_of_the_newest_or_of_a_version_is_read(client):
    newest, older = client.get_openapi(), client.get_openapi("1.10")

    assert "/reshaper" in newest["paths"]
    assert "/reshaper" not in older["paths"]


def test_a_version_that_does_not_exist_is_refused(client):
    with pytest.raises(NotAcceptable):
        client.get_openapi("1.99")


def test_the_document_of_the_extensions_is_read(client):
    assert "/-/v1/providers:query" in client.get_extensions_openapi()["paths"]
