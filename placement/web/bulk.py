"""Answers with many objects: pages, and lines from one snapshot."""

import collections.abc
import hashlib
import re
import typing

import flask
import sqlalchemy as sa

from placement import exception
from placement.api import accept, encoding
from placement.api.reply import JSON
from placement.db import transaction
from placement.web import view

# Parameters of ``Accept`` that change nothing, such as the character set.
_IRRELEVANT = re.compile(r"\s*;(?!\s*q\s*=)[^;,]*", re.IGNORECASE)

# A page ends after this length, which bounds the memory that it needs.
_PAGE_BYTES = 16 * 1024 * 1024


class Stored(typing.Protocol):
    """An object with the id by which pages are ordered."""

    @property
    def id(self) -> int: ...


_Object = typing.TypeVar("_Object", bound=Stored)

# Returns the next objects after an id, at most a number of them.
ReadSome = collections.abc.Callable[[int, int], list[_Object]]


def wants_lines() -> bool:
    """Return whether the client prefers one object per line to pages."""
    header = _IRRELEVANT.sub("", flask.request.environ.get("HTTP_ACCEPT", ""))
    return accept.best_offer(header, JSON, view.NDJSON) == view.NDJSON


def read_page(
    read_some: ReadSome[_Object],
    listed: collections.abc.Callable[[list[_Object]], bytes],
    *,
    after_id: int,
    size: int,
    per_chunk: int,
) -> tuple[list[bytes], int | None]:
    """Return JSON lists of the next ``size`` objects, or of fewer if they are long.

    They are read ``per_chunk`` at a time until the lists are long enough. Also returns
    the id of the last one, or None if there are no more.
    """
    lists: list[bytes] = []
    last_id, left = after_id, size
    while True:
        count = min(left, per_chunk)
        # One more than wanted shows whether there are more.
        found = read_some(last_id, count + 1)
        is_end = len(found) <= count
        del found[count:]
        lists.append(listed(found))
        if is_end:
            return lists, None
        last_id, left = found[-1].id, left - count
        if not left or sum(map(len, lists)) >= _PAGE_BYTES:
            return lists, last_id


def page(
    member: str, lists: collections.abc.Iterable[bytes], next_page_token: str | None
) -> bytes:
    """Return the document of one page, with the objects of ``lists`` in ``member``.

    Only a single list may be empty.
    """
    parts: list[bytes | memoryview] = [b"{", encoding.encode(member), b":["]
    for number, each in enumerate(lists):
        # Without its brackets, and without a copy.
        parts += [b"," if number else b"", memoryview(each)[1:-1]]
    token = encoding.encode(next_page_token)
    return b"".join([*parts, b'],"next_page_token":', token, b"}"])


def require_no_page(given: collections.abc.Mapping[str, object]) -> None:
    """Raise BadRequest if a parameter of a page is given with lines."""
    for name in ("page_size", "page_token"):
        if given.get(name) is not None:
            raise exception.BadRequest(
                reason=f"The parameter '{name}' cannot be used with Accept: "
                f"{view.NDJSON}, which answers with everything."
            )


def lines(
    read: collections.abc.Callable[[sa.Connection], collections.abc.Iterator[bytes]],
) -> flask.Response:
    """Return what ``read`` yields, read from one snapshot while it is sent.

    The status is sent after the first item is read. A later failure of the database
    ends the connection without the end of the body.
    """
    stream = transaction.stream_within(view.context(), seconds_max(), read)
    response = flask.Response(stream, mimetype=view.NDJSON)
    response.vary.add("Accept")
    return response


def seconds_max() -> float:
    """Return the time limit of a statement: filters may be costly, as in a search."""
    return view.context().settings.placement.candidates_search_seconds_max


def tagged(body: bytes) -> flask.Response:
    """Return the document, or 304 if the client has the same one."""
    response = view.json(body)
    response.vary.add("Accept")
    response.cache_control.no_cache = True
    view.tag(response, hashlib.sha256(body).hexdigest())
    return response
