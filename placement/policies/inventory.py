"""Rules of inventories."""

from placement.policies import base

LIST = "placement:resource_providers:inventories:list"
CREATE = "placement:resource_providers:inventories:create"
SHOW = "placement:resource_providers:inventories:show"
UPDATE = "placement:resource_providers:inventories:update"
DELETE = "placement:resource_providers:inventories:delete"

RULES = [
    base.rule(LIST, "List the inventories of a resource provider."),
    base.rule(CREATE, "Create an inventory of a resource provider."),
    base.rule(SHOW, "Show one inventory of a resource provider."),
    base.rule(UPDATE, "Replace one or all inventories of a resource provider."),
    base.rule(DELETE, "Delete one or all inventories of a resource provider."),
]
