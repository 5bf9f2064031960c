"""The command ``placement openapi``."""

import json


def test_the_document_of_a_version_is_printed(command):
    found = json.loads(command("openapi", "--version", "1.10").stdout)

    assert "/allocation_candidates" in found["paths"]
    assert "/reshaper" not in found["paths"]


def test_the_document_of_the_extensions_is_that_of_the_service(command, client):
    found = json.loads(command("openapi", "--extensions").stdout)

    assert found == client.get_extensions_openapi()
