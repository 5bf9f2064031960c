"""Failures and numbers in responses, tested on a whole application."""

import json

import pytest
import webob

from tests.unit import in_process

CONSUMER = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PATH = f"/resource_providers/{UUID}"
HEADERS = {
    "x-auth-token": "admin",
    "x-roles": "admin,service",
    "accept": "application/json",
    "content-type": "application/json",
    "openstack-api-version": "placement latest",
}


@pytest.fixture
def send(tmp_path):
    """Return a function that sends a request to a service with one provider."""
    application = in_process.application(tmp_path)

    def send(method, path, body=None):
        request = webob.Request.blank(path, method=method, headers=HEADERS)
        request.body = b"" if body is None else json.dumps(body).encode()
        return request.get_response(application)

    assert send("POST", "/resource_providers", {"name": "a", "uuid": UUID})
    return send


def last_line(answer):
    return answer.json["errors"][0]["detail"].split("\n")[-1].strip()


def shape(generation=0, **classes):
    offers = {name: {"total": total} for name, total in classes.items()}
    return {UUID: {"resource_provider_generation": generation, "inventories": offers}}


def claim(generation=None, of=UUID, **amounts):
    return {
        CONSUMER: {
            "allocations": {of: {"resources": amounts}},
            "consumer_generation": generation,
            "consumer_type": "INSTANCE",
            "project_id": "p",
            "user_id": "u",
        }
    }


@pytest.mark.parametrize(
    ("inventories", "allocations"),
    [(shape(CUSTOM_NO=1), {}), (shape(VCPU=1), claim(CUSTOM_NO=1))],
)
def test_a_reshape_with_an_unknown_class_is_400(send, inventories, allocations):
    body = {"inventories": inventories, "allocations": allocations}

    answer = send("POST", "/reshaper", body)

    assert answer.status_int == 400
    text = "malformed reshaper data: No such resource class CUSTOM_NO"
    assert text in last_line(answer)
    assert send("GET", PATH).json["generation"] == 0


@pytest.mark.parametrize(
    ("inventories", "allocations", "status", "text"),
    [
        (shape(7, CUSTOM_NO=1), claim(7), 409, "resource provider generation conflict"),
        (shape(0, CUSTOM_NO=1), claim(7, VCPU=1), 409, "consumer generation conflict"),
        (
            shape(0, CUSTOM_NO=1),
            claim(None, CONSUMER, VCPU=1),
            400,
            f"Allocation for resource provider '{CONSUMER}' that does not exist.",
        ),
    ],
)
def test_a_reshape_reports_its_failures_in_this_order(
    send, inventories, allocations, status, text
):
    body = {"inventories": inventories, "allocations": allocations}
    body["allocations"][CONSUMER]["allocations"] = {
        uuid: {"resources": each["resources"] or {"VCPU": 1}}
        for uuid, each in body["allocations"][CONSUMER]["allocations"].items()
    }

    answer = send("POST", "/reshaper", body)

    assert answer.status_int == status
    assert text in last_line(answer)


def test_a_write_returns_amounts_as_given_and_generations_as_integers(send):
    inventories = {"VCPU": {"total": 8.0}}
    replaced = send(
        "PUT",
        f"{PATH}/inventories",
        {"resource_provider_generation": 0.0, "inventories": inventories},
    )
    grouped = send(
        "PUT",
        f"{PATH}/aggregates",
        {"resource_provider_generation": 1.0, "aggregates": []},
    )

    assert '"resource_provider_generation":1,' in replaced.text
    assert grouped.json == {"aggregates": [], "resource_provider_generation": 2}
    assert ".0" not in grouped.text
    assert '"total":8.0,' in replaced.text
    assert '"total":8,' in send("GET", f"{PATH}/inventories").text


@pytest.mark.parametrize("generation", [2**31, 2**63, 10**30, -1])
def test_a_generation_beyond_the_column_is_stale(send, generation):
    body = {"resource_provider_generation": generation, "inventories": {}}

    answer = send("PUT", f"{PATH}/inventories", body)

    assert answer.status_int == 409
    assert answer.json["errors"][0]["code"] == "placement.concurrent_update"
