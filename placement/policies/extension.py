"""Rules of the extensions, which are the operations below ``/-/v1/``."""

from placement.policies import base

READ = "placement:ext:read"

RULES = [
    base.rule(
        READ,
        "Read the whole cloud. An auditor can see everything and change nothing.",
        check=f"{base.ADMIN_OR_SERVICE} or role:auditor",
    ),
]
