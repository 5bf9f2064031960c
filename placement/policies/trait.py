"""Rules of traits, and of the traits of a resource provider."""

from placement.policies import base

LIST = "placement:traits:list"
SHOW = "placement:traits:show"
UPDATE = "placement:traits:update"
DELETE = "placement:traits:delete"
PROVIDER_LIST = "placement:resource_providers:traits:list"
PROVIDER_UPDATE = "placement:resource_providers:traits:update"
PROVIDER_DELETE = "placement:resource_providers:traits:delete"

RULES = [
    base.rule(LIST, "List traits."),
    base.rule(SHOW, "Check whether a trait exists."),
    base.rule(UPDATE, "Create a trait."),
    base.rule(DELETE, "Delete a trait."),
    base.rule(PROVIDER_LIST, "List the traits of a resource provider."),
    base.rule(PROVIDER_UPDATE, "Replace the traits of a resource provider."),
    base.rule(PROVIDER_DELETE, "Remove all traits from a resource provider."),
]
