"""What must agree in a database: each fact as a question, and how it is mended.

A fact is a SELECT of the rows that break it. What a service running beside does
breaks none of them in any snapshot. Where there is one right answer, a function
gives it: it locks in the order of every writer, looks again, and changes only what
is still wrong, so that the service may go on.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement.db import (
    batch,
    checks,
    data_migrations,
    predicates,
    reconcile,
    revision,
    spelling,
    statistics,
    tables,
)
from placement.objects import consumer, resource_provider

if typing.TYPE_CHECKING:
    from placement.conf.settings import PlacementSettings

_providers = tables.resource_providers
_inventories = tables.inventories
_allocations = tables.allocations
_consumers = tables.consumers
_projects = tables.projects
_users = tables.users
_types = tables.consumer_types
_classes = tables.resource_classes
_provider_aggregates = tables.resource_provider_aggregates
_provider_traits = tables.resource_provider_traits

Findings = sa.Select[typing.Any]
Keys = collections.abc.Sequence[typing.Any]
Mend = collections.abc.Callable[[sa.Connection, Keys, "PlacementSettings"], int]


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something that holds in every database that is right.

    ``broken`` says of a finding what is wrong, and ``advice`` what mends it.
    ``findings`` selects a row per finding, whose columns tell what it is about:
    uuids and names, stored ids where there is no such, and amounts in units.

    ``mend`` is None where there is no one right answer. It takes values of the
    column ``key`` of some findings and returns how many findings it has mended.
    """

    name: str
    broken: str
    advice: str
    findings: Findings
    key: str = ""
    mend: Mend | None = None


def _named(provider: sa.FromClause = _providers) -> sa.Label[str]:
    return provider.c.uuid.label("provider")


def _without_provider(
    table: sa.Table, *columns: sa.ColumnElement[typing.Any]
) -> Findings:
    """Select rows of a table that are about a provider that there is not."""
    return (
        sa.select(table.c.resource_provider_id.label("provider_id"), *columns)
        .select_from(table)
        .outerjoin(_providers, _providers.c.id == table.c.resource_provider_id)
        .where(_providers.c.id.is_(None))
        .order_by(table.c.resource_provider_id, *columns)
    )


def _allocations_without_consumer() -> Findings:
    missing = checks.without_record()
    return sa.select(missing.c.consumer_id.label("consumer")).order_by("consumer")


def _create_consumers(
    conn: sa.Connection, uuids: Keys, settings: "PlacementSettings"
) -> int:
    missing = checks.without_record()
    still = conn.scalars(
        sa.select(missing.c.consumer_id).where(missing.c.consumer_id.in_(uuids))
    ).all()
    data_migrations.create_consumers(conn, still, settings)
    return len(still)


def _misspelled(table: sa.Table, name: str, is_taken: bool) -> Findings:
    """Select uuids that are not canonical, whose canonical form is taken or free."""
    taken = spelling.is_taken(table)
    return (
        sa.select(
            table.c.uuid.label(name),
            table.c.id,
            spelling.canonical(table.c.uuid).label("canonical"),
        )
        .where(
            spelling.is_misspelled(table.c.uuid), taken if is_taken else sa.not_(taken)
        )
        .order_by(table.c.id)
    )


def _misspelled_aggregates() -> Findings:
    wrong = spelling.misspelled_memberships().subquery("misspelled")
    return (
        sa.select(_named(), wrong.c.provider_id, wrong.c.uuid.label("aggregate"))
        .join(_providers, _providers.c.id == wrong.c.provider_id)
        .order_by(wrong.c.provider_id, wrong.c.aggregate_id)
    )


def _rewrites(
    mend_some: collections.abc.Callable[[sa.Connection, spelling.Ids], int],
) -> Mend:
    return lambda conn, keys, _settings: mend_some(conn, sorted(set(keys)))


def _consumers_without_allocations() -> Findings:
    return (
        sa.select(_consumers.c.uuid.label("consumer"), _consumers.c.generation)
        .outerjoin(_allocations, _allocations.c.consumer_id == _consumers.c.uuid)
        .where(_allocations.c.id.is_(None))
        .order_by(_consumers.c.uuid)
    )


def _delete_consumers(conn: sa.Connection, uuids: Keys, _settings: object) -> int:
    # Whoever is about to allocate for one of them waits, and finds it gone.
    locked = consumer.lock_all(conn, uuids)
    holding = set(
        conn.scalars(
            sa.select(_allocations.c.consumer_id)
            .where(_allocations.c.consumer_id.in_(uuids))
            .distinct()
        )
    )
    idle = [each for uuid, each in locked.items() if uuid not in holding]
    if steps := consumer.deleting(idle):
        batch.run(conn, steps)
    return len(idle)


def _consumers_without_owner() -> Findings:
    return (
        sa.select(
            _consumers.c.uuid.label("consumer"),
            _projects.c.external_id.label("project"),
            _users.c.external_id.label("user"),
            _types.c.name.label("consumer_type"),
        )
        .outerjoin(_projects, _projects.c.id == _consumers.c.project_id)
        .outerjoin(_users, _users.c.id == _consumers.c.user_id)
        .outerjoin(_types, _types.c.id == _consumers.c.consumer_type_id)
        .where(
            sa.or_(
                _projects.c.id.is_(None),
                _users.c.id.is_(None),
                # A consumer may be without a type.
                sa.and_(
                    _types.c.id.is_(None), _consumers.c.consumer_type_id.is_not(None)
                ),
            )
        )
        .order_by(_consumers.c.uuid)
    )


def _deletes_without_provider(table: sa.Table) -> Mend:
    def delete(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
        present = sa.select(_providers.c.id).where(_providers.c.id.in_(provider_ids))
        column = table.c.resource_provider_id
        gone = sorted(set(provider_ids).difference(conn.scalars(present)))
        return conn.execute(sa.delete(table).where(column.in_(gone))).rowcount

    return delete


def _bad_generations(table: sa.Table, name: str) -> Findings:
    return (
        sa.select(table.c.uuid.label(name), table.c.id, table.c.generation)
        .where(sa.func.coalesce(table.c.generation, -1) < 0)
        .order_by(table.c.id)
    )


def _begin_provider_generations(
    conn: sa.Connection, ids: Keys, _settings: object
) -> int:
    resource_provider.lock(conn, ids)
    return _begin_generations(
        conn, _providers, ids, revision=revision.next_of(_providers.c.revision)
    )


def _begin_consumer_generations(
    conn: sa.Connection, ids: Keys, _settings: object
) -> int:
    return _begin_generations(conn, _consumers, ids)


def _begin_generations(
    conn: sa.Connection, table: sa.Table, ids: Keys, **more: sa.ColumnElement[int]
) -> int:
    is_bad = sa.func.coalesce(table.c.generation, -1) < 0
    return conn.execute(
        sa.update(table)
        .where(table.c.id.in_(ids), is_bad)
        .values(generation=0, updated_at=table.c.updated_at, **more)
    ).rowcount


def _tops() -> sa.CTE:
    """Select (id, top) of each provider whose parents lead to one without parent."""
    tops = (
        sa.select(_providers.c.id, _providers.c.id.label("top"))
        .where(_providers.c.parent_provider_id.is_(None))
        .cte("tops", recursive=True)
    )
    return tops.union_all(
        sa.select(_providers.c.id, tops.c.top).join(
            tops, tops.c.id == _providers.c.parent_provider_id
        )
    )


def _wrong_roots() -> Findings:
    tops = _tops()
    roots, tops_named = _providers.alias("roots"), _providers.alias("tops_named")
    return (
        sa.select(
            _named(),
            _providers.c.id,
            roots.c.uuid.label("root"),
            tops_named.c.uuid.label("top"),
        )
        .join(tops, tops.c.id == _providers.c.id)
        .join(tops_named, tops_named.c.id == tops.c.top)
        .outerjoin(roots, roots.c.id == _providers.c.root_provider_id)
        .where(_providers.c.root_provider_id.is_distinct_from(tops.c.top))
        .order_by(_providers.c.id)
    )


def _set_roots(conn: sa.Connection, ids: Keys, _settings: object) -> int:
    """Lock the providers with all above them, and write where that ends.

    Raises Retry when a parent has changed before all were locked.
    """
    parents = _ancestry(conn, ids)
    resource_provider.lock(conn, parents)
    if _ancestry(conn, ids) != parents:
        raise resource_provider.changed_meanwhile()
    below: dict[int, list[int]] = {}
    for id_ in set(ids) & parents.keys():
        top = _top(parents, id_)
        if top is not None:
            below.setdefault(top, []).append(id_)
    return sum(_set_root(conn, top, below[top]) for top in sorted(below))


def _ancestry(conn: sa.Connection, ids: Keys) -> dict[int, int | None]:
    """Return the parents, by id, of the providers and of all that are above them."""
    parents: dict[int, int | None] = {}
    level = set(ids)
    while level:
        rows = conn.execute(
            sa.select(_providers.c.id, _providers.c.parent_provider_id).where(
                _providers.c.id.in_(sorted(level))
            )
        )
        found = {row.id: row.parent_provider_id for row in rows}
        parents |= found
        level = {parent for parent in found.values() if parent is not None}
        level -= parents.keys()
    return parents


def _top(parents: dict[int, int | None], id_: int) -> int | None:
    """Return the provider where the parents end; None if they do not."""
    seen = set()
    while id_ in parents and id_ not in seen:
        seen.add(id_)
        above = parents[id_]
        if above is None:
            return id_
        id_ = above
    return None


def _set_root(conn: sa.Connection, top: int, ids: Keys) -> int:
    return conn.execute(
        sa.update(_providers)
        .where(
            _providers.c.id.in_(ids),
            _providers.c.root_provider_id.is_distinct_from(top),
        )
        .values(
            root_provider_id=top,
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    ).rowcount


def _parents_without_end() -> Findings:
    tops, parents = _tops(), _providers.alias("parents")
    return (
        sa.select(
            _named(),
            _providers.c.id,
            _providers.c.parent_provider_id.label("parent_id"),
            parents.c.uuid.label("parent"),
        )
        .outerjoin(tops, tops.c.id == _providers.c.id)
        .outerjoin(parents, parents.c.id == _providers.c.parent_provider_id)
        .where(tops.c.id.is_(None))
        .order_by(_providers.c.id)
    )


def _wrong_used() -> Findings:
    wrong = reconcile.miscounted().subquery("miscounted")
    return (
        sa.select(
            _named(),
            wrong.c.provider_id,
            _classes.c.name.label("resource_class"),
            _inventories.c.used,
            wrong.c.units.label("allocated"),
        )
        .select_from(wrong)
        .join(_inventories, _inventories.c.id == wrong.c.id)
        .join(_providers, _providers.c.id == wrong.c.provider_id)
        .outerjoin(_classes, _classes.c.id == _inventories.c.resource_class_id)
        .order_by(_inventories.c.resource_provider_id, _inventories.c.resource_class_id)
    )


def _count_anew(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
    return reconcile.reconcile_providers(conn, sorted(set(provider_ids)))


def _unmarked() -> Findings:
    return (
        sa.select(_named(), _providers.c.id, _providers.c.revision)
        .where(reconcile.lacks_revision())
        .order_by(_providers.c.id)
    )


def _mark(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
    resource_provider.lock(conn, provider_ids)
    return reconcile.set_missing_revisions(conn, provider_ids)


def _over_capacity() -> Findings:
    sums = reconcile.allocated()
    return (
        sa.select(
            _named(),
            _classes.c.name.label("resource_class"),
            sums.c.units.label("allocated"),
            predicates.capacity(_inventories).label("capacity"),
        )
        .select_from(_inventories)
        .join(sums, _is_of_same(sums, _inventories))
        .join(_providers, _providers.c.id == _inventories.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == _inventories.c.resource_class_id)
        .where(sums.c.units > 0, sums.c.units > predicates.capacity(_inventories))
        .order_by(_inventories.c.resource_provider_id, _inventories.c.resource_class_id)
    )


def _allocations_without_inventory() -> Findings:
    sums = reconcile.allocated()
    return (
        sa.select(
            _named(),
            _classes.c.name.label("resource_class"),
            sums.c.units.label("allocated"),
        )
        .select_from(sums)
        .join(_providers, _providers.c.id == sums.c.resource_provider_id)
        .outerjoin(_inventories, _is_of_same(sums, _inventories))
        .outerjoin(_classes, _classes.c.id == sums.c.resource_class_id)
        .where(_inventories.c.id.is_(None))
        .order_by(sums.c.resource_provider_id, sums.c.resource_class_id)
    )


def _is_of_same(
    sums: sa.FromClause, inventories: sa.FromClause
) -> sa.ColumnElement[bool]:
    return sa.and_(
        sums.c.resource_provider_id == inventories.c.resource_provider_id,
        sums.c.resource_class_id == inventories.c.resource_class_id,
    )


def _doubled_allocations() -> Findings:
    key = (
        _allocations.c.consumer_id,
        _allocations.c.resource_provider_id,
        _allocations.c.resource_class_id,
    )
    doubled = (
        sa.select(*key, sa.func.count().label("times"))
        .group_by(*key)
        .having(sa.func.count() > 1)
        .subquery("doubled")
    )
    return (
        sa.select(
            doubled.c.consumer_id.label("consumer"),
            _named(),
            _classes.c.name.label("resource_class"),
            doubled.c.times,
        )
        .select_from(doubled)
        .outerjoin(_providers, _providers.c.id == doubled.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == doubled.c.resource_class_id)
        .order_by(*doubled.c[:3])
    )


def _allocations_of_nothing() -> Findings:
    return (
        sa.select(
            _allocations.c.consumer_id.label("consumer"),
            _named(),
            _classes.c.name.label("resource_class"),
            _allocations.c.used,
        )
        .outerjoin(_providers, _providers.c.id == _allocations.c.resource_provider_id)
        .outerjoin(_classes, _classes.c.id == _allocations.c.resource_class_id)
        .where(_allocations.c.used < 1)
        .order_by(_allocations.c.id)
    )


def _nameless_classes() -> Findings:
    named_by = sa.union(
        sa.select(_inventories.c.resource_class_id),
        sa.select(_allocations.c.resource_class_id),
    ).subquery("named_by")
    return (
        sa.select(named_by.c.resource_class_id)
        .outerjoin(_classes, _classes.c.id == named_by.c.resource_class_id)
        .where(_classes.c.id.is_(None))
        .order_by(named_by.c.resource_class_id)
    )


def _analyse(conn: sa.Connection, names: Keys, _settings: object) -> int:
    return statistics.analyse(conn, names)


# In the order in which they are mended: what one leaves behind is for a later one.
FACTS: tuple[Fact, ...] = (
    Fact(
        "consumer_missing",
        "A consumer has allocations and no record.",
        "The record is made, for the project and user of [placement] "
        "incomplete_consumer_project_id and incomplete_consumer_user_id.",
        _allocations_without_consumer(),
        "consumer",
        _create_consumers,
    ),
    Fact(
        "consumer_spelling",
        "The uuid of a consumer is not stored in lower case with dashes: nobody finds "
        "the consumer.",
        "It is rewritten, with its allocations.",
        _misspelled(_consumers, "consumer", is_taken=False),
        "id",
        _rewrites(spelling.mend_consumers),
    ),
    Fact(
        "provider_spelling",
        "The uuid of a provider is not stored in lower case with dashes: nobody finds "
        "the provider.",
        "It is rewritten.",
        _misspelled(_providers, "provider", is_taken=False),
        "id",
        _rewrites(spelling.mend_providers),
    ),
    Fact(
        "aggregate_spelling",
        "A provider is in an aggregate that is not stored in lower case with dashes: "
        "member_of does not find it.",
        "The aggregate of the canonical uuid takes its place; the provider still "
        "shows it as it was written.",
        _misspelled_aggregates(),
        "provider_id",
        _rewrites(spelling.mend_aggregates),
    ),
    Fact(
        "consumer_idle",
        "A consumer has a record and no allocations.",
        "The record is deleted.",
        _consumers_without_allocations(),
        "consumer",
        _delete_consumers,
    ),
    Fact(
        "consumer_generation",
        "The generation of a consumer is below 0, which no client can send.",
        "It becomes 0.",
        _bad_generations(_consumers, "consumer"),
        "id",
        _begin_consumer_generations,
    ),
    Fact(
        "inventory_of_nobody",
        "An inventory is of a provider that there is not.",
        "The inventory is deleted.",
        _without_provider(
            _inventories, _inventories.c.resource_class_id, _inventories.c.total
        ),
        "provider_id",
        _deletes_without_provider(_inventories),
    ),
    Fact(
        "aggregate_of_nobody",
        "An aggregate has a member that there is not.",
        "The membership is deleted.",
        _without_provider(_provider_aggregates, _provider_aggregates.c.aggregate_id),
        "provider_id",
        _deletes_without_provider(_provider_aggregates),
    ),
    Fact(
        "trait_of_nobody",
        "A trait is of a provider that there is not.",
        "It is taken away.",
        _without_provider(_provider_traits, _provider_traits.c.trait_id),
        "provider_id",
        _deletes_without_provider(_provider_traits),
    ),
    Fact(
        "provider_generation",
        "The generation of a provider is missing, or below 0.",
        "It becomes 0, as which a missing one is read.",
        _bad_generations(_providers, "provider"),
        "id",
        _begin_provider_generations,
    ),
    Fact(
        "root",
        "The root of a provider is missing, or is not where its parents lead.",
        "It becomes the provider where they lead.",
        _wrong_roots(),
        "id",
        _set_roots,
    ),
    Fact(
        "used",
        "What is used of an inventory is not the sum of the allocations.",
        "It becomes the sum.",
        _wrong_used(),
        "provider_id",
        _count_anew,
    ),
    Fact(
        "revision",
        "A provider has no revision: another Placement has made it.",
        "It gets one.",
        _unmarked(),
        "id",
        _mark,
    ),
    Fact(
        "consumer_twice",
        "A consumer is stored in two spellings of its uuid; only the canonical one is "
        "found.",
        "Delete the record and the allocations of the other one by SQL, then run "
        "--fix, which counts what is left.",
        _misspelled(_consumers, "consumer", is_taken=True),
    ),
    Fact(
        "provider_twice",
        "A provider is stored in two spellings of its uuid; only the canonical one is "
        "found.",
        "Give the other one a new uuid by SQL; it is then found, and can be deleted.",
        _misspelled(_providers, "provider", is_taken=True),
    ),
    Fact(
        "parents",
        "The parents of a provider go round in a circle, or one of them is missing.",
        "Say where it belongs: write its parent_provider_id, NULL for a root.",
        _parents_without_end(),
    ),
    Fact(
        "over_capacity",
        "More is allocated than the inventory has.",
        "Move consumers elsewhere, or offer more.",
        _over_capacity(),
    ),
    Fact(
        "inventory_missing",
        "A provider has allocations of a class that it does not offer.",
        "Offer it, or move the consumers elsewhere.",
        _allocations_without_inventory(),
    ),
    Fact(
        "allocation_of_nobody",
        "A consumer has an allocation of a provider that there is not.",
        "Write the allocations of the consumer anew.",
        _without_provider(
            _allocations,
            _allocations.c.consumer_id.label("consumer"),
            _allocations.c.resource_class_id,
            _allocations.c.used,
        ),
    ),
    Fact(
        "allocation_doubled",
        "A consumer has several allocations of one class of one provider, of which "
        "only one is shown.",
        "Write the allocations of the consumer anew.",
        _doubled_allocations(),
    ),
    Fact(
        "allocation_empty",
        "An allocation is of no unit, or of less.",
        "Write the allocations of the consumer anew.",
        _allocations_of_nothing(),
    ),
    Fact(
        "owner_missing",
        "The project, user or type of a consumer is not known.",
        "Write the allocations of the consumer anew.",
        _consumers_without_owner(),
    ),
    Fact(
        "class_missing",
        "Inventories or allocations are of a resource class that there is not.",
        "Put the class into resource_classes under this id, or delete them.",
        _nameless_classes(),
    ),
    Fact(
        "statistics",
        "A large table was never analysed: the database has to guess what is in it.",
        "It is analysed.",
        statistics.findings(),
        "table_name",
        _analyse,
    ),
)
