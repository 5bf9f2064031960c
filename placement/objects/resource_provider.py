"""Resource providers, and the generation that guards their changes.

``tree`` creates, moves and deletes them.
"""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception, uuids
from placement.db import batch, lists, locks, revision, tables, transaction
from placement.db.batch import Step
from placement.objects import change

# Start of the message of a claim that lost a race; clients match on it.
REFUSED_CLAIM = "Inventory and/or allocations changed while attempting to allocate: "

_providers = tables.resource_providers


class ResourceProvider(typing.NamedTuple):
    """The stored place of a provider in its tree, and its generation."""

    id: int
    uuid: str
    generation: int
    root_provider_id: int
    parent_provider_id: int | None

    @property
    def is_root(self) -> bool:
        return self.parent_provider_id is None


class Description(typing.NamedTuple):
    """A provider as it is shown to clients.

    ``modified`` is the time of the last change, also of the generation alone; None if
    it is unknown.
    """

    uuid: str
    name: str
    generation: int
    root_provider_uuid: str
    parent_provider_uuid: str | None
    modified: datetime.datetime | None


# Old records may lack a generation, or a root if they predate trees.
_generation = sa.func.coalesce(_providers.c.generation, 0)
_COLUMNS = (
    _providers.c.id,
    _providers.c.uuid,
    _generation,
    sa.func.coalesce(_providers.c.root_provider_id, _providers.c.id),
    _providers.c.parent_provider_id,
)
_SELECT = sa.select(*_COLUMNS)
_BY_UUID = _SELECT.where(_providers.c.uuid == sa.bindparam("wanted"))


def _uuid_of(provider_id: sa.ColumnElement[int]) -> sa.ScalarSelect[str]:
    # For one row, the database plans this in half the time of a join.
    other = _providers.alias()
    return sa.select(other.c.uuid).where(other.c.id == provider_id).scalar_subquery()


_DESCRIBE = sa.select(
    _providers.c.uuid,
    _providers.c.name,
    _generation,
    sa.func.coalesce(_uuid_of(_providers.c.root_provider_id), _providers.c.uuid),
    _uuid_of(_providers.c.parent_provider_id),
    sa.func.coalesce(_providers.c.updated_at, _providers.c.created_at),
)
_DESCRIBE_BY_UUID = _DESCRIBE.where(_providers.c.uuid == sa.bindparam("wanted"))


# For many rows, joins are faster.
_parents = _providers.alias("parents")
_roots = _providers.alias("roots")
_DESCRIBE_ALL = (
    sa.select(
        _providers.c.uuid,
        _providers.c.name,
        _generation,
        sa.func.coalesce(_roots.c.uuid, _providers.c.uuid),
        _parents.c.uuid,
        sa.func.coalesce(_providers.c.updated_at, _providers.c.created_at),
    )
    .outerjoin_from(_providers, _roots, _roots.c.id == _providers.c.root_provider_id)
    .outerjoin(_parents, _parents.c.id == _providers.c.parent_provider_id)
    .order_by(_providers.c.id)
)


def find_by_uuid(conn: sa.Connection, uuid: str) -> ResourceProvider | None:
    """Return one provider, or None; ``uuid`` need not be in canonical form."""
    wanted = {"wanted": uuids.canonical_or_same(uuid)}
    row = batch.run_one(conn, _BY_UUID, wanted).first()
    return None if row is None else ResourceProvider._make(row)


def get_by_uuid(conn: sa.Connection, uuid: str) -> ResourceProvider:
    """Return one provider.

    Raises ResourceProviderNotFound.
    """
    provider = find_by_uuid(conn, uuid)
    if provider is None:
        raise exception.ResourceProviderNotFound(uuid=uuid)
    return provider


def describe(
    conn: sa.Connection, uuid: str, after: collections.abc.Sequence[Step] = ()
) -> Description:
    """Return one provider as it is shown to clients.

    The steps ``after`` are sent first, in the same round trip if possible.

    Raises ResourceProviderNotFound.
    """
    stored = {"wanted": uuids.canonical_or_same(uuid)}
    row = batch.run(conn, [*after, Step(_DESCRIBE_BY_UUID, stored)]).first()
    if row is None:
        raise exception.ResourceProviderNotFound(uuid=uuid)
    return Description._make(row)


def get_all_by_uuid(
    conn: sa.Connection, wanted: collections.abc.Iterable[str]
) -> dict[str, ResourceProvider]:
    """Return the existing providers among the uuids ``wanted``, by uuid."""
    rows = conn.execute(_SELECT.where(_providers.c.uuid.in_(sorted(wanted))))
    return {row[1]: ResourceProvider._make(row) for row in rows}


_Rows = list[tuple[typing.Any, ...]]


class ProviderChildren:
    """A statement that reads one provider together with its rows in other tables.

    ``columns`` of ``source`` are read, of which the first must not be nullable.
    ``owner`` is the column with the provider's id.
    """

    def __init__(
        self,
        *columns: sa.ColumnElement[typing.Any],
        source: sa.FromClause,
        owner: sa.Column[int],
        order: sa.Column[int],
    ) -> None:
        self._select = (
            sa.select(*_COLUMNS, *columns)
            .outerjoin_from(_providers, source, owner == _providers.c.id)
            .where(_providers.c.uuid == sa.bindparam("wanted"))
            .order_by(order)
        )

    def read(
        self,
        conn: sa.Connection,
        uuid: str,
        after: collections.abc.Sequence[Step] = (),
    ) -> tuple[ResourceProvider, _Rows]:
        """Return the provider, and its rows in the order of the statement.

        The steps ``after`` are sent first, in the same round trip if possible.

        Raises ResourceProviderNotFound.
        """
        stored = {"wanted": uuids.canonical_or_same(uuid)}
        found = batch.run(conn, [*after, Step(self._select, stored)]).all()
        if not found:
            raise exception.ResourceProviderNotFound(uuid=uuid)
        width = len(_COLUMNS)
        provider = ResourceProvider._make(found[0][:width])
        # For a provider without children the outer join returns one row of NULLs.
        rows = [tuple(row[width:]) for row in found if row[width] is not None]
        return provider, rows


def describe_all(
    conn: sa.Connection, ids: "sa.Select[tuple[int]]"
) -> collections.abc.Iterator[Description]:
    """Yield the providers whose ids ``ids`` selects, ordered by id."""
    rows = conn.execute(_DESCRIBE_ALL.where(_providers.c.id.in_(ids)))
    return map(Description._make, rows)


def lock(conn: sa.Connection, provider_ids: collections.abc.Iterable[int]) -> None:
    """Lock the providers, in the order of their ids, until the transaction ends."""
    locks.lock_providers(conn, provider_ids)


def advance_generation(
    conn: sa.Connection,
    provider: ResourceProvider,
    given: int | None = None,
    by: int = 1,
    *,
    kind: str,
) -> int:
    """Advance the provider's generation; the first write of every change to it.

    ``kind`` is the kind of the change for the feed, see ``change``.

    ``given`` is the generation that the client has read, or None if the request has
    none. One UPDATE compares and advances the stored generation, so of two writers
    that read the same generation exactly one succeeds; the other fails before it
    has written anything.

    Returns the new generation; without ``given`` this takes a second statement.
    Raises ConcurrentUpdate when ``given`` is not the stored generation, and without
    ``given`` ResourceProviderNotFound when the provider was deleted.
    Source: API reference, "Generations".
    """
    if given is not None:
        if not 0 <= given < 2**31 - by or not _try_advance(conn, provider, by, given):
            raise _stale(provider, given)
        change.record(conn, kind, [provider.id])
        return given + by
    if not _try_advance(conn, provider, by, None):
        raise exception.ResourceProviderNotFound(uuid=provider.uuid)
    change.record(conn, kind, [provider.id])
    advanced = batch.run_one(conn, _GENERATION, {"advanced": provider.id})
    generation: int = advanced.scalar_one()
    return generation


def advance_by_uuid(
    conn: sa.Connection, uuid: str, given: int, *, kind: str
) -> ResourceProvider:
    """Advance the generation of a provider that was not read yet, if it is ``given``.

    ``kind`` is as in ``advance_generation``.

    Returns the provider with its new generation.
    Raises ResourceProviderNotFound and ConcurrentUpdate.
    """
    provider = _try_advance_by_uuid(conn, uuid, given)
    if provider is None:
        raise _stale(get_by_uuid(conn, uuid), given)
    change.record(conn, kind, [provider.id])
    return provider


def _try_advance_by_uuid(
    conn: sa.Connection, uuid: str, given: int
) -> ResourceProvider | None:
    values = {"wanted": uuids.canonical_or_same(uuid), "given": given}
    if 0 <= given < 2**31 - 1:
        values |= {"by": 1, "now": tables.utcnow()}
        if conn.dialect.update_returning:
            row = batch.run_one(conn, _ADVANCE_BY_UUID_RETURNING, values).first()
            return None if row is None else ResourceProvider._make(row)
        if batch.run_one(conn, _ADVANCE_BY_UUID, values).rowcount == 1:
            return get_by_uuid(conn, uuid)
    return None


def _stale(provider: ResourceProvider, given: int) -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="resource provider generation conflict: "
        f"{provider.uuid} is no longer at generation {given}"
    )


def _try_advance(
    conn: sa.Connection, provider: ResourceProvider, by: int, given: int | None
) -> bool:
    values = {"advanced": provider.id, "by": by, "now": tables.utcnow()}
    statement = _ADVANCE
    if given is not None:
        statement, values["given"] = _ADVANCE_GIVEN, given
    return batch.run_one(conn, statement, values).rowcount == 1


# Advances generations by the parameter ``by``, at the time ``now``.
ADVANCE_ANY = sa.update(_providers).values(
    generation=_generation + sa.bindparam("by", type_=sa.Integer),
    revision=revision.next_of(_providers.c.revision),
    updated_at=sa.bindparam("now", type_=sa.DateTime),
)
_ADVANCE = ADVANCE_ANY.where(_providers.c.id == sa.bindparam("advanced"))
_GENERATION = sa.select(_providers.c.generation).where(
    _providers.c.id == sa.bindparam("advanced")
)
_IS_AS_GIVEN = _generation == sa.bindparam("given")
_ADVANCE_GIVEN = _ADVANCE.where(_IS_AS_GIVEN)
_ADVANCE_BY_UUID = ADVANCE_ANY.where(
    _providers.c.uuid == sa.bindparam("wanted"), _IS_AS_GIVEN
)
_ADVANCE_BY_UUID_RETURNING = _ADVANCE_BY_UUID.returning(*_COLUMNS)


def _advance_all(ids: lists.Places, advanced: lists.Places) -> sa.Update:
    by_one = sa.case((_providers.c.id.in_(advanced), 1), else_=0)
    return _advance_revisions(ids).values(
        generation=_generation + by_one,
        updated_at=sa.bindparam("now", type_=sa.DateTime),
    )


def _advance_revisions(ids: lists.Places) -> sa.Update:
    return (
        sa.update(_providers)
        .where(_providers.c.id.in_(ids))
        .values(
            updated_at=_providers.c.updated_at, **revision.usage_changed(_providers)
        )
    )


_ADVANCE_ALL = lists.Statement(_advance_all)
_ADVANCE_REVISIONS = lists.Statement(_advance_revisions)


def advancing(
    conn: sa.Connection,
    advanced: collections.abc.Set[int],
    used: collections.abc.Set[int],
) -> list[Step]:
    """Return the steps that advance providers of which nothing but the usage changes.

    ``advanced`` are the ids of those whose generations advance, ``used`` of those whose
    usage changes; the revisions of all advance. The steps lock them in the order of
    their ids. Missing providers are skipped.
    """
    ids = sorted(advanced | used)
    if not ids:
        return []
    steps = locks.locking_providers(conn, ids) if len(ids) > 1 else []
    if not advanced:
        return [*steps, _ADVANCE_REVISIONS.step({"ids": ids})]
    lists_of_ids = {"ids": ids, "advanced": sorted(advanced)}
    return [*steps, _ADVANCE_ALL.step(lists_of_ids, {"now": tables.utcnow()})]


def advance_revision(
    conn: sa.Connection, provider: ResourceProvider, kind: str
) -> None:
    """Advance the provider's revision; its generation and time of change stay.

    ``kind`` is as in ``advance_generation``.

    Locks the provider, as every change of it does.

    Raises Retry when the provider was deleted meanwhile.
    """
    updated = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id)
        .values(
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    )
    if updated.rowcount != 1:
        raise changed_meanwhile()
    change.record(conn, kind, [provider.id])


def generations(
    conn: sa.Connection, uuids: collections.abc.Sequence[str]
) -> dict[str, int]:
    """Return the generations of providers, by uuid."""
    rows = _GENERATIONS.execute(conn, {"uuids": uuids})
    return {row[0]: row[1] for row in rows}


_GENERATIONS = lists.Statement(
    lambda uuids: sa.select(_providers.c.uuid, _providers.c.generation).where(
        _providers.c.uuid.in_(uuids)
    )
)


def changed_meanwhile(prefix: str = "") -> transaction.Retry:
    """Return the exception for data that changed between reading and locking it.

    ``prefix`` starts the message that clients get if no retry succeeds.
    """
    return transaction.Retry(
        exception.ConcurrentUpdate(
            reason=f"{prefix}Another thread concurrently updated the resource "
            "provider data. Please retry your update"
        )
    )
