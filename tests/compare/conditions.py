"""Conditions on an exchange: what was sent, and how the two responses differ."""

import collections.abc
import json
import re
import typing
import urllib.parse
import uuid

from webob import acceptparse

from placement import excerpt
from tests.compare import aspects, wording
from tests.compare.exchange import Answer, Exchange

# Operations in which the peer selects traits by name.
_TRAITS_BY_NAME = ("PUT /resource_providers/{uuid}/traits", "GET /traits")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def any_of(
    *conditions: collections.abc.Callable[[Exchange], bool],
) -> collections.abc.Callable[[Exchange], bool]:
    return lambda exchange: any(applies(exchange) for applies in conditions)


def _statuses(exchange: Exchange) -> tuple[int, int]:
    return exchange.peer.status, exchange.ours.status


def _says(answer: Answer, text: str) -> bool:
    return text in " ".join(answer.detail.split())


def _only_ours_refuses(exchange: Exchange, text: str) -> bool:
    """Return whether only our service refuses the request, with this message."""
    says = _says(exchange.ours, text) and not _says(exchange.peer, text)
    return exchange.ours.status == 400 and says


def peer_fails_on_postgresql(exchange: Exchange) -> bool:
    is_fault = "(psycopg2.errors." in exchange.peer.detail
    return is_fault and exchange.peer.status == 500 > exchange.ours.status


def peer_fails_on_undecodable_query(exchange: Exchange) -> bool:
    path, _, query_string = exchange.request.target.partition("?")
    query = urllib.parse.unquote_to_bytes(query_string)
    try:
        query.decode()
    except UnicodeDecodeError:
        is_reported = _says(exchange.ours, "Invalid query string parameters:")
        return path == "/usages" and is_reported and _statuses(exchange) == (500, 400)
    return False


def differs_in_order_of_names(exchange: Exchange) -> bool:
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


def differs_in_order_of_traits(exchange: Exchange) -> bool:
    has_names = any(name == "name" for name, _ in exchange.request.query)
    return (
        exchange.request.operation in _TRAITS_BY_NAME
        and (has_names or exchange.request.method == "PUT")
        and differs_in_order_of_names(exchange)
    )


def peer_lacks_vary(exchange: Exchange) -> bool:
    peer, ours = exchange.peer, exchange.ours
    return (
        peer.status == ours.status
        and ours.status in (400, 403, 404, 405)
        and "vary" not in peer.headers
        and ours.headers.get("vary", "").lower() == "openstack-api-version"
    )


def peer_prefers_html(exchange: Exchange) -> bool:
    accept = acceptparse.create_accept_header(exchange.request.header("Accept"))
    quality = dict(accept.acceptable_offers(["application/json", "text/html"]))
    return (
        exchange.peer.status == exchange.ours.status >= 400
        and exchange.peer.headers["content-type"].startswith("text/html")
        and exchange.ours.headers["content-type"] == "application/json"
        and quality["application/json"] == quality["text/html"]
    )


def peer_lacks_last_modified(exchange: Exchange) -> bool:
    is_update = exchange.request.operation == "PUT /resource_providers/{uuid}"
    document = exchange.ours.document()
    is_empty = isinstance(document, dict) and document.get("inventories") == {}
    return (
        _statuses(exchange) == (200, 200)
        and (is_update or is_empty)
        and "last-modified" not in exchange.peer.headers
        and "last-modified" in exchange.ours.headers
    )


def has_empty_name(exchange: Exchange) -> bool:
    body = exchange.request.document()
    return (
        exchange.request.path.startswith("/resource_providers")
        and isinstance(body, dict)
        and body.get("name") == ""
        and _only_ours_refuses(
            exchange, "JSON does not validate: '' should be non-empty"
        )
    )


def has_negative_ratio(exchange: Exchange) -> bool:
    ratios = re.findall(rb'"allocation_ratio": -', exchange.request.body or b"")
    return bool(ratios) and _only_ours_refuses(
        exchange, "is less than the minimum of 0 Failed validating 'minimum'"
    )


def has_nan_or_infinity(exchange: Exchange) -> bool:
    constants = re.search(rb"\b(NaN|Infinity)\b", exchange.request.body or b"")
    return constants is not None and _only_ours_refuses(exchange, "Malformed JSON:")


def has_malformed_class(exchange: Exchange) -> bool:
    is_set = exchange.request.operation.endswith(("/inventories", "/reshaper"))
    return is_set and _only_ours_refuses(
        exchange, "not match any of the regexes: '^[A-Z0-9_]+$'"
    )


def has_noncanonical_uuid(exchange: Exchange) -> bool:
    """Return whether a uuid is not canonical, and only our service finds it."""
    request = exchange.request
    text = request.target + (request.body or b"").decode("utf-8", "replace")
    found = [each for each in _UUID.findall(text) if not _CANONICAL.fullmatch(each)]
    if not found:
        return False
    peer, ours = exchange.peer, exchange.ours
    if peer.status == ours.status:
        is_negated = any(f"!{each}" in text or "!in:" in text for each in found)
        is_unknown = is_negated or peer.document() in _EMPTY
        is_unknown = is_unknown or _says(peer, "parent provider UUID does not exist")
        # The peer treats the consumer as new.
        is_unknown = is_unknown or _says(peer, "expected null but got")
        is_quoted = any(each in peer.detail for each in found)
        is_same = _with_canonical_uuids(peer) == _with_canonical_uuids(ours)
        return is_unknown or is_quoted or is_same
    is_another_consumer = request.path.startswith(("/allocations", "/reshaper"))
    return peer.status in (400, 404, 500) or (
        is_another_consumer and {peer.status, ours.status} <= {204, 400, 404, 409}
    )


# The responses of the peer to an unknown uuid.
_EMPTY: tuple[dict[str, object], ...] = (
    {"allocations": {}},
    {"resource_providers": []},
    {"allocation_requests": [], "provider_summaries": {}},
)


def _with_canonical_uuids(answer: Answer) -> typing.Any:
    """Return the compared content of an answer, with canonical uuids."""
    if answer.status >= 400:
        return [_canonical_uuids(phrase) for phrase in wording.phrases(answer.detail)]
    return json.loads(_canonical_uuids(json.dumps(answer.document(), sort_keys=True)))


def _canonical_uuids(text: str) -> str:
    return _UUID.sub(lambda found: str(uuid.UUID(found[0])), text)


def peer_matches_more_traits(exchange: Exchange) -> bool:
    if exchange.request.operation != "GET /traits":
        return False
    name = dict(exchange.request.query).get("name", "")
    operator, found, prefix = name.partition(":")
    if operator != "startswith":
        is_refused = _only_ours_refuses(exchange, "Badly formatted name parameter.")
        # The peer ignores another operator, and checks the other parameters.
        return bool(found) and is_refused and exchange.peer.status in (200, 400)
    is_pattern = re.search("[%_a-z]", prefix) is not None
    if not is_pattern or _statuses(exchange) != (200, 200):
        return False
    peer, ours = (
        set(answer.document()["traits"]) for answer in (exchange.peer, exchange.ours)
    )
    return bool(ours < peer) and all(each.startswith(prefix) for each in ours)


def has_unicode_path(exchange: Exchange) -> bool:
    path = urllib.parse.unquote(exchange.request.path)
    if path.isascii() or _statuses(exchange) not in [(400, 400), (404, 404)]:
        return False
    peer, ours = (
        wording.without_markup(answer.detail)
        for answer in (exchange.peer, exchange.ours)
    )
    return wording.phrases(_decoded(peer)) == wording.phrases(ours)


def _decoded(text: str) -> str:
    """Decode UTF-8 that was decoded as Latin-1."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def names_same_things(exchange: Exchange) -> bool:
    """Return whether both messages have the same words, in any order and number."""
    peer, ours = (
        set(re.findall(r"\w+", answer.detail))
        for answer in (exchange.peer, exchange.ours)
    )
    is_list = any(_says(exchange.ours, text) for text in _LISTS)
    return is_list and peer == ours and _statuses(exchange) == (400, 400)


# Messages that list several things.
_LISTS = (
    "No such trait",
    "Conflicting required and forbidden traits found in",
    "Real suffixes should be specified",
    "Resourceless suffixed group request",
    "Found the following orphaned",
)


def ours_shortens_values(exchange: Exchange) -> bool:
    """Return whether our message quotes a value in part that the peer quotes whole."""
    peer, ours = (
        wording.phrases(answer.detail) for answer in (exchange.peer, exchange.ours)
    )
    return len(peer) == len(ours) and all(
        one == other or _is_shortened(one, other)
        for one, other in zip(peer, ours, strict=True)
    )


def _is_shortened(whole: str, cut: str) -> bool:
    beginning, _, end = cut.partition("...")
    is_long = len(beginning) >= excerpt.LENGTH_MAX
    return is_long and whole.startswith(beginning) and whole.endswith(end)


def has_only_x_role(exchange: Exchange) -> bool:
    names = {name.lower() for name, _ in exchange.request.headers}
    return "x-role" in names and "x-roles" not in names


def names_generated_uuid(exchange: Exchange) -> bool:
    """Return whether the messages differ in the uuid that each service generated."""
    body = exchange.request.document()
    peer, ours = (
        [_CANONICAL.sub("", phrase) for phrase in wording.phrases(answer.detail)]
        for answer in (exchange.peer, exchange.ours)
    )
    return (
        exchange.request.operation == "POST /resource_providers"
        and isinstance(body, dict)
        and "uuid" not in body
        and peer == ours
    )


def conflicts_on_name_and_uuid(exchange: Exchange) -> bool:
    words = re.compile("Conflicting resource provider (name|uuid): ")
    kinds = [words.search(answer.detail) for answer in (exchange.peer, exchange.ours)]
    return (
        exchange.request.operation == "POST /resource_providers"
        and _statuses(exchange) == (409, 409)
        and {kind and kind[1] for kind in kinds} == {"name", "uuid"}
    )
