"""Rules of resource providers."""

from placement.policies import base

LIST = "placement:resource_providers:list"
CREATE = "placement:resource_providers:create"
SHOW = "placement:resource_providers:show"
UPDATE = "placement:resource_providers:update"
DELETE = "placement:resource_providers:delete"

RULES = [
    base.rule(LIST, "List resource providers."),
    base.rule(CREATE, "Create a resource provider."),
    base.rule(SHOW, "Show a resource provider."),
    base.rule(UPDATE, "Rename a resource provider or give it another parent."),
    base.rule(DELETE, "Delete a resource provider."),
]
