"""The operations: where they live, since when, for whom, and who serves them."""

import collections.abc
import dataclasses
import enum
import functools
import typing

from placement.api.microversion import MIN_VERSION, Version
from placement.api.reply import Reply
from placement.api.request import Request
from placement.handlers import (
    aggregate,
    allocation,
    allocation_candidate,
    inventory,
    reshaper,
    resource_class,
    resource_provider,
    root,
    trait,
    usage,
)
from placement.policies import aggregate as aggregate_policy
from placement.policies import allocation as allocation_policy
from placement.policies import allocation_candidate as allocation_candidate_policy
from placement.policies import inventory as inventory_policy
from placement.policies import reshaper as reshaper_policy
from placement.policies import resource_class as resource_class_policy
from placement.policies import resource_provider as resource_provider_policy
from placement.policies import trait as trait_policy
from placement.policies import usage as usage_policy

_Target = collections.abc.Callable[[Request], dict[str, str | None]]


class Check(enum.Enum):
    """What a request has to pass before its handler; the first refusal counts."""

    VERSION = "V"
    ACCEPT = "A"
    CONTENT_TYPE = "C"
    POLICY = "P"


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    ``checks`` are the letters of ``Check`` in the order in which they are made,
    which is part of the behaviour. ``since`` is the first microversion that has
    the operation; older ones answer as if there was none, or with
    ``too_old_status``. A body is read as JSON up to ``body_until``. ``target`` tells
    the facts that the policy rule may compare with those of the caller.
    """

    method: str
    path: str
    handler: collections.abc.Callable[..., Reply]
    rule: str | None
    checks: str
    since: Version = MIN_VERSION
    too_old_status: int = 404
    body_until: Version | None = None
    target: _Target | None = None

    @property
    def ordered_checks(self) -> tuple[Check, ...]:
        return _ordered(self.checks)


@functools.cache
def _ordered(letters: str) -> tuple[Check, ...]:
    return tuple(Check(letter) for letter in letters)


def _usage_target(req: Request) -> dict[str, str | None]:
    return {"project_id": req.query.last("project_id")}


def _operation(
    method_and_path: str,
    handler: collections.abc.Callable[..., Reply],
    rule: str | None,
    checks: str,
    since: tuple[int, int] = MIN_VERSION,
    **more: typing.Any,
) -> Operation:
    method, path = method_and_path.split()
    return Operation(method, path, handler, rule, checks, Version(*since), **more)


_PROVIDER = "/resource_providers/{uuid}"

OPERATIONS: tuple[Operation, ...] = (
    _operation("GET /", root.get_versions, None, ""),
    _operation(
        "GET /resource_providers",
        resource_provider.list_resource_providers,
        resource_provider_policy.LIST,
        "AP",
    ),
    _operation(
        "POST /resource_providers",
        resource_provider.create_resource_provider,
        resource_provider_policy.CREATE,
        "CP",
    ),
    _operation(
        f"GET {_PROVIDER}",
        resource_provider.get_resource_provider,
        resource_provider_policy.SHOW,
        "AP",
    ),
    _operation(
        f"PUT {_PROVIDER}",
        resource_provider.update_resource_provider,
        resource_provider_policy.UPDATE,
        "CP",
    ),
    _operation(
        f"DELETE {_PROVIDER}",
        resource_provider.delete_resource_provider,
        resource_provider_policy.DELETE,
        "P",
    ),
    _operation(
        f"GET {_PROVIDER}/inventories",
        inventory.get_inventories,
        inventory_policy.LIST,
        "AP",
    ),
    _operation(
        f"POST {_PROVIDER}/inventories",
        inventory.create_inventory,
        inventory_policy.CREATE,
        "CP",
    ),
    _operation(
        f"PUT {_PROVIDER}/inventories",
        inventory.set_inventories,
        inventory_policy.UPDATE,
        "CP",
    ),
    _operation(
        f"DELETE {_PROVIDER}/inventories",
        inventory.delete_inventories,
        inventory_policy.DELETE,
        "VP",
        since=(1, 5),
        too_old_status=405,
    ),
    _operation(
        f"GET {_PROVIDER}/inventories/{{resource_class}}",
        inventory.get_inventory,
        inventory_policy.SHOW,
        "AP",
    ),
    _operation(
        f"PUT {_PROVIDER}/inventories/{{resource_class}}",
        inventory.update_inventory,
        inventory_policy.UPDATE,
        "CP",
    ),
    _operation(
        f"DELETE {_PROVIDER}/inventories/{{resource_class}}",
        inventory.delete_inventory,
        inventory_policy.DELETE,
        "P",
    ),
    _operation(
        f"GET {_PROVIDER}/usages",
        usage.get_provider_usages,
        usage_policy.PROVIDER,
        "AP",
    ),
    _operation(
        f"GET {_PROVIDER}/aggregates",
        aggregate.get_aggregates,
        aggregate_policy.LIST,
        "AVP",
        since=(1, 1),
    ),
    _operation(
        f"PUT {_PROVIDER}/aggregates",
        aggregate.set_aggregates,
        aggregate_policy.UPDATE,
        "CVP",
        since=(1, 1),
    ),
    _operation(
        f"GET {_PROVIDER}/traits",
        trait.get_provider_traits,
        trait_policy.PROVIDER_LIST,
        "VAP",
        since=(1, 6),
    ),
    _operation(
        f"PUT {_PROVIDER}/traits",
        trait.set_provider_traits,
        trait_policy.PROVIDER_UPDATE,
        "VCP",
        since=(1, 6),
    ),
    _operation(
        f"DELETE {_PROVIDER}/traits",
        trait.delete_provider_traits,
        trait_policy.PROVIDER_DELETE,
        "VP",
        since=(1, 6),
    ),
    _operation(
        f"GET {_PROVIDER}/allocations",
        allocation.get_provider_allocations,
        allocation_policy.PROVIDER_LIST,
        "AP",
    ),
    _operation(
        "GET /resource_classes",
        resource_class.list_resource_classes,
        resource_class_policy.LIST,
        "VAP",
        since=(1, 2),
    ),
    _operation(
        "POST /resource_classes",
        resource_class.create_resource_class,
        resource_class_policy.CREATE,
        "VCP",
        since=(1, 2),
    ),
    _operation(
        "GET /resource_classes/{name}",
        resource_class.get_resource_class,
        resource_class_policy.SHOW,
        "VAP",
        since=(1, 2),
    ),
    _operation(
        "PUT /resource_classes/{name}",
        resource_class.put_resource_class,
        resource_class_policy.UPDATE,
        "VCP",
        since=(1, 2),
        body_until=Version(1, 6),
    ),
    _operation(
        "DELETE /resource_classes/{name}",
        resource_class.delete_resource_class,
        resource_class_policy.DELETE,
        "VP",
        since=(1, 2),
    ),
    _operation(
        "GET /traits", trait.list_traits, trait_policy.LIST, "VAP", since=(1, 6)
    ),
    _operation(
        "GET /traits/{name}", trait.get_trait, trait_policy.SHOW, "VP", since=(1, 6)
    ),
    _operation(
        "PUT /traits/{name}", trait.put_trait, trait_policy.UPDATE, "VP", since=(1, 6)
    ),
    _operation(
        "DELETE /traits/{name}",
        trait.delete_trait,
        trait_policy.DELETE,
        "VP",
        since=(1, 6),
    ),
    _operation(
        "GET /allocations/{consumer_uuid}",
        allocation.get_allocations,
        allocation_policy.LIST,
        "AP",
    ),
    _operation(
        "PUT /allocations/{consumer_uuid}",
        allocation.set_allocations,
        allocation_policy.UPDATE,
        "CP",
    ),
    _operation(
        "DELETE /allocations/{consumer_uuid}",
        allocation.delete_allocations,
        allocation_policy.DELETE,
        "P",
    ),
    _operation(
        "POST /allocations",
        allocation.set_allocations_of_several,
        allocation_policy.MANAGE,
        "VCP",
        since=(1, 13),
    ),
    _operation(
        "GET /usages",
        usage.get_usages,
        usage_policy.TOTAL,
        "VAP",
        since=(1, 9),
        target=_usage_target,
    ),
    _operation(
        "GET /allocation_candidates",
        allocation_candidate.get_allocation_candidates,
        allocation_candidate_policy.LIST,
        "VAP",
        since=(1, 10),
    ),
    _operation(
        "POST /reshaper",
        reshaper.reshape_providers,
        reshaper_policy.RESHAPE,
        "VCP",
        since=(1, 30),
    ),
)


def by_path() -> dict[str, dict[str, Operation]]:
    """Return the operations by path and method, in their order."""
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return paths
