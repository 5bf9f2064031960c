import json

import pytest

from placement.api import errors
from placement.api.microversion import MAX_VERSION, Version


def document(status=404, message="No such thing.", accept="application/json", **more):
    environ = {"REQUEST_METHOD": "PATCH", "CONTENT_TYPE": "text/plain"}
    if accept is not None:
        environ["HTTP_ACCEPT"] = accept
    facts = {"request_id": "req-1", "code": "placement.some", "version": Version(1, 23)}
    return errors.document(status, message, environ, **(facts | more))


def error(**given):
    found = document(**given)
    assert found.content_type == "application/json"
    (only,) = json.loads(found.body)["errors"]
    return only


def test_an_error_has_these_members():
    assert error() == {
        "status": 404,
        "title": "Not Found",
        "detail": "The resource could not be found.\n\n No such thing.  ",
        "request_id": "req-1",
        "code": "placement.some",
    }


@pytest.mark.parametrize(
    ("version", "has_code"),
    [(None, False), (Version(1, 22), False), (Version(1, 23), True)],
)
def test_an_error_has_a_code_since_1_23(version, has_code):
    assert ("code" in error(version=version)) is has_code


@pytest.mark.parametrize(
    ("status", "title", "sentence"),
    [
        (400, "Bad Request", "The server could not comply with the request"),
        (403, "Forbidden", "Access was denied to this resource."),
        (404, "Not Found", "The resource could not be found."),
        (405, "Method Not Allowed", "The method PATCH is not allowed"),
        (406, "Not Acceptable", "The resource could not be generated"),
        (409, "Conflict", "There was a conflict when trying to complete"),
        (415, "Unsupported Media Type", "The request media type text/plain is not"),
        (500, "Internal Server Error", "The server has either erred"),
        (503, "Service Unavailable", "The server is currently unavailable."),
    ],
)
def test_a_status_has_its_title_and_explanation(status, title, sentence):
    found = error(status=status)

    assert (found["status"], found["title"]) == (status, title)
    assert found["detail"].startswith(sentence)


def test_the_message_is_one_line_and_the_last():
    detail = error(message="one\n two\r\n\nthree")["detail"]

    assert detail.split("\n")[-1].split() == ["one", "two", "three"]


def test_tags_are_removed_from_the_message():
    detail = error(message="a <b>bold</b> 1 < 2")["detail"]

    assert detail.split("\n")[-1].strip() == "a bold 1 < 2"


def test_an_error_can_have_the_supported_versions():
    found = error(status=406, has_versions=True)

    assert (found["min_version"], found["max_version"]) == ("1.0", str(MAX_VERSION))


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html, application/json;q=0.9", "text/html; charset=UTF-8"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=UTF-8"),
        ("text/html;q=0.1, application/json", "application/json"),
        ("text/plain", "text/plain; charset=UTF-8"),
        ("application/json;q=0", "text/plain; charset=UTF-8"),
        ("no;;;thing", "application/json"),
    ],
)
def test_the_document_has_the_media_type_that_accept_prefers(accept, content_type):
    assert document(accept=accept).content_type == content_type


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_each_media_type_has_the_title_and_the_message(accept):
    body = document(accept=accept).body.decode()

    assert "404 Not Found" in body
    assert "No such thing." in body


def test_html_escapes_the_message():
    body = document(accept="text/html", message="1 < 2 & 'x'").body.decode()

    assert "1 &lt; 2 &amp; &#x27;x&#x27;" in body


@pytest.mark.parametrize(
    ("status", "name"),
    [(405, "REQUEST_METHOD"), (406, "HTTP_ACCEPT"), (415, "CONTENT_TYPE")],
)
def test_the_explanation_cuts_a_long_header(status: int, name: str) -> None:
    environ = {name: "text/plain;a=" + "b" * 1000}

    body = errors.document(status, "", environ, "req-a", "a", None).body

    assert b"b" * 100 in body
    assert b"b" * 201 not in body
