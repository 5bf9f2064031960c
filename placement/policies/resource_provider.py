"""Rules of resource providers."""

from placement.policies import base

LIST = "placement:resource_providers:list"
CREATE = "placement:resource_providers:create"
SHOW = "placement:resource_providers:show"
UPDATE = "placement:resource_providers:update"
DELETE = "placement:resource_providers:delete"

RULES = [
    base.operation(
        LIST,
        "List resource providers.",
    ),
    base.operation(
        CREATE,
        "Create a resource provider.",
    ),
    base.operation(
        SHOW,
        "Show a resource provider.",
    ),
    base.operation(
        UPDATE,
        "Rename a resource provider or give it another parent.",
    ),
    base.operation(
        DELETE,
        "Delete a resource provider.",
    ),
]
