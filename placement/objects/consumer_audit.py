"""Compare what is allocated with a list of the consumers that exist."""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import uuids
from placement.db import names, raw_rows, tables
from placement.objects import consumer_page
from placement.objects.consumer_page import Conditions, ConsumerDetails
from placement.objects.uuid_set import UUIDSet

_allocations = tables.allocations
_consumers = tables.consumers

# Rows that are read at a time, and orphans whose details are.
_PAGE = 10_000
_ORPHANS = 1000


@dataclasses.dataclass(slots=True)
class Audit:
    """An audit against ``live``, and what it has counted so far.

    ``live`` loses those that hold something, when ``without_allocations`` has run.
    """

    live: UUIDSet
    consumers: int = 0
    orphans: int = 0

    def each_orphan(
        self,
        conn: sa.Connection,
        known_names: names.Names,
        wanted: Conditions | None,
    ) -> collections.abc.Iterator[list[ConsumerDetails]]:
        """Yield the consumers that hold something and are not live, page by page.

        ``wanted`` are the conditions of the consumers to look at. A page may be empty.
        Runs one statement for 10,000 consumers, and two more for 1,000 orphans.
        """
        for page in _pages(conn, wanted):
            self.consumers += len(page)
            unknown = [id_ for id_, uuid in page if not self._is_live(uuid)]
            yield []
            for start in range(0, len(unknown), _ORPHANS):
                ids = unknown[start : start + _ORPHANS]
                found = consumer_page.get_some(conn, known_names, ids)
                holders = [each for each in found if each.allocations]
                self.orphans += len(holders)
                yield holders

    def _is_live(self, uuid: str) -> bool:
        packed = uuids.packed(uuid)
        return packed is not None and packed in self.live

    def without_allocations(
        self, conn: sa.Connection
    ) -> collections.abc.Iterator[None]:
        """Remove from ``live`` what holds something, whatever the filters are.

        Yields after each page of 10,000 consumers.
        """
        after = ""
        while True:
            page = raw_rows.fetch(conn, _HOLDERS, {"after": after, "size": _PAGE})
            for (uuid,) in page:
                packed = uuids.packed(uuid)
                if packed is not None:
                    self.live.discard(packed)
            yield
            if len(page) < _PAGE:
                return
            after = page[-1][0]


def _pages(
    conn: sa.Connection, wanted: Conditions | None
) -> collections.abc.Iterator[list[tuple[typing.Any, ...]]]:
    """Yield pages of the ids and uuids of the consumers that meet the conditions."""
    if wanted is None:
        return
    select = (
        sa.select(_consumers.c.id, _consumers.c.uuid)
        .where(*wanted, _consumers.c.id > sa.bindparam("after_id"))
        .order_by(_consumers.c.id)
        .limit(_PAGE)
    )
    after_id = consumer_page.BEFORE_ALL
    while True:
        page = raw_rows.fetch(conn, select, {"after_id": after_id})
        yield page
        if len(page) < _PAGE:
            return
        after_id = page[-1][0]


# In the order of the index on consumers.
_HOLDERS = (
    sa.select(_allocations.c.consumer_id)
    .where(_allocations.c.consumer_id > sa.bindparam("after"))
    .group_by(_allocations.c.consumer_id)
    .order_by(_allocations.c.consumer_id)
    .limit(sa.bindparam("size"))
)
