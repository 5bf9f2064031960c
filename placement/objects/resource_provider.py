"""Resource providers: what they are, and the generation that guards them.

Their place in a tree, and how it changes, is in ``tree``.
"""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception, uuids
from placement.db import locks, tables, transaction

# Begins the text of a claim that lost a race; clients look for it.
REFUSED_CLAIM = "Inventory and/or allocations changed while attempting to allocate: "

_providers = tables.resource_providers
_parents = _providers.alias("parents")
_roots = _providers.alias("roots")


class ResourceProvider(typing.NamedTuple):
    """A provider as it is stored, with the public names of its relatives."""

    id: int
    uuid: str
    name: str
    generation: int
    root_provider_id: int
    parent_provider_id: int | None
    root_provider_uuid: str
    parent_provider_uuid: str | None
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None

    @property
    def modified(self) -> datetime.datetime | None:
        """When it last changed, its generation included; None if nobody knows."""
        return self.updated_at or self.created_at

    @property
    def is_root(self) -> bool:
        return self.parent_provider_id is None


# Records older than trees may lack a root, and ones older still a generation.
_generation = sa.func.coalesce(_providers.c.generation, 0)
_SELECT = (
    sa.select(
        _providers.c.id,
        _providers.c.uuid,
        _providers.c.name,
        _generation,
        sa.func.coalesce(_providers.c.root_provider_id, _providers.c.id),
        _providers.c.parent_provider_id,
        sa.func.coalesce(_roots.c.uuid, _providers.c.uuid),
        _parents.c.uuid,
        _providers.c.created_at,
        _providers.c.updated_at,
    )
    .select_from(_providers)
    .outerjoin(_roots, _roots.c.id == _providers.c.root_provider_id)
    .outerjoin(_parents, _parents.c.id == _providers.c.parent_provider_id)
)


def find_by_uuid(conn: sa.Connection, uuid: str) -> ResourceProvider | None:
    """Return one provider, or None; ``uuid`` may be written in any way."""
    stored = uuids.canonical_or_same(uuid)
    row = conn.execute(_SELECT.where(_providers.c.uuid == stored)).first()
    return None if row is None else ResourceProvider._make(row)


def get_by_uuid(conn: sa.Connection, uuid: str) -> ResourceProvider:
    """Return one provider.

    Raises ResourceProviderNotFound.
    """
    provider = find_by_uuid(conn, uuid)
    if provider is None:
        raise exception.ResourceProviderNotFound(uuid=uuid)
    return provider


def get_all_by_uuid(
    conn: sa.Connection, wanted: collections.abc.Iterable[str]
) -> dict[str, ResourceProvider]:
    """Return the providers that there are of the uuids ``wanted``, by uuid."""
    rows = conn.execute(_SELECT.where(_providers.c.uuid.in_(sorted(wanted))))
    return {row[1]: ResourceProvider._make(row) for row in rows}


def get_all(
    conn: sa.Connection, ids: "sa.Select[tuple[int]]"
) -> collections.abc.Iterator[ResourceProvider]:
    """Yield the providers whose ids are selected by ``ids``, ordered by id."""
    rows = conn.execute(
        _SELECT.where(_providers.c.id.in_(ids)).order_by(_providers.c.id)
    )
    return map(ResourceProvider._make, rows)


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
    if not 0 <= given < 2**31 - by or not _moved(
        conn, provider, by, _generation == given
    ):
        raise exception.ConcurrentUpdate(
            reason="resource provider generation conflict: "
            f"{provider.uuid} is no longer at generation {given}"
        )
    return given + by


def bump_generation(conn: sa.Connection, provider: ResourceProvider) -> int:
    """Claim the provider for a change that carries no generation.

    Returns the new generation.
    Raises ResourceProviderNotFound when the provider has gone meanwhile.
    """
    if not _moved(conn, provider, 1, sa.true()):
        raise exception.ResourceProviderNotFound(uuid=provider.uuid)
    select = sa.select(_providers.c.generation).where(_providers.c.id == provider.id)
    generation: int = conn.execute(select).scalar_one()
    return generation


def _moved(
    conn: sa.Connection,
    provider: ResourceProvider,
    by: int,
    condition: sa.ColumnElement[bool],
) -> bool:
    moved = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id, condition)
        .values(generation=_generation + by, revision=_providers.c.revision + 1)
    )
    return moved.rowcount == 1


_ADVANCE = (
    sa.update(_providers)
    .where(_providers.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(
        generation=_generation
        + sa.case(
            (_providers.c.id.in_(sa.bindparam("changed", expanding=True)), 1), else_=0
        ),
        revision=_providers.c.revision + 1,
    )
)


def advance_all(
    conn: sa.Connection,
    changed: collections.abc.Collection[int],
    seen: collections.abc.Collection[int] = (),
) -> None:
    """Move the generations of the providers ``changed``, and all revisions.

    Both are ids. Those in ``seen`` alone show something new, such as another
    usage, that no generation guards.

    Raises Again when one of them is gone.
    """
    ids = sorted({*changed, *seen})
    if not ids:
        return
    if len(ids) > 1:
        lock(conn, ids)
    moved = conn.execute(_ADVANCE, {"ids": ids, "changed": sorted(changed)})
    if moved.rowcount != len(ids):
        raise changed_meanwhile(REFUSED_CLAIM)


def show_change(conn: sa.Connection, provider: ResourceProvider) -> None:
    """Move the provider's revision; its generation stays as it is.

    Keeps other writers away, as every change of a provider does.

    Raises Again when the provider has gone meanwhile.
    """
    moved = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id)
        .values(revision=_providers.c.revision + 1)
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
