"""What to change of the providers of a machine."""

import dataclasses
import typing
import uuid
from collections.abc import Iterable, Iterator, Mapping

from placement.client import values
from placement.host import traits

# The classes that are reported; other inventories are not changed.
VCPU, MEMORY_MB, DISK_GB = "VCPU", "MEMORY_MB", "DISK_GB"
CLASSES = (VCPU, MEMORY_MB, DISK_GB)


class Change(typing.NamedTuple):
    """A change that was made: the name of the provider, and a description."""

    provider: str
    what: str


@dataclasses.dataclass(frozen=True, slots=True)
class WantedProvider:
    """The wanted state of a provider: totals by class, and traits."""

    name: str
    totals: Mapping[str, int]
    traits: frozenset[str]


def offer(
    name: str,
    total: int,
    stored: values.Inventory | None,
    ratios: Mapping[str, float],
) -> values.Inventory:
    """Return the updated inventory of one class, with the settings of operators."""
    if stored is None:
        updated = values.Inventory(total, max_unit=total)
    elif stored.max_unit in (stored.total, values.MAX_INT):
        updated = dataclasses.replace(stored, total=total, max_unit=total)
    else:
        updated = dataclasses.replace(stored, total=total)
    if name in ratios:
        updated = dataclasses.replace(updated, allocation_ratio=ratios[name])
    return updated


def traits_of(
    wanted: WantedProvider, stored: Iterable[str], known: frozenset[str]
) -> frozenset[str]:
    """Return the updated traits: the wanted ones that are ``known``, and others."""
    kept = {name for name in stored if not traits.is_processor_trait(name)}
    return frozenset(kept | (wanted.traits & known))


class TreePlan:
    """The tree of a machine as it should be, and the changes that this makes.

    ``read`` is the whole tree as it was read, with inventories and traits; empty if the
    host does not exist. ``host`` is None then. ``providers`` has the host, its nodes,
    and the providers above them; the others of the tree are not changed.
    """

    def __init__(
        self,
        wanted: list[WantedProvider],
        read: list[values.ProviderDetails],
        ratios: Mapping[str, float],
        known_traits: frozenset[str],
    ) -> None:
        self._ratios = ratios
        self._known_traits = known_traits
        self.changes: list[Change] = []
        by_name = {each.provider.name: each for each in read}
        stored = by_name.get(wanted[0].name)
        self.host = None if stored is None else stored.provider
        self.providers = list(_above(self.host, read))
        parent = None if self.host is None else self.host.parent_uuid
        host = self._provider(wanted[0], stored, parent)
        self.providers.append(host)
        for node in wanted[1:]:
            found = by_name.get(node.name)
            if found is not None and found.provider.parent_uuid != host.uuid:
                # The service refuses the name.
                found = None
            self.providers.append(self._provider(node, found, host.uuid))

    def _provider(
        self,
        wanted: WantedProvider,
        stored: values.ProviderDetails | None,
        parent: values.AnyUUID | None,
    ) -> values.TreeProvider:
        inventories = {} if stored is None else stored.inventories
        by_class = {
            name: each for name, each in inventories.items() if name not in CLASSES
        } | {
            name: offer(name, total, inventories.get(name), self._ratios)
            for name, total in wanted.totals.items()
        }
        before = frozenset(() if stored is None else stored.traits)
        names = traits_of(wanted, before, self._known_traits)
        texts = [] if stored is not None else ["created"]
        texts += [
            *differences(inventories, by_class),
            *trait_differences(before, names),
        ]
        self.changes += [Change(wanted.name, text) for text in texts]
        provider = None if stored is None else stored.provider
        return values.TreeProvider(
            uuid.uuid4() if provider is None else provider.uuid,
            wanted.name,
            parent,
            by_class,
            names,
            generation=None if provider is None else provider.generation,
        )


def _above(
    host: values.Provider | None, read: list[values.ProviderDetails]
) -> Iterator[values.TreeProvider]:
    """Yield the providers above the host, from the root on, without their parts."""
    by_uuid = {each.provider.uuid: each.provider for each in read}
    found: list[values.Provider] = []
    above = None if host is None else host.parent_uuid
    while above is not None:
        found.append(by_uuid[above])
        above = found[-1].parent_uuid
    for each in reversed(found):
        yield values.TreeProvider(each.uuid, each.name, each.parent_uuid)


def trait_differences(before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    """Yield descriptions of the differences."""
    for what, changed in (("added", after - before), ("removed", before - after)):
        if changed:
            yield f"traits {what}: {', '.join(sorted(changed))}"


def differences(
    before: Mapping[str, values.Inventory], after: Mapping[str, values.Inventory]
) -> list[str]:
    """Return descriptions of the differences, in order of class name."""
    texts = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if new is None:
            texts.append(f"{name} removed")
        elif old is None:
            texts.append(f"{name} added: total {new.total}")
        else:
            texts += [
                f"{name}: {field.name} {getattr(old, field.name)} -> "
                f"{getattr(new, field.name)}"
                for field in dataclasses.fields(values.Inventory)
                if getattr(old, field.name) != getattr(new, field.name)
            ]
    return texts
