"""The state of a provider: in service, cordoned or quarantined.

A provider that is not in service takes no new or larger allocation, and searches skip
it. The state is a column of the provider, which claims lock, so after a change of the
state is committed, no claim that depends on the old one succeeds. Each change has a row
that says who made it, when, why, and until when; the last row of a provider is current.
"""

import functools
import typing

import sqlalchemy as sa

from placement import exception, uuids
from placement.db import revision, tables, transaction
from placement.objects import change as feed
from placement.objects import resource_provider, tree

if typing.TYPE_CHECKING:
    from placement.caller import Caller
    from placement.context import RequestContext

IN_SERVICE, CORDONED, QUARANTINED = range(3)
NAMES = ("in_service", "cordoned", "quarantined")

# The reason of a return to service by ``return_to_service``.
EXPIRED = "The time set by 'until' has passed."

# Providers that are returned to service in one transaction.
_BATCH = 500

_providers = tables.resource_providers
_states = tables.provider_states


class State(typing.NamedTuple):
    """The state of one provider.

    Times are microseconds since 1970. What was never set is None, or an empty reason.
    """

    uuid: str
    name: str
    state: int
    reason: str
    until: int | None
    set_at: int | None
    project_id: str | None
    user_id: str | None


class Change(typing.NamedTuple):
    """A state to set. ``until`` is when the provider returns to service; None: never.

    With ``has_subtree``, all providers below are set, too.
    """

    state: int
    has_subtree: bool
    reason: str
    until: int | None


def is_in_service(state: int) -> bool:
    """Return whether a stored state allows new allocations.

    Twin of ``predicates.is_in_service``.
    """
    return state < CORDONED


def name_of(state: int) -> str:
    """Return the name of a stored state, or of the nearest one if it is invalid."""
    return NAMES[min(max(state, IN_SERVICE), QUARANTINED)]


def get(conn: sa.Connection, uuid: str) -> State:
    """Return the state of one provider.

    Raises ResourceProviderNotFound.
    """
    row = conn.execute(_GET, {"wanted": uuids.canonical_or_same(uuid)}).first()
    if row is None:
        raise exception.ResourceProviderNotFound(uuid=uuid)
    return State._make(row)


def put(conn: sa.Connection, uuid: str, change: Change, caller: "Caller") -> State:
    """Set the state of a provider, and return it.

    Advances the revisions of the providers that are set, not their generations.

    Raises ResourceProviderNotFound, and BadRequest if ``until`` has passed.
    """
    provider = resource_provider.get_by_uuid(conn, uuid)
    ids = [provider.id]
    if change.has_subtree:
        ids = tree.lock_subtree(conn, provider)
    now = conn.execute(sa.select(revision.clock())).scalar_one()
    if change.until is not None and change.until <= now:
        raise exception.BadRequest(
            reason="The member 'until' must be a time in the future."
        )
    if not _set(conn, ids, change.state, sa.true()):
        raise resource_provider.changed_meanwhile()
    feed.record(conn, feed.STATE, ids)
    _add_rows(conn, ids, change, caller)
    return get(conn, uuid)


def return_to_service(context: "RequestContext") -> None:
    """Return to service the providers whose state was set until a time that has passed.

    For the sweeper: any number of processes may call it at the same time.
    """
    while True:
        # Not of a replica, where they may not have returned yet.
        ids = transaction.read_before_write(context, _find_expired)
        if not ids:
            return
        transaction.write(context, functools.partial(_expire, ids=ids))


def _find_expired(conn: sa.Connection) -> list[int]:
    return sorted(conn.scalars(_FIND_EXPIRED))


def _expire(conn: sa.Connection, ids: list[int]) -> None:
    """Set the state of those of the providers whose time has passed."""
    resource_provider.lock(conn, ids)
    change = Change(IN_SERVICE, has_subtree=False, reason=EXPIRED, until=None)
    expired = [
        id_ for id_ in ids if _set(conn, [id_], IN_SERVICE, _is_expired(_providers))
    ]
    if expired:
        feed.record(conn, feed.STATE, expired)
        _add_rows(conn, expired, change, None)


def _set(
    conn: sa.Connection, ids: list[int], state: int, condition: sa.ColumnElement[bool]
) -> bool:
    """Set the column of the providers that meet a condition; return whether any do."""
    updated = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id.in_(ids), condition)
        .values(
            state=state,
            revision=revision.next_of(_providers.c.revision),
            # The versioned API does not show the state.
            updated_at=_providers.c.updated_at,
        )
    )
    return updated.rowcount > 0


def _add_rows(
    conn: sa.Connection, ids: list[int], change: Change, caller: "Caller | None"
) -> None:
    """Add a row for each provider, at the time of the database."""
    columns = _states.c
    values: dict[sa.Column[typing.Any], sa.ColumnElement[typing.Any]] = {
        columns.resource_provider_id: _providers.c.id,
        columns.state: sa.literal(change.state, sa.Integer),
        columns.reason: sa.literal(change.reason, sa.Text),
        columns.project_id: sa.literal(caller and caller.project_id, sa.Text),
        columns.user_id: sa.literal(caller and caller.user_id, sa.Text),
        columns.set_at: revision.clock(),
        columns.until: sa.literal(change.until, sa.BigInteger),
    }
    rows = sa.select(*values.values()).where(_providers.c.id.in_(ids))
    conn.execute(sa.insert(_states).from_select(list(values), rows))


def _last_id(provider_id: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    """Select the id of the current row of a provider."""
    own = _states.alias("own")
    return (
        sa.select(sa.func.max(own.c.id))
        .where(own.c.resource_provider_id == provider_id)
        .correlate_except(own)
        .scalar_subquery()
    )


def _is_expired(providers: sa.FromClause) -> sa.ColumnElement[bool]:
    """The provider is not in service, and the time of its current row has passed."""
    current = _states.alias("current")
    until = (
        sa.select(current.c.until)
        .where(current.c.id == _last_id(providers.c.id))
        .correlate_except(current)
        .scalar_subquery()
    )
    return sa.and_(providers.c.state != IN_SERVICE, until <= revision.clock())


_GET = (
    sa.select(
        _providers.c.uuid,
        _providers.c.name,
        _providers.c.state,
        sa.func.coalesce(_states.c.reason, ""),
        _states.c.until,
        _states.c.set_at,
        _states.c.project_id,
        _states.c.user_id,
    )
    .outerjoin_from(
        _providers,
        _states,
        sa.and_(
            _states.c.id == _last_id(_providers.c.id),
            # Another service can delete a provider without its rows, and SQLite gives
            # its id to another one.
            _states.c.state == _providers.c.state,
        ),
    )
    .where(_providers.c.uuid == sa.bindparam("wanted"))
)
# By the index of ``until``, which few rows have.
_FIND_EXPIRED = (
    sa.select(_providers.c.id)
    .join(_states, _states.c.resource_provider_id == _providers.c.id)
    .where(
        _states.c.until <= revision.clock(),
        _states.c.id == _last_id(_providers.c.id),
        _providers.c.state != IN_SERVICE,
    )
    .limit(_BATCH)
)
