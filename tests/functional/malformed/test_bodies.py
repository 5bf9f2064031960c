"""Bodies that are not JSON, or have values out of range, are refused."""

import pytest

from tests.functional.malformed.service import (
    CONSUMER,
    INVENTORIES,
    OWNED,
    PROVIDER,
    UUID,
    detail,
    send,
)
from tests.servers import server

MALFORMED = "Malformed JSON:"
INVALID = "JSON does not validate:"

LONE_SURROGATES = {
    "name": b'{"name": "\\ud800"}',
    "in the middle": b'{"name": "a\\uDFFFb"}',
    "wrong order": b'{"name": "\\udc00\\ud800"}',
    "key": b'{"name": "a", "\\ud800": 1}',
    "all": b'"\\ud800"',
}


@pytest.mark.parametrize("body", LONE_SURROGATES.values(), ids=LONE_SURROGATES)
def test_a_lone_surrogate_is_refused_by_the_schema(
    service: server.Application, body: bytes
) -> None:
    for accept in ("application/json", "application/json, text/html;q=0.5"):
        made = send(service, "POST /resource_providers", body, Accept=accept)

        assert made.status_int == 400
        assert INVALID in detail(made)
    assert send(service, f"PUT {PROVIDER}", body).status_int == 400


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\x00"}',
        b'{"name": "a',
        b'{"name": NaN}',
        b'{"name": "\\ud800", "more": Infinity}',
        b"\xef\xbb\xbf{}",
        b"{}" * 2,
        "{}".encode("utf-16"),
        b" ",
    ],
)
def test_a_body_that_is_not_json_is_refused(
    service: server.Application, body: bytes
) -> None:
    made = send(service, "POST /resource_providers", body)

    assert made.status_int == 400
    assert MALFORMED in detail(made)


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"name": ', "}"), ('{"\\ud800": ', "}")]
)
def test_a_deeply_nested_body_is_refused(
    service: server.Application, opening: str, closing: str
) -> None:
    for depth in (10, 100, 500, 1000, 1024, 1025, 10000, 200000):
        body = (opening * depth + "1" + closing * depth).encode()
        for request in ("POST /resource_providers", "POST /reshaper"):
            answer = send(service, request, body)
            assert answer.status_int == 400, depth
            assert any(text in detail(answer) for text in (MALFORMED, INVALID)), depth


# Numbers as JSON text.
HUGE = {
    "32 bit": str(2**31),
    "signed 64 bit": str(2**63),
    "unsigned 64 bit": str(2**64),
    "below 64 bit": str(-(2**63) - 1),
    "a hundred digits": "9" * 100,
    "a thousand digits": "9" * 1000,
    "a float": "1e300",
    "more than a float": "1e999",
}
ONE = '{"resources": {"VCPU": 1}}'
TOO_MUCH = '{"resources": {"VCPU": HUGE}}'


def _consumer(allocation: str, generation: str) -> str:
    return (
        f'{{"allocations": {{"{UUID}": {allocation}}}, {OWNED}, '
        f'"consumer_generation": {generation}}}'
    )


# The schema or the stored data refuses each body with every huge number.
HUGE_BODIES = {
    "generation": (
        f"PUT {INVENTORIES}",
        '{"resource_provider_generation": HUGE, "inventories": {}}',
    ),
    "generation of one": (
        f"PUT {INVENTORIES}/VCPU",
        '{"resource_provider_generation": HUGE, "total": 8}',
    ),
    "generation for traits": (
        f"PUT {PROVIDER}/traits",
        '{"resource_provider_generation": HUGE, "traits": []}',
    ),
    "generation for aggregates": (
        f"PUT {PROVIDER}/aggregates",
        '{"resource_provider_generation": HUGE, "aggregates": []}',
    ),
    "total": (f"POST {INVENTORIES}", '{"resource_class": "DISK_GB", "total": HUGE}'),
    "unit": (
        f"PUT {INVENTORIES}/VCPU",
        '{"resource_provider_generation": 1, "total": 8, "max_unit": HUGE}',
    ),
    "amount": (f"PUT /allocations/{CONSUMER}", _consumer(TOO_MUCH, "null")),
    "generation of a consumer": (
        f"PUT /allocations/{CONSUMER}",
        _consumer(ONE, "HUGE"),
    ),
    "amount of one of several": (
        "POST /allocations",
        f'{{"{CONSUMER}": {_consumer(TOO_MUCH, "null")}}}',
    ),
    "generation of one of several": (
        "POST /allocations",
        f'{{"{CONSUMER}": {_consumer(ONE, "HUGE")}}}',
    ),
    "reshape": (
        "POST /reshaper",
        f'{{"inventories": {{"{UUID}": {{"resource_provider_generation": HUGE, '
        '"inventories": {"VCPU": {"total": 8}}}}, "allocations": {}}',
    ),
    "amount in a reshape": (
        "POST /reshaper",
        f'{{"inventories": {{"{UUID}": {{"resource_provider_generation": 1, '
        '"inventories": {"VCPU": {"total": 8}}}}, '
        f'"allocations": {{"{CONSUMER}": {_consumer(TOO_MUCH, "null")}}}}}',
    ),
}


@pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)
def test_a_huge_number_in_a_body_is_refused(
    service: server.Application, number: str
) -> None:
    statuses = {
        name: send(service, request, body.replace("HUGE", number).encode()).status_int
        for name, (request, body) in HUGE_BODIES.items()
    }

    assert set(statuses.values()) <= {400, 409}, statuses
