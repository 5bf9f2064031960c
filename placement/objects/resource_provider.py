"""Resource providers: what they are, and the generation that guards them.

Their place in a tree, and how it changes, is in ``tree``.
"""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception, uuids
from placement.db import batch, lists, locks, revision, tables, transaction
from placement.db.batch import Step

# Begins the text of a claim that lost a race; clients look for it.
REFUSED_CLAIM = "Inventory and/or allocations changed while attempting to allocate: "

_providers = tables.resource_providers


class ResourceProvider(typing.NamedTuple):
    """A provider as it is stored: its place in a tree, and what guards it."""

    id: int
    uuid: str
    generation: int
    root_provider_id: int
    parent_provider_id: int | None

    @property
    def is_root(self) -> bool:
        return self.parent_provider_id is None


class Description(typing.NamedTuple):
    """A provider as clients are told of it.

    ``modified`` is when it last changed, its generation included; None if nobody
    knows.
    """

    uuid: str
    name: str
    generation: int
    root_provider_uuid: str
    parent_provider_uuid: str | None
    modified: datetime.datetime | None


# Records older than trees may lack a root, and ones older still a generation.
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
    # Planned in half the time that joins take.
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


# Of many, joins are faster.
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
    """Return one provider, or None; ``uuid`` may be written in any way."""
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
    """Return what clients are told of one provider, when the steps ``after`` are done.

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
    """Return the providers that there are of the uuids ``wanted``, by uuid."""
    rows = conn.execute(_SELECT.where(_providers.c.uuid.in_(sorted(wanted))))
    return {row[1]: ResourceProvider._make(row) for row in rows}


_Rows = list[tuple[typing.Any, ...]]


class Belongings:
    """What belongs to one provider, read in one statement with the provider.

    ``source`` is what to read ``columns`` of, of which the first is never NULL, and
    ``owner`` its column of the provider's id.
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
        """Return the provider and the rows that belong to it.

        The steps ``after`` are done before.

        Raises ResourceProviderNotFound.
        """
        stored = {"wanted": uuids.canonical_or_same(uuid)}
        found = batch.run(conn, [*after, Step(self._select, stored)]).all()
        if not found:
            raise exception.ResourceProviderNotFound(uuid=uuid)
        width = len(_COLUMNS)
        provider = ResourceProvider._make(found[0][:width])
        # A provider without any is one row, of nothing.
        rows = [tuple(row[width:]) for row in found if row[width] is not None]
        return provider, rows


def describe_all(
    conn: sa.Connection, ids: "sa.Select[tuple[int]]"
) -> collections.abc.Iterator[Description]:
    """Yield the providers whose ids are selected by ``ids``, ordered by id."""
    rows = conn.execute(_DESCRIBE_ALL.where(_providers.c.id.in_(ids)))
    return map(Description._make, rows)


def lock(conn: sa.Connection, provider_ids: collections.abc.Iterable[int]) -> None:
    """Keep other writers away from the providers until the transaction ends."""
    locks.lock_providers(conn, provider_ids)


def advance_generation(
    conn: sa.Connection, provider: ResourceProvider, given: int, by: int = 1
) -> int:
    """Claim the provider for a change; the first write of every guarded change.

    The stored generation is compared with ``given`` and moved in one UPDATE, so
    of two writers that read the same generation exactly one gets through. The
    other is told before it has written anything.

    Returns the new generation.
    Raises ConcurrentUpdate when ``given`` is not the stored generation.
    Source: API reference, "Generations".
    """
    if not 0 <= given < 2**31 - by or not _moved(conn, provider, by, given):
        raise _stale(provider, given)
    return given + by


def advance_by_uuid(conn: sa.Connection, uuid: str, given: int) -> ResourceProvider:
    """Do what ``advance_generation`` does for a provider that was not read yet.

    Returns the provider as it is then.
    Raises ResourceProviderNotFound and ConcurrentUpdate.
    """
    values = {"wanted": uuids.canonical_or_same(uuid), "given": given}
    if 0 <= given < 2**31 - 1:
        values |= {"by": 1, "now": tables.utcnow()}
        if conn.dialect.update_returning:
            row = batch.run_one(conn, _MOVE_BY_UUID_RETURNING, values).first()
            if row is not None:
                return ResourceProvider._make(row)
        elif batch.run_one(conn, _MOVE_BY_UUID, values).rowcount == 1:
            return get_by_uuid(conn, uuid)
    raise _stale(get_by_uuid(conn, uuid), given)


def _stale(provider: ResourceProvider, given: int) -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="resource provider generation conflict: "
        f"{provider.uuid} is no longer at generation {given}"
    )


def bump_generation(conn: sa.Connection, provider: ResourceProvider) -> int:
    """Claim the provider for a change that carries no generation.

    Returns the new generation.
    Raises ResourceProviderNotFound when the provider has gone meanwhile.
    """
    if not _moved(conn, provider, 1, None):
        raise exception.ResourceProviderNotFound(uuid=provider.uuid)
    moved = batch.run_one(conn, _GENERATION, {"moved": provider.id})
    generation: int = moved.scalar_one()
    return generation


def _moved(
    conn: sa.Connection, provider: ResourceProvider, by: int, given: int | None
) -> bool:
    values = {"moved": provider.id, "by": by, "now": tables.utcnow()}
    statement = _MOVE
    if given is not None:
        statement, values["given"] = _MOVE_GUARDED, given
    return batch.run_one(conn, statement, values).rowcount == 1


_MOVE_ANY = sa.update(_providers).values(
    generation=_generation + sa.bindparam("by", type_=sa.Integer),
    revision=revision.next_of(_providers.c.revision),
    updated_at=sa.bindparam("now", type_=sa.DateTime),
)
_MOVE = _MOVE_ANY.where(_providers.c.id == sa.bindparam("moved"))
_GENERATION = sa.select(_providers.c.generation).where(
    _providers.c.id == sa.bindparam("moved")
)
_IS_AS_GIVEN = _generation == sa.bindparam("given")
_MOVE_GUARDED = _MOVE.where(_IS_AS_GIVEN)
_MOVE_BY_UUID = _MOVE_ANY.where(
    _providers.c.uuid == sa.bindparam("wanted"), _IS_AS_GIVEN
)
_MOVE_BY_UUID_RETURNING = _MOVE_BY_UUID.returning(*_COLUMNS)


def _advance(ids: lists.Places, changed: lists.Places) -> sa.Update:
    by_one = sa.case((_providers.c.id.in_(changed), 1), else_=0)
    return _show_usage(ids).values(
        generation=_generation + by_one,
        updated_at=sa.bindparam("now", type_=sa.DateTime),
    )


def _show_usage(ids: lists.Places) -> sa.Update:
    return (
        sa.update(_providers)
        .where(_providers.c.id.in_(ids))
        .values(
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    )


_ADVANCE = lists.Statement(_advance)
_SHOW_USAGE = lists.Statement(_show_usage)


def advancing(
    conn: sa.Connection,
    changed: collections.abc.Set[int],
    seen: collections.abc.Set[int] = frozenset(),
) -> list[Step]:
    """Return how to move the generations of ``changed``, and all the revisions.

    Both are ids. Those in ``seen`` alone show something new, such as another
    usage, that no generation guards. Other writers are kept away from all of them.
    One that is gone is passed over.
    """
    ids = sorted(changed | seen)
    if not ids:
        return []
    steps = locks.locking_providers(conn, ids) if len(ids) > 1 else []
    if not changed:
        return [*steps, _SHOW_USAGE.step({"ids": ids})]
    moving = {"ids": ids, "changed": sorted(changed)}
    return [*steps, _ADVANCE.step(moving, {"now": tables.utcnow()})]


def show_change(conn: sa.Connection, provider: ResourceProvider) -> None:
    """Move the provider's revision; its generation and time of change stay.

    Keeps other writers away, as every change of a provider does.

    Raises Again when the provider has gone meanwhile.
    """
    moved = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id)
        .values(
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    )
    if moved.rowcount != 1:
        raise changed_meanwhile()


def changed_meanwhile(refused: str = "") -> transaction.Again:
    """Return what to raise when what was read has changed before it was locked.

    ``refused`` is what the client hears first, should it end so.
    """
    return transaction.Again(
        exception.ConcurrentUpdate(
            reason=f"{refused}Another thread concurrently updated the resource "
            "provider data. Please retry your update"
        )
    )
