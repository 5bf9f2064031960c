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
    ),
    base.operation(
        CREATE,
        "Create a resource class.",
    ),
    base.operation(
        SHOW,
        "Show a resource class.",
    ),
    base.operation(
        UPDATE,
        "Create a resource class, or rename one before version 1.7.",
    ),
    base.operation(
        DELETE,
        "Delete a resource class.",
    ),
]
