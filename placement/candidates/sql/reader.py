"""Reads for one search, in one snapshot of the database.

A search begins with single values, such as the revision of names, and a page of
trees. Each is one round trip, so whatever is known to be needed is prefetched by one
statement. Prefetching changes no result: a read that was not prefetched runs its own
statement.
"""

import collections.abc
import itertools
import operator
import time
import typing

import sqlalchemy as sa

from placement.candidates.lru import LRUCache
from placement.candidates.sql import rows
from placement.candidates.sql.batches import (
    NEWEST,
    SINCE,
    Select,
    batch_of,
    numbered,
    sum_of,
)
from placement.candidates.sql.rows import Row
from placement.db import names, prepared
from placement.tracing.points import traced

# A revision may be committed this much later than it was made, at most, to be among
# what has changed; otherwise the sums show it. More only costs time.
_LATE_SECONDS = 0.02

# The number of batches whose SQL is kept; they differ in which values they read.
_BATCHES_MAX = 200

Parameters = dict[str, typing.Any]


class Read(typing.NamedTuple):
    """A statement with the values of its parameters, by name."""

    select: Select
    parameters: tuple[tuple[str, typing.Any], ...] = ()

    @classmethod
    def of(cls, select: Select, **parameters: typing.Any) -> "Read":
        return cls(select, tuple(parameters.items()))

    @property
    def is_large(self) -> bool:
        """It has a list of any number of values, so it is no part of a batch."""
        return any(isinstance(value, tuple) for _, value in self.parameters)


class Prefetch(typing.NamedTuple):
    """Reads to run as one statement.

    ``values`` each select one integer, at most. ``page`` selects (root id, id,
    revision) of providers. On PostgreSQL, those with a revision above ``newest`` come
    with their details. With ``since``, only those with a revision above it come, on
    PostgreSQL with details, and ``Sums`` of all.
    """

    values: tuple[Read, ...]
    page: Read | None = None
    newest: int | None = None
    since: int | None = None

    @classmethod
    def of_changes(
        cls, values: collections.abc.Iterable[Read], page: Read, since: "Since"
    ) -> "Prefetch":
        """Return a prefetch of what has changed on a page."""
        return cls(tuple(values), page, since.newest, since.revision)


class Sums(typing.NamedTuple):
    """The number of rows of a page, and the sums of their ids and revisions.

    A change of a provider increases its revision. So the sums of a page change, unless
    as many providers leave it as join it, with the same sums.
    """

    rows: int
    ids: int
    revisions: int

    @classmethod
    def of(cls, rows: list[Row]) -> "Sums":
        return cls(
            len(rows),
            sum([id_ for _, id_, _ in rows]),
            sum([revision for _, _, revision in rows]),
        )


class Since(typing.NamedTuple):
    """The newest revision on a page, and when it was read first: monotonic, in seconds.

    ``is_settled``: revisions before it are no longer committed late.
    """

    newest: int
    time: float
    is_settled: bool = False

    @property
    def revision(self) -> int:
        """What has changed since has a later revision than this."""
        if self.is_settled:
            return self.newest
        return self.newest - int(_LATE_SECONDS * 1_000_000)

    def after(self, newest: int, time: float) -> "Since":
        """Return what holds after a read of what has changed since ``revision``."""
        if newest != self.newest:
            return Since(newest, time)
        if self.is_settled or time - self.time < _LATE_SECONDS:
            return self
        return self._replace(is_settled=True)


class Changes(typing.NamedTuple):
    """The rows of a page with a revision above another, and the sums over all rows."""

    changed: list[Row]
    sums: Sums


class Batches:
    """Builds each batch once, and runs it, prepared where the database allows it."""

    def __init__(self) -> None:
        self._batches: LRUCache[tuple[object, ...], _Batch] = LRUCache(
            _BATCHES_MAX, lambda batch: 1
        )

    def run(self, conn: sa.Connection, prefetch: Prefetch) -> list[Row]:
        """Return the rows of ``batch_of``, ascending."""
        selects = [read.select for read in prefetch.values]
        page = prefetch.page and prefetch.page.select
        given = dict(prefetch.page.parameters) if prefetch.page else {}
        only_changed = prefetch.since is not None
        in_detail = prefetch.newest is not None and has_fast_batches(conn)
        if only_changed:
            given[SINCE] = prefetch.since
        if in_detail:
            given[NEWEST] = prefetch.newest
        for number, read in enumerate(prefetch.values):
            given.update(
                {numbered(name, number): value for name, value in read.parameters}
            )
        key = (conn.dialect.name, only_changed, in_detail, page, *selects)
        batch = self._batches.find(key)
        if batch is None:
            statement = batch_of(selects, page, only_changed, in_detail)
            batch = _Batch(statement, rows.compile_text(statement, conn.dialect, given))
            self._batches.add(key, batch)
        # The first two values of a row are never those of another.
        return sorted(batch.read(conn, given))


class _Batch(typing.NamedTuple):
    """A batch, and its text for databases that do not prepare it."""

    statement: "sa.CompoundSelect[typing.Any]"
    text: rows.Text

    def read(self, conn: sa.Connection, given: Parameters) -> list[Row]:
        statements = prepared.find(conn)
        if statements is None:
            return rows.read_text(conn, self.text, given)
        # Planning a batch takes about as long as running a small one.
        with statements.run(conn, [(self.statement, given)]) as result:
            assert result.cursor is not None
            return list(result.cursor.fetchall())


def has_fast_batches(conn: sa.Connection) -> bool:
    """Batches can have details, and can be run without a transaction."""
    return conn.dialect.name == "postgresql"


class SnapshotRequiredError(Exception):
    """A search needs more than its batch, and is not in a snapshot."""


class _NoSnapshot:
    """Stands for a connection where only the batch may be run."""

    def __getattr__(self, name: str) -> typing.Any:
        raise SnapshotRequiredError


class Reader:
    """Reads what one search needs.

    ``conn`` is in a snapshot; or the search may only use what the batch has read,
    which is a snapshot of its own. Then whatever reads more raises
    SnapshotRequiredError.
    """

    def __init__(
        self,
        conn: sa.Connection,
        prefetch: Prefetch | None = None,
        batches: Batches | None = None,
        only_batch: bool = False,
    ) -> None:
        # Monotonic, in seconds: before anything was read.
        self.began = time.monotonic()
        self.conn = typing.cast("sa.Connection", _NoSnapshot()) if only_batch else conn
        # Other databases would read a page twice, for its sums and its changes, which
        # takes longer than sending all of it.
        self.can_read_changes = prefetch is not None and has_fast_batches(conn)
        # The details of changed providers, by id.
        self.details: dict[int, str] = {}
        # The page that the search has read first, and the newest revision on it.
        self.first_page: Read | None = None
        self.newest = 0
        # The search has read more than can be prefetched.
        self.has_read_more = False
        self.values: dict[Read, int | None] = {}
        self._batches = batches
        self._page: Read | None = None
        self._page_rows: list[Row] = []
        self._changed_page: Read | None = None
        self._changes: Changes | None = None
        if prefetch is not None and batches is not None and prefetch.values:
            found = batches.run(conn, prefetch)
            if prefetch.since is not None:
                found = self._prefetch_changes(prefetch, found)
            self._prefetch(prefetch, found)

    @classmethod
    def of_values(cls, values: dict[Read, int | None]) -> "Reader":
        """Return a reader that has ``values`` of a snapshot, and can read no more."""
        reader = cls(typing.cast("sa.Connection", None), only_batch=True)
        reader.values = values
        return reader

    def _prefetch_changes(self, prefetch: Prefetch, found: list[Row]) -> list[Row]:
        """Take the changes of a known page; return the rows of single values."""
        pair_count = -(-len(prefetch.values) // 2)
        # The number of the sums is the lowest.
        sums, *pairs = found[: pair_count + 1]
        self._changed_page = prefetch.page
        self._changes = self._take_changes([sums, *found[pair_count + 1 :]])
        return pairs

    def _take_changes(self, found: list[Row]) -> Changes:
        """Return the changes of a known page, and keep the details."""
        (_, count, ids, revisions), *rows = found
        changed, details = _with_details(rows)
        self.details |= details
        return Changes(changed, Sums(count, ids or 0, sum_of(revisions)))

    def _prefetch(self, prefetch: Prefetch, found: list[Row]) -> None:
        pair_count = -(-len(prefetch.values) // 2)
        values = itertools.chain.from_iterable(
            pair[1:3] for pair in reversed(found[:pair_count])
        )
        # The last pair may be a value and a filler.
        self.values = dict(zip(prefetch.values, values, strict=False))
        if self._changes is None:
            self._page = prefetch.page
            self._page_rows, self.details = _with_details(found[pair_count:])

    def value(self, read: Read) -> int | None:
        """Return the integer that ``read`` selects; None if it selects none.

        The same read is run once.
        """
        if read not in self.values:
            self.has_read_more = True
            found = self._run(read)
            self.values[read] = found[0][0] if found else None
        return self.values[read]

    def prefetched(self, read: Read) -> int | None:
        """Return what ``value`` does if that was prefetched, or else None."""
        return self.values.get(read)

    def names_revision(self) -> int:
        """Return the revision of names, see ``db.names``."""
        return self.value(NAMES_REVISION) or 0

    def rows(self, select: Select) -> list[Row]:
        """Return the rows of a statement that is never prefetched."""
        self.has_read_more = True
        return rows.read(self.conn, select)

    def members(self, read: Read) -> list[Row]:
        """Return (root id, id, revision) of providers, ascending; not prefetched."""
        self.has_read_more = True
        return sorted(self._run(read))

    @traced("candidates.read")
    def page(self, read: Read) -> list[Row]:
        """Return what ``members`` does; the first page can be prefetched."""
        found = self._page_rows if read == self._page else sorted(self._run(read))
        if self.first_page is None:
            self.first_page = read
            self.newest = max(map(_REVISION, found), default=0)
        else:
            self.has_read_more = True
        return found

    def changes(self, read: Read) -> Changes | None:
        """Return what has changed on a page, if that and no more was prefetched."""
        if self._changes is None or read != self._changed_page:
            return None
        if self.first_page is None:
            self.first_page = read
        return self._changes

    def changes_since(self, read: Read, since: Since) -> Changes:
        """Return what has changed on a page; can be prefetched."""
        changes = self.changes(read)
        if changes is not None:
            return changes
        self.has_read_more = True
        batches = self._batches or Batches()
        prefetch = Prefetch.of_changes((), read, since)
        return self._take_changes(batches.run(self.conn, prefetch))

    def _run(self, read: Read) -> list[Row]:
        given = dict(read.parameters)
        if read.is_large:
            return rows.read(self.conn, read.select, given)
        return rows.read_constant(self.conn, read.select, given)


def _with_details(found: list[Row]) -> tuple[list[Row], dict[int, str]]:
    """Return the rows of a page without details, and the details by id."""
    details = {row[1]: row[3] for row in found if row[3] is not None}
    return [row[:3] for row in found], details


_REVISION = operator.itemgetter(2)
NAMES_REVISION = Read.of(names.REVISION)
