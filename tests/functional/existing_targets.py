"""Point generated requests at objects that exist.

Requests that are generated from a schema name random providers, classes and
generations, so the first check refuses nearly all of them.
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
# Values by the name of a parameter without its suffix.
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


class Generations(typing.NamedTuple):
    """Current generations; None for a consumer without allocations."""

    provider: int
    consumer: int | None


def ensure_targets(application: server.Application, is_used: bool) -> Generations:
    """Create the provider and the custom names unless they exist.

    Reset the provider to one trait and one inventory, which a consumer uses if
    ``is_used``.
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
        claim = {
            "allocations": {PROVIDER: {"resources": {"VCPU": 1}}},
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
            "project_id": "project",
            "user_id": "user",
        }
        _send(application, f"PUT /allocations/{CONSUMER}", claim)
    shown_consumer = _send(application, f"GET /allocations/{CONSUMER}")
    return Generations(
        _send(application, f"GET {path}")["generation"],
        shown_consumer.get("consumer_generation"),
    )


def retarget(case: schemathesis.Case, generations: Generations) -> None:
    """Replace names and generations in path, query and body with existing ones."""
    case.path_parameters = {name: PATH[name] for name in case.path_parameters}
    if isinstance(case.query, dict):
        case.query = {
            name: _retargeted_parameter(name, value)
            for name, value in case.query.items()
        }
    case.body = _retargeted(case.body, generations)


def _retargeted_parameter(name: str, value: object) -> object:
    # The longest name first: root_required is not a form of required.
    for parameter in sorted(QUERY, key=len, reverse=True):
        if name.startswith(parameter):
            return QUERY[parameter]
    return value


def _retargeted(value: typing.Any, generations: Generations) -> typing.Any:
    if isinstance(value, list):
        return [_retargeted(each, generations) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        _retargeted_name(name, each): _retargeted_member(name, each, generations)
        for name, each in value.items()
    }


def _retargeted_name(name: str, value: object) -> str:
    """Return an existing name for a key of a map, chosen by the value of the key."""
    if isinstance(value, dict):
        if "project_id" in value:
            return CONSUMER
        if name not in ("allocations", "inventories"):
            if "resources" in value or "inventories" in value:
                return PROVIDER
            if "total" in value:
                return "VCPU"
    return name


def _retargeted_member(
    name: str, value: typing.Any, generations: Generations
) -> typing.Any:
    if name == "resource_provider_generation":
        return generations.provider
    if name == "consumer_generation":
        return generations.consumer
    if name == "resources" and isinstance(value, dict) and value:
        return {"VCPU": 1}
    return BODY[name] if name in BODY else _retargeted(value, generations)


def _send(
    application: server.Application, first: str, body: object = None
) -> dict[str, typing.Any]:
    """Send a request and return the response body, also of a refusal."""
    text = "" if body is None else json.dumps(body)
    answer = api_ref.send(application, api_ref.Message(first, {}, text))
    document: dict[str, typing.Any] = answer.json if answer.body else {}
    return document
