"""Handlers for /usages and /resource_providers/{uuid}/usages."""

import collections.abc
import typing

import sqlalchemy as sa

from placement.api import reply
from placement.api.operation import Parameter, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.objects import allocation, inventory
from placement.objects.allocation import Usage
from placement.policies import usage as policy
from placement.schemas import responses
from placement.schemas import usage as schema

ALL_TYPES = "all"

_Usages = dict[str, typing.Any]


@operation(
    "GET /resource_providers/{uuid}/usages",
    shows(responses.PROVIDER_USAGES),
    rule=policy.PROVIDER,
    checks="AP",
    refuses=(404,),
)
def get_provider_usages(req: Request, uuid: str) -> Reply:
    """Show the usage of a provider, by resource class.

    Errors: 404 if the provider does not exist.
    """

    generation, offers = transaction.read_one(
        req.context, lambda conn: inventory.get_all_by_name(conn, uuid)
    )
    body = {
        "resource_provider_generation": generation,
        "usages": {name: offer.used for name, offer in offers.items()},
    }
    return reply.ok(body, reply.now())


def _target(req: Request) -> dict[str, str | None]:
    return {"project_id": req.query.last("project_id")}


_FILTERS = {
    "project_id": Parameter("The project whose usage to show."),
    "user_id": Parameter("Only consumers of this user."),
    "consumer_type": Parameter("Only consumers of this type.", "INSTANCE"),
}


@operation(
    "GET /usages",
    shows(responses.USAGES),
    rule=policy.TOTAL,
    checks="VAP",
    refuses=(400,),
    since=(1, 9),
    query=schema.TOTAL_QUERY,
    parameters=_FILTERS,
    target=_target,
)
def get_usages(req: Request) -> Reply:
    """Show the total usage of a project, or of one of its users. Since 1.9.

    Since 1.38, by consumer type, with the number of consumers.

    Errors: 400 for a parameter that the version does not have or that does not match
    the schema, and if ``project_id`` is missing.
    """
    query = req.validated_query()
    project_id, user_id = query.last("project_id") or "", query.last("user_id")

    def read(conn: sa.Connection) -> _Usages:
        usages, counts = allocation.get_usages(conn, project_id, user_id)
        names = req.context.names.resource_classes(
            conn, {usage.resource_class_id for usage in usages}
        )
        if not req.version.matches((1, 38)):
            return _sums(usages, names)
        return _by_type(usages, counts, names, query.last("consumer_type"))

    return reply.ok({"usages": transaction.read(req.context, read)}, reply.now())


def _by_type(
    usages: collections.abc.Sequence[Usage],
    counts: dict[str | None, int],
    names: dict[int, str],
    wanted: str | None,
) -> _Usages:
    if wanted == ALL_TYPES:
        totals = _sums(usages, names) | {"consumer_count": sum(counts.values())}
        return {ALL_TYPES: totals} if usages else {}
    return {
        allocation.type_name(consumer_type): _sums(
            [usage for usage in usages if usage.consumer_type == consumer_type], names
        )
        | {"consumer_count": count}
        for consumer_type, count in counts.items()
        if wanted in (None, allocation.type_name(consumer_type))
    }


def _sums(
    usages: collections.abc.Sequence[Usage], names: dict[int, str]
) -> dict[str, int]:
    sums: dict[str, int] = {}
    for usage in usages:
        name = names[usage.resource_class_id]
        sums[name] = sums.get(name, 0) + usage.used
    return sums
