"""What consumers hold at all providers, for analyses of many consumers."""

import collections.abc
import itertools
import operator
import typing

import sqlalchemy as sa

from placement.db import raw_rows, tables

_allocations = tables.allocations

# SQLite allows 32,766 parameters per statement.
_IDS_PER_STATEMENT = 1000

# Rows of one page of all allocations.
_PAGE = 20_000

# Units by resource class id, by provider id.
Held = dict[int, dict[int, int]]

# Consumer, provider id, class id and units.
_Row = tuple[typing.Any, ...]


def of_providers(
    conn: sa.Connection, provider_ids: collections.abc.Sequence[int], consumers_max: int
) -> dict[str, Held] | None:
    """Return all that the consumers of some providers hold, by consumer, in order.

    Also what they hold at other providers. None: there are more than ``consumers_max``.
    """
    consumers: set[str] = set()
    for ids in _batches(provider_ids):
        consumers.update(conn.scalars(_CONSUMERS, {"ids": ids}))
        if len(consumers) > consumers_max:
            return None
    rows: list[_Row] = []
    for uuids in _batches(sorted(consumers)):
        rows += raw_rows.fetch(conn, _OF_CONSUMERS, {"consumers": uuids})
    return dict(_by_consumer(rows))


def of_all(
    conn: sa.Connection, page_rows: int = _PAGE
) -> collections.abc.Iterator[list[Held]]:
    """Yield what all consumers hold, in pages, ordered by consumer.

    A page has about ``page_rows`` allocations, at least those of one consumer.
    """
    after, size = "", page_rows
    while True:
        rows = raw_rows.fetch(conn, _AFTER, {"after": after, "size": size})
        if len(rows) < size:
            yield [held for _, held in _by_consumer(rows)]
            return
        # The rows of the last consumer may continue on the next page.
        last = rows[-1][0]
        whole = [row for row in rows if row[0] != last]
        if not whole:
            size *= 2
            continue
        yield [held for _, held in _by_consumer(whole)]
        after, size = whole[-1][0], page_rows


def _by_consumer(
    rows: collections.abc.Iterable[_Row],
) -> collections.abc.Iterator[tuple[str, Held]]:
    for consumer, of_consumer in itertools.groupby(rows, operator.itemgetter(0)):
        held: Held = {}
        for _, provider_id, class_id, used in of_consumer:
            amounts = held.setdefault(provider_id, {})
            # The schema allows several rows for the same consumer and class.
            amounts[class_id] = amounts.get(class_id, 0) + used
        yield consumer, held


def _batches(
    values: collections.abc.Sequence[typing.Any],
) -> collections.abc.Iterator[collections.abc.Sequence[typing.Any]]:
    for start in range(0, len(values), _IDS_PER_STATEMENT):
        yield values[start : start + _IDS_PER_STATEMENT]


_CONSUMERS = (
    sa.select(_allocations.c.consumer_id)
    .where(_allocations.c.resource_provider_id.in_(sa.bindparam("ids", expanding=True)))
    .distinct()
)
_HELD = (
    sa.select(
        _allocations.c.consumer_id,
        _allocations.c.resource_provider_id,
        _allocations.c.resource_class_id,
        _allocations.c.used,
    )
    # Other programs may have stored rows without units.
    .where(_allocations.c.used > 0)
    .order_by(_allocations.c.consumer_id)
)
_OF_CONSUMERS = _HELD.where(
    _allocations.c.consumer_id.in_(sa.bindparam("consumers", expanding=True))
)
_AFTER = _HELD.where(_allocations.c.consumer_id > sa.bindparam("after")).limit(
    sa.bindparam("size", type_=sa.Integer)
)
