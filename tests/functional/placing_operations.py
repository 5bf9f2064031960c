"""Operations that pick, claim and hold, for the cloud of ``write_operations``.

``SETUP`` adds a host that no other operation uses, and a consumer with a hold in a
group.
"""

import typing

from tests.functional import write_operations
from tests.functional.write_operations import Body, Setup, Write

HOST = "a0b4d1c8-6a0e-4d0b-9c1e-0000000000a1"
HELD, FIRST, OTHER = (
    f"a0b4d1c8-6a0e-4d0b-9c1e-0000000000b{number}" for number in (1, 2, 3)
)
_PROJECT, _USER = write_operations.PROJECT, write_operations.USER


def _place(
    *consumers: str, units: int = 1, owner: str = "", **more: typing.Any
) -> Body:
    claims = [
        {
            "consumer_uuid": consumer,
            "project_id": owner or _PROJECT,
            "user_id": owner or _USER,
            "consumer_type": "INSTANCE",
            "query": f"resources=VCPU:{units}&in_tree={HOST}",
        }
        for consumer in consumers
    ]
    return {"claims": claims, **more}


_GROUP = {"name": "pair", "policy": "affinity"}
_HOLD = f"/-/v1/holds/{HELD}"

SETUP: tuple[Setup, ...] = (
    ("POST", "/resource_providers", {"name": "placing", "uuid": HOST}),
    (
        "PUT",
        f"/resource_providers/{HOST}/inventories",
        {"inventories": {"VCPU": {"total": 8}}, "resource_provider_generation": 0},
    ),
    ("PUT", "/-/v1/limits/limited", {"VCPU": 5, "consumers": 9}),
    (
        "POST",
        "/-/v1/claims",
        _place(HELD, units=2, owner="limited", hold_seconds=3600, group=_GROUP),
    ),
)

WRITES: tuple[Write, ...] = (
    Write("place a consumer", "POST /-/v1/claims", _place(FIRST), 200, 409),
    Write(
        "place consumers with a key, a hold and a group",
        "POST /-/v1/claims",
        _place(FIRST, OTHER, owner="limited", hold_seconds=3600, group=_GROUP),
        200,
        200,
        key="key",
    ),
    Write(
        "place consumers with another group",
        "POST /-/v1/claims",
        _place(
            FIRST,
            owner="stranger",
            group={"name": "new", "policy": "anti-affinity"},
        ),
        200,
        409,
    ),
    Write("place too much", "POST /-/v1/claims", _place(FIRST, units=7), 409, 409),
    Write(
        "place above the limit",
        "POST /-/v1/claims",
        _place(FIRST, units=4, owner="limited"),
        409,
        409,
    ),
    Write("confirm a hold", f"POST {_HOLD}:confirm", None, 204, 404),
    Write("extend a hold", f"POST {_HOLD}:extend", {"seconds": 60}, 200, 200),
    Write(
        "release a consumer with a hold", f"DELETE /allocations/{HELD}", None, 204, 404
    ),
)
