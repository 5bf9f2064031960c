"""Rules of inventories."""

from placement.policies import base

LIST = "placement:resource_providers:inventories:list"
CREATE = "placement:resource_providers:inventories:create"
SHOW = "placement:resource_providers:inventories:show"
UPDATE = "placement:resource_providers:inventories:update"
DELETE = "placement:resource_providers:inventories:delete"

RULES = [
    base.operation(
        LIST,
        "List the inventories of a resource provider.",
    ),
    base.operation(
        CREATE,
        "Create an inventory of a resource provider.",
    ),
    base.operation(
        SHOW,
        "Show one inventory of a resource provider.",
    ),
    base.operation(
        UPDATE,
        "Replace one or all inventories of a resource provider.",
    ),
    base.operation(
        DELETE,
        "Delete one or all inventories of a resource provider.",
    ),
]
