"""The SQL of a batch: single values, and a page of providers, by one statement."""

import enum
import itertools
import typing

import sqlalchemy as sa

from placement.candidates.sql import provider_rows
from placement.db import tables

# The parameter with the revision after which a provider has changed.
NEWEST = "newest"

# A revision may be committed this much later than it was made, at most, to be among
# what has changed; otherwise the sums show it. More only costs time.
_LATE_MICROSECONDS = 20_000

# A sum of 32-bit integers is one of 64 bits, which is the fastest on PostgreSQL, and
# has room for a billion providers.
REVISION_ENDS = 2**31

Select = sa.Select[typing.Any]

_NULL = sa.cast(sa.null(), sa.Text)


class Shown(enum.Enum):
    """What a batch selects of a page."""

    ALL = enum.auto()
    # With details of what has changed, which PostgreSQL only can select.
    ALL_IN_DETAIL = enum.auto()
    # The sums over all rows, and the rows that have changed.
    CHANGED = enum.auto()
    CHANGED_IN_DETAIL = enum.auto()


def batch_of(
    values: list[Select], page: Select | None, shown: Shown = Shown.ALL
) -> "sa.CompoundSelect[typing.Any]":
    """Select single values and the rows of a page by one statement, in any order.

    A row is (-1 - the number of a pair of values, one value, the other, NULL), where
    NULL stands for a missing value; or a row of the page, and the details of its
    provider or NULL. The number after that of the last pair has the sums, if they are
    selected.
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


def _page_parts(page: Select, shown: Shown, number: int) -> list[Select]:
    """Return what a batch selects of a page; ``number`` is that of the sums."""
    newest: sa.BindParameter[int] = sa.bindparam(NEWEST, type_=sa.BigInteger)
    rows = page.subquery("page")
    if shown is Shown.ALL:
        return [sa.select(*rows.c, _NULL)]
    if shown is Shown.ALL_IN_DETAIL:
        details = provider_rows.details_of(rows.c.id, newest)
        return [sa.select(*rows.c, sa.case((rows.c.revision > newest, details)))]
    is_changed = rows.c.revision > newest - sa.literal_column(str(_LATE_MICROSECONDS))
    sums_number = sa.literal_column(str(number), sa.Integer)
    end = rows.c.revision.bitwise_and(sa.literal_column(str(REVISION_ENDS - 1)))
    sums: list[sa.ColumnElement[typing.Any]] = [
        sa.func.count().label("row_count"),
        # MariaDB would make decimals of the whole column.
        sa.cast(sa.func.sum(rows.c.id), sa.BigInteger).label("ids"),
        # The other rows have text there.
        sa.cast(sa.func.sum(sa.cast(end, sa.Integer)), sa.Text).label("ends"),
    ]
    if shown is Shown.CHANGED:
        return [
            sa.select(sums_number, *sums).select_from(rows),
            sa.select(*rows.c, _NULL).where(is_changed),
        ]
    # The page is read once; what has changed is looked up by its ids.
    changed_ids = sa.func.array_agg(rows.c.id).filter(is_changed).label("changed")
    summary = sa.select(*sums, changed_ids).select_from(rows).cte("summary")
    ids = sa.cast(
        sa.select(summary.c.changed).scalar_subquery(), sa.ARRAY(sa.BigInteger)
    )
    changed = tables.resource_providers.alias("changed")
    return [
        sa.select(sums_number, summary.c.row_count, summary.c.ids, summary.c.ends),
        sa.select(
            changed.c.root_provider_id,
            changed.c.id,
            changed.c.revision,
            provider_rows.details_of(changed.c.id, newest),
        ).where(changed.c.id == sa.any_(ids)),
    ]


def _with_own_names(select: Select, number: int) -> Select:
    """Give the parameters of a select names that no other select of the batch has."""

    def renamed(element: object, **_: object) -> sa.BindParameter[typing.Any] | None:
        if isinstance(element, sa.BindParameter) and element.required:
            return sa.bindparam(numbered(element.key, number), type_=element.type)
        return None

    changed = sa.sql.visitors.replacement_traverse(select, {}, renamed)
    return typing.cast("Select", changed)


def numbered(name: str, number: int) -> str:
    return f"{name}_of_value_{number}"
