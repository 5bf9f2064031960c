"""Where ours answers differently on purpose: each with its reason.

A reason is a defect of the peer, an order that the API leaves open, or a choice of
ours. A difference counts as explained only in the aspects that the reason is about, and
only if the answers differ in the way that it says.
"""

import collections.abc
import json
import re
import typing
import urllib.parse
import uuid

from webob import acceptparse

from placement import excerpt
from tests.compare import aspects, searching, wording
from tests.compare.aspects import Difference
from tests.compare.exchange import Answer, Exchange
from tests.servers import databases

_FORM = frozenset({"content-type", "error", "error-request-id", "one-line", "generic"})
_BODY = frozenset({"body"})
_WORDING = frozenset({"wording"})
EVERYTHING: typing.Final = frozenset[str]()
# Where the peer asks its database for traits by name.
_TRAITS_BY_NAME = ("PUT /resource_providers/{uuid}/traits", "GET /traits")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
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


def _any_of(
    *conditions: collections.abc.Callable[[Exchange], bool],
) -> collections.abc.Callable[[Exchange], bool]:
    return lambda exchange: any(applies(exchange) for applies in conditions)


def _statuses(exchange: Exchange) -> tuple[int, int]:
    return exchange.peer.status, exchange.ours.status


def _says(answer: Answer, text: str) -> bool:
    return text in " ".join(answer.detail.split())


def _only_ours_says(exchange: Exchange, text: str) -> bool:
    """Tell whether ours refuses the request for a reason that the peer does not."""
    says = _says(exchange.ours, text) and not _says(exchange.peer, text)
    return exchange.ours.status == 400 and says


def _fails_on_postgresql(exchange: Exchange) -> bool:
    is_fault = "(psycopg2.errors." in exchange.peer.detail
    return is_fault and exchange.peer.status == 500 > exchange.ours.status


def _fails_on_undecodable(exchange: Exchange) -> bool:
    path, _, query_string = exchange.request.target.partition("?")
    query = urllib.parse.unquote_to_bytes(query_string)
    try:
        query.decode()
    except UnicodeDecodeError:
        told = _says(exchange.ours, "Invalid query string parameters:")
        return path == "/usages" and told and _statuses(exchange) == (500, 400)
    return False


def _leaves_names_unsorted(exchange: Exchange) -> bool:
    peer, ours = (
        _with_names_sorted(aspects.ordered(exchange.request, answer.document()))
        for answer in (exchange.peer, exchange.ours)
    )
    return _statuses(exchange) == (200, 200) and bool(peer == ours)


def _with_names_sorted(document: typing.Any) -> typing.Any:
    """Sort the lists of traits and classes, at any depth."""
    if isinstance(document, list):
        return [_with_names_sorted(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: sorted(value, key=json.dumps)
        if name in ("traits", "resource_classes")
        else _with_names_sorted(value)
        for name, value in document.items()
    }


def _orders_traits_otherwise(exchange: Exchange) -> bool:
    has_names = any(name == "name" for name, _ in exchange.request.query)
    return (
        exchange.request.operation in _TRAITS_BY_NAME
        and (has_names or exchange.request.method == "PUT")
        and _leaves_names_unsorted(exchange)
    )


def _lacks_vary(exchange: Exchange) -> bool:
    peer, ours = exchange.peer, exchange.ours
    return (
        peer.status == ours.status
        and ours.status in (400, 403, 404, 405)
        and "vary" not in peer.headers
        and ours.headers.get("vary", "").lower() == "openstack-api-version"
    )


def _prefers_html(exchange: Exchange) -> bool:
    accept = acceptparse.create_accept_header(exchange.request.header("Accept"))
    liked = dict(accept.acceptable_offers(["application/json", "text/html"]))
    return (
        exchange.peer.status == exchange.ours.status >= 400
        and exchange.peer.headers["content-type"].startswith("text/html")
        and exchange.ours.headers["content-type"] == "application/json"
        and liked["application/json"] == liked["text/html"]
    )


def _lacks_modified(exchange: Exchange) -> bool:
    is_update = exchange.request.operation == "PUT /resource_providers/{uuid}"
    document = exchange.ours.document()
    is_empty = isinstance(document, dict) and document.get("inventories") == {}
    return (
        _statuses(exchange) == (200, 200)
        and (is_update or is_empty)
        and "last-modified" not in exchange.peer.headers
        and "last-modified" in exchange.ours.headers
    )


def _names_nobody(exchange: Exchange) -> bool:
    body = exchange.request.document()
    return (
        exchange.request.path.startswith("/resource_providers")
        and isinstance(body, dict)
        and body.get("name") == ""
        and _only_ours_says(exchange, "JSON does not validate: '' should be non-empty")
    )


def _has_negative_ratio(exchange: Exchange) -> bool:
    ratios = re.findall(rb'"allocation_ratio": -', exchange.request.body or b"")
    return bool(ratios) and _only_ours_says(
        exchange, "is less than the minimum of 0 Failed validating 'minimum'"
    )


def _has_no_number(exchange: Exchange) -> bool:
    constants = re.search(rb"\b(NaN|Infinity)\b", exchange.request.body or b"")
    return constants is not None and _only_ours_says(exchange, "Malformed JSON:")


def _has_strange_class(exchange: Exchange) -> bool:
    is_set = exchange.request.operation.endswith(("/inventories", "/reshaper"))
    return is_set and _only_ours_says(
        exchange, "not match any of the regexes: '^[A-Z0-9_]+$'"
    )


def _writes_uuid_otherwise(exchange: Exchange) -> bool:
    """Tell whether a uuid is not written as usual, and ours knows it all the same."""
    request = exchange.request
    text = request.target + (request.body or b"").decode("utf-8", "replace")
    found = [each for each in _UUID.findall(text) if not _CANONICAL.fullmatch(each)]
    if not found:
        return False
    peer, ours = exchange.peer, exchange.ours
    if peer.status == ours.status:
        is_negated = any(f"!{each}" in text or "!in:" in text for each in found)
        is_unknown = is_negated or peer.document() in _NOTHING
        is_unknown = is_unknown or _says(peer, "parent provider UUID does not exist")
        # It takes the consumer for a new one.
        is_unknown = is_unknown or _says(peer, "expected null but got")
        is_told = any(each in peer.detail for each in found)
        is_same = _with_usual_uuids(peer) == _with_usual_uuids(ours)
        return is_unknown or is_told or is_same
    takes_for_another = request.path.startswith(("/allocations", "/reshaper"))
    return peer.status in (400, 404, 500) or (
        takes_for_another and {peer.status, ours.status} <= {204, 400, 404, 409}
    )


# What the peer answers when it does not know a uuid.
_NOTHING: tuple[dict[str, object], ...] = (
    {"allocations": {}},
    {"resource_providers": []},
    {"allocation_requests": [], "provider_summaries": {}},
)


def _with_usual_uuids(answer: Answer) -> typing.Any:
    """Return what is compared of an answer, its uuids in the usual notation."""
    if answer.status >= 400:
        return [_usual_uuids(phrase) for phrase in wording.phrases(answer.detail)]
    return json.loads(_usual_uuids(json.dumps(answer.document(), sort_keys=True)))


def _usual_uuids(text: str) -> str:
    return _UUID.sub(lambda found: str(uuid.UUID(found[0])), text)


def _lists_traits_loosely(exchange: Exchange) -> bool:
    if exchange.request.operation != "GET /traits":
        return False
    name = dict(exchange.request.query).get("name", "")
    operator, found, prefix = name.partition(":")
    if operator != "startswith":
        is_refused = _only_ours_says(exchange, "Badly formatted name parameter.")
        # Of another operator the peer goes on to the other parameters.
        return bool(found) and is_refused and exchange.peer.status in (200, 400)
    is_pattern = re.search("[%_a-z]", prefix) is not None
    if not is_pattern or _statuses(exchange) != (200, 200):
        return False
    peer, ours = (
        set(answer.document()["traits"]) for answer in (exchange.peer, exchange.ours)
    )
    return bool(ours < peer) and all(each.startswith(prefix) for each in ours)


def _names_unicode(exchange: Exchange) -> bool:
    path = urllib.parse.unquote(exchange.request.path)
    if path.isascii() or _statuses(exchange) not in [(400, 400), (404, 404)]:
        return False
    peer, ours = (
        wording.without_markup(answer.detail)
        for answer in (exchange.peer, exchange.ours)
    )
    return wording.phrases(_decoded(peer)) == wording.phrases(ours)


def _decoded(text: str) -> str:
    """Read as UTF-8 what was taken for Latin-1."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _tells_in_other_order(exchange: Exchange) -> bool:
    """Tell whether both name the same things, in another order or not as often."""
    peer, ours = (
        set(re.findall(r"\w+", answer.detail))
        for answer in (exchange.peer, exchange.ours)
    )
    is_list = any(_says(exchange.ours, text) for text in _LISTED)
    return is_list and peer == ours and _statuses(exchange) == (400, 400)


# Errors that name several things.
_LISTED = (
    "No such trait",
    "Conflicting required and forbidden traits found in",
    "Real suffixes should be specified",
    "Resourceless suffixed group request",
    "Found the following orphaned",
)


def _cuts_long_values(exchange: Exchange) -> bool:
    """Tell whether ours repeats only the beginning of a value that the peer repeats."""
    peer, ours = (
        wording.phrases(answer.detail) for answer in (exchange.peer, exchange.ours)
    )
    return len(peer) == len(ours) and all(
        one == other or _is_cut(one, other)
        for one, other in zip(peer, ours, strict=True)
    )


def _is_cut(whole: str, cut: str) -> bool:
    beginning, _, end = cut.partition("...")
    is_long = len(beginning) >= excerpt.LENGTH_MAX
    return is_long and whole.startswith(beginning) and whole.endswith(end)


def _gives_one_role(exchange: Exchange) -> bool:
    names = {name.lower() for name, _ in exchange.request.headers}
    return "x-role" in names and "x-roles" not in names


def _takes_name_and_uuid(exchange: Exchange) -> bool:
    words = re.compile("Conflicting resource provider (name|uuid): ")
    kinds = [words.search(answer.detail) for answer in (exchange.peer, exchange.ours)]
    return (
        exchange.request.operation == "POST /resource_providers"
        and _statuses(exchange) == (409, 409)
        and {kind and kind[1] for kind in kinds} == {"name", "uuid"}
    )


DELIBERATE: list[Deliberate] = [
    Deliberate(
        "defect: the peer fails (500) with statements that PostgreSQL refuses",
        _fails_on_postgresql,
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "defect: the peer fails (500) in GET /usages on a query that is not UTF-8, and "
        "when a sharing provider is no root and the unsuffixed group asks for several "
        "classes",
        _any_of(_fails_on_undecodable, searching.fails_on_nested_sharing),
    ),
    Deliberate(
        "defect: the peer does not sort names, and PostgreSQL has no order of its own",
        _leaves_names_unsorted,
        _BODY,
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "defect: where the peer asks its database for traits by name it does not sort "
        "them by id, as it does everywhere else",
        _orders_traits_otherwise,
        _BODY,
    ),
    Deliberate(
        "defect: the peer leaves out vary on some errors",
        _lacks_vary,
        frozenset({"vary"}),
    ),
    Deliberate(
        "defect: the peer sends errors as HTML to who likes JSON as much",
        _prefers_html,
        _FORM,
    ),
    Deliberate(
        "defect: the peer sends no last-modified for a provider that is changed for "
        "the first time, and for an empty inventory",
        _lacks_modified,
        frozenset({"last-modified"}),
    ),
    Deliberate(
        "defect: PUT in the peer takes an empty provider name, and POST calls it "
        "missing",
        _names_nobody,
    ),
    Deliberate(
        "defect: the peer takes NaN and Infinity for JSON, takes negative ratios, and "
        "does not validate inventory records under ill-formed class names",
        _any_of(_has_no_number, _has_negative_ratio, _has_strange_class),
    ),
    Deliberate(
        "defect: the peer does not know a uuid that is not written as it was stored",
        _writes_uuid_otherwise,
    ),
    Deliberate(
        "defect: in GET /traits the peer ignores unknown operators, and reads a prefix "
        "as a pattern",
        _lists_traits_loosely,
        frozenset(
            {"status", *_FORM, "body", "wording", "cache-control", "last-modified"}
        ),
    ),
    Deliberate(
        "defect: the peer shows a name from the path as Latin-1 when it is UTF-8",
        _names_unicode,
        _WORDING,
    ),
    Deliberate(
        "defect: the peer looks up names lazily, so that an earlier empty result hides "
        "an unknown one",
        searching.has_hidden_unknown_name,
    ),
    Deliberate(
        "defect: the peer checks the last value of a repeated limit or group_policy, "
        "and uses the first",
        searching.has_unchecked_value,
    ),
    Deliberate(
        "defect: the peer loses or miscounts candidates: it keeps one anchor only of "
        "an unsuffixed group that a sharing provider serves alone, beside suffixed "
        "groups; it adds up wrongly what the unsuffixed and a suffixed group ask of "
        "one class, unless group_policy is none; a group without resources never "
        "matches with forbidden traits or a tree alone, and ignores a tree beside "
        "others",
        _any_of(
            searching.loses_anchors,
            searching.asks_twice_for_a_class,
            searching.has_bare_group,
        ),
        _BODY,
    ),
    Deliberate(
        "left open: of several names that are unknown or taken, or otherwise listed by "
        "an error, which are told, how often and in which order",
        _any_of(
            _tells_in_other_order,
            _takes_name_and_uuid,
            searching.has_unknown_name_in_both,
        ),
        _WORDING,
    ),
    Deliberate(
        "chosen: an error of ours repeats at most 200 characters of a value",
        _cuts_long_values,
        _WORDING,
    ),
    Deliberate(
        "specification: without X-Roles, X-Role has the roles; the peer ignores it",
        _gives_one_role,
    ),
    Deliberate(
        "left open: which candidates are the first, where a limit cuts the others off",
        searching.is_cut_alike,
        _BODY,
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
