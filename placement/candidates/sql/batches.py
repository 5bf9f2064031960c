"""The SQL of a batch: single values, and a page of providers, by one statement."""

import itertools
import typing

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from placement.candidates.sql import provider_rows
from placement.db import tables

# Parameters: the revision after which a provider comes with its details, and with all
# of them if its definition has changed after it; and the one after which it comes at
# all if only changes do.
NEWEST = "newest"
SINCE = "since"

Select = sa.Select[typing.Any]

_NEWEST: sa.BindParameter[int] = sa.bindparam(NEWEST, type_=sa.BigInteger)
_NULL = sa.cast(sa.null(), sa.Text)

_LOW_BITS = 31
_LOW = 2**_LOW_BITS - 1


class _ExactSum(sa.sql.functions.FunctionElement[str]):
    """The sum of a column of integers of 64 bits, as text for ``sum_of``.

    SQLite has no larger integers, so it adds the high and the low bits.
    """

    type = sa.Text()
    inherit_cache = True


@compiles(_ExactSum)
def _exact_sum(element: _ExactSum, compiler: typing.Any, **given: typing.Any) -> str:
    (column,) = element.clauses
    if compiler.dialect.name == "sqlite":
        name = compiler.process(column, **given)
        return f"sum({name} >> {_LOW_BITS}) || ' ' || sum({name} & {_LOW})"
    text: str = compiler.process(sa.cast(sa.func.sum(column), sa.Text), **given)
    return text


def sum_of(text: str | None) -> int:
    """Return the integer that ``_ExactSum`` selects; 0 for no rows."""
    high, _, low = (text or "0").rpartition(" ")
    return (int(high or 0) << _LOW_BITS) + int(low)


def batch_of(
    values: list[Select],
    page: Select | None,
    only_changed: bool = False,
    in_detail: bool = False,
) -> "sa.CompoundSelect[typing.Any]":
    """Select single values and the rows of a page by one statement, in any order.

    A row is (-1 - the number of a pair of values, one value, the other, NULL), where
    NULL stands for a missing value; or a row of the page, and the details of its
    provider or NULL. ``in_detail``: those that have changed come with details, which
    only PostgreSQL can select. ``only_changed``: no other rows come, but the sums over
    the page, under the number after that of the last pair.
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
        number = -1 - len(parts)
        if only_changed:
            parts += _changes(page.subquery("page"), in_detail, number)
        else:
            parts.append(_all_rows(page.subquery("page"), in_detail))
    return sa.union_all(*parts)


def _all_rows(page: sa.Subquery, in_detail: bool) -> Select:
    if not in_detail:
        return sa.select(*page.c, _NULL)
    details = provider_rows.details_of(page.c.id, _NEWEST)
    return sa.select(*page.c, sa.case((page.c.revision > _NEWEST, details)))


def _changes(page: sa.Subquery, in_detail: bool, number: int) -> list[Select]:
    """Select the sums over a page under a number, and the rows that have changed."""
    is_changed = page.c.revision > sa.bindparam(SINCE, type_=sa.BigInteger)
    sums_number = sa.literal_column(str(number), sa.Integer)
    sums: list[sa.ColumnElement[typing.Any]] = [
        sa.func.count().label("row_count"),
        # MariaDB would make decimals of the whole column.
        sa.cast(sa.func.sum(page.c.id), sa.BigInteger).label("ids"),
        _ExactSum(page.c.revision).label("revisions"),
    ]
    if not in_detail:
        return [
            sa.select(sums_number, *sums).select_from(page),
            sa.select(*page.c, _NULL).where(is_changed),
        ]
    # The page is read once; what has changed is looked up by its ids.
    changed_ids = sa.func.array_agg(page.c.id).filter(is_changed).label("changed")
    summary = sa.select(*sums, changed_ids).select_from(page).cte("summary")
    ids = sa.cast(
        sa.select(summary.c.changed).scalar_subquery(), sa.ARRAY(sa.BigInteger)
    )
    changed = tables.resource_providers.alias("changed")
    return [
        sa.select(sums_number, summary.c.row_count, summary.c.ids, summary.c.revisions),
        sa.select(
            changed.c.root_provider_id,
            changed.c.id,
            changed.c.revision,
            provider_rows.details(changed, _NEWEST),
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
