"""Rules of resource classes."""

from placement.policies import base

LIST = "placement:resource_classes:list"
CREATE = "placement:resource_classes:create"
SHOW = "placement:resource_classes:show"
UPDATE = "placement:resource_classes:update"
DELETE = "placement:resource_classes:delete"

RULES = [
    base.rule(LIST, "List resource classes."),
    base.rule(CREATE, "Create a resource class."),
    base.rule(SHOW, "Show a resource class."),
    base.rule(UPDATE, "Create a resource class, or rename one before version 1.7."),
    base.rule(DELETE, "Delete a resource class."),
]
