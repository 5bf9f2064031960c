"""Consumers: their records, with project, user, type and generation."""

import collections.abc
import dataclasses
import enum
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, lists, tables, unique
from placement.db.batch import Step
from placement.objects import limit_statements

_consumers = tables.consumers
_allocations = tables.allocations

# Shown as the type of consumers that have none.
UNKNOWN_TYPE = "unknown"


class Unchecked(enum.Enum):
    """Stands for the generation of a caller that does not give one."""

    UNCHECKED = "unchecked"


UNCHECKED = Unchecked.UNCHECKED


class Owner(typing.NamedTuple):
    """A consumer's project and user, by external ids, and its type.

    A ``consumer_type`` of None leaves the stored type as it is.
    """

    project_id: str
    user_id: str
    consumer_type: str | None = None


class Consumer(typing.NamedTuple):
    """A consumer's record; ``project_id`` is the stored id."""

    id: int
    uuid: str
    generation: int
    project_id: int


class OwnerIds(typing.NamedTuple):
    """The stored ids of an owner."""

    project_id: int
    user_id: int
    consumer_type_id: int | None


def _records(uuids: lists.Places) -> "sa.Select[tuple[int, str, int, int]]":
    return (
        sa.select(
            _consumers.c.id,
            _consumers.c.uuid,
            _consumers.c.generation,
            _consumers.c.project_id,
        )
        .where(_consumers.c.uuid.in_(uuids))
        .order_by(_consumers.c.id)
    )


_FIND = lists.Statement(_records)
_LOCK = lists.Statement(lambda uuids: _records(uuids).with_for_update())


def find_all(
    conn: sa.Connection, uuids: collections.abc.Iterable[str]
) -> dict[str, Consumer]:
    """Return the existing records by uuid."""
    rows = _FIND.execute(conn, {"uuids": sorted(set(uuids))})
    return {row[1]: Consumer(*row) for row in rows}


def lock_all(
    conn: sa.Connection, uuids: collections.abc.Iterable[str]
) -> dict[str, Consumer]:
    """Lock the existing records, in the order of their ids; return them by uuid.

    A transaction writes allocations of a consumer only if it has locked or created
    the consumer's record.
    """
    rows = _LOCK.execute(conn, {"uuids": sorted(set(uuids))})
    return {row[1]: Consumer(*row) for row in rows}


def require_generation(
    stored: Consumer | None, has_allocations: bool, given: float | Unchecked | None
) -> None:
    """Compare the generation that the caller has read with the stored one.

    A ``given`` of None means that the consumer must not exist. A record without
    allocations, which only other services leave behind, counts as absent, but its
    generation is accepted too, because a client may have read it there.

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
    """Return the steps that insert a record for each consumer, at generation 1.

    If two writers do this at the same time, one breaks the unique key and is retried.
    """
    rows = [{"uuid": uuid, "generation": 1, **owners[uuid]._asdict()} for uuid in uuids]
    return [lists.insert(_consumers, rows)] if rows else []


def advancing(
    stored: collections.abc.Sequence[Consumer], owners: dict[str, OwnerIds]
) -> list[Step]:
    """Return the steps that advance the records' generations and set their owners."""
    steps = []
    now = tables.utcnow()
    # The type may be None, which cannot be compared.
    for owner in sorted({owners[each.uuid] for each in stored}, key=lambda it: it[:2]):
        ids = [each.id for each in stored if owners[each.uuid] == owner]
        values = {"now": now, "project": owner.project_id, "user": owner.user_id}
        statement = _ADVANCE_WITHOUT_TYPE
        if owner.consumer_type_id is not None:
            values["consumer_type"] = owner.consumer_type_id
            statement = _ADVANCE
        steps.append(statement.step({"ids": ids}, values))
    return steps


def _advance_without_type(ids: lists.Places) -> sa.Update:
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
    return _advance_without_type(ids).values(
        consumer_type_id=sa.bindparam("consumer_type")
    )


_ADVANCE_WITHOUT_TYPE = lists.Statement(_advance_without_type)
_ADVANCE = lists.Statement(_advance)


def deleting(stored: collections.abc.Sequence[Consumer]) -> list[Step]:
    """Return the steps that delete records, whose allocations are deleted already."""
    return [_DELETE.step({"ids": [each.id for each in stored]})] if stored else []


_DELETE = lists.Statement(
    lambda ids: sa.delete(_consumers).where(_consumers.c.id.in_(ids))
)


@dataclasses.dataclass(frozen=True, slots=True)
class Existing:
    """What exists of some consumers and owners, read before anything is locked.

    ``has_consumers``: any of the consumers has a record or allocations.
    ``has_limits``: any project has a limit.
    ``owner_ids``: the ids of the owners' projects, users and types, by table and name.
    """

    has_consumers: bool
    has_limits: bool
    owner_ids: dict[sa.Table, dict[str, int]]


def look_up(
    conn: sa.Connection,
    uuids: collections.abc.Iterable[str],
    owners: collections.abc.Iterable[Owner],
) -> Existing:
    """Return what exists of the consumers and the owners; runs one statement."""
    has_consumers = has_limits = False
    ids: dict[sa.Table, dict[str, int]] = {table: {} for table in _OWNER_TABLES}
    wanted = {table.name: sorted(names) for table, names in _names(owners).items()}
    wanted["uuids"] = sorted(set(uuids))
    if not any(wanted.values()):
        return Existing(has_consumers, has_limits, ids)
    for index, name, id_ in _LOOK_UP.execute(conn, wanted):
        if index == _CONSUMER_INDEX:
            has_consumers = True
        elif index == _LIMITS_INDEX:
            has_limits = True
        else:
            ids[_OWNER_TABLES[index]][name] = id_
    return Existing(has_consumers, has_limits, ids)


def ensure_owners(
    conn: sa.Connection, existing: Existing, owners: collections.abc.Iterable[Owner]
) -> dict[Owner, OwnerIds]:
    """Return the stored ids of the owners; insert the names that are missing."""
    wanted = set(owners)
    missing = {
        table: sorted(names - existing.owner_ids[table].keys())
        for table, names in _names(wanted).items()
    }
    ids = existing.owner_ids
    if any(missing.values()):
        for table, names in missing.items():
            if names:
                column = _name_column(table).name
                rows = [{column: name} for name in names]
                batch.run(
                    conn, [lists.insert(table, rows, unique.skips_existing(conn))]
                )
        ids = look_up(conn, (), wanted).owner_ids
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


def has_allocations(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Some allocation meets a condition on its consumer.

    Asks for the first row in the order of the index. Written as EXISTS, PostgreSQL
    without statistics expects a match soon, and reads the whole table if there is none.
    """
    first = sa.select(_allocations.c.consumer_id).where(condition)
    in_order = first.order_by(_allocations.c.consumer_id).limit(1)
    return in_order.scalar_subquery().is_not(None)


def project_names(
    conn: sa.Connection,
    ids: collections.abc.Mapping[str, int],
    stored: collections.abc.Iterable[Consumer],
) -> dict[int, str]:
    """Return the external ids of the consumers' projects, by stored id.

    ``ids`` are the stored ids of projects that are known already.
    """
    names = {id_: name for name, id_ in ids.items()}
    missing = sorted({each.project_id for each in stored} - names.keys())
    if missing:
        rows = _PROJECT_NAMES.execute(conn, {"ids": missing})
        names |= dict(rows.all())
    return names


_PROJECT_NAMES = lists.Statement(
    lambda ids: sa.select(tables.projects.c.id, tables.projects.c.external_id).where(
        tables.projects.c.id.in_(ids)
    )
)


# ``_LOOK_UP`` marks each row with the index of its table here, or with one of the next
# numbers if it stands for an existing consumer or for limits.
_OWNER_TABLES = (tables.projects, tables.users, tables.consumer_types)
_CONSUMER_INDEX = len(_OWNER_TABLES)
_LIMITS_INDEX = _CONSUMER_INDEX + 1


def _look_up(uuids: lists.Places, **names: lists.Places) -> sa.Executable:
    parts = [
        sa.select(sa.literal_column(str(index)), column, table.c.id).where(
            column.in_(names[table.name])
        )
        for index, table in enumerate(_OWNER_TABLES)
        for column in [_name_column(table)]
        if names[table.name] != []
    ]
    if uuids != []:
        has_record = sa.exists().where(_consumers.c.uuid.in_(uuids))
        is_holder = has_allocations(_allocations.c.consumer_id.in_(uuids))
        parts.append(_mark(_CONSUMER_INDEX).where(sa.or_(has_record, is_holder)))
        parts.append(_mark(_LIMITS_INDEX).where(limit_statements.exist()))
    return sa.union_all(*parts)


def _mark(index: int) -> sa.Select[*tuple[typing.Any, ...]]:
    return sa.select(
        sa.literal_column(str(index)), sa.literal_column("''"), sa.literal_column("0")
    )


_LOOK_UP = lists.Statement(_look_up)
