"""Rules of resource classes."""

from placement.policies import base

LIST = "placement:resource_classes:list"
CREATE = "placement:resource_classes:create"
SHOW = "placement:resource_classes:show"
UPDATE = "placement:resource_classes:update"
DELETE = "placement:resource_classes:delete"

RULES = [
    base.operation(
        LIST,
        "List resource classes.",
        "GET /resource_classes",
    ),
    base.operation(
        CREATE,
        "Create a resource class.",
        "POST /resource_classes",
    ),
    base.operation(
        SHOW,
        "Show a resource class.",
        "GET /resource_classes/{name}",
    ),
    base.operation(
        UPDATE,
        "Create a resource class, or rename one before version 1.7.",
        "PUT /resource_classes/{name}",
    ),
    base.operation(
        DELETE,
        "Delete a resource class.",
        "DELETE /resource_classes/{name}",
    ),
]
