"""The changes that the feed shows, recorded by the transactions that make them.

A row has no position until its transaction is committed, see ``change_feed``. It is
inserted after the changed provider or consumer is locked, so the rows of one provider
or consumer have ids in the order of its changes.

Nothing is recorded, and no statement is sent, unless ``turn_on`` was called for the
engine of the connection.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import lists, revision, tables
from placement.db.batch import Step

PROVIDER = "provider"
INVENTORY = "inventory"
TRAITS = "traits"
AGGREGATES = "aggregates"
ALLOCATIONS = "allocations"
STATE = "state"
HOLD = "hold"

# Changes of the last two kinds name a consumer, the others a provider.
KINDS = (PROVIDER, INVENTORY, TRAITS, AGGREGATES, STATE, ALLOCATIONS, HOLD)

# Execution option of engines and their connections.
_RECORDED = "placement_changes_recorded"

# Up to this many rows are inserted one by one, by a statement that is always the same;
# more by one statement, whose text depends on their number.
_STEPS_MAX = 8

_changes = tables.changes
_providers = tables.resource_providers
_inventories = tables.inventories
_allocations = tables.allocations
_consumers = tables.consumers

_Text = sa.ColumnElement[str]

# Generations by uuid; None for what does not exist any more.
Generations = collections.abc.Mapping[str, int | None]


def turn_on(engine: sa.Engine) -> None:
    """Record the changes that are made with connections of the engine."""
    engine.update_execution_options(**{_RECORDED: True})


def is_on(conn: sa.Connection) -> bool:
    """Return whether changes are recorded."""
    return bool(conn.get_execution_options().get(_RECORDED))


def record(
    conn: sa.Connection, kind: str, provider_ids: collections.abc.Iterable[int]
) -> None:
    """Record a change of existing providers, with their generations at this moment.

    The caller has locked or changed them.
    """
    ids = sorted(set(provider_ids))
    if ids and is_on(conn):
        _OF_PROVIDERS.execute(conn, {"ids": ids}, {"kind": kind})


def record_consumers(
    conn: sa.Connection, kind: str, uuids: collections.abc.Iterable[str]
) -> None:
    """Record a change of consumers that have a record, with their generations.

    The caller has locked or changed them.
    """
    wanted = sorted(set(uuids))
    if wanted and is_on(conn):
        _OF_CONSUMERS.execute(conn, {"uuids": wanted}, {"kind": kind})


def of_provider(conn: sa.Connection, uuid: str, generation: int | None) -> list[Step]:
    """Return the steps that record that a provider was created or deleted.

    ``generation`` is None if it was deleted.
    """
    if not is_on(conn):
        return []
    values = {"provider": uuid, "consumer": None, "generation": generation}
    return [Step(_ONE, {"kind": PROVIDER, **values})]


def of_consumers(
    conn: sa.Connection, kind: str, generations: Generations
) -> list[Step]:
    """Return the steps that record a change of consumers.

    ``generations`` are those after the change, None for consumers that are deleted.
    """
    if not (generations and is_on(conn)):
        return []
    rows: list[dict[str, typing.Any]] = [
        {"kind": kind, "provider": None, "consumer": uuid, "generation": generation}
        for uuid, generation in sorted(generations.items())
    ]
    if len(rows) <= _STEPS_MAX:
        return [Step(_ONE, row) for row in rows]
    # PyMySQL sends many rows at once only if all values are parameters.
    now = conn.scalar(sa.select(revision.clock()))
    return [Step(_MANY, [{**row, "now": now} for row in rows], is_fixed=False)]


def record_class(conn: sa.Connection, resource_class_id: int) -> None:
    """Record that a resource class has another name.

    This changes what is shown of all its inventories and allocations.
    """
    if not is_on(conn):
        return
    for statement in _OF_CLASS:
        conn.execute(statement, {"resource_class": resource_class_id})


def _values(
    changed_at: sa.ColumnElement[int],
) -> dict[str, sa.ColumnElement[typing.Any]]:
    return {
        "kind": sa.bindparam("kind", type_=sa.String),
        "provider_uuid": sa.bindparam("provider", type_=sa.String),
        "consumer_uuid": sa.bindparam("consumer", type_=sa.String),
        "generation": sa.bindparam("generation", type_=sa.Integer),
        "changed_at": changed_at,
    }


_ONE = sa.insert(_changes).values(_values(revision.clock()))
_MANY = sa.insert(_changes).values(_values(sa.bindparam("now", type_=sa.BigInteger)))


def insert_from(
    subject: sa.Column[typing.Any], rows: "sa.Select[typing.Any]", kind: _Text
) -> sa.Insert:
    """Return the statement that records a change of each of ``rows``.

    ``subject`` is the column for the uuid. ``rows`` selects uuids and generations.
    """
    columns = _changes.c
    return sa.insert(_changes).from_select(
        [subject, columns.generation, columns.kind, columns.changed_at],
        rows.add_columns(kind, revision.clock()),
        include_defaults=False,
    )


_generation = sa.func.coalesce(_providers.c.generation, 0)
_PROVIDERS = sa.select(_providers.c.uuid, _generation)
_KIND: _Text = sa.bindparam("kind", type_=sa.String)
_OF_PROVIDERS = lists.Statement(
    lambda ids: insert_from(
        _changes.c.provider_uuid,
        _PROVIDERS.where(_providers.c.id.in_(ids)).order_by(_providers.c.id),
        _KIND,
    )
)
_OF_CONSUMERS = lists.Statement(
    lambda uuids: insert_from(
        _changes.c.consumer_uuid,
        sa.select(_consumers.c.uuid, _consumers.c.generation)
        .where(_consumers.c.uuid.in_(uuids))
        .order_by(_consumers.c.id),
        _KIND,
    )
)
_OF_CLASS = (
    insert_from(
        _changes.c.provider_uuid,
        _PROVIDERS.where(
            _providers.c.id.in_(
                sa.select(_inventories.c.resource_provider_id).where(
                    _inventories.c.resource_class_id == sa.bindparam("resource_class")
                )
            )
        ),
        sa.literal_column(f"'{INVENTORY}'", sa.String),
    ),
    insert_from(
        _changes.c.consumer_uuid,
        sa.select(_consumers.c.uuid, _consumers.c.generation).where(
            _consumers.c.uuid.in_(
                sa.select(_allocations.c.consumer_id).where(
                    _allocations.c.resource_class_id == sa.bindparam("resource_class")
                )
            )
        ),
        sa.literal_column(f"'{ALLOCATIONS}'", sa.String),
    ),
)
