"""Split responses into aspects, which are compared."""

import json
import re
import typing

from tests.compare import wording
from tests.compare.exchange import Answer, Exchange, Request

_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HTTP_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
_HEADERS = ["content-type", "openstack-api-version", "cache-control"]
_SETS = ["allow", "vary"]
# What is prose, or another every time; a refusal of a token has a message instead.
_UNSAID = ("detail", "request_id", "message")

Aspects = dict[str, typing.Any]


class Difference(typing.NamedTuple):
    """One aspect of the two responses, None if it is absent."""

    peer: typing.Any
    ours: typing.Any


def differences(exchange: Exchange) -> dict[str, Difference]:
    """Return the different aspects."""
    peer = aspects(exchange.request, exchange.peer)
    ours = aspects(exchange.request, exchange.ours)
    return {
        name: Difference(peer.get(name), ours.get(name))
        for name in {**peer, **ours}
        if peer.get(name) != ours.get(name)
    }


def aspects(request: Request, answer: Answer) -> Aspects:
    """Return the aspects of one response."""
    answer = _without_made_uuid(request, answer)
    headers = answer.headers
    found: Aspects = {"status": answer.status}
    found |= {name: headers[name] for name in _HEADERS if name in headers}
    found |= {
        name: sorted(part.strip().lower() for part in headers[name].split(","))
        for name in _SETS
        if name in headers
    }
    if "location" in headers:
        found["location"] = headers["location"].replace(answer.base, "")
    if "last-modified" in headers:
        is_date = _HTTP_DATE.fullmatch(headers["last-modified"])
        found["last-modified"] = "a date" if is_date else headers["last-modified"]
    request_id = headers.get("x-openstack-request-id", "")
    found["request-id"] = bool(_REQUEST_ID.fullmatch(request_id))
    if request.method == "HEAD":
        # It is the type of nothing.
        found.pop("content-type", None)
    if answer.status >= 400:
        found |= _error(answer, request_id)
    elif answer.content:
        found["body"] = ordered(request, answer.document())
    return found


def _without_made_uuid(request: Request, answer: Answer) -> Answer:
    """Mask the uuid of a new provider if the service chose it."""
    made = answer.headers.get("location", "").rpartition("/")[2]
    if request.operation != "POST /resource_providers" or not made:
        return answer
    if request.document().get("uuid"):
        return answer
    headers = {
        name: value.replace(made, "made") for name, value in answer.headers.items()
    }
    content = answer.content.replace(made.encode(), b"made")
    return answer._replace(headers=headers, content=content)


def _error(answer: Answer, request_id: str) -> Aspects:
    document, error = answer.document(), answer.error
    if error:
        return {
            "error": _said(error),
            "error-request-id": error.get("request_id") == request_id,
            "one-line": "\n" not in answer.detail.partition("\n\n")[2].strip(),
            "generic": wording.generic_sentence(answer.detail),
            "wording": wording.phrases(answer.detail),
        }
    if document is not None:
        said = wording.phrases(str(document.get("message", "")))
        return {"error": _said(document), "wording": said}
    if not answer.content:
        return {}
    return {"wording": wording.phrases(wording.without_markup(answer.detail))}


def _said(error: dict[str, typing.Any]) -> dict[str, typing.Any]:
    return {name: value for name, value in error.items() if name not in _UNSAID}


def ordered(request: Request, document: typing.Any) -> typing.Any:
    """Sort the lists whose order the specification leaves open.

    Numbers become text, so that 16 and 16.0 are not the same.
    """
    if isinstance(document, dict):
        document = {
            name: _ordered_member(request, name, value)
            for name, value in document.items()
        }
    return json.loads(json.dumps(document), parse_float=str)


def _ordered_member(request: Request, name: str, value: typing.Any) -> typing.Any:
    if name == "resource_providers":
        return sorted(value, key=lambda provider: provider["uuid"])
    if name == "aggregates" and request.method == "GET":
        return sorted(value)
    if name == "allocation_requests":
        return sorted((_ordered_request(one) for one in value), key=_text)
    return value


def _ordered_request(one: dict[str, typing.Any]) -> dict[str, typing.Any]:
    allocations, mappings = one["allocations"], one.get("mappings")
    if isinstance(allocations, list):
        one = {**one, "allocations": sorted(allocations, key=_text)}
    if mappings is not None:
        mappings = {suffix: sorted(uuids) for suffix, uuids in mappings.items()}
        one = {**one, "mappings": mappings}
    return one


def _text(value: typing.Any) -> str:
    return json.dumps(value, sort_keys=True)
