"""Fixtures and names for the stories in ``gabbits/``.

Every story has a new database and authenticates by noauth2: the token ``admin`` with
the header ``x-roles: admin,service`` may do everything.

Fixtures that configure the service:

==============  ==============================================================
NewDefaults     ``enforce_new_defaults = true``, the default
OldDefaults     ``enforce_new_defaults = false``: an admin may also reshape
OpenPolicy      every user may do every operation
CORS            ``http://valid.example.com`` is an allowed origin
Feed            changes are recorded for ``GET /-/v1/changes``
==============  ==============================================================

Fixtures that send requests before the story begins:

==============  ==============================================================
EmptyProvider   creates the provider RP_UUID, named RP_NAME, without inventories
==============  ==============================================================

The keys of ``NAMES`` are available as ``$ENVIRON['...']``. None of these objects
exists until the story or a fixture creates it.
"""

import collections.abc
import dataclasses
import os
import typing

from placement import policies

NAMES = {
    "RP_UUID": "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01",
    "RP_NAME": "host-one",
    "PARENT_UUID": "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b02",
    "PARENT_NAME": "host-parent",
    "ALT_RP_UUID": "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b03",
    "ALT_RP_NAME": "host-other",
    "CONSUMER_UUID": "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01",
    "ALT_CONSUMER_UUID": "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d02",
    "PROJECT_ID": "d2a8b3cf-3a4e-4b6d-9c7f-2f6b8d3c9e01",
    "ALT_PROJECT_ID": "d2a8b3cf-3a4e-4b6d-9c7f-2f6b8d3c9e02",
    "USER_ID": "e3b9c4d0-4b5f-4c7e-8d80-307c9e4dad01",
    "ALT_USER_ID": "e3b9c4d0-4b5f-4c7e-8d80-307c9e4dad02",
    "AGG_A": "f4cad5e1-5c60-4d8f-9e91-418dae5ebc01",
    "AGG_B": "f4cad5e1-5c60-4d8f-9e91-418dae5ebc02",
    "AGG_C": "f4cad5e1-5c60-4d8f-9e91-418dae5ebc03",
}


class Request(typing.NamedTuple):
    """One request of a fixture; ``body`` is sent as JSON."""

    method: str
    path: str
    body: dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Fixture:
    """Configuration by section and name, policy by rule, and requests in order."""

    options: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    policy: dict[str, str] = dataclasses.field(default_factory=dict)
    requests: tuple[Request, ...] = ()


FIXTURES = {
    "NewDefaults": Fixture(options={"oslo_policy": {"enforce_new_defaults": "true"}}),
    "OldDefaults": Fixture(options={"oslo_policy": {"enforce_new_defaults": "false"}}),
    "OpenPolicy": Fixture(
        policy={
            rule.name: "@"
            for rule in policies.list_rules()
            if rule.name.startswith("placement:")
        }
    ),
    "CORS": Fixture(options={"cors": {"allowed_origin": "http://valid.example.com"}}),
    "Feed": Fixture(options={"changes": {"enabled": "true"}}),
    "EmptyProvider": Fixture(
        requests=(
            Request(
                "POST",
                "/resource_providers",
                {"uuid": NAMES["RP_UUID"], "name": NAMES["RP_NAME"]},
            ),
        )
    ),
}


def publish_names() -> None:
    """Set ``NAMES`` as environment variables, for gabbi."""
    os.environ.update(NAMES)


def merged(names: collections.abc.Iterable[str]) -> Fixture:
    """Return one fixture that combines the fixtures ``names``, in their order.

    Raises KeyError for an unknown name.
    """
    options: dict[str, dict[str, str]] = {}
    policy: dict[str, str] = {}
    requests: list[Request] = []
    for name in names:
        fixture = FIXTURES[name]
        for section, values in fixture.options.items():
            options.setdefault(section, {}).update(values)
        policy.update(fixture.policy)
        requests.extend(fixture.requests)
    return Fixture(options, policy, tuple(requests))
