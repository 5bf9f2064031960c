"""The error document in JSON, HTML or plain text."""

import collections.abc
import html
import re
import types
import typing

import webob.exc

from placement import excerpt
from placement.api import accept, encoding
from placement.api.microversion import MAX_VERSION, MIN_VERSION, Version

# The first version whose error documents have a code.
_CODE_SINCE = (1, 23)

_OFFERED = ("application/json", "text/html")
_TAG = re.compile(r"<[^<>]*>")
_LINE_BREAK = re.compile(r"[\r\n]+")


# Explanations that mention the request, filled from the environ. WebOb has those of
# the other statuses.
_EXPLANATIONS = {
    405: "The method {REQUEST_METHOD} is not allowed for this resource.",
    406: "The resource could not be generated that was acceptable to your browser "
    "(content of type {HTTP_ACCEPT}.",
    415: "The request media type {CONTENT_TYPE} is not supported by this server.",
}


class Document(typing.NamedTuple):
    content_type: str
    body: bytes


def document(
    status: int,
    message: str,
    environ: collections.abc.Mapping[str, typing.Any],
    request_id: str,
    code: str,
    version: Version | None,
    has_versions: bool = False,
    members: collections.abc.Mapping[str, typing.Any] = types.MappingProxyType({}),
) -> Document:
    """Return the document for one failure.

    ``detail`` starts with the explanation of the status and ends with the message on
    one line, where clients look for it. ``version`` is None if the request failed
    before its version was known. ``has_versions`` adds the supported versions, and
    ``members`` are added to a document in JSON.
    Source: API reference, "Errors".
    """
    kind = webob.exc.status_map[status]
    explanation = _explanation(status, environ)
    line = _LINE_BREAK.sub(" ", _TAG.sub("", message)).strip()
    detail = f"{explanation}\n\n {line}  "
    wanted = content_type(environ.get("HTTP_ACCEPT"))
    if wanted == "application/json":
        error: dict[str, typing.Any] = {
            "status": status,
            "title": kind.title,
            "detail": detail,
            "request_id": request_id,
        }
        if version is not None and version >= _CODE_SINCE:
            error["code"] = code
        if has_versions:
            error |= {"max_version": str(MAX_VERSION), "min_version": str(MIN_VERSION)}
        return Document(wanted, encoding.encode({"errors": [{**error, **members}]}))
    return page(wanted, f"{status} {kind.title}", explanation, line)


def title(status: int) -> str:
    """Return the reason phrase of a status."""
    phrase: str = webob.exc.status_map[status].title
    return phrase


def content_type(accept_header: str | None) -> str:
    """Return the media type that an error document has for this ``Accept``."""
    return accept.best_offer(accept_header, *_OFFERED) or "text/plain"


def page(content_type: str, title: str, explanation: str, line: str) -> Document:
    """Return the document as HTML or, for any other type, as plain text."""
    if content_type == "text/html":
        body = _html(title, explanation, line)
    else:
        body = f"{title}\n\n{explanation}\n\n {line}  ".encode()
    return Document(f"{content_type}; charset=UTF-8", body)


def _explanation(status: int, environ: collections.abc.Mapping[str, typing.Any]) -> str:
    if status not in _EXPLANATIONS:
        return webob.exc.status_map[status].explanation
    facts = ("REQUEST_METHOD", "HTTP_ACCEPT", "CONTENT_TYPE")
    shown = {name: excerpt.of_text(environ.get(name) or None) for name in facts}
    return _EXPLANATIONS[status].format_map(shown)


def _html(title: str, explanation: str, line: str) -> bytes:
    escaped, message = html.escape(explanation), html.escape(line)
    return (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
        f"  <h1>{title}</h1>\n  {escaped}<br /><br />\n{message}\n\n"
        " </body>\n</html>"
    ).encode()
