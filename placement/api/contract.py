"""What each operation reads, answers and refuses, as data.

Beside ``routes``, which says where an operation lives and what is checked before it.
The OpenAPI document is made from both, and tests hold the service to them.
"""

import dataclasses
import typing

from placement.api.microversion import MIN_VERSION, Version
from placement.schemas import (
    aggregate,
    allocation,
    allocation_candidate,
    inventory,
    reshaper,
    resource_class,
    resource_provider,
    responses,
    trait,
    usage,
)
from placement.schemas.validation import Schemas


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One success: its status, and the schemas of its body; None is no body.

    ``until`` is the last version that answers so; None if the newest does.
    """

    status: int
    body: Schemas | None = None
    since: Version = MIN_VERSION
    until: Version | None = None
    has_location: bool = False
    has_cache_headers: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """What an operation reads, answers, and refuses for reasons of its own.

    ``refuses`` are the statuses that its handler comes to; those of the checks
    before it are not among them.
    """

    answers: tuple[Answer, ...]
    body: Schemas | None = None
    query: Schemas | None = None
    refuses: tuple[int, ...] = ()

    def answers_at(self, version: Version) -> tuple[Answer, ...]:
        return tuple(
            answer
            for answer in self.answers
            if version.matches(answer.since, answer.until)
        )


def _shows(body: Schemas, *refuses: int, query: Schemas | None = None) -> Contract:
    return Contract((_shown(body),), query=query, refuses=refuses)


def _shown(body: Schemas, **more: typing.Any) -> Answer:
    return Answer(200, body, has_cache_headers=True, **more)


def _replaces(body: Schemas, answer: Schemas, *refuses: int) -> Contract:
    return Contract((_shown(answer),), body=body, refuses=refuses)


def _deletes(*refuses: int) -> Contract:
    return Contract((Answer(204),), refuses=refuses)


def _writes(body: Schemas, *refuses: int) -> Contract:
    return Contract((Answer(204),), body=body, refuses=refuses)


_PROVIDER = "/resource_providers/{uuid}"
_INVENTORIES = f"{_PROVIDER}/inventories"
_INVENTORY = f"{_INVENTORIES}/{{resource_class}}"

# By method and path, as in ``routes``.
CONTRACTS: dict[str, Contract] = {
    "GET /": _shows(responses.VERSIONS),
    "GET /resource_providers": _shows(
        responses.PROVIDERS, 400, query=resource_provider.LIST_QUERY
    ),
    "POST /resource_providers": Contract(
        (
            Answer(201, until=Version(1, 19), has_location=True),
            _shown(responses.PROVIDER, since=Version(1, 20), has_location=True),
        ),
        body=resource_provider.CREATE,
        refuses=(400, 409),
    ),
    f"GET {_PROVIDER}": _shows(responses.PROVIDER, 404),
    f"PUT {_PROVIDER}": _replaces(
        resource_provider.UPDATE, responses.PROVIDER, 400, 404, 409
    ),
    f"DELETE {_PROVIDER}": _deletes(404, 409),
    f"GET {_INVENTORIES}": _shows(responses.INVENTORIES, 404),
    f"POST {_INVENTORIES}": Contract(
        (Answer(201, responses.INVENTORY, has_location=True, has_cache_headers=True),),
        body=inventory.CREATE,
        refuses=(400, 404, 409),
    ),
    f"PUT {_INVENTORIES}": _replaces(
        inventory.REPLACE_ALL, responses.INVENTORIES, 400, 404, 409
    ),
    f"DELETE {_INVENTORIES}": _deletes(404, 409),
    f"GET {_INVENTORY}": _shows(responses.INVENTORY, 404),
    f"PUT {_INVENTORY}": _replaces(
        inventory.REPLACE_ONE, responses.INVENTORY, 400, 404, 409
    ),
    f"DELETE {_INVENTORY}": _deletes(404, 409),
    f"GET {_PROVIDER}/usages": _shows(responses.PROVIDER_USAGES, 404),
    f"GET {_PROVIDER}/aggregates": _shows(responses.AGGREGATES, 404),
    f"PUT {_PROVIDER}/aggregates": _replaces(
        aggregate.REPLACE, responses.AGGREGATES, 400, 404, 409
    ),
    f"GET {_PROVIDER}/traits": _shows(responses.PROVIDER_TRAITS, 404),
    f"PUT {_PROVIDER}/traits": _replaces(
        trait.REPLACE, responses.PROVIDER_TRAITS, 400, 404, 409
    ),
    f"DELETE {_PROVIDER}/traits": _deletes(404, 409),
    f"GET {_PROVIDER}/allocations": _shows(responses.PROVIDER_ALLOCATIONS, 404),
    "GET /resource_classes": _shows(responses.RESOURCE_CLASSES),
    "POST /resource_classes": Contract(
        (Answer(201, has_location=True),),
        body=resource_class.CREATE,
        refuses=(400, 409),
    ),
    "GET /resource_classes/{name}": _shows(responses.RESOURCE_CLASS, 404),
    "PUT /resource_classes/{name}": Contract(
        (
            Answer(200, responses.RESOURCE_CLASS, until=Version(1, 6)),
            Answer(201, since=Version(1, 7), has_location=True),
            Answer(204, since=Version(1, 7), has_location=True),
        ),
        body=resource_class.CREATE,
        refuses=(400, 404, 409),
    ),
    "DELETE /resource_classes/{name}": _deletes(400, 404, 409),
    "GET /traits": _shows(responses.TRAITS, 400, query=trait.LIST_QUERY),
    "GET /traits/{name}": Contract(
        (Answer(204, has_cache_headers=True),), refuses=(404,)
    ),
    "PUT /traits/{name}": Contract(
        (
            Answer(201, has_location=True, has_cache_headers=True),
            Answer(204, has_location=True, has_cache_headers=True),
        ),
        refuses=(400,),
    ),
    "DELETE /traits/{name}": _deletes(400, 404, 409),
    "GET /allocations/{consumer_uuid}": _shows(responses.ALLOCATIONS),
    "PUT /allocations/{consumer_uuid}": _writes(allocation.REPLACE, 400, 409),
    "DELETE /allocations/{consumer_uuid}": _deletes(404),
    "POST /allocations": _writes(allocation.REPLACE_SEVERAL, 400, 409),
    "GET /usages": _shows(responses.USAGES, 400, query=usage.TOTAL_QUERY),
    "GET /allocation_candidates": _shows(
        responses.CANDIDATES, 400, query=allocation_candidate.LIST_QUERY
    ),
    "POST /reshaper": _writes(reshaper.RESHAPE, 400, 409),
}
