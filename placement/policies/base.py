"""The rules that the rules of the operations refer to."""

from oslo_policy import policy

SCOPE_TYPES = ["project"]

ADMIN_OR_SERVICE = "rule:admin_or_service_api"
SERVICE = "rule:service_api"
ADMIN_OR_PROJECT_READER_OR_SERVICE = "rule:admin_or_project_reader_or_service_api"

# The base rules before the roles service and reader existed. Without [oslo_policy]
# enforce_new_defaults, oslo.policy also accepts callers to whom this rule applies.
_ONLY_ADMIN = policy.DeprecatedRule(
    name="rule:admin_api",
    check_str="role:admin",
    deprecated_reason=(
        "Access now depends on the roles service and reader, and on the scope of the "
        "token."
    ),
    deprecated_since="W",
)

RULES = [
    policy.RuleDefault(
        "admin_api",
        "role:admin",
        description="An administrator of the cloud.",
        scope_types=SCOPE_TYPES,
    ),
    policy.RuleDefault(
        "service_api",
        "role:service",
        description="Another service; for operations that only services use.",
        deprecated_rule=_ONLY_ADMIN,
        scope_types=SCOPE_TYPES,
    ),
    policy.RuleDefault(
        "admin_or_service_api",
        "role:admin or role:service",
        description="An administrator or another service; most operations.",
        deprecated_rule=_ONLY_ADMIN,
        scope_types=SCOPE_TYPES,
    ),
    policy.RuleDefault(
        "project_reader_api",
        "role:reader and project_id:%(project_id)s",
        description="A reader of the requested project.",
        deprecated_rule=_ONLY_ADMIN,
    ),
    policy.RuleDefault(
        "admin_or_project_reader_or_service_api",
        "role:admin or rule:project_reader_api or role:service",
        description="An administrator, another service, or a reader of the requested "
        "project.",
        deprecated_rule=_ONLY_ADMIN,
        scope_types=SCOPE_TYPES,
    ),
]


def rule(
    name: str, description: str, check: str = ADMIN_OR_SERVICE
) -> policy.RuleDefault:
    """Return the rule ``name`` of one or more operations."""
    return policy.RuleDefault(
        name, check, description=description, scope_types=SCOPE_TYPES
    )
