"""Changes of the inventories, traits and aggregates of providers, as differences.

A delta names what to add and what to remove. Deltas of different inventories, traits or
aggregates of one provider commute, so their writers need no generation.
"""

import collections.abc
import dataclasses
import typing

import sqlalchemy as sa

from placement import exception, extension_exception, uuids
from placement.db import batch, lists, names, tables
from placement.db.batch import Step
from placement.objects import (
    aggregate,
    inventory,
    provider_page,
    resource_class,
    resource_provider,
    trait,
)
from placement.objects import change as feed
from placement.objects.aggregate import Spellings
from placement.objects.inventory import Inventory
from placement.objects.provider_page import ProviderDetails
from placement.objects.resource_provider import ResourceProvider

# What deltas are compared with.
PARTS = (
    provider_page.INVENTORIES,
    provider_page.TRAITS,
    provider_page.AGGREGATES,
)

_Names = frozenset[str]
_Inventories = collections.abc.Mapping[str, Inventory]


@dataclasses.dataclass(frozen=True, slots=True)
class Delta:
    """What to add to one provider, and what to remove.

    ``inventories`` replace those of the same class, and are by class name; their class
    ids are not set. Aggregates are canonical uuids; those to add map to their spelling.
    Nothing is both added and removed.
    """

    add_traits: _Names = frozenset()
    remove_traits: _Names = frozenset()
    add_aggregates: Spellings = dataclasses.field(default_factory=dict)
    remove_aggregates: _Names = frozenset()
    inventories: _Inventories = dataclasses.field(default_factory=dict)
    remove_inventories: _Names = frozenset()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in dataclasses.fields(self))


class Change(typing.NamedTuple):
    """An effective delta of a provider that is locked.

    ``class_names`` are those of the inventories that the provider has.
    """

    provider: ResourceProvider
    delta: Delta
    class_names: collections.abc.Container[str]


class Ids(typing.NamedTuple):
    """The stored ids of resource classes and traits, by name."""

    classes: dict[str, int]
    traits: dict[str, int]


def inventories_of(details: ProviderDetails) -> dict[str, Inventory]:
    """Return the inventories of a provider as in a delta."""
    return {
        name: Inventory.from_record(record)
        for name, record in details.inventories.items()
    }


def aggregates_of(details: ProviderDetails) -> set[str]:
    """Return the canonical uuids of the provider's aggregates."""
    return set(map(uuids.canonical_or_same, details.aggregates))


def effective(delta: Delta, details: ProviderDetails) -> Delta:
    """Return the part of a delta that changes the provider, which has ``details``."""
    present_traits = frozenset(details.traits)
    present_aggregates = aggregates_of(details)
    present = inventories_of(details)
    return Delta(
        delta.add_traits - present_traits,
        delta.remove_traits & present_traits,
        {
            uuid: written
            for uuid, written in delta.add_aggregates.items()
            if uuid not in present_aggregates
        },
        delta.remove_aggregates & present_aggregates,
        {
            name: wanted
            for name, wanted in delta.inventories.items()
            if present.get(name) != wanted
        },
        delta.remove_inventories & present.keys(),
    )


def apply_one(
    conn: sa.Connection, known_names: names.Names, uuid: str, delta: Delta
) -> ProviderDetails:
    """Change one provider, and return it with its ``PARTS``.

    Its generation and revision advance if anything changes.

    Raises ResourceProviderNotFound, what ``find_ids`` raises, and InventoryInUse when a
    class to remove has allocations.
    """
    provider = resource_provider.get_by_uuid(conn, uuid)
    resource_provider.lock(conn, [provider.id])
    ids = find_ids(conn, known_names, [delta])
    before = _read(conn, known_names, provider)
    missing = effective(delta, before)
    if not missing:
        return before
    advance_generations(conn, [provider.id])
    write_all(conn, known_names, ids, [Change(provider, missing, before.inventories)])
    return _read(conn, known_names, provider)


def _read(
    conn: sa.Connection, known_names: names.Names, provider: ResourceProvider
) -> ProviderDetails:
    found = provider_page.find(conn, known_names, provider.uuid, provider.uuid, PARTS)
    if found is None:
        raise exception.ResourceProviderNotFound(uuid=provider.uuid)
    return found


def find_ids(
    conn: sa.Connection,
    known_names: names.Names,
    deltas: collections.abc.Sequence[Delta],
) -> Ids:
    """Return the ids of all that the deltas name, and lock the classes against changes.

    Raises BadRequest for an unknown class, and UnknownTraitsOfProvider.
    """
    classes = {
        name
        for each in deltas
        for name in (*each.inventories, *each.remove_inventories)
    }
    traits = {name for each in deltas for name in each.add_traits | each.remove_traits}
    try:
        return Ids(
            resource_class.lock_ids(conn, sorted(classes)),
            known_names.trait_ids(conn, traits),
        )
    except exception.ResourceClassNotFound as unknown:
        raise exception.BadRequest(
            reason=f"The member 'inventories' has an unknown resource class: {unknown}"
        ) from unknown
    except exception.TraitNotFound as unknown:
        raise extension_exception.UnknownTraitsOfProvider(
            **unknown.details
        ) from unknown


def write_all(
    conn: sa.Connection,
    known_names: names.Names,
    ids: Ids,
    changes: collections.abc.Sequence[Change],
) -> None:
    """Write changes of providers; the caller has advanced their generations.

    ``ids`` has those of all names in the changes. The number of statements grows with
    the providers from which something is removed, not with the others.

    Raises InventoryInUse.
    """
    new: list[tuple[int, Inventory]] = []
    changed: list[tuple[int, Inventory]] = []
    for each in changes:
        gone = [ids.classes[name] for name in each.delta.remove_inventories]
        if gone:
            inventory.remove(conn, known_names, each.provider, sorted(gone))
        for name, wanted in each.delta.inventories.items():
            found = dataclasses.replace(wanted, resource_class_id=ids.classes[name])
            is_known = name in each.class_names
            (changed if is_known else new).append((each.provider.id, found))
    inventory.change_all(conn, changed)
    steps = [
        *inventory.insert_steps(new),
        *_trait_steps(changes, ids.traits),
        *_aggregate_steps(conn, changes),
    ]
    if steps:
        batch.run(conn, steps)
    for kind, is_changed in _KINDS.items():
        of_kind = [each.provider.id for each in changes if is_changed(each.delta)]
        feed.record(conn, kind, of_kind)


_KINDS: dict[str, collections.abc.Callable[[Delta], bool]] = {
    feed.INVENTORY: lambda delta: bool(delta.inventories or delta.remove_inventories),
    feed.TRAITS: lambda delta: bool(delta.add_traits or delta.remove_traits),
    feed.AGGREGATES: lambda delta: bool(
        delta.add_aggregates or delta.remove_aggregates
    ),
}


def _trait_steps(
    changes: collections.abc.Iterable[Change], ids: dict[str, int]
) -> list[Step]:
    associations = trait.ASSOCIATIONS
    steps = [
        step
        for provider, delta, _ in changes
        for step in associations.delete_steps(
            provider.id, {ids[name] for name in delta.remove_traits}
        )
    ]
    return steps + associations.insert_steps(
        {
            provider.id: {ids[name]: {} for name in delta.add_traits}
            for provider, delta, _ in changes
        }
    )


def _aggregate_steps(
    conn: sa.Connection, changes: collections.abc.Sequence[Change]
) -> list[Step]:
    memberships = aggregate.MEMBERSHIPS
    added = {uuid for each in changes for uuid in each.delta.add_aggregates}
    removed = {uuid for each in changes for uuid in each.delta.remove_aggregates}
    if not added | removed:
        return []
    # Those to remove exist, because a provider is in them.
    ids = aggregate.ensure_ids(conn, sorted(added | removed))
    steps = [
        step
        for provider, delta, _ in changes
        for step in memberships.delete_steps(
            provider.id, {ids[uuid] for uuid in delta.remove_aggregates}
        )
    ]
    return steps + memberships.insert_steps(
        {
            provider.id: {
                ids[uuid]: {"spelling": aggregate.spelling(uuid, written)}
                for uuid, written in delta.add_aggregates.items()
            }
            for provider, delta, _ in changes
        }
    )


def advance_generations(
    conn: sa.Connection, provider_ids: collections.abc.Collection[int]
) -> None:
    """Advance the generations of providers that the caller has locked, by one."""
    if provider_ids:
        values = {"by": 1, "now": tables.utcnow()}
        _ADVANCE.execute(conn, {"ids": sorted(provider_ids)}, values)


_ADVANCE = lists.Statement(
    lambda ids: resource_provider.ADVANCE_ANY.where(
        tables.resource_providers.c.id.in_(ids)
    )
)
