"""Reads for one search, in one snapshot of the database.

A search begins with single values, such as the revision of names, and a page of
trees. Each is one round trip, so whatever is known to be needed is prefetched by one
statement. Prefetching changes no result: a read that was not prefetched runs its own
statement.
"""

import itertools
import operator
import typing

import sqlalchemy as sa

from placement.candidates.lru import LRUCache
from placement.candidates.sql import provider_rows, rows
from placement.candidates.sql.rows import Row
from placement.db import names, prepared
from placement.tracing.points import traced

_NEWEST = "newest"
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
    with their details.
    """

    values: tuple[Read, ...]
    page: Read | None = None
    newest: int | None = None


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
        has_details = prefetch.newest is not None and has_fast_batches(conn)
        if has_details:
            given[_NEWEST] = prefetch.newest
        for number, read in enumerate(prefetch.values):
            given.update(
                {_numbered(name, number): value for name, value in read.parameters}
            )
        key = (conn.dialect.name, has_details, page, *selects)
        batch = self._batches.find(key)
        if batch is None:
            statement = batch_of(selects, page, has_details)
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


def batch_of(
    values: list[Select], page: Select | None, has_details: bool = False
) -> "sa.CompoundSelect[typing.Any]":
    """Select single values and the rows of a page by one statement, in any order.

    A row is (-1 - the number of a pair of values, one value, the other, NULL), where
    NULL stands for a missing value; or a row of the page, and the details of its
    provider or NULL.
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
        members = page.subquery("page")
        details: sa.ColumnElement[typing.Any] = _NULL
        if has_details:
            newest: sa.BindParameter[int] = sa.bindparam(_NEWEST, type_=sa.BigInteger)
            details = sa.case(
                (
                    members.c.revision > newest,
                    provider_rows.details_of(members.c.id, newest),
                )
            )
        parts.append(sa.select(*members.c, details))
    return sa.union_all(*parts)


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
        self.conn = typing.cast("sa.Connection", _NoSnapshot()) if only_batch else conn
        # The details of changed providers, by id.
        self.details: dict[int, str] = {}
        # The page that the search has read first, and the newest revision on it.
        self.first_page: Read | None = None
        self.newest = 0
        # The search has read more than can be prefetched.
        self.has_read_more = False
        self._values: dict[Read, int | None] = {}
        self._page: Read | None = None
        self._page_rows: list[Row] = []
        if prefetch is not None and batches is not None and prefetch.values:
            self._prefetch(prefetch, batches.run(conn, prefetch))

    def _prefetch(self, prefetch: Prefetch, found: list[Row]) -> None:
        pair_count = -(-len(prefetch.values) // 2)
        values = itertools.chain.from_iterable(
            pair[1:3] for pair in reversed(found[:pair_count])
        )
        # The last pair may be a value and a filler.
        self._values = dict(zip(prefetch.values, values, strict=False))
        page = found[pair_count:]
        self._page, self._page_rows = prefetch.page, [row[:3] for row in page]
        self.details = {row[1]: row[3] for row in page if row[3] is not None}

    def value(self, read: Read) -> int | None:
        """Return the integer that ``read`` selects; None if it selects none.

        The same read is run once.
        """
        if read not in self._values:
            self.has_read_more = True
            found = self._run(read)
            self._values[read] = found[0][0] if found else None
        return self._values[read]

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

    def _run(self, read: Read) -> list[Row]:
        given = dict(read.parameters)
        if read.is_large:
            return rows.read(self.conn, read.select, given)
        return rows.read_constant(self.conn, read.select, given)


_REVISION = operator.itemgetter(2)
NAMES_REVISION = Read.of(names.REVISION)
