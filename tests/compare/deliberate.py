"""Where ours answers differently on purpose: each with its reason.

A reason is a defect of the peer, or something that the API leaves open. A difference
counts as explained only in the aspects that the reason is about.
"""

import collections.abc
import json
import re
import typing
import urllib.parse

from webob import acceptparse

from tests.compare import searching
from tests.compare.aspects import Difference
from tests.compare.exchange import Exchange
from tests.functional import databases

_FORM = frozenset({"content-type", "error", "error-request-id", "one-line", "generic"})
EVERYTHING: typing.Final = frozenset[str]()
_TRAITS_BY_INDEX = ("PUT /resource_providers/{uuid}/traits", "GET /traits")
_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Deliberate(typing.NamedTuple):
    """``applies`` tells whether it is about this exchange, and ``aspects`` which
    differences it explains; none named means all. It may be about one kind of
    database only."""

    reason: str
    applies: collections.abc.Callable[[Exchange], bool]
    aspects: frozenset[str] = EVERYTHING
    database: str | None = None

    def explains(
        self, exchange: Exchange, differing: dict[str, Difference]
    ) -> set[str]:
        """Return the aspects among ``differing`` that this explains."""
        wanted = set(differing) & self.aspects if self.aspects else set(differing)
        return wanted if wanted and self.applies(exchange) else set()


def _statuses(exchange: Exchange) -> tuple[int, int]:
    return exchange.peer.status, exchange.ours.status


def _lacks_vary(exchange: Exchange) -> bool:
    return (
        exchange.ours.status in (400, 403, 404, 405)
        and "vary" not in exchange.peer.headers
        and exchange.ours.headers.get("vary", "").lower() == "openstack-api-version"
    )


def _is_error_for_anybody(exchange: Exchange) -> bool:
    accept = acceptparse.create_accept_header(exchange.request.header("Accept"))
    liked = accept.acceptable_offers(["application/json", "text/html"])
    return (
        exchange.peer.status == exchange.ours.status >= 400
        and not exchange.peer.headers["content-type"].startswith("application/json")
        and bool(liked)
        and liked[0][0] == exchange.ours.headers.get("content-type")
    )


def _lacks_modified(exchange: Exchange) -> bool:
    is_update = exchange.request.operation == "PUT /resource_providers/{uuid}"
    document = exchange.ours.document()
    is_empty = isinstance(document, dict) and document.get("inventories") == {}
    return (
        (is_update or is_empty)
        and "last-modified" not in exchange.peer.headers
        and "last-modified" in exchange.ours.headers
    )


def _names_nobody(exchange: Exchange) -> bool:
    body = exchange.request.document()
    return (
        exchange.request.path.startswith("/resource_providers")
        and isinstance(body, dict)
        and body.get("name") == ""
        and exchange.ours.status == 400
    )


def _takes_name_and_uuid(exchange: Exchange) -> bool:
    words = re.compile("Conflicting resource provider (name|uuid)")
    return exchange.request.operation == "POST /resource_providers" and all(
        words.search(answer.detail) for answer in (exchange.peer, exchange.ours)
    )


def _has_negative_ratio(exchange: Exchange) -> bool:
    ratios = re.findall(rb'"allocation_ratio": -', exchange.request.body or b"")
    return bool(ratios) and exchange.ours.status == 400


def _has_no_number(exchange: Exchange) -> bool:
    return (
        re.search(rb"\b(NaN|Infinity)\b", exchange.request.body or b"") is not None
        and "Malformed JSON" in exchange.ours.detail
    )


def _has_strange_inventory(exchange: Exchange) -> bool:
    body = exchange.request.document()
    inventories = body.get("inventories") if isinstance(body, dict) else None
    if exchange.request.method != "PUT" or not isinstance(inventories, dict):
        return False
    return exchange.ours.status == 400 and any(
        not re.fullmatch("[A-Z0-9_]+", name) for name in inventories
    )


def _has_strange_uuid(exchange: Exchange) -> bool:
    request = exchange.request
    text = request.target + (request.body or b"").decode("utf-8", "replace")
    return any(
        not _CANONICAL.fullmatch(match[0])
        for match in re.finditer(
            r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}", text
        )
    )


def _reads_semicolons(exchange: Exchange) -> bool:
    return ";" in exchange.request.target.partition("?")[2]


def _fails_on_undecodable(exchange: Exchange) -> bool:
    query = urllib.parse.unquote_to_bytes(exchange.request.target.partition("?")[2])
    try:
        query.decode()
    except UnicodeDecodeError:
        return _statuses(exchange) == (500, 400)
    return False


def _lists_in_other_order(exchange: Exchange) -> bool:
    peer, ours = (
        set(re.findall(r"\w+", answer.detail))
        for answer in (exchange.peer, exchange.ours)
    )
    return exchange.peer.status == exchange.ours.status and peer == ours


def _writes_integers_as_floats(exchange: Exchange) -> bool:
    body = re.sub(rb'"allocation_ratio": [0-9.]+', b"", exchange.request.body or b"")
    peer, ours = (
        answer.detail.replace(".0", "") for answer in (exchange.peer, exchange.ours)
    )
    is_told = exchange.ours.status >= 400 and peer == ours
    # As numbers they are equal.
    is_shown = exchange.ours.status < 300 and (
        exchange.peer.document() == exchange.ours.document()
    )
    return b".0" in body and (is_told or is_shown)


def _names_unicode(exchange: Exchange) -> bool:
    path = urllib.parse.unquote(exchange.request.path)
    return not path.isascii() and _statuses(exchange) in [(400, 400), (404, 404)]


def _refuses_caller(exchange: Exchange) -> bool:
    return (
        _statuses(exchange) == (401, 401)
        and exchange.ours.headers.get("content-type") == "application/json"
    )


def _lists_traits_loosely(exchange: Exchange) -> bool:
    request = exchange.request
    if request.operation != "GET /traits":
        return False
    name = dict(request.query).get("name", "")
    operator, found, prefix = name.partition(":")
    if found and operator not in ("in", "startswith"):
        return exchange.ours.status == 400
    return operator == "startswith" and bool(re.search("[%_a-z]", prefix))


def _orders_traits_otherwise(exchange: Exchange) -> bool:
    peer, ours = exchange.peer.document(), exchange.ours.document()
    has_names = any(name == "name" for name, _ in exchange.request.query)
    return (
        exchange.request.operation in _TRAITS_BY_INDEX
        and (has_names or exchange.request.method == "PUT")
        and _statuses(exchange) == (200, 200)
        and {**peer, "traits": sorted(peer["traits"])}
        == {**ours, "traits": sorted(ours["traits"])}
    )


def _fails_on_postgresql(exchange: Exchange) -> bool:
    is_fault = "(psycopg2.errors." in exchange.peer.detail
    return is_fault and exchange.peer.status == 500 > exchange.ours.status


def _leaves_names_unsorted(exchange: Exchange) -> bool:
    peer, ours = exchange.peer.document(), exchange.ours.document()
    return bool(_with_names_sorted(peer) == _with_names_sorted(ours))


def _with_names_sorted(document: typing.Any) -> typing.Any:
    """Sort the lists of traits and classes, and of candidates, at any depth."""
    if isinstance(document, dict):
        return {name: _with_names_sorted(value) for name, value in document.items()}
    if isinstance(document, list):
        return sorted(
            (_with_names_sorted(each) for each in document),
            key=lambda each: json.dumps(each, sort_keys=True),
        )
    return document


DELIBERATE: list[Deliberate] = [
    Deliberate(
        "the peer fails (500) with statements that PostgreSQL refuses",
        _fails_on_postgresql,
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "the peer does not sort names, and PostgreSQL has no order of its own",
        _leaves_names_unsorted,
        frozenset({"body"}),
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "where the peer asks its database for traits by name it does not sort them; "
        "ours do so by id everywhere",
        _orders_traits_otherwise,
        frozenset({"body"}),
    ),
    Deliberate(
        "the peer leaves out vary on some errors; ours always sends it",
        _lacks_vary,
        frozenset({"vary"}),
    ),
    Deliberate(
        "the peer prefers HTML when JSON is admitted as much; ours sends JSON",
        _is_error_for_anybody,
        _FORM,
    ),
    Deliberate(
        "the peer sends no last-modified for a provider that is changed for the "
        "first time, and for an empty inventory",
        _lacks_modified,
        frozenset({"last-modified"}),
    ),
    Deliberate(
        "the peer takes an empty provider name for a missing one, and PUT takes it",
        _names_nobody,
    ),
    Deliberate(
        "when both the name and the uuid of a new provider are taken, either is told",
        _takes_name_and_uuid,
        frozenset({"wording"}),
    ),
    Deliberate("the peer takes negative ratios", _has_negative_ratio),
    Deliberate("the peer takes NaN and Infinity for JSON", _has_no_number),
    Deliberate(
        "the peer does not validate inventory records under ill-formed class names",
        _has_strange_inventory,
    ),
    Deliberate(
        "the peer compares uuids as they are written; ours knows all ways to write one",
        _has_strange_uuid,
    ),
    Deliberate(
        "in GET /traits the peer ignores unknown operators, and reads a prefix as a "
        "pattern",
        _lists_traits_loosely,
    ),
    Deliberate(
        "the peer also takes a semicolon for the end of a query parameter",
        _reads_semicolons,
    ),
    Deliberate(
        "the peer fails (500) in GET /usages on a query that is not UTF-8",
        _fails_on_undecodable,
    ),
    Deliberate(
        "the peer shows a name from the path as Latin-1 when it is UTF-8",
        _names_unicode,
        frozenset({"wording"}),
    ),
    Deliberate(
        "a refusal for want of a token is JSON, whatever is accepted",
        _refuses_caller,
        frozenset({"content-type", "error", "wording"}),
    ),
    Deliberate(
        "in which order, and how often, an error names several things is left open",
        _lists_in_other_order,
        frozenset({"wording"}),
    ),
    Deliberate(
        "what is written 2.0 is the integer 2, and ours shows it as such at once",
        _writes_integers_as_floats,
        frozenset({"body", "wording"}),
    ),
    Deliberate(
        "the peer looks up names lazily: an earlier empty result hides an unknown one",
        searching.has_hidden_unknown_name,
    ),
    Deliberate(
        "with several unknown names the peer tells the one that it looks up first",
        searching.has_unknown_name_in_both,
        frozenset({"wording"}),
    ),
    Deliberate(
        "which candidates are the first is left open",
        searching.is_cut_alike,
        frozenset({"body"}),
    ),
    Deliberate(
        "the peer keeps one anchor only of an unsuffixed group that a sharing provider "
        "serves alone, beside suffixed groups",
        searching.loses_anchors,
        frozenset({"body"}),
    ),
    Deliberate(
        "the peer miscounts a class that the unsuffixed and a suffixed group ask for, "
        "unless group_policy is none",
        searching.asks_twice_for_a_class,
        frozenset({"body"}),
    ),
    Deliberate(
        "the peer fails (500) when a sharing provider is no root and the unsuffixed "
        "group asks for several classes",
        searching.fails_on_nested_sharing,
    ),
    Deliberate(
        "in the peer a group without resources never matches with forbidden traits or "
        "a tree alone, and ignores a tree beside others",
        searching.has_bare_group,
        frozenset({"body"}),
    ),
    Deliberate(
        "the peer checks the last value of a repeated limit or group_policy, and uses "
        "the first",
        searching.repeats_single_parameter,
    ),
]


def explained(
    exchange: Exchange, differing: dict[str, Difference], database: str
) -> dict[str, set[str]]:
    """Return the aspects of ``differing`` that have a reason, by reason.

    ``database`` is the kind that both services use.
    """
    found = {}
    for each in DELIBERATE:
        if each.database not in (None, database):
            continue
        aspects = each.explains(exchange, differing)
        if aspects:
            found[each.reason] = aspects
    return found
