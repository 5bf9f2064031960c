"""Facts about providers: generation, revision, and place in the tree."""

import sqlalchemy as sa

from placement.db import reconcile, revision, tables
from placement.objects import provider_state, resource_provider
from placement.objects.audit.fact import (
    Fact,
    Findings,
    Keys,
    bad_generations,
    delete_without_provider,
    provider_uuid,
    reset_generations,
    without_provider,
)

_providers = tables.resource_providers
_memberships = tables.resource_provider_aggregates
_traits = tables.resource_provider_traits
_states = tables.provider_states


def _reset_generations(conn: sa.Connection, ids: Keys, _settings: object) -> int:
    resource_provider.lock(conn, ids)
    return reset_generations(
        conn, _providers, ids, revision=revision.next_of(_providers.c.revision)
    )


def _without_revision() -> Findings:
    return (
        sa.select(provider_uuid(), _providers.c.id, _providers.c.revision)
        .where(reconcile.lacks_revision())
        .order_by(_providers.c.id)
    )


def _set_revisions(conn: sa.Connection, provider_ids: Keys, _settings: object) -> int:
    resource_provider.lock(conn, provider_ids)
    return reconcile.set_missing_revisions(conn, provider_ids)


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
            provider_uuid(),
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
    """Lock the providers and all their ancestors, and set their roots.

    Raises Retry when a parent has changed before all were locked.
    """
    parents = _ancestry(conn, ids)
    resource_provider.lock(conn, parents)
    if _ancestry(conn, ids) != parents:
        raise resource_provider.changed_meanwhile()
    by_top: dict[int, list[int]] = {}
    for id_ in set(ids) & parents.keys():
        top = _top(parents, id_)
        if top is not None:
            by_top.setdefault(top, []).append(id_)
    return sum(_set_root(conn, top, by_top[top]) for top in sorted(by_top))


def _ancestry(conn: sa.Connection, ids: Keys) -> dict[int, int | None]:
    """Return the parent of each of the providers and of their ancestors, by id."""
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
    """Return the topmost ancestor, or None if a parent is missing or in a cycle."""
    visited = set()
    while id_ in parents and id_ not in visited:
        visited.add(id_)
        parent = parents[id_]
        if parent is None:
            return id_
        id_ = parent
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
            provider_uuid(),
            _providers.c.id,
            _providers.c.parent_provider_id.label("parent_id"),
            parents.c.uuid.label("parent"),
        )
        .outerjoin(tops, tops.c.id == _providers.c.id)
        .outerjoin(parents, parents.c.id == _providers.c.parent_provider_id)
        .where(tops.c.id.is_(None))
        .order_by(_providers.c.id)
    )


_IS_STATE = _providers.c.state.between(
    provider_state.IN_SERVICE, provider_state.QUARANTINED
)


def _invalid_states() -> Findings:
    return (
        sa.select(provider_uuid(), _providers.c.id, _providers.c.state)
        .where(sa.not_(_IS_STATE))
        .order_by(_providers.c.id)
    )


def _set_states(conn: sa.Connection, ids: Keys, _settings: object) -> int:
    resource_provider.lock(conn, ids)
    is_too_small = _providers.c.state < provider_state.IN_SERVICE
    return conn.execute(
        sa.update(_providers)
        .where(_providers.c.id.in_(ids), sa.not_(_IS_STATE))
        .values(
            state=sa.case(
                (is_too_small, provider_state.IN_SERVICE),
                else_=provider_state.QUARANTINED,
            ),
            revision=revision.next_of(_providers.c.revision),
            updated_at=_providers.c.updated_at,
        )
    ).rowcount


GENERATION = Fact(
    "provider_generation",
    "The generation of a provider is missing or negative.",
    "Sets it to 0, which is how a missing one is read.",
    bad_generations(_providers, "provider"),
    "id",
    _reset_generations,
)
REVISION = Fact(
    "revision",
    "A provider has no revision, because another service created it.",
    "Sets a revision.",
    _without_revision(),
    "id",
    _set_revisions,
)
ROOT = Fact(
    "root",
    "The root of a provider is missing, or is not its topmost parent.",
    "Sets it to the topmost parent.",
    _wrong_roots(),
    "id",
    _set_roots,
)
PARENTS = Fact(
    "parents",
    "The parents of a provider form a cycle, or one of them does not exist.",
    "Set its parent_provider_id with SQL, to NULL for a root.",
    _parents_without_end(),
)
AGGREGATE = Fact(
    "aggregate_of_nobody",
    "A member of an aggregate does not exist.",
    "Deletes the membership.",
    without_provider(_memberships, _memberships.c.aggregate_id),
    "provider_id",
    delete_without_provider(_memberships),
)
TRAIT = Fact(
    "trait_of_nobody",
    "A trait is set on a provider that does not exist.",
    "Deletes the association.",
    without_provider(_traits, _traits.c.trait_id),
    "provider_id",
    delete_without_provider(_traits),
)
STATE = Fact(
    "provider_state",
    "The state of a provider is not one of 0, 1 and 2.",
    "Sets it to the nearest one, which is how it is read.",
    _invalid_states(),
    "id",
    _set_states,
)
STATE_ROW = Fact(
    "state_of_nobody",
    "The history of states has a row of a provider that does not exist.",
    "Deletes the row.",
    without_provider(_states, _states.c.id, _states.c.state),
    "provider_id",
    delete_without_provider(_states),
)
