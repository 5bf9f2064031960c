"""An answer becomes the failure that callers can tell apart."""

import json

import pytest

from placement.client import errors

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
def test_the_status_decides_the_kind(status, kind):
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
        ("placement.something_new", errors.Conflict),
    ],
)
def test_the_code_of_a_conflict_decides_its_class(code, kind):
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
def test_conflicts_without_a_code_of_their_own_are_told_by_text(code, detail, kind):
    assert type(failure(409, code, detail)) is kind


def test_the_texts_of_conflicts_mean_nothing_with_another_status():
    assert type(failure(400, detail="exceed the capacity")) is errors.BadRequest


def test_the_detail_is_the_line_that_says_what_happened():
    found = failure(409, "c", "The trait X is in use.  ", request_id="req-1")

    assert found.detail == str(found) == "The trait X is in use."
    assert found.request_id == "req-1"


def test_a_generic_sentence_alone_is_the_detail():
    assert failure(404).detail == GENERIC.strip()


def test_an_error_without_code_has_the_undefined_one():
    assert failure(400).code == "placement.undefined_code"


@pytest.mark.parametrize(
    "document",
    [
        {"message": "No token", "code": "401 Unauthorized", "title": "Unauthorized"},
        {"error": {"code": 401, "title": "Unauthorized", "message": "No token"}},
    ],
)
def test_token_middleware_has_forms_of_its_own(document):
    found = errors.from_response(401, {}, json.dumps(document).encode())

    assert type(found) is errors.Unauthorized
    assert found.detail == "No token"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad\ngateway</html>", b"[]", b'"x"', b'{"errors": [1]}']
)
def test_an_answer_that_is_no_error_document_is_quoted(body):
    found = errors.from_response(502, {"x-openstack-request-id": "req-2"}, body)

    assert type(found) is errors.Unavailable
    assert found.detail.startswith("HTTP status 502")
    assert found.request_id == "req-2"


def test_a_long_answer_is_shortened():
    assert len(errors.from_response(500, {}, b"x" * 5000).detail) < 300
