"""The JSON of consumers, and the filters of requests for them."""

import collections.abc
import datetime
import typing

from placement import exception, uuids
from placement.api import encoding
from placement.objects.consumer_page import ConsumerDetails, ConsumerFilters
from placement.schemas import consumers as schema
from placement.web import times

_Document = dict[str, typing.Any]


def filters(
    given: collections.abc.Mapping[str, typing.Any],
    wanted: collections.abc.Iterable[str] | None = None,
) -> ConsumerFilters:
    """Return the filters among the members of ``given``, which conform to the schema.

    ``wanted`` are uuids in any form. Raises BadRequest for a time that does not exist.
    """
    values = {name: given[name] for name in schema.FILTERS if name in given}
    for name in ("created_before", "updated_before"):
        if name in values:
            values[name] = _time(name, values[name])
    if wanted is not None:
        values["uuids"] = tuple(sorted({uuids.canonical_or_same(it) for it in wanted}))
    return ConsumerFilters(**values)


def _time(name: str, value: str) -> datetime.datetime:
    """Return a time in UTC, without a zone, as records have it."""
    try:
        moment = times.in_utc(value)
    except ValueError as invalid:
        raise exception.BadRequest(
            reason=f"The parameter '{name}' is not a time: {invalid}. Give one such as "
            "2030-01-31T12:00:00Z."
        ) from invalid
    return moment.replace(tzinfo=None)


def listed(consumers: collections.abc.Iterable[ConsumerDetails]) -> bytes:
    """Return a list of the consumers."""
    return encoding.encode(list(map(document, consumers)))


def lines(consumers: collections.abc.Iterable[ConsumerDetails]) -> bytes:
    """Return one line for each consumer."""
    return b"".join(encoding.encode(document(each)) + b"\n" for each in consumers)


def document(consumer: ConsumerDetails) -> _Document:
    """Return the document of one consumer."""
    return {
        "uuid": consumer.uuid,
        "project_id": consumer.project_id,
        "user_id": consumer.user_id,
        "consumer_type": consumer.consumer_type,
        "generation": consumer.generation,
        "created_at": _rendered(consumer.created_at),
        "updated_at": _rendered(consumer.updated_at),
        "allocations": {
            provider: share._asdict()
            for provider, share in consumer.allocations.items()
        },
        "hold": (
            None if consumer.expires_at is None else times.render(consumer.expires_at)
        ),
    }


def _rendered(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else times.render_utc(moment)
