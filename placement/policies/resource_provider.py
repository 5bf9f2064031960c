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
        "GET /resource_providers",
    ),
    base.operation(
        CREATE,
        "Create a resource provider.",
        "POST /resource_providers",
    ),
    base.operation(
        SHOW,
        "Show a resource provider.",
        "GET /resource_providers/{uuid}",
    ),
    base.operation(
        UPDATE,
        "Rename a resource provider or give it another parent.",
        "PUT /resource_providers/{uuid}",
    ),
    base.operation(
        DELETE,
        "Delete a resource provider.",
        "DELETE /resource_providers/{uuid}",
    ),
]
