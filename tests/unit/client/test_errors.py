"""Error responses become exceptions by status, code and text."""

import email.utils
import json
import pathlib
import re
import time

import pytest

from placement import exception, extension_exception
from placement.client import errors
from placement.db import pipeline, transaction
from placement.web import app

API_REFERENCE = pathlib.Path(__file__).parents[3] / "api-ref" / "index.md"

GENERIC = "There was a conflict when trying to complete your request.\n\n "


def failure(status, code=None, detail="", **more):
    error = {"status": status, "title": "T", "detail": GENERIC + detail, **more}
    if code is not None:
        error["code"] = code
    body = json.dumps({"errors": [error]}).encode()
    return errors.from_response(status, {}, body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.UnexpectedAnswer),
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.ClientError),
        (406, errors.NotAcceptable),
        (409, errors.Conflict),
        (500, errors.ServerError),
        (503, errors.Unavailable),
    ],
)
def test_the_status_decides_the_exception(status, kind):
    found = failure(status)

    assert type(found) is kind
    assert found.status == status


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("placement.concurrent_update", errors.ConcurrentUpdate),
        ("placement.duplicate_name", errors.DuplicateName),
        ("placement.inventory.inuse", errors.InventoryInUse),
        ("placement.resource_provider.inuse", errors.ProviderInUse),
        (
            "placement.resource_provider.cannot_delete_parent",
            errors.ProviderHasChildren,
        ),
        ("placement.undefined_code", errors.Conflict),
    ],
)
def test_the_code_of_a_conflict_decides_the_exception(code, kind):
    found = failure(409, code)

    assert type(found) is kind
    assert found.code == code


@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        (
            "placement.concurrent_update",
            "consumer generation conflict - expected 1 but got None",
            errors.ConsumerConflict,
        ),
        (
            "placement.undefined_code",
            "Unable to allocate inventory: The requested amount would exceed the "
            "capacity.",
            errors.CapacityExceeded,
        ),
        (
            "placement.undefined_code",
            "The requested amount would violate inventory constraints.",
            errors.ConstraintViolation,
        ),
        (
            "placement.undefined_code",
            "Inventory for 'VCPU' on resource provider 'u' invalid.",
            errors.InventoryInvalid,
        ),
    ],
)
def test_the_text_of_a_conflict_without_a_code_of_its_own_decides_the_exception(
    code, detail, kind
):
    assert type(failure(409, code, detail)) is kind


def test_the_text_of_a_conflict_is_ignored_at_another_status():
    assert type(failure(400, detail="exceed the capacity")) is errors.BadRequest


def test_the_detail_omits_the_generic_sentence():
    found = failure(409, "c", "The trait X is in use.  ", request_id="req-1")

    assert found.detail == str(found) == "The trait X is in use."
    assert found.request_id == "req-1"


def test_the_detail_is_the_generic_sentence_if_there_is_no_other():
    assert failure(404).detail == GENERIC.strip()


def test_an_error_without_a_code_has_the_undefined_code():
    assert failure(400).code == "placement.undefined_code"


@pytest.mark.parametrize(
    "document",
    [
        {"message": "No token", "code": "401 Unauthorized", "title": "Unauthorized"},
        {"error": {"code": 401, "title": "Unauthorized", "message": "No token"}},
    ],
)
def test_the_error_documents_of_token_middleware_are_understood(document):
    found = errors.from_response(401, {}, json.dumps(document).encode())

    assert type(found) is errors.Unauthorized
    assert found.detail == "No token"
    assert found.code == "placement.undefined_code"


@pytest.mark.parametrize("code", ["placement.something_new", "401", 401, None, [1], {}])
def test_an_undocumented_code_becomes_the_undefined_code(code):
    assert failure(409, code).code == "placement.undefined_code"


@pytest.mark.parametrize("status", [401, 404, 413, 414, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{", b"[" * 100_000])
def test_a_response_without_an_error_document_has_the_undefined_code(status, body):
    assert errors.from_response(status, {}, body).code == "placement.undefined_code"


def test_the_codes_equal_those_of_the_api_reference_and_of_the_service():
    pages = (API_REFERENCE, API_REFERENCE.with_name("extensions.md"))
    text = "\n".join(page.read_text() for page in pages)
    documented = re.findall(r"^\| `(placement\.\S+)` \|", text, re.M)
    kinds = [
        kind
        for module in (exception, extension_exception)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, exception.PlacementError)
    ]

    assert set(documented) == errors.CODES
    assert {kind.code for kind in kinds} | set(app.CODES.values()) == errors.CODES


def test_the_exception_has_headers_and_retry_after_seconds():
    found = errors.from_response(503, {"retry-after": "7", "x": "y"}, b"")

    assert found.headers == {"retry-after": "7", "x": "y"}
    assert found.retry_after_seconds == 7


def test_retry_after_may_be_a_date():
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    found = errors.from_response(503, {"retry-after": date}, b"")

    assert 98 <= found.retry_after_seconds <= 100


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "²", "Mon, 99 Foo"])
def test_an_invalid_retry_after_is_none(value):
    assert (
        errors.from_response(503, {"retry-after": value}, b"").retry_after_seconds
        is None
    )


def test_a_retry_after_date_in_the_past_is_zero_seconds():
    past = "Wed, 21 Oct 2015 07:28:00 GMT"

    assert (
        errors.from_response(503, {"retry-after": past}, b"").retry_after_seconds == 0
    )


@pytest.mark.parametrize(
    "text", [str(transaction._not_ready()), "Wait. Nothing was changed."]
)
def test_the_outcome_is_known_if_the_text_says_that_nothing_was_changed(text):
    assert not failure(503, detail=text).is_outcome_unknown


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (503, str(pipeline.outcome_unknown(Exception()))),
        (503, ""),
        (502, ""),
        (500, "The server met an error that it did not expect."),
        (302, ""),
    ],
)
def test_without_that_text_the_outcome_is_unknown(status, text):
    assert failure(status, detail=text).is_outcome_unknown


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_the_outcome_of_a_rejected_request_is_known(status):
    assert not failure(status).is_outcome_unknown


def test_the_text_of_a_lost_race_equals_that_of_the_service():
    assert errors.LOST_RACE in str(transaction._conflict())


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad\ngateway</html>", b"[]", b'"x"', b'{"errors": [1]}']
)
def test_the_detail_of_a_response_without_an_error_document_has_the_status(body):
    found = errors.from_response(502, {"x-openstack-request-id": "req-2"}, body)

    assert type(found) is errors.Unavailable
    assert found.detail.startswith("HTTP status 502")
    assert found.request_id == "req-2"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            b"<html><head><title>Bad Request</title><style>a {}</style></head><body>"
            b"<h1><p>Bad Request</p></h1>\nRequest Line is too large (5000 &gt; 4094)"
            b"\n<script>x()</script></body></html>",
            ": Bad Request Request Line is too large (5000 > 4094)",
        ),
        (b"  <!DOCTYPE HTML><title>T</title><p>Gone.", ": Gone."),
        (b"<html><head><title>T<body>Text", ": Text"),
        (b"<h1>A &amp; B</h1", ": A & B"),
        (b"<html></html>", ""),
    ],
)
def test_an_html_page_is_quoted_without_markup(page, text):
    found = errors.from_response(414, {"content-type": "text/html"}, page)

    assert found.detail == f"HTTP status 414{text}"


def test_control_characters_are_removed_from_the_detail():
    found = errors.from_response(502, {}, b"\x1b[31mred\x00")

    assert found.detail == "HTTP status 502: [31mred"


@pytest.mark.parametrize("separator", [" ", "\n\n"])
def test_a_schema_error_is_shortened_to_its_first_sentence_and_path(separator):
    text = separator.join(
        [
            "JSON does not validate: 0 is less than the minimum of 1",
            "Failed validating 'minimum' in schema['properties']['a']:     {'type': 1}",
            "On instance['allocations']['u-1'][0]['VCPU']:     0",
        ]
    )

    assert failure(400, detail=text).detail == (
        "JSON does not validate: 0 is less than the minimum of 1 "
        "(in allocations/u-1/0/VCPU)"
    )


def test_a_schema_error_of_the_whole_body_has_no_path():
    text = "JSON does not validate: [] is not of type 'object' Failed validating "
    text += "'type' in schema:     {'type': 'object'} On instance:     []"

    assert failure(400, detail=text).detail == (
        "JSON does not validate: [] is not of type 'object'"
    )


def test_a_long_detail_is_shortened():
    assert len(errors.from_response(500, {}, b"x" * 5000).detail) < 300
