"""Rules of the extensions: health, metrics, and the operations below ``/-/v1/``."""

from placement.policies import base

READ = "placement:ext:read"
CLAIM = "placement:ext:claim"
UPDATE = "placement:ext:update"
MANAGE = "placement:ext:manage"

RULES = [
    base.rule(
        READ,
        "Read the whole cloud. An auditor can see everything and change nothing.",
        check=f"{base.ADMIN_OR_SERVICE} or role:auditor",
    ),
    base.rule(CLAIM, "Choose providers for consumers and claim them."),
    base.rule(
        UPDATE,
        "Change the inventories, traits and aggregates of providers, and their trees.",
    ),
    base.rule(
        MANAGE,
        "Change the state of providers, limits, and the consumers of others.",
        check="role:admin",
    ),
]
