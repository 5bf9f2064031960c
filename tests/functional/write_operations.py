"""Every operation of the API that writes, with requests for a small cloud.

Each request is for the cloud that ``SETUP`` creates, with its generations.
"""

import collections.abc
import contextlib
import typing

import webob

from tests.functional import contents, sending
from tests.servers import server

LATEST = "1.39"

Object = dict[str, typing.Any]
Body = Object | list[str] | None
# A request that creates a part of the cloud: method, path, body.
Setup = tuple[str, str, Body]


class Write(typing.NamedTuple):
    """A request that writes; ``request`` is its method and path.

    ``status`` is that of its response, ``again`` that of the same request sent again.
    ``key`` is its idempotency key, if any.
    """

    name: str
    request: str
    body: Body
    status: int
    again: int
    version: str = LATEST
    key: str = ""

    @property
    def method(self) -> str:
        return self.request.split()[0]

    @property
    def path(self) -> str:
        return self.request.split()[1]


def _uuid(number: int) -> str:
    return f"a0b4d1c8-6a0e-4d0b-9c1e-{number:012x}"


# Roots, except NODE, a child of HOST, and DEVICE, a child of NODE. EMPTY has
# inventories, traits and aggregates but no allocations.
HOST, OTHER, NODE, DEVICE, EMPTY, NEW = (_uuid(number) for number in range(1, 7))
HOLDER, SECOND, STRANGER = (_uuid(number) for number in range(17, 20))
KNOWN, UNKNOWN = _uuid(33), _uuid(34)
PROJECT, USER = "project", "user"

_OFFER = {
    "VCPU": {"total": 8},
    "MEMORY_MB": {"total": 4096, "step_size": 256},
    "CUSTOM_GPU": {"total": 4},
}


def _offer(offer: Object, generation: int = 0) -> Object:
    return {"inventories": offer, "resource_provider_generation": generation}


def claim(
    resources: dict[str, dict[str, int]],
    generation: int | None = None,
    owner: str = "",
) -> Object:
    """Return the body of a claim, for the project, user and type named ``owner``."""
    return {
        "allocations": {
            provider: {"resources": amounts} for provider, amounts in resources.items()
        },
        "consumer_generation": generation,
        "consumer_type": owner.upper() or "INSTANCE",
        "project_id": owner or PROJECT,
        "user_id": owner or USER,
    }


SETUP: tuple[Setup, ...] = (
    ("PUT", "/resource_classes/CUSTOM_GPU", None),
    ("PUT", "/resource_classes/CUSTOM_UNUSED", None),
    ("PUT", "/traits/CUSTOM_FAST", None),
    ("PUT", "/traits/CUSTOM_UNUSED", None),
    *(
        ("POST", "/resource_providers", {"name": name, "uuid": uuid} | parent)
        for name, uuid, parent in (
            ("host", HOST, {}),
            ("other", OTHER, {}),
            ("node", NODE, {"parent_provider_uuid": HOST}),
            ("device", DEVICE, {"parent_provider_uuid": NODE}),
            ("empty", EMPTY, {}),
        )
    ),
    *(
        ("PUT", f"/resource_providers/{uuid}/{what}", body)
        for uuid in (HOST, OTHER, EMPTY)
        for what, body in (
            ("inventories", _offer(_OFFER)),
            (
                "traits",
                {
                    "traits": ["CUSTOM_FAST", "HW_CPU_X86_AVX"],
                    "resource_provider_generation": 1,
                },
            ),
            (
                "aggregates",
                {"aggregates": [KNOWN], "resource_provider_generation": 2},
            ),
        )
    ),
    (
        "PUT",
        f"/allocations/{HOLDER}",
        claim({HOST: {"VCPU": 2, "MEMORY_MB": 512}, OTHER: {"CUSTOM_GPU": 1}}),
    ),
    ("PUT", f"/allocations/{SECOND}", claim({OTHER: {"VCPU": 8}})),
)

# The generations after SETUP: three changes each, and one or two claims.
_OF_HOST = 4
_HELD = 1

_HOST, _NODE, _EMPTY = (f"/resource_providers/{uuid}" for uuid in (HOST, NODE, EMPTY))
_MEMORY_ONLY = {"MEMORY_MB": {"total": 4096, "step_size": 256}}

_TREES = (
    Write(
        "create a root",
        "POST /resource_providers",
        {"name": "new", "uuid": NEW},
        200,
        409,
    ),
    Write(
        "create a child",
        "POST /resource_providers",
        {"name": "new", "uuid": NEW, "parent_provider_uuid": NODE},
        200,
        409,
    ),
    Write("rename a provider", f"PUT {_HOST}", {"name": "renamed"}, 200, 200),
    Write(
        "move a subtree",
        f"PUT {_NODE}",
        {"name": "node", "parent_provider_uuid": OTHER},
        200,
        200,
    ),
    Write(
        "make a node a root",
        f"PUT {_NODE}",
        {"name": "node", "parent_provider_uuid": None},
        200,
        200,
    ),
    Write(
        "move a node below its child",
        f"PUT {_NODE}",
        {"name": "node", "parent_provider_uuid": DEVICE},
        400,
        400,
    ),
    Write("delete a provider", f"DELETE {_EMPTY}", None, 204, 404),
)

_INVENTORIES = (
    Write(
        "add an inventory",
        f"POST {_NODE}/inventories",
        {"resource_class": "CUSTOM_GPU", "total": 2},
        201,
        409,
    ),
    Write(
        "replace inventories",
        f"PUT {_HOST}/inventories",
        _offer(
            {"VCPU": {"total": 16}, "DISK_GB": {"total": 100}, **_MEMORY_ONLY}, _OF_HOST
        ),
        200,
        409,
    ),
    Write(
        "replace an inventory",
        f"PUT {_HOST}/inventories/CUSTOM_GPU",
        {"total": 9, "resource_provider_generation": _OF_HOST},
        200,
        409,
    ),
    Write(
        "delete an inventory", f"DELETE {_HOST}/inventories/CUSTOM_GPU", None, 204, 404
    ),
    Write("delete inventories", f"DELETE {_EMPTY}/inventories", None, 204, 204),
    Write("delete used inventories", f"DELETE {_HOST}/inventories", None, 409, 409),
)

_ASSOCIATIONS = (
    Write(
        "replace aggregates",
        f"PUT {_HOST}/aggregates",
        {"aggregates": [UNKNOWN], "resource_provider_generation": _OF_HOST},
        200,
        409,
    ),
    Write(
        "replace aggregates without a generation",
        f"PUT {_HOST}/aggregates",
        [KNOWN, UNKNOWN],
        200,
        200,
        "1.18",
    ),
    Write(
        "replace traits",
        f"PUT {_HOST}/traits",
        {
            "traits": ["CUSTOM_FAST", "CUSTOM_UNUSED", "HW_CPU_X86_AVX2"],
            "resource_provider_generation": _OF_HOST,
        },
        200,
        409,
    ),
    Write("delete traits", f"DELETE {_HOST}/traits", None, 204, 204),
)

_DELTAS = (
    Write(
        "change a provider",
        f"PATCH /-/v1/providers/{HOST}",
        {
            "traits": {"add": ["CUSTOM_UNUSED"], "remove": ["CUSTOM_FAST"]},
            "aggregates": {"add": [UNKNOWN], "remove": [KNOWN]},
            "inventories": {
                "set": {"VCPU": {"total": 16}, "DISK_GB": {"total": 100}},
                "remove": ["CUSTOM_GPU"],
            },
        },
        200,
        200,
    ),
    Write(
        "remove a used inventory",
        f"PATCH /-/v1/providers/{HOST}",
        {"traits": {"add": ["CUSTOM_UNUSED"]}, "inventories": {"remove": ["VCPU"]}},
        409,
        409,
    ),
)

_TREES_AS_WANTED = (
    Write(
        "replace a tree",
        f"PUT /-/v1/trees/{HOST}",
        {
            "prune": True,
            "providers": [
                {
                    "uuid": HOST,
                    "name": "node",
                    "traits": ["CUSTOM_UNUSED"],
                    "aggregates": [UNKNOWN],
                    "inventories": {**_MEMORY_ONLY, "VCPU": {"total": 16}},
                },
                {"uuid": NEW, "name": "device", "parent_provider_uuid": HOST},
                {
                    "uuid": NODE,
                    "name": "host",
                    "parent_provider_uuid": NEW,
                    "inventories": {"DISK_GB": {"total": 10}},
                },
            ],
        },
        200,
        200,
    ),
    Write(
        "create a tree",
        f"PUT /-/v1/trees/{NEW}",
        {
            "providers": [
                {"uuid": NEW, "name": "new", "traits": ["CUSTOM_FAST"]},
                {
                    "uuid": STRANGER,
                    "name": "new node",
                    "parent_provider_uuid": NEW,
                    "aggregates": [KNOWN],
                },
            ]
        },
        200,
        200,
    ),
    Write(
        "validate a tree",
        f"PUT /-/v1/trees/{EMPTY}",
        {
            "validate_only": True,
            "providers": [{"uuid": EMPTY, "name": "renamed", "traits": []}],
        },
        200,
        200,
    ),
)

_NAMES = (
    Write("create a class", "POST /resource_classes", {"name": "CUSTOM_NEW"}, 201, 409),
    Write("ensure a class", "PUT /resource_classes/CUSTOM_NEW", None, 201, 204),
    Write(
        "rename a class",
        "PUT /resource_classes/CUSTOM_GPU",
        {"name": "CUSTOM_NEW"},
        200,
        404,
        "1.6",
    ),
    Write("delete a class", "DELETE /resource_classes/CUSTOM_UNUSED", None, 204, 404),
    Write("ensure a trait", "PUT /traits/CUSTOM_NEW", None, 201, 204),
    Write("delete a trait", "DELETE /traits/CUSTOM_UNUSED", None, 204, 404),
)

_CLAIMS = (
    Write(
        "claim for a new owner",
        f"PUT /allocations/{STRANGER}",
        claim(
            {
                HOST: {"VCPU": 1, "MEMORY_MB": 256, "CUSTOM_GPU": 1},
                OTHER: {"CUSTOM_GPU": 1},
            },
            owner="stranger",
        ),
        204,
        409,
    ),
    Write(
        "claim too much",
        f"PUT /allocations/{STRANGER}",
        claim({HOST: {"VCPU": 7}}, owner="stranger"),
        409,
        409,
    ),
    Write(
        "claim for a known owner",
        f"PUT /allocations/{STRANGER}",
        claim(
            {
                HOST: {"VCPU": 1, "MEMORY_MB": 256, "CUSTOM_GPU": 1},
                OTHER: {"CUSTOM_GPU": 1},
            }
        ),
        204,
        409,
    ),
    Write(
        "claim too much for a known owner",
        f"PUT /allocations/{STRANGER}",
        claim({OTHER: {"MEMORY_MB": 256}, HOST: {"VCPU": 7}}),
        409,
        409,
    ),
    Write(
        "replace a claim",
        f"PUT /allocations/{HOLDER}",
        claim({HOST: {"VCPU": 4, "CUSTOM_GPU": 1}}, _HELD),
        204,
        409,
    ),
    Write(
        "claim without a generation",
        f"PUT /allocations/{HOLDER}",
        {
            "allocations": {HOST: {"resources": {"VCPU": 3}}},
            "project_id": "stranger",
            "user_id": USER,
        },
        204,
        204,
        "1.12",
    ),
    Write("claim nothing", f"PUT /allocations/{HOLDER}", claim({}, _HELD), 204, 409),
    Write(
        "swap allocations of two consumers",
        "POST /allocations",
        {
            HOLDER: claim({OTHER: {"VCPU": 4, "CUSTOM_GPU": 2}}, _HELD),
            SECOND: claim({HOST: {"VCPU": 8}}, _HELD),
            STRANGER: claim({OTHER: {"VCPU": 4}}, owner="stranger"),
        },
        204,
        409,
    ),
    Write("release", f"DELETE /allocations/{HOLDER}", None, 204, 404),
    Write(
        "release several",
        "POST /-/v1/consumers:release",
        {
            "consumers": [
                {"uuid": HOLDER, "generation": _HELD},
                {"uuid": SECOND, "generation": _HELD},
            ],
            "reason": "they do not exist",
        },
        200,
        409,
    ),
    Write(
        "reshape",
        "POST /reshaper",
        {
            "inventories": {
                HOST: _offer(_MEMORY_ONLY, _OF_HOST),
                NODE: _offer({"VCPU": {"total": 8}, "CUSTOM_GPU": {"total": 4}}),
            },
            "allocations": {
                HOLDER: claim(
                    {
                        HOST: {"MEMORY_MB": 512},
                        NODE: {"VCPU": 2},
                        OTHER: {"CUSTOM_GPU": 1},
                    },
                    _HELD,
                )
            },
        },
        204,
        409,
    ),
)

_STATES = (
    Write(
        "cordon a tree",
        f"PUT /-/v1/providers/{HOST}/state",
        {"state": "cordoned", "reason": "new firmware"},
        200,
        200,
    ),
    Write(
        "return a tree to service",
        f"PUT /-/v1/providers/{HOST}/state",
        {"state": "in_service"},
        200,
        200,
    ),
)

_LIMITS = (
    Write(
        "set limits",
        "PUT /-/v1/limits/project",
        {"VCPU": 100, "CUSTOM_GPU": 5, "consumers": 9},
        200,
        200,
    ),
    Write("delete missing limits", "DELETE /-/v1/limits/project", None, 404, 404),
)

WRITES: tuple[Write, ...] = (
    *_STATES,
    *_TREES,
    *_INVENTORIES,
    *_ASSOCIATIONS,
    *_DELTAS,
    *_TREES_AS_WANTED,
    *_NAMES,
    *_CLAIMS,
    *_LIMITS,
)


def send(application: server.Application, write: Write) -> webob.Response:
    headers = {"idempotency-key": write.key} if write.key else {}
    return sending.send(
        application, write.method, write.path, write.body, write.version, headers
    )


def set_up(
    application: server.Application, requests: collections.abc.Iterable[Setup] = ()
) -> None:
    """Create the cloud in an empty database, and send more requests."""
    for method, path, body in (*SETUP, *requests):
        made = send(application, Write("", f"{method} {path}", body, 0, 0))
        assert made.status_int < 300, made.text


class Service(typing.NamedTuple):
    """The service on the cloud, and the keeper of its content."""

    application: server.Application
    keeper: contents.Keeper


@contextlib.contextmanager
def served(
    database_url: str, options: Object | None = None
) -> collections.abc.Iterator[Service]:
    """Run the service in this process on the cloud, in an empty database."""
    all_options = {"placement_database": {"sync_on_startup": "true"}} | (options or {})
    with server.in_process(database_url, all_options) as application:
        set_up(application)
        keeper = contents.Keeper(database_url)
        keeper.keep()
        yield Service(application, keeper)
        keeper.close()
