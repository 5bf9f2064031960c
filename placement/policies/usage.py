"""Rules of usages."""

from placement.policies import base

PROVIDER = "placement:resource_providers:usages"
TOTAL = "placement:usages"

RULES = [
    base.rule(PROVIDER, "Show the usage of a resource provider."),
    base.rule(
        TOTAL,
        "Show the total usage of a project or user.",
        check=base.ADMIN_OR_PROJECT_READER_OR_SERVICE,
    ),
]
