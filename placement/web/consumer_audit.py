"""``POST /-/v1/consumers:audit``: what is allocated to consumers that are gone."""

import collections.abc
import datetime
import itertools
import typing
import uuid

import flask
import sqlalchemy as sa

from placement import exception, excerpt, uuids
from placement.api import body as api_body
from placement.api import encoding
from placement.api.operation import Answer, Parameter
from placement.api.reply import JSON
from placement.db import tables, transaction
from placement.db.names import Names
from placement.objects.consumer_audit import Audit
from placement.objects.consumer_page import Conditions, ConsumerFilters
from placement.objects.uuid_set import UUIDSet
from placement.policies import extension as extension_policy
from placement.schemas import consumers as schema
from placement.web import bulk, view
from placement.web import consumer_documents as documents
from placement.web.consumers import FILTER_PARAMETERS, read_conditions

blueprint = flask.Blueprint("consumer_audit", __name__)

# Longer than any form of a uuid, in quotes.
_LINE_BYTES_MAX = 64

# Uuids in one piece of the answer.
_PER_CHUNK = 10_000


@view.operation(
    blueprint,
    "POST /-/v1/consumers:audit",
    Answer(200, schema.AUDIT),
    rule=extension_policy.READ,
    query=schema.AUDIT_QUERY,
    parameters=FILTER_PARAMETERS
    | {
        "older_than_seconds": Parameter(
            "Consumers that were created this long ago; by default 3600."
        )
    },
    body=schema.AUDIT_BODY,
)
def audit_consumers() -> flask.Response:
    """Compare the consumers with a list of those that exist, from one snapshot.

    ``orphans`` hold something and are not in the list. ``without_allocations`` are in
    the list and hold nothing. The body is JSON or, as ``application/x-ndjson``, up to a
    million uuids, one per line; its parameters are then in the query string. The answer
    is sent while the database is read.

    Raises BadRequest for what is malformed, and SchemaInvalid.
    """
    if flask.request.mimetype == view.NDJSON:
        given: dict[str, typing.Any] = dict(view.query().last_values())
        within = given
        live = _read_lines()
    else:
        given = _json_body()
        within = given.get("within", {})
        live = UUIDSet(map(_packed, given["live"]))
    filters = documents.filters(within)
    seconds = int(given.get("older_than_seconds", schema.OLDER_THAN_SECONDS))
    return _stream(live, _older_than(filters, seconds))


def _json_body() -> dict[str, typing.Any]:
    if flask.request.mimetype != JSON:
        raise exception.UnsupportedMediaType(
            given=flask.request.environ.get("CONTENT_TYPE") or None,
            wanted=f"{JSON} or {view.NDJSON}",
        )
    for name, _ in view.query():
        raise exception.BadRequest(
            reason=f"The parameter '{name}' must be a member of the body, or the body "
            f"must have the media type {view.NDJSON}."
        )
    body: dict[str, typing.Any] = view.json_body()
    return body


def _packed(text: str) -> bytes:
    packed = uuids.packed(text)
    # The schema accepts uuids only.
    assert packed is not None
    return packed


def _read_lines() -> UUIDSet:
    """Return the uuids of the body, one per line, with or without quotes.

    Memory is bounded by the number of lines, not by ``max_request_body_bytes``.

    Raises BadRequest for a line that is no uuid, and for too many lines.
    """
    live = UUIDSet()
    lines_max = schema.LIVE_MAX
    lines = api_body.lines(flask.request.environ, lines_max, _LINE_BYTES_MAX)
    for place, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        packed = uuids.packed(text.strip(b'"').decode("latin-1"))
        if packed is None:
            raise exception.BadRequest(
                reason=f"Line {place} of the body must be a uuid. Got: "
                f"{excerpt.of_text(text.decode(errors='replace'))}"
            )
        live.add(packed)
    return live


def _older_than(filters: ConsumerFilters, seconds: int) -> ConsumerFilters:
    """Return the filters, for consumers that were created ``seconds`` ago or earlier.

    Records have the time of the service.
    """
    if not seconds:
        return filters
    before = tables.utcnow() - datetime.timedelta(seconds=seconds)
    given = filters.created_before
    return filters._replace(
        created_before=before if given is None else min(before, given)
    )


def _stream(live: UUIDSet, filters: ConsumerFilters) -> flask.Response:
    names = view.context().names

    def read(conn: sa.Connection) -> collections.abc.Iterator[bytes]:
        conditions = read_conditions(conn, filters)
        return _pieces(Audit(live), conn, names, conditions)

    stream = transaction.stream_within(view.context(), bulk.seconds_max(), read)
    return flask.Response(stream, mimetype=JSON)


def _pieces(
    audit: Audit, conn: sa.Connection, names: Names, conditions: Conditions | None
) -> collections.abc.Iterator[bytes]:
    """Yield the answer; white space shows that the service is at work."""
    counts = {"live": len(audit.live)}
    pages = audit.each_orphan(conn, names, conditions)
    # A failure to read it is a refusal; later ones end the connection.
    first = list(itertools.islice(pages, 1))
    yield b'{"orphans":['
    separator = b""
    for page in itertools.chain(first, pages):
        yield b"\n"
        if page:
            yield separator + documents.listed(page)[1:-1]
            separator = b","
    yield b'],"without_allocations":['
    for _ in audit.without_allocations(conn):
        yield b"\n"
    yield from _uuids(audit.live)
    counts |= {
        "consumers": audit.consumers,
        "orphans": audit.orphans,
        "without_allocations": len(audit.live),
    }
    yield b'],"counts":' + encoding.encode(counts) + b"}"


def _uuids(packed: UUIDSet) -> collections.abc.Iterator[bytes]:
    """Yield pieces of a list of uuids, in order."""
    separator = b""
    # A sixteenth at a time, because a list takes more memory than the set.
    for digit in range(16):
        some = sorted(each for each in packed if each[0] >> 4 == digit)
        for start in range(0, len(some), _PER_CHUNK):
            chunk = some[start : start + _PER_CHUNK]
            listed = encoding.encode([str(uuid.UUID(bytes=each)) for each in chunk])
            yield separator + listed[1:-1]
            separator = b","
