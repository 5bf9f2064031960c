"""The rows that provider snapshots are built from.

A search reads changed providers all at once: two statements on PostgreSQL, which
returns lists as values, and four on other databases.
"""

import collections.abc
import typing

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement.candidates.sql import rows
from placement.candidates.sql.rows import Row
from placement.db import revision, tables
from placement.objects import inventory

# Rows are selected by the range of their ids, which is much cheaper, unless the range
# has this many times more ids than are wanted.
_RANGE_FACTOR_MAX = 2

_BIG_INTEGERS = postgresql.ARRAY(sa.BigInteger)

_Ids = collections.abc.Sequence[int]
_Select = sa.Select[typing.Any]

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates


class ProviderRow(typing.NamedTuple):
    """A provider; ``trait_ids`` ascend."""

    id: int
    uuid: str
    root_id: int
    parent_id: int | None
    revision: int
    definition_revision: int
    state: int
    trait_ids: tuple[int, ...]
    aggregate_ids: collections.abc.Sequence[int]


class Usage(typing.NamedTuple):
    """The usage of a provider: the units of each class, ascending by class id.

    It is for a snapshot with the same ``definition_revision``.
    """

    revision: int
    definition_revision: int
    used: list[int]


def details(
    provider: sa.FromClause, newest: sa.ColumnElement[int]
) -> sa.ColumnElement[str]:
    """Select what has changed of a provider since ``newest``, as text; PostgreSQL only.

    That is its usage if its definition is older, otherwise all that a snapshot is
    built from. ``provider`` is a row of resource_providers.
    """
    definition = revision.of_definition(provider)
    used = sa.func.array(
        sa.select(_inventories.c.used)
        .where(_inventories.c.resource_provider_id == provider.c.id)
        .order_by(_inventories.c.resource_provider_id, _inventories.c.resource_class_id)
        .correlate_except(_inventories)
        .scalar_subquery(),
        type_=_BIG_INTEGERS,
    )
    usage = sa.func.array_prepend(definition, used, type_=_BIG_INTEGERS)
    return sa.case(
        (definition <= newest, sa.cast(usage, sa.Text)),
        else_=sa.cast(_definition_of(provider, definition), sa.Text),
    )


def details_of(
    provider_id: sa.ColumnElement[int], newest: sa.ColumnElement[int]
) -> sa.ColumnElement[str]:
    """Select what ``details`` does, of the provider with an id."""
    one = _providers.alias("detailed")
    return (
        sa.select(details(one, newest))
        .where(one.c.id == provider_id)
        .correlate_except(one)
        .scalar_subquery()
    )


def _definition_of(
    provider: sa.FromClause, definition_revision: sa.ColumnElement[int]
) -> sa.ColumnElement[typing.Any]:
    columns = inventory.COLUMNS[:-1]
    inventories = (
        sa.select(
            sa.func.json_agg(
                postgresql.aggregate_order_by(
                    sa.func.json_build_array(*columns),
                    _inventories.c.resource_class_id,
                )
            )
        )
        .where(_inventories.c.resource_provider_id == provider.c.id)
        .correlate_except(_inventories)
        .scalar_subquery()
    )
    return sa.func.json_build_array(
        definition_revision,
        provider.c.uuid,
        provider.c.parent_provider_id,
        provider.c.state,
        *(_list_of(column, provider.c.id) for column in _LISTS),
        inventories,
    )


def is_usage(details: str) -> bool:
    """The details are those for ``parse_usage``."""
    # An array of PostgreSQL, otherwise one of JSON.
    return details[0] == "{"


def parse_usage(member: Row, details: str) -> Usage:
    """Return the usage of a provider from its (root id, id, revision) and details."""
    definition_revision, *used = orjson.loads(f"[{details[1:-1]}]")
    return Usage(member[2], definition_revision, used)


def parse_details(member: Row, details: str) -> tuple[ProviderRow, list[Row]]:
    """Return the rows of a provider from its (root id, id, revision) and details."""
    root_id, id_, last = member
    definition_revision, uuid, parent_id, state, *lists = orjson.loads(details)
    trait_ids, aggregate_ids, inventories = lists
    row = ProviderRow(
        id_,
        uuid,
        root_id,
        parent_id,
        last,
        definition_revision,
        state,
        tuple(trait_ids),
        aggregate_ids,
    )
    return row, inventories or []


def read_providers(conn: sa.Connection, ids: _Ids) -> list[ProviderRow]:
    """Return the providers with these ids, in any order."""
    wanted = set(ids)
    if conn.dialect.name == "postgresql":
        return [
            ProviderRow._make((*row[:7], tuple(row[7]), row[8]))
            for row in _rows(conn, _PROVIDERS_WITH_LISTS, ids)
            if row[0] in wanted
        ]
    traits = _lists(conn, _TRAITS, ids)
    aggregates = _lists(conn, _AGGREGATES, ids)
    return [
        ProviderRow._make(
            (*row, tuple(traits.get(row[0], ())), aggregates.get(row[0], ()))
        )
        for row in _rows(conn, _PROVIDERS, ids)
        if row[0] in wanted
    ]


def read_inventories(conn: sa.Connection, ids: _Ids) -> dict[int, list[Row]]:
    """Return (class id, the columns of its offer) of each provider, by its id.

    The rows of a provider ascend by class. The result may have other providers, too.
    """
    found: dict[int, list[Row]] = {}
    for row in _rows(conn, _INVENTORIES, ids):
        found.setdefault(row[0], []).append(row[1:])
    return found


def _lists(conn: sa.Connection, selects: "_Selects", ids: _Ids) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for provider_id, value in _rows(conn, selects, ids):
        found.setdefault(provider_id, []).append(value)
    return found


def _rows(
    conn: sa.Connection, selects: "_Selects", ids: _Ids
) -> collections.abc.Iterable[Row]:
    """Return rows that begin with one of ``ids``, and maybe with others."""
    least, greatest = min(ids), max(ids)
    if greatest - least < _RANGE_FACTOR_MAX * len(ids):
        between = {"least": least, "greatest": greatest}
        return rows.each(conn, selects.between, between)
    if conn.dialect.name == "postgresql":
        return rows.read_constant(conn, selects.in_array, {"ids": list(ids)})
    return rows.each(conn, selects.named, {"ids": list(ids)})


class _Selects(typing.NamedTuple):
    """The same rows for ``ids``, and for ids between ``least`` and ``greatest``.

    ``in_array`` takes the ids as one parameter; PostgreSQL only.
    """

    named: _Select
    in_array: _Select
    between: _Select


def _selects(select: _Select, provider_id: sa.ColumnElement[int]) -> _Selects:
    ids: sa.BindParameter[list[int]] = sa.bindparam(
        "ids", expanding=True, literal_execute=True
    )
    array = sa.bindparam("ids", type_=postgresql.ARRAY(sa.Integer))
    least: sa.BindParameter[int] = sa.bindparam("least")
    greatest: sa.BindParameter[int] = sa.bindparam("greatest")
    return _Selects(
        named=select.where(provider_id.in_(ids)),
        in_array=select.where(provider_id == sa.any_(array)),
        between=select.where(provider_id.between(least, greatest)),
    )


_LISTS = (_traits.c.trait_id, _aggregates.c.aggregate_id)


def _list_of(
    column: sa.Column[int], provider_id: sa.ColumnElement[int]
) -> sa.ColumnElement[typing.Any]:
    """Select the values of a column for a provider, ascending; PostgreSQL only."""
    owner = column.table.c.resource_provider_id
    values = sa.select(column).where(owner == provider_id).order_by(owner, column)
    return sa.func.array(
        values.correlate_except(column.table).scalar_subquery(),
        type_=postgresql.ARRAY(sa.Integer),
    )


_PROVIDER: _Select = sa.select(
    _providers.c.id,
    _providers.c.uuid,
    _providers.c.root_provider_id,
    _providers.c.parent_provider_id,
    _providers.c.revision,
    revision.of_definition(_providers),
    _providers.c.state,
)
_PROVIDERS = _selects(_PROVIDER, _providers.c.id)
_PROVIDERS_WITH_LISTS = _selects(
    _PROVIDER.add_columns(*(_list_of(column, _providers.c.id) for column in _LISTS)),
    _providers.c.id,
)
_INVENTORIES = _selects(
    # Not the last, which says when it was changed. Ordered by one index: by classes
    # alone, PostgreSQL without statistics reads all inventories in that order.
    sa.select(_inventories.c.resource_provider_id, *inventory.COLUMNS[:-1]).order_by(
        _inventories.c.resource_provider_id, _inventories.c.resource_class_id
    ),
    _inventories.c.resource_provider_id,
)
_TRAITS = _selects(
    sa.select(_traits.c.resource_provider_id, _traits.c.trait_id).order_by(
        _traits.c.resource_provider_id, _traits.c.trait_id
    ),
    _traits.c.resource_provider_id,
)
_AGGREGATES = _selects(
    sa.select(_aggregates.c.resource_provider_id, _aggregates.c.aggregate_id),
    _aggregates.c.resource_provider_id,
)
