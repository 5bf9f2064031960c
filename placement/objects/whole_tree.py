"""Replace a provider tree as a whole, in one transaction."""

import collections.abc
from uuid import uuid4

import sqlalchemy as sa

from placement import exception, excerpt, extension_exception
from placement.db import names, tables
from placement.objects import change as feed
from placement.objects import (
    provider_delta,
    provider_page,
    resource_provider,
    tree,
    tree_difference,
)
from placement.objects.provider_page import ProviderDetails, Selection
from placement.objects.tree_difference import Difference, WantedProvider

_providers = tables.resource_providers

_Wanted = collections.abc.Sequence[WantedProvider]


def replace(
    conn: sa.Connection, known_names: names.Names, wanted: _Wanted, has_prune: bool
) -> Difference:
    """Make a tree as it is wanted, and return the difference that there was.

    The first of ``wanted`` is the root, which is created if it is missing; parents come
    before their children. Each changed provider advances its generation by one.

    The number of statements does not grow with the providers, except for inventories
    and associations that are removed.

    Raises ProviderInOtherTree, ConcurrentUpdate for another generation, DuplicateName,
    what ``provider_delta.find_ids`` raises, InventoryInUse when a class to remove has
    allocations, and ResourceProviderInUse when a provider to delete has some.
    """
    present = _read_locked(conn, known_names, wanted)
    difference = tree_difference.plan(present, wanted, has_prune)
    if not any(difference):
        return difference
    deltas = {
        each.uuid: tree_difference.delta_to(each, None) for each in difference.create
    } | {each.provider.uuid: each.delta for each in difference.update}
    ids = provider_delta.find_ids(conn, known_names, list(deltas.values()))
    _free_names(conn, difference)
    _write_places(conn, difference, wanted[0].uuid, present)
    had = {each.uuid: each.inventories for each in present}
    providers = resource_provider.get_all_by_uuid(conn, deltas)
    changes = [
        provider_delta.Change(providers[uuid], delta, had.get(uuid, ()))
        for uuid, delta in deltas.items()
    ]
    provider_delta.write_all(conn, known_names, ids, changes)
    tree.delete_all(conn, {each.id: each.uuid for each in difference.delete})
    return difference


def _read_locked(
    conn: sa.Connection, known_names: names.Names, wanted: _Wanted
) -> list[ProviderDetails]:
    """Lock the tree, and return its providers; none if the root does not exist.

    Raises ProviderInOtherTree for a wanted provider.
    """
    root_uuid = wanted[0].uuid
    found = resource_provider.get_all_by_uuid(conn, [each.uuid for each in wanted])
    root = found.get(root_uuid)
    ids: set[int] = set()
    if root is not None and root.is_root:
        ids.update(tree.lock_subtree(conn, root))
    for each in found.values():
        if each.id not in ids:
            raise extension_exception.ProviderInOtherTree(uuid=each.uuid)
    if not ids:
        return []
    select = sa.select(_providers.c.id).where(_providers.c.id.in_(ids))
    return provider_page.get_page(
        conn,
        known_names,
        Selection(select),
        provider_delta.PARTS,
        after_id=provider_page.BEFORE_ALL,
        size=len(ids),
    )


def _free_names(conn: sa.Connection, difference: Difference) -> None:
    """Let the providers that lose their names have random ones for now.

    So two providers can swap their names, and a new one can have that of a deleted one.

    Raises DuplicateName for a wanted name that another provider keeps, and Retry when
    a provider to create exists now.
    """
    new = [each.name for each in difference.create]
    new += [each.name.new or "" for each in difference.update if each.name]
    if not new:
        return
    named = sa.select(_providers.c.id, _providers.c.uuid, _providers.c.name)
    owners = conn.execute(named.where(_providers.c.name.in_(new))).all()
    losing = {each.provider.uuid for each in difference.update if each.name}
    losing |= {each.uuid for each in difference.delete}
    created = {each.uuid for each in difference.create}
    for _, uuid, name in owners:
        if uuid in created:
            # Another transaction has created it after the tree was read.
            raise resource_provider.changed_meanwhile()
        if uuid not in losing:
            raise exception.DuplicateName(
                reason=f"Conflicting resource provider name: {excerpt.of_text(name)} "
                "already exists."
            )
    _set(conn, _RENAME, {id_: str(uuid4()) for id_, _, _ in owners})


def _write_places(
    conn: sa.Connection,
    difference: Difference,
    root_uuid: str,
    present: collections.abc.Iterable[ProviderDetails],
) -> None:
    """Create, rename and move providers, and advance the generations of the updated."""
    ids = {each.uuid: each.id for each in present}
    update = difference.update
    pending = difference.create
    while pending:
        level = [each for each in pending if each.parent_uuid in (None, *ids)]
        new = [
            tree.NewProvider(
                each.uuid,
                each.name,
                None if each.parent_uuid is None else ids[each.parent_uuid],
                ids.get(root_uuid),
            )
            for each in level
        ]
        ids |= tree.insert_all(conn, new)
        pending = [each for each in pending if each.uuid not in ids]
    _set(conn, _RENAME, {e.provider.id: e.name.new for e in update if e.name})
    _set(
        conn,
        _MOVE,
        {
            each.provider.id: ids[each.parent_uuid.new]
            for each in update
            if each.parent_uuid and each.parent_uuid.new
        },
    )
    provider_delta.advance_generations(conn, [each.provider.id for each in update])
    placed = [each.provider.id for each in update if each.name or each.parent_uuid]
    created = [ids[each.uuid] for each in difference.create]
    feed.record(conn, feed.PROVIDER, [*created, *placed])


def _set(
    conn: sa.Connection,
    statement: sa.Update,
    values: collections.abc.Mapping[int, str | int | None],
) -> None:
    """Set a value of each provider, by id."""
    if values:
        rows = [{"changed": id_, "new": new} for id_, new in values.items()]
        conn.execute(statement, rows)


_CHANGED = sa.update(_providers).where(_providers.c.id == sa.bindparam("changed"))
_RENAME = _CHANGED.values(name=sa.bindparam("new"))
_MOVE = _CHANGED.values(parent_provider_id=sa.bindparam("new"))
