"""The difference between a provider tree and the tree that is wanted."""

import collections.abc
import dataclasses
import typing

from placement import exception
from placement.objects import provider_delta
from placement.objects.aggregate import Spellings
from placement.objects.inventory import Inventory
from placement.objects.provider_delta import Delta
from placement.objects.provider_page import ProviderDetails


@dataclasses.dataclass(frozen=True, slots=True)
class WantedProvider:
    """One provider of a tree as it should be; its root has no parent.

    ``uuid`` and ``parent_uuid`` are canonical. Inventories, traits or aggregates of
    None are left as they are, and those of a new provider are empty. The class ids of
    inventories are not set. ``generation`` is the one that the client has read, or None
    if that does not matter.
    """

    uuid: str
    name: str
    parent_uuid: str | None
    inventories: collections.abc.Mapping[str, Inventory] | None = None
    traits: frozenset[str] | None = None
    aggregates: Spellings | None = None
    generation: int | None = None


class Replaced(typing.NamedTuple):
    """A former value and the new one."""

    old: str | None
    new: str | None


class Update(typing.NamedTuple):
    """The changes of one provider; name and parent are None if they stay."""

    provider: ProviderDetails
    name: Replaced | None
    parent_uuid: Replaced | None
    delta: Delta


class Difference(typing.NamedTuple):
    """What to do: providers to create have their parents before them."""

    create: list[WantedProvider]
    update: list[Update]
    delete: list[ProviderDetails]


def plan(
    present: collections.abc.Iterable[ProviderDetails],
    wanted: collections.abc.Sequence[WantedProvider],
    has_prune: bool,
) -> Difference:
    """Return how the tree ``present`` becomes ``wanted``.

    ``wanted`` has parents before their children. Providers that it does not have stay,
    or are deleted with ``has_prune``.

    Raises ConcurrentUpdate for a provider that does not have the wanted generation.
    """
    by_uuid = {each.uuid: each for each in present}
    difference = Difference([], [], [])
    for each in wanted:
        found = by_uuid.pop(each.uuid, None)
        _require_generation(each, found)
        if found is None:
            difference.create.append(each)
        elif update := _update(found, each):
            difference.update.append(update)
    if has_prune:
        difference.delete.extend(by_uuid.values())
    return difference


def _require_generation(wanted: WantedProvider, found: ProviderDetails | None) -> None:
    given, stored = wanted.generation, None if found is None else found.generation
    if given is not None and given != stored:
        state = "does not exist" if stored is None else f"is at generation {stored}"
        raise exception.ConcurrentUpdate(
            reason=f"Resource provider {wanted.uuid} {state}, not at generation {given}"
        )


def _update(found: ProviderDetails, wanted: WantedProvider) -> Update | None:
    update = Update(
        found,
        _replaced(found.name, wanted.name),
        _replaced(found.parent_provider_uuid, wanted.parent_uuid),
        delta_to(wanted, found),
    )
    return update if any(update[1:]) else None


def _replaced(old: str | None, new: str | None) -> Replaced | None:
    return None if old == new else Replaced(old, new)


def delta_to(wanted: WantedProvider, found: ProviderDetails | None) -> Delta:
    """Return what makes the provider ``found``, or a new one, as it is wanted."""
    traits = set(found.traits) if found else set()
    aggregates = provider_delta.aggregates_of(found) if found else set()
    inventories = provider_delta.inventories_of(found) if found else {}
    all_of = Delta(
        add_traits=wanted.traits or frozenset(),
        remove_traits=_others(traits, wanted.traits),
        add_aggregates=wanted.aggregates or {},
        remove_aggregates=_others(aggregates, wanted.aggregates),
        inventories=wanted.inventories or {},
        remove_inventories=_others(inventories, wanted.inventories),
    )
    return provider_delta.effective(all_of, found) if found else all_of


def _others(
    present: collections.abc.Iterable[str],
    wanted: collections.abc.Collection[str] | None,
) -> frozenset[str]:
    """Return what is present and not wanted; nothing if nothing is said."""
    return frozenset() if wanted is None else frozenset(present).difference(wanted)
