"""Rules of allocations."""

from placement.policies import base

MANAGE = "placement:allocations:manage"
LIST = "placement:allocations:list"
UPDATE = "placement:allocations:update"
DELETE = "placement:allocations:delete"
PROVIDER_LIST = "placement:resource_providers:allocations:list"

RULES = [
    base.rule(
        MANAGE, "Replace the allocations of several consumers in one transaction."
    ),
    base.rule(LIST, "List the allocations of a consumer."),
    base.rule(UPDATE, "Replace the allocations of a consumer."),
    base.rule(DELETE, "Delete the allocations of a consumer."),
    base.rule(PROVIDER_LIST, "List the allocations from a resource provider."),
]
