"""Conditions on searches, for deliberate differences."""

import collections
import collections.abc
import re
import typing

from tests.compare import wording
from tests.compare.exchange import Answer, Exchange

_SEARCHES = ("GET /allocation_candidates", "GET /resource_providers")
_GROUPED = re.compile(r"(resources|required|member_of|in_tree)(.*)")

# Checks of the values of parameters of which only one value counts.
_SINGLE: dict[str, collections.abc.Callable[[str], object]] = {
    "limit": re.compile("[1-9][0-9]*").fullmatch,
    "group_policy": ("none", "isolate").__contains__,
}


def _is_candidates(exchange: Exchange) -> bool:
    return exchange.request.operation == "GET /allocation_candidates"


def _both_succeed(exchange: Exchange) -> bool:
    """Return whether both services answer a candidate search with 200."""
    statuses = {exchange.peer.status, exchange.ours.status}
    return _is_candidates(exchange) and statuses == {200}


def _groups(exchange: Exchange) -> dict[str, dict[str, list[str]]]:
    """Return, by group suffix, the values of each parameter."""
    groups: dict[str, dict[str, list[str]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for name, value in exchange.request.query:
        match = _GROUPED.fullmatch(name)
        if match:
            groups[match[2]][match[1]].append(value)
    return groups


def _classes(group: dict[str, list[str]]) -> set[str]:
    resources = group.get("resources", [""])[-1]
    return {item.partition(":")[0] for item in resources.split(",") if item}


def _requests(answer: Answer) -> list[typing.Any]:
    document = answer.document()
    found: list[typing.Any] = document.get("allocation_requests", [])
    return found


def has_hidden_unknown_name(exchange: Exchange) -> bool:
    detail = exchange.ours.detail.lower()
    if exchange.peer.status != 200 or exchange.ours.status != 400:
        return False
    document = exchange.peer.document()
    found = [document.get("allocation_requests"), document.get("resource_providers")]
    return [] in found and (
        "no such trait" in detail or "no such resource class" in detail
    )


def has_unknown_name_in_both(exchange: Exchange) -> bool:
    statuses = {exchange.peer.status, exchange.ours.status}
    is_search = exchange.request.operation in _SEARCHES
    return (
        is_search
        and statuses == {400}
        and all(
            re.search("no such (trait|resource class)", answer.detail, re.IGNORECASE)
            for answer in (exchange.peer, exchange.ours)
        )
    )


def reaches_limit_in_both(exchange: Exchange) -> bool:
    """Return whether both answers have as many candidates as the limit allows."""
    limits = [value for name, value in exchange.request.query if name == "limit"]
    if not _both_succeed(exchange) or not limits:
        return False
    counts = {len(_requests(exchange.peer)), len(_requests(exchange.ours))}
    return counts == {int(limits[0])}


def loses_anchors(exchange: Exchange) -> bool:
    groups = _groups(exchange)
    if not _both_succeed(exchange) or "" not in groups or len(groups) < 2:
        return False
    return _has_fewer(exchange.peer, exchange.ours)


def requests_a_class_twice(exchange: Exchange) -> bool:
    groups = _groups(exchange)
    if not _both_succeed(exchange) or "" not in groups:
        return False
    policies = [each for name, each in exchange.request.query if name == "group_policy"]
    suffixed = [_classes(group) for suffix, group in groups.items() if suffix]
    shared = _classes(groups[""]) & set[str]().union(*suffixed)
    return bool(shared) and "none" not in policies[:1]


def fails_on_nested_sharing(exchange: Exchange) -> bool:
    return (
        _is_candidates(exchange)
        and (exchange.peer.status, exchange.ours.status) == (500, 200)
        and len(_classes(_groups(exchange).get("", {}))) > 1
    )


def has_bare_group(exchange: Exchange) -> bool:
    if not _both_succeed(exchange):
        return False
    return any(
        suffix
        and not group.get("resources")
        and (group.get("in_tree") or not _requires_any(group))
        for suffix, group in _groups(exchange).items()
    )


def _requires_any(group: dict[str, list[str]]) -> bool:
    """Return whether the group requires a trait or an aggregate."""
    traits = [item for each in group.get("required", []) for item in each.split(",")]
    # "!in:" forbids every aggregate of its list.
    values = [*traits, *group.get("member_of", [])]
    return any(not each.startswith("!") for each in values)


def has_unchecked_value(exchange: Exchange) -> bool:
    """Return whether only our service refuses an invalid value before a valid one."""
    if not _is_candidates(exchange) or exchange.ours.status != 400:
        return False
    for name, is_valid in _SINGLE.items():
        values = [value for key, value in exchange.request.query if key == name]
        for value in values[:-1]:
            message = f"Invalid query string parameters: {value!r} "
            if (
                not is_valid(value)
                and is_valid(values[-1])
                and _says(exchange.ours, message)
                and not _says(exchange.peer, message)
            ):
                return True
    return False


def _says(answer: Answer, message: str) -> bool:
    """The text of the error, which may be a page of HTML, has the message."""
    detail = answer.detail
    return message in detail or message in wording.without_markup(detail)


def _has_fewer(peer: Answer, ours: Answer) -> bool:
    return len(_requests(peer)) < len(_requests(ours))
