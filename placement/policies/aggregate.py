"""Rules of aggregates."""

from placement.policies import base

LIST = "placement:resource_providers:aggregates:list"
UPDATE = "placement:resource_providers:aggregates:update"

RULES = [
    base.operation(
        LIST,
        "List the aggregates of a resource provider.",
    ),
    base.operation(
        UPDATE,
        "Replace the aggregates of a resource provider.",
    ),
]
