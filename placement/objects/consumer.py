"""Consumers: who holds allocations, for which project and user, of which type."""

import collections.abc
import dataclasses
import enum
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, tables
from placement.db.batch import Step

_consumers = tables.consumers
_allocations = tables.allocations

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


class OwnerIds(typing.NamedTuple):
    """The stored ids of an owner."""

    project_id: int
    user_id: int
    consumer_type_id: int | None


_LOCK = lists.Statement(
    lambda uuids: (
        sa.select(_consumers.c.id, _consumers.c.uuid, _consumers.c.generation)
        .where(_consumers.c.uuid.in_(uuids))
        .order_by(_consumers.c.id)
        .with_for_update()
    )
)


def lock_all(
    conn: sa.Connection, uuids: collections.abc.Iterable[str]
) -> dict[str, Consumer]:
    """Return the records that there are, by uuid, and keep other writers away.

    What a consumer holds is written only by who has locked its record, or has
    just made it. Records are locked in the order of their ids.
    """
    rows = _LOCK.execute(conn, {"uuids": sorted(set(uuids))})
    return {row[1]: Consumer(*row) for row in rows}


def require_generation(
    stored: Consumer | None, has_allocations: bool, given: float | Unchecked | None
) -> None:
    """Compare the generation that the caller has read with the stored one.

    None means that the consumer must not exist. A record without allocations, which
    only other services leave behind, counts as absent; its generation is accepted as
    well, because a client may have read it there.

    Raises ConsumerGenerationConflict.
    Source: microversion 1.28.
    """
    if given is UNCHECKED or (stored is not None and given == stored.generation):
        return
    expected = stored.generation if stored is not None and has_allocations else None
    if given != expected:
        raise exception.ConsumerGenerationConflict(expected, given)


def creating(
    uuids: collections.abc.Sequence[str], owners: dict[str, OwnerIds]
) -> list[Step]:
    """Return how to add a record for each, at the generation of its first allocations.

    Of two writers that do this at once, one breaks the unique key and runs again.
    """
    rows = [{"uuid": uuid, "generation": 1, **owners[uuid]._asdict()} for uuid in uuids]
    return [lists.insert(_consumers, rows)] if rows else []


def advancing(
    stored: collections.abc.Sequence[Consumer], owners: dict[str, OwnerIds]
) -> list[Step]:
    """Return how to advance the records' generations and write whose they are now.

    An owner without a type leaves the type as it is.
    """
    steps = []
    now = tables.utcnow()
    # Those without a type have None there, which cannot be compared.
    for owner in sorted({owners[each.uuid] for each in stored}, key=lambda it: it[:2]):
        ids = [each.id for each in stored if owners[each.uuid] == owner]
        values = {"now": now, "project": owner.project_id, "user": owner.user_id}
        statement = _ADVANCE_BUT_TYPE
        if owner.consumer_type_id is not None:
            values["consumer_type"] = owner.consumer_type_id
            statement = _ADVANCE
        steps.append(statement.step({"ids": ids}, values))
    return steps


def _advance_but_type(ids: lists.Places) -> sa.Update:
    return (
        sa.update(_consumers)
        .where(_consumers.c.id.in_(ids))
        .values(
            generation=_consumers.c.generation + 1,
            project_id=sa.bindparam("project"),
            user_id=sa.bindparam("user"),
            updated_at=sa.bindparam("now", type_=sa.DateTime),
        )
    )


def _advance(ids: lists.Places) -> sa.Update:
    moved = _advance_but_type(ids)
    return moved.values(consumer_type_id=sa.bindparam("consumer_type"))


_ADVANCE_BUT_TYPE = lists.Statement(_advance_but_type)
_ADVANCE = lists.Statement(_advance)


def deleting(stored: collections.abc.Sequence[Consumer]) -> list[Step]:
    """Return how to take the records away, whose allocations are gone."""
    return [_DELETE.step({"ids": [each.id for each in stored]})] if stored else []


_DELETE = lists.Statement(
    lambda ids: sa.delete(_consumers).where(_consumers.c.id.in_(ids))
)


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What is known of consumers and owners before anything is locked.

    ``has_signs`` says whether any of the consumers has a record or allocations;
    ``ids`` are those of the owners' names, by table.
    """

    has_signs: bool
    ids: dict[sa.Table, dict[str, int]]


def look_up(
    conn: sa.Connection,
    uuids: collections.abc.Iterable[str],
    owners: collections.abc.Iterable[Owner],
) -> Known:
    """Ask, in one statement, for signs of the consumers and for the owners' ids."""
    has_signs = False
    ids: dict[sa.Table, dict[str, int]] = {table: {} for table in _OWNED_BY}
    asked = {table.name: sorted(names) for table, names in _names(owners).items()}
    asked["uuids"] = sorted(set(uuids))
    if not any(asked.values()):
        return Known(has_signs, ids)
    for index, name, id_ in _LOOK_UP.execute(conn, asked):
        if index == _SIGN:
            has_signs = True
        else:
            ids[_OWNED_BY[index]][name] = id_
    return Known(has_signs, ids)


def owner_ids(
    conn: sa.Connection, known: Known, owners: collections.abc.Iterable[Owner]
) -> dict[Owner, OwnerIds]:
    """Return the stored ids of the owners; what is not known yet is added for good."""
    wanted = set(owners)
    missing = {
        table: sorted(names - known.ids[table].keys())
        for table, names in _names(wanted).items()
    }
    ids = known.ids
    if any(missing.values()):
        for table, names in missing.items():
            if names:
                column = _name_column(table).name
                rows = [{column: name} for name in names]
                batch.run(conn, [lists.insert(table, rows)])
        ids = look_up(conn, (), wanted).ids
    return {
        owner: OwnerIds(
            ids[tables.projects][owner.project_id],
            ids[tables.users][owner.user_id],
            # Absent for an owner without a type.
            ids[tables.consumer_types].get(owner.consumer_type or ""),
        )
        for owner in wanted
    }


def _names(owners: collections.abc.Iterable[Owner]) -> dict[sa.Table, set[str]]:
    wanted = list(owners)
    return {
        tables.projects: {owner.project_id for owner in wanted},
        tables.users: {owner.user_id for owner in wanted},
        tables.consumer_types: {
            owner.consumer_type for owner in wanted if owner.consumer_type is not None
        },
    }


def _name_column(table: sa.Table) -> sa.Column[str]:
    return table.c.name if table is tables.consumer_types else table.c.external_id


# By their places in what ``_LOOK_UP`` returns, and what is not an owner.
def holds_any(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Some allocation meets a condition on its consumer.

    It is looked for in the order of the index. As EXISTS, PostgreSQL without statistics
    expects to find one soon, and reads all allocations where there is none.
    """
    first = sa.select(_allocations.c.consumer_id).where(condition)
    in_order = first.order_by(_allocations.c.consumer_id).limit(1)
    return in_order.scalar_subquery().is_not(None)


_OWNED_BY = (tables.projects, tables.users, tables.consumer_types)
_SIGN = len(_OWNED_BY)


def _look_up(uuids: lists.Places, **names: lists.Places) -> sa.Executable:
    parts = [
        sa.select(sa.literal_column(str(index)), column, table.c.id).where(
            column.in_(names[table.name])
        )
        for index, table in enumerate(_OWNED_BY)
        for column in [_name_column(table)]
        if names[table.name] != []
    ]
    if uuids != []:
        has_record = sa.exists().where(_consumers.c.uuid.in_(uuids))
        holds = holds_any(_allocations.c.consumer_id.in_(uuids))
        sign: sa.Select[*tuple[typing.Any, ...]] = sa.select(
            sa.literal_column(str(_SIGN)),
            sa.literal_column("''"),
            sa.literal_column("0"),
        )
        parts.append(sign.where(sa.or_(has_record, holds)))
    return sa.union_all(*parts)


_LOOK_UP = lists.Statement(_look_up)
