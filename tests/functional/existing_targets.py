"""Requests that were drawn blindly, turned towards what there is.

What is drawn from a schema names providers and classes that do not exist and
generations that nobody has, and so hardly ever comes further than the first check.
"""

import json
import typing

import schemathesis

from tests.functional import api_ref
from tests.servers import server

PROVIDER = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7c01"
CONSUMER = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7c02"
CUSTOM = "CUSTOM_DRAWN"
TRAIT = "HW_CPU_X86_AVX2"
OFFER = {"total": 2147483647}

PATH = {
    "uuid": PROVIDER,
    "consumer_uuid": CONSUMER,
    "resource_class": "VCPU",
    "name": CUSTOM,
}
# Values by the name of a parameter, whatever its suffix.
QUERY = {
    "resources": "VCPU:1",
    "required": TRAIT,
    "in_tree": PROVIDER,
    "member_of": CONSUMER,
    "root_required": f"!{CUSTOM}",
    "project_id": "project",
    "consumer_type": "INSTANCE",
    "limit": "2",
    "group_policy": "none",
    "name": "startswith:CUSTOM_",
    "uuid": PROVIDER,
    "associated": "true",
}
BODY = {
    "resource_class": "DISK_GB",
    "resource_provider": {"uuid": PROVIDER},
    "traits": [TRAIT],
    "parent_provider_uuid": None,
}


class Known(typing.NamedTuple):
    """The generations of what there is; None for a consumer that holds nothing."""

    provider_generation: int
    consumer_generation: int | None


def restock(application: server.Application, is_used: bool) -> Known:
    """Make the provider and the custom names exist again, whoever deleted them.

    The provider has a trait and an inventory, which a consumer uses if ``is_used``.
    """
    path = f"/resource_providers/{PROVIDER}"
    _send(application, "POST /resource_providers", {"name": "known", "uuid": PROVIDER})
    for first in (
        f"PUT /traits/{CUSTOM}",
        f"PUT /resource_classes/{CUSTOM}",
        f"DELETE /allocations/{CONSUMER}",
        f"DELETE {path}/inventories",
    ):
        _send(application, first)
    _send(application, f"POST {path}/inventories", {"resource_class": "VCPU", **OFFER})
    shown = _send(application, f"GET {path}")
    traits = {"traits": [TRAIT], "resource_provider_generation": shown["generation"]}
    _send(application, f"PUT {path}/traits", traits)
    if is_used:
        holding = {
            "allocations": {PROVIDER: {"resources": {"VCPU": 1}}},
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
            "project_id": "project",
            "user_id": "user",
        }
        _send(application, f"PUT /allocations/{CONSUMER}", holding)
    held = _send(application, f"GET /allocations/{CONSUMER}")
    return Known(
        _send(application, f"GET {path}")["generation"],
        held.get("consumer_generation"),
    )


def aim(case: schemathesis.Case, known: Known) -> None:
    """Name in the path, the query and the body of ``case`` what there is."""
    case.path_parameters = {name: PATH[name] for name in case.path_parameters}
    if isinstance(case.query, dict):
        case.query = {
            name: _aimed_parameter(name, value) for name, value in case.query.items()
        }
    case.body = _aimed(case.body, known)


def _aimed_parameter(name: str, value: object) -> object:
    # The longest name first: root_required is not a form of required.
    for parameter in sorted(QUERY, key=len, reverse=True):
        if name.startswith(parameter):
            return QUERY[parameter]
    return value


def _aimed(value: typing.Any, known: Known) -> typing.Any:
    if isinstance(value, list):
        return [_aimed(each, known) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        _aimed_name(name, each): _aimed_member(name, each, known)
        for name, each in value.items()
    }


def _aimed_name(name: str, value: object) -> str:
    """Tell by what is below a key of a map what the key should name."""
    if isinstance(value, dict):
        if "project_id" in value:
            return CONSUMER
        if name not in ("allocations", "inventories"):
            if "resources" in value or "inventories" in value:
                return PROVIDER
            if "total" in value:
                return "VCPU"
    return name


def _aimed_member(name: str, value: typing.Any, known: Known) -> typing.Any:
    if name == "resource_provider_generation":
        return known.provider_generation
    if name == "consumer_generation":
        return known.consumer_generation
    if name == "resources" and isinstance(value, dict) and value:
        return {"VCPU": 1}
    return BODY[name] if name in BODY else _aimed(value, known)


def _send(
    application: server.Application, first: str, body: object = None
) -> dict[str, typing.Any]:
    """Send a request; what it refuses is no matter here."""
    text = "" if body is None else json.dumps(body)
    answer = api_ref.send(application, api_ref.Message(first, {}, text))
    document: dict[str, typing.Any] = answer.json if answer.body else {}
    return document
