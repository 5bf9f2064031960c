"""Consumers: who holds allocations, for which project and user, of which type."""

import collections.abc
import dataclasses
import enum
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import tables

_consumers = tables.consumers

# The name under which consumers without a type are shown.
UNKNOWN_TYPE = "unknown"


class Unchecked(enum.Enum):
    """Stands for the generation of a caller that does not give one."""

    UNCHECKED = "unchecked"


UNCHECKED = Unchecked.UNCHECKED


class Owner(typing.NamedTuple):
    """For whom a consumer is: external ids, and its type, None to leave that."""

    project_id: str
    user_id: str
    consumer_type: str | None = None


class Consumer(typing.NamedTuple):
    """A consumer's record."""

    id: int
    uuid: str
    generation: int


@dataclasses.dataclass(frozen=True, slots=True)
class OwnerIds:
    """The stored ids of an owner."""

    project_id: int
    user_id: int
    consumer_type_id: int | None


_LOCK = (
    sa.select(_consumers.c.id, _consumers.c.uuid, _consumers.c.generation)
    .where(_consumers.c.uuid.in_(sa.bindparam("uuids", expanding=True)))
    .order_by(_consumers.c.id)
    .with_for_update()
)


def lock_all(
    conn: sa.Connection, uuids: collections.abc.Iterable[str]
) -> dict[str, Consumer]:
    """Return the records that there are, by uuid, and keep other writers away.

    What a consumer holds is written only by who has locked its record, or has
    just made it. Records are locked in the order of their ids.
    """
    rows = conn.execute(_LOCK, {"uuids": sorted(set(uuids))})
    return {row[1]: Consumer(*row) for row in rows}


def require_generation(
    stored: Consumer | None, has_allocations: bool, given: float | Unchecked | None
) -> None:
    """Compare the generation that the caller has read with the stored one.

    None means that the consumer must not exist. A record without allocations at
    generation 0 is one that was never used; it counts as absent.

    Raises ConsumerGenerationConflict.
    Source: microversion 1.28.
    """
    if given is UNCHECKED:
        return
    is_absent = stored is None or not (has_allocations or stored.generation)
    expected = None if is_absent or stored is None else stored.generation
    if given != expected:
        raise exception.ConsumerGenerationConflict(expected, given)


def create(
    conn: sa.Connection,
    uuids: collections.abc.Sequence[str],
    owners: dict[str, OwnerIds],
) -> None:
    """Add a record for each uuid, at the generation of its first allocations.

    Of two writers that do this at once, one breaks the unique key and runs again.
    """
    if uuids:
        rows = [
            {"uuid": uuid, "generation": 1, **dataclasses.asdict(owners[uuid])}
            for uuid in uuids
        ]
        conn.execute(sa.insert(_consumers), rows)


def advance_all(
    conn: sa.Connection,
    stored: collections.abc.Sequence[Consumer],
    owners: dict[str, OwnerIds],
) -> None:
    """Advance the records' generations and write whose they are now.

    An owner without a type leaves the type as it is.
    """
    for owner in sorted(
        {owners[each.uuid] for each in stored},
        key=lambda owner: dataclasses.astuple(owner)[:2],
    ):
        values = dataclasses.asdict(owner)
        if owner.consumer_type_id is None:
            del values["consumer_type_id"]
        ids = [each.id for each in stored if owners[each.uuid] == owner]
        conn.execute(
            sa.update(_consumers)
            .where(_consumers.c.id.in_(ids))
            .values(generation=_consumers.c.generation + 1, **values)
        )


def delete_all(conn: sa.Connection, stored: collections.abc.Sequence[Consumer]) -> None:
    """Take the records away; their allocations are gone."""
    if stored:
        ids = [each.id for each in stored]
        conn.execute(sa.delete(_consumers).where(_consumers.c.id.in_(ids)))


def owner_ids(
    conn: sa.Connection, owners: collections.abc.Iterable[Owner]
) -> dict[Owner, OwnerIds]:
    """Return the stored ids of the owners; what is not known yet is added for good."""
    wanted = set(owners)
    names = {
        tables.projects: {owner.project_id for owner in wanted},
        tables.users: {owner.user_id for owner in wanted},
        tables.consumer_types: {
            owner.consumer_type for owner in wanted if owner.consumer_type is not None
        },
    }
    known = _known(conn, names)
    missing = {
        table: sorted(wanted_names - known[table].keys())
        for table, wanted_names in names.items()
    }
    if any(missing.values()):
        for table, new in missing.items():
            if new:
                column = _name_column(table).name
                conn.execute(sa.insert(table), [{column: name} for name in new])
        known = _known(conn, names)
    return {
        owner: OwnerIds(
            known[tables.projects][owner.project_id],
            known[tables.users][owner.user_id],
            # Absent for an owner without a type.
            known[tables.consumer_types].get(owner.consumer_type or ""),
        )
        for owner in wanted
    }


_Names = dict[sa.Table, set[str]]


def _name_column(table: sa.Table) -> sa.Column[str]:
    return table.c.name if table is tables.consumer_types else table.c.external_id


_OWNED_BY = (tables.projects, tables.users, tables.consumer_types)
_KNOWN = sa.union_all(
    *(
        sa.select(sa.literal(index, sa.Integer), _name_column(table), table.c.id).where(
            _name_column(table).in_(sa.bindparam(table.name, expanding=True))
        )
        for index, table in enumerate(_OWNED_BY)
    )
)


def _known(conn: sa.Connection, names: _Names) -> dict[sa.Table, dict[str, int]]:
    """Return, in one statement, the ids of what is known already, by table."""
    known: dict[sa.Table, dict[str, int]] = {table: {} for table in _OWNED_BY}
    parameters = {table.name: sorted(names[table]) for table in _OWNED_BY}
    for index, name, id_ in conn.execute(_KNOWN, parameters):
        known[_OWNED_BY[index]][name] = id_
    return known
