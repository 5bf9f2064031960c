"""The error document: how a failure is told to a client, in JSON, HTML or text."""

import collections.abc
import html
import re
import typing

import orjson
import webob.exc
from webob import acceptparse

from placement import excerpt
from placement.api.microversion import MAX_VERSION, MIN_VERSION, Version

# The first version whose error documents have a code.
_CODE_SINCE = (1, 23)

_OFFERED = ("application/json", "text/html")
_TAG = re.compile(r"<[^<>]*>")
_LINE_BREAK = re.compile(r"[\r\n]+")


# The usual sentences that say more than their status, filled from the environ; for
# the others WebOb has one.
_SENTENCES = {
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
    tells_versions: bool = False,
) -> Document:
    """Return the document for one failure.

    ``detail`` begins with the usual sentence for the status. The message comes on
    one line, the last: there clients look for it. ``version`` is None while it is
    not known. ``tells_versions`` adds which versions there are.
    Source: API reference, "Errors".
    """
    kind = webob.exc.status_map[status]
    sentence = _sentence(status, environ)
    line = _LINE_BREAK.sub(" ", _TAG.sub("", message)).strip()
    detail = f"{sentence}\n\n {line}  "
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
        if tells_versions:
            error |= {"max_version": str(MAX_VERSION), "min_version": str(MIN_VERSION)}
        return Document(wanted, orjson.dumps({"errors": [error]}))
    return page(wanted, f"{status} {kind.title}", sentence, line)


def title(status: int) -> str:
    """Return the reason phrase of a status."""
    phrase: str = webob.exc.status_map[status].title
    return phrase


def content_type(accept: str | None) -> str:
    """Return the type that the header ``Accept`` likes best of those there are.

    JSON if nothing that is offered is liked better.
    """
    header = acceptparse.create_accept_header(accept)
    liked: collections.abc.Sequence[tuple[str, float]]
    liked = header.acceptable_offers(list(_OFFERED))
    return liked[0][0] if liked else "text/plain"


def page(content_type: str, title: str, sentence: str, line: str) -> Document:
    """Return the document for people: HTML, or text for any other type."""
    if content_type == "text/html":
        body = _html(title, sentence, line)
    else:
        body = f"{title}\n\n{sentence}\n\n {line}  ".encode()
    return Document(f"{content_type}; charset=UTF-8", body)


def _sentence(status: int, environ: collections.abc.Mapping[str, typing.Any]) -> str:
    if status not in _SENTENCES:
        return webob.exc.status_map[status].explanation
    facts = ("REQUEST_METHOD", "HTTP_ACCEPT", "CONTENT_TYPE")
    said = {name: excerpt.of_text(environ.get(name) or None) for name in facts}
    return _SENTENCES[status].format_map(said)


def _html(title: str, sentence: str, line: str) -> bytes:
    explanation, message = html.escape(sentence), html.escape(line)
    return (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
        f"  <h1>{title}</h1>\n  {explanation}<br /><br />\n{message}\n\n"
        " </body>\n</html>"
    ).encode()
