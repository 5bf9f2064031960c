"""Rules of aggregates."""

from placement.policies import base

LIST = "placement:resource_providers:aggregates:list"
UPDATE = "placement:resource_providers:aggregates:update"

RULES = [
    base.rule(LIST, "List the aggregates of a resource provider."),
    base.rule(UPDATE, "Replace the aggregates of a resource provider."),
]
