"""The error document: how a failure is told to a client, in JSON, HTML or text."""

import collections.abc
import html
import re
import typing

import orjson
import webob.exc
from webob import acceptparse

from placement.microversion import MAX_VERSION, MIN_VERSION, Version

# The first version whose error documents have a code.
_CODE_SINCE = (1, 23)

_OFFERED = ("application/json", "text/html")
_TAG = re.compile(r"<[^<>]*>")


class Document(typing.NamedTuple):
    content_type: str
    body: bytes


def document(
    status: int,
    message: str,
    accept: str | None,
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
    line = " ".join(_TAG.sub("", message).split())
    detail = f"{kind.explanation}\n\n {line}  "
    content_type = _content_type(accept)
    if content_type == "application/json":
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
        return Document(content_type, orjson.dumps({"errors": [error]}))
    title = f"{status} {kind.title}"
    if content_type == "text/html":
        return Document(f"{content_type}; charset=UTF-8", _html(title, kind, line))
    text = f"{title}\n\n{kind.explanation}\n\n {line}  "
    return Document(f"{content_type}; charset=UTF-8", text.encode())


def _content_type(accept: str | None) -> str:
    """JSON if nothing that is offered is liked better."""
    header = acceptparse.create_accept_header(accept)
    liked: collections.abc.Sequence[tuple[str, float]]
    liked = header.acceptable_offers(list(_OFFERED))
    return liked[0][0] if liked else "text/plain"


def _html(title: str, kind: type[webob.exc.WSGIHTTPException], line: str) -> bytes:
    explanation, message = html.escape(kind.explanation), html.escape(line)
    return (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
        f"  <h1>{title}</h1>\n  {explanation}<br /><br />\n{message}\n\n </body>\n</html>"
    ).encode()
