"""Reads for one search, in one snapshot of the database.

A search begins with single values, such as the revision of names, and a page of
trees. Each is one round trip, so whatever is known to be needed is prefetched by one
statement. Prefetching changes no result: a read that was not prefetched runs its own
statement.
"""

import enum
import itertools
import operator
import time
import typing

import sqlalchemy as sa

from placement.candidates.lru import LRUCache
from placement.candidates.sql import provider_rows, rows
from placement.candidates.sql.rows import Row
from placement.db import names, prepared
from placement.tracing.points import traced

_NEWEST = "newest"

# A revision may be committed this much later than it was made, at most, to be among
# what has changed; otherwise a checksum or sums show it. More only costs time.
LATE_MICROSECONDS = 20_000

_NULL = sa.cast(sa.null(), sa.Text)

# The number of batches whose SQL is kept; they differ in which values they read.
_BATCHES_MAX = 200

Parameters = dict[str, typing.Any]
Select = sa.Select[typing.Any]


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
    with their details; ``is_known``: the others do not come, but ``Sums`` of all.
    """

    values: tuple[Read, ...]
    page: Read | None = None
    newest: int | None = None
    is_known: bool = False


class Sums(typing.NamedTuple):
    """The number of rows of a page, and the sums of their ids and revisions."""

    rows: int
    ids: int
    revisions: int


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
        details = Details.NONE
        if prefetch.newest is not None and has_fast_batches(conn):
            details = Details.ONLY_CHANGED if prefetch.is_known else Details.OF_CHANGED
            given[_NEWEST] = prefetch.newest
        for number, read in enumerate(prefetch.values):
            given.update(
                {_numbered(name, number): value for name, value in read.parameters}
            )
        key = (conn.dialect.name, details, page, *selects)
        batch = self._batches.find(key)
        if batch is None:
            statement = batch_of(selects, page, details)
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


class Details(enum.Enum):
    """Which rows of a page a batch selects, and whether with details."""

    NONE = enum.auto()
    # All rows; details of those that have changed.
    OF_CHANGED = enum.auto()
    # The sums over all rows; rows and details of those that have changed.
    ONLY_CHANGED = enum.auto()


def batch_of(
    values: list[Select], page: Select | None, shown: Details = Details.NONE
) -> "sa.CompoundSelect[typing.Any]":
    """Select single values and the rows of a page by one statement, in any order.

    A row is (-1 - the number of a pair of values, one value, the other, NULL), where
    NULL stands for a missing value; or a row of the page, and the details of its
    provider or NULL. With ONLY_CHANGED, the number after that of the last pair has the
    sums over the page.
    """
    scalars = [
        _with_own_names(value, number).scalar_subquery()
        for number, value in enumerate(values)
    ]
    zero = sa.literal_column("0", sa.Integer)
    parts: list[Select] = []
    for one, other in itertools.zip_longest(scalars[::2], scalars[1::2]):
        pair = sa.literal_column(str(-1 - len(parts)), sa.Integer)
        parts.append(sa.select(pair, one, zero if other is None else other, _NULL))
    if page is not None:
        parts += _page_parts(page, shown, -1 - len(parts))
    return sa.union_all(*parts)


def _page_parts(page: Select, shown: Details, number: int) -> list[Select]:
    """Return what a batch selects of a page; ``number`` is that of the sums."""
    newest: sa.BindParameter[int] = sa.bindparam(_NEWEST, type_=sa.BigInteger)
    if shown is not Details.ONLY_CHANGED:
        rows = page.subquery("page")
        details: sa.ColumnElement[typing.Any] = _NULL
        if shown is Details.OF_CHANGED:
            details = sa.case(
                (rows.c.revision > newest, provider_rows.details_of(rows.c.id, newest))
            )
        return [sa.select(*rows.c, details)]
    members = page.cte("page")
    return [
        sa.select(
            sa.literal_column(str(number), sa.Integer),
            sa.func.count(),
            sa.func.sum(members.c.id),
            # It may have more than 64 bits.
            sa.cast(sa.func.sum(members.c.revision), sa.Text),
        ).select_from(members),
        sa.select(*members.c, provider_rows.details_of(members.c.id, newest)).where(
            members.c.revision > newest - sa.literal_column(str(LATE_MICROSECONDS))
        ),
    ]


def _with_own_names(select: Select, number: int) -> Select:
    """Give the parameters of a select names that no other select of the batch has."""

    def renamed(element: object, **_: object) -> sa.BindParameter[typing.Any] | None:
        if isinstance(element, sa.BindParameter) and element.required:
            return sa.bindparam(_numbered(element.key, number), type_=element.type)
        return None

    changed = sa.sql.visitors.replacement_traverse(select, {}, renamed)
    return typing.cast("Select", changed)


def _numbered(name: str, number: int) -> str:
    return f"{name}_of_value_{number}"


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
        # The details of changed providers, by id.
        self.details: dict[int, str] = {}
        # The page that the search has read first, and the newest revision on it.
        self.first_page: Read | None = None
        self.newest = 0
        # The search has read more than can be prefetched.
        self.has_read_more = False
        self.values: dict[Read, int | None] = {}
        self._page: Read | None = None
        self._page_rows: list[Row] = []
        self._changed_page: Read | None = None
        self._changes: Changes | None = None
        if prefetch is not None and batches is not None and prefetch.values:
            found = batches.run(conn, prefetch)
            if prefetch.is_known and has_fast_batches(conn):
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
        (_, count, ids, revisions), *found = found
        pair_count = -(-len(prefetch.values) // 2)
        rows, self.details = _with_details(found[pair_count:])
        sums = Sums(count, int(ids or 0), int(revisions or 0))
        self._changed_page, self._changes = prefetch.page, Changes(rows, sums)
        return found[:pair_count]

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
