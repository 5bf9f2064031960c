"""Provider trees: create a provider, move a subtree, delete a leaf.

Each provider stores its root, so a move updates the whole subtree. Every change of a
tree locks its root, so if two moves would form a loop together, the second one sees
the result of the first.
"""

import collections.abc
import typing
from uuid import uuid4

import sqlalchemy as sa

from placement import exception, excerpt
from placement.db import batch, revision, tables
from placement.db.batch import Step
from placement.objects import change, resource_provider
from placement.objects.resource_provider import Description, ResourceProvider

_providers = tables.resource_providers


def create(
    conn: sa.Connection, name: str, uuid: str | None, parent_uuid: str | None
) -> Description:
    """Create a provider below a parent, or a root if ``parent_uuid`` is None.

    Without ``uuid`` a random one is assigned.

    Raises BadRequest for an invalid parent, and DuplicateName.
    """
    uuid = uuid or str(uuid4())
    parent = _parent_of_new(conn, name, uuid, parent_uuid)
    _require_free(conn, name, uuid)
    values = {
        "new_uuid": uuid,
        "new_name": name,
        "parent_id": parent and parent.id,
        "root_id": parent and parent.root_provider_id,
        "now": tables.utcnow(),
    }
    steps = [Step(_ADD, values)]
    if parent is None:
        steps.append(Step(_SET_OWN_ROOT, {"new": uuid}))
    steps += change.of_provider(conn, uuid, generation=0)
    return resource_provider.describe(conn, uuid, after=steps)


class NewProvider(typing.NamedTuple):
    """A provider to insert; a root has neither a parent nor a root."""

    uuid: str
    name: str
    parent_id: int | None
    root_id: int | None


def insert_all(
    conn: sa.Connection, providers: collections.abc.Sequence[NewProvider]
) -> dict[str, int]:
    """Insert providers whose uuids and names are free; return their ids by uuid.

    The caller has locked their trees, and records the changes.
    """
    now = tables.utcnow()
    rows = [
        {
            "new_uuid": each.uuid,
            "new_name": each.name,
            "parent_id": each.parent_id,
            "root_id": each.root_id,
            "now": now,
        }
        for each in providers
    ]
    conn.execute(_ADD, rows)
    for each in providers:
        if each.root_id is None:
            conn.execute(_SET_OWN_ROOT, {"new": each.uuid})
    found = resource_provider.get_all_by_uuid(conn, [each.uuid for each in providers])
    return {uuid: each.id for uuid, each in found.items()}


_ADD = sa.insert(_providers).values(
    created_at=sa.bindparam("now", type_=sa.DateTime),
    uuid=sa.bindparam("new_uuid"),
    name=sa.bindparam("new_name"),
    generation=0,
    parent_provider_id=sa.bindparam("parent_id"),
    root_provider_id=sa.bindparam("root_id"),
    revision=revision.first(),
)
_SET_OWN_ROOT = (
    sa.update(_providers)
    .where(_providers.c.uuid == sa.bindparam("new"))
    # Part of the creation, so not a change that clients should see.
    .values(root_provider_id=_providers.c.id, updated_at=None)
)
_TAKEN = sa.select(_providers.c.uuid).where(
    sa.or_(
        _providers.c.name == sa.bindparam("wanted_name"),
        _providers.c.uuid == sa.bindparam("wanted_uuid"),
    )
)


def _require_free(conn: sa.Connection, name: str, uuid: str) -> None:
    wanted = {"wanted_name": name, "wanted_uuid": uuid}
    taken = batch.run_one(conn, _TAKEN, wanted).scalars().all()
    if taken:
        kind, value = ("uuid", uuid) if uuid in taken else ("name", name)
        raise exception.DuplicateName(
            reason=f"Conflicting resource provider {kind}: "
            f"{excerpt.of_text(value)} already exists."
        )


def _parent_of_new(
    conn: sa.Connection, name: str, uuid: str, parent_uuid: str | None
) -> ResourceProvider | None:
    if parent_uuid is None:
        return None
    prefix = f'Unable to create resource provider "{name}", {uuid}: '
    if parent_uuid == uuid:
        raise exception.BadRequest(
            reason=prefix + "parent provider UUID cannot be same as UUID"
        )
    parent = resource_provider.find_by_uuid(conn, parent_uuid)
    if parent is None:
        raise exception.BadRequest(
            reason=f"{prefix}parent provider UUID does not exist: {parent_uuid}"
        )
    resource_provider.lock(conn, [parent.root_provider_id, parent.id])
    now = resource_provider.find_by_uuid(conn, parent_uuid)
    if now is None or now.root_provider_id != parent.root_provider_id:
        raise resource_provider.changed_meanwhile()
    return parent


def update(
    conn: sa.Connection,
    before: Description,
    name: str,
    parent_uuid: str | None,
    may_reparent: bool,
) -> Description:
    """Set the provider's name and parent; a parent of None makes it a root.

    ``before`` is the provider as it was read. Without ``may_reparent``, only a root
    can be given a parent.

    Returns the updated provider.
    Raises BadRequest for an invalid parent, and DuplicateName.
    """
    provider = resource_provider.get_by_uuid(conn, before.uuid)
    changed: list[int] = []
    if parent_uuid != before.parent_provider_uuid:
        changed += _move(conn, provider, parent_uuid, may_reparent)
    _require_name_free(conn, provider, name)
    # An unchanged name must not change updated_at.
    renamed = conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id, _providers.c.name.is_distinct_from(name))
        .values(name=name)
    )
    if renamed.rowcount:
        changed.append(provider.id)
    change.record(conn, change.PROVIDER, changed)
    return resource_provider.describe(conn, provider.uuid)


def _require_name_free(
    conn: sa.Connection, provider: ResourceProvider, name: str
) -> None:
    taken = conn.scalar(
        sa.select(_providers.c.id).where(
            _providers.c.name == name, _providers.c.id != provider.id
        )
    )
    if taken is not None:
        raise exception.DuplicateName(
            reason=f"Conflicting resource provider {excerpt.of_text(name)} "
            "already exists."
        )


def _move(
    conn: sa.Connection,
    provider: ResourceProvider,
    parent_uuid: str | None,
    may_reparent: bool,
) -> list[int]:
    """Move the provider and its subtree; return the ids of the subtree."""
    prefix = f"Unable to save resource provider {provider.uuid}: "
    parent = None
    if parent_uuid is not None:
        parent = resource_provider.find_by_uuid(conn, parent_uuid)
        if parent is None:
            raise exception.BadRequest(
                reason=f"{prefix}parent provider UUID does not exist: {parent_uuid}"
            )
    if not may_reparent and not provider.is_root:
        move = "un-parenting" if parent_uuid is None else "re-parenting"
        raise exception.BadRequest(
            reason=f"{prefix}{move} a provider is not currently allowed."
        )
    subtree = _locked_subtree(conn, provider, parent)
    if parent is not None and parent.id in subtree:
        raise exception.BadRequest(
            reason=prefix + "creating loop in the provider tree is not allowed."
        )
    _write_place(conn, provider, parent, subtree)
    return subtree


def _locked_subtree(
    conn: sa.Connection, provider: ResourceProvider, parent: ResourceProvider | None
) -> list[int]:
    """Lock the provider's subtree, the parent, and both roots; return the subtree.

    Raises Retry when one of the trees changed before it was locked.
    """
    relatives = [provider] if parent is None else [provider, parent]
    subtree = _subtree(conn, provider)
    roots = [relative.root_provider_id for relative in relatives]
    resource_provider.lock(conn, [*roots, *(each.id for each in relatives), *subtree])
    now = resource_provider.get_all_by_uuid(conn, [each.uuid for each in relatives])
    for relative in relatives:
        found = now.get(relative.uuid)
        if found is None or found.root_provider_id != relative.root_provider_id:
            raise resource_provider.changed_meanwhile()
    if _subtree(conn, provider) != subtree:
        raise resource_provider.changed_meanwhile()
    return subtree


def lock_subtree(conn: sa.Connection, provider: ResourceProvider) -> list[int]:
    """Lock the provider, all providers below it, and the root; return all but the root.

    The ids ascend. Raises Retry when the tree changed before it was locked.
    """
    return _locked_subtree(conn, provider, None)


def _subtree(conn: sa.Connection, provider: ResourceProvider) -> list[int]:
    tree = conn.execute(
        sa.select(_providers.c.id, _providers.c.parent_provider_id).where(
            _providers.c.root_provider_id == provider.root_provider_id
        )
    )
    children: dict[int, list[int]] = {}
    for provider_id, parent_id in tree:
        children.setdefault(parent_id, []).append(provider_id)
    found, unvisited = [], [provider.id]
    while unvisited:
        found.append(unvisited.pop())
        unvisited += children.get(found[-1], ())
    return sorted(found)


def _write_place(
    conn: sa.Connection,
    provider: ResourceProvider,
    parent: ResourceProvider | None,
    subtree: collections.abc.Sequence[int],
) -> None:
    root_id = provider.id if parent is None else parent.root_provider_id
    conn.execute(
        sa.update(_providers)
        .where(_providers.c.id == provider.id)
        .values(parent_provider_id=parent and parent.id)
    )
    moved: dict[str, typing.Any] = {}
    if root_id == provider.root_provider_id:
        # Clients see no change of the providers below.
        moved["updated_at"] = _providers.c.updated_at
    conn.execute(
        sa.update(_providers)
        .where(_providers.c.id.in_(subtree))
        .values(
            root_provider_id=root_id,
            revision=revision.next_of(_providers.c.revision),
            **moved,
        )
    )


def delete(conn: sa.Connection, uuid: str) -> None:
    """Delete a provider that has no children and no allocations.

    Also deletes its inventories, traits, memberships in aggregates, and the history of
    its state.

    Raises ResourceProviderNotFoundForDelete, CannotDeleteParent,
    ResourceProviderInUse.
    """
    provider = resource_provider.find_by_uuid(conn, uuid)
    if provider is None:
        raise exception.ResourceProviderNotFoundForDelete(uuid=uuid)
    resource_provider.lock(conn, [provider.id])
    if _exists(conn, _providers.c.parent_provider_id == provider.id):
        raise exception.CannotDeleteParent(uuid=uuid)
    if _exists(conn, tables.allocations.c.resource_provider_id == provider.id):
        raise exception.ResourceProviderInUse(uuid=uuid)
    if not _delete_rows(conn, {provider.id: provider.uuid}):
        # Another transaction deleted it while this one waited for the lock.
        raise exception.ResourceProviderNotFoundForDelete(uuid=uuid)


def delete_all(
    conn: sa.Connection, providers: collections.abc.Mapping[int, str]
) -> None:
    """Delete providers, given their uuids by id, as ``delete`` does.

    The caller has locked their trees; no other provider is below them.

    Raises ResourceProviderInUse for the first that has allocations.
    """
    if not providers:
        return
    allocations = tables.allocations
    is_of_them = allocations.c.resource_provider_id.in_(list(providers))
    used = sa.select(sa.func.min(allocations.c.resource_provider_id)).where(is_of_them)
    used_id = conn.scalar(used)
    if used_id is not None:
        raise exception.ResourceProviderInUse(uuid=providers[used_id])
    _delete_rows(conn, providers)


def _delete_rows(
    conn: sa.Connection, providers: collections.abc.Mapping[int, str]
) -> int:
    """Delete providers and what belongs to them; return how many there were."""
    ids = list(providers)
    for table in (
        tables.inventories,
        tables.resource_provider_traits,
        tables.resource_provider_aggregates,
        tables.provider_states,
    ):
        conn.execute(sa.delete(table).where(table.c.resource_provider_id.in_(ids)))
    # They refer to each other, and a root to itself.
    are_they = _providers.c.id.in_(ids)
    conn.execute(
        sa.update(_providers)
        .where(are_they)
        .values(root_provider_id=None, parent_provider_id=None)
    )
    gone = conn.execute(sa.delete(_providers).where(are_they)).rowcount
    steps = [
        step
        for uuid in providers.values()
        for step in change.of_provider(conn, uuid, generation=None)
    ]
    if gone and steps:
        batch.run(conn, steps)
    return gone


def _exists(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> bool:
    return conn.scalar(sa.select(sa.literal(1)).where(condition).limit(1)) is not None
