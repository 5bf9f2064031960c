"""Rules of usages."""

from placement.policies import base

PROVIDER = "placement:resource_providers:usages"
TOTAL = "placement:usages"

RULES = [
    base.operation(
        PROVIDER,
        "Show what is used of a resource provider.",
    ),
    base.operation(
        TOTAL,
        "Show what a project or user uses in all.",
        check=base.ADMIN_OR_PROJECT_READER_OR_SERVICE,
    ),
]
