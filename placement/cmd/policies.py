"""The policy rules with their operations, for the commands of oslo.policy."""

import typing

from oslo_policy import policy

from placement import policies
from placement.api import dispatch, routes
from placement.web import app as web

if typing.TYPE_CHECKING:
    # Older releases do not have this type.
    from oslo_policy.policy import Operation


def list_rules() -> list[policy.RuleDefault]:
    """Return all rules with their defaults and operations, base rules first."""
    guarded: dict[str | None, list[Operation]] = {}
    for each in routes.OPERATIONS:
        guarded.setdefault(each.rule, []).append(_route(each.method, each.path))
    for view in web.Application(dispatch.application({})).operations():
        guarded.setdefault(view.rule, []).append(_route(view.method, view.path))
    return [
        _documented(rule, guarded[rule.name]) if rule.name in guarded else rule
        for rule in policies.list_rules()
    ]


def _route(method: str, path: str) -> "Operation":
    return {"method": method, "path": path}


def _documented(
    rule: policy.RuleDefault, operations: list["Operation"]
) -> policy.DocumentedRuleDefault:
    return policy.DocumentedRuleDefault(
        rule.name,
        rule.check_str,
        rule.description or "",
        operations,
        scope_types=rule.scope_types,
    )
