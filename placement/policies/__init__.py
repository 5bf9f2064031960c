"""The policy rules and their defaults.

One module per resource has a constant per rule name, which operations refer to.
"""

import itertools

from oslo_policy import policy

from placement.policies import (
    aggregate,
    allocation,
    allocation_candidate,
    base,
    extension,
    inventory,
    reshaper,
    resource_class,
    resource_provider,
    trait,
    usage,
)

_MODULES = (
    base,
    resource_provider,
    resource_class,
    inventory,
    aggregate,
    usage,
    trait,
    allocation,
    allocation_candidate,
    reshaper,
    extension,
)


def list_rules() -> list[policy.RuleDefault]:
    """Return every rule with its default, the base rules first."""
    return list(itertools.chain.from_iterable(module.RULES for module in _MODULES))
