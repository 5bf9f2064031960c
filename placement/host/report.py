"""Make the stored providers of a machine equal to what the kernel says of it."""

import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Mapping

from placement.client import client as api
from placement.client import errors, values
from placement.host import traits
from placement.host.kernel import Machine

# The classes that the kernel speaks about; others of a provider are left alone.
VCPU, MEMORY_MB, DISK_GB = "VCPU", "MEMORY_MB", "DISK_GB"
CLASSES = (VCPU, MEMORY_MB, DISK_GB)

# How often a step is begun anew when somebody else changes the same provider.
ATTEMPTS = 8

_T = typing.TypeVar("_T")


class ReportError(Exception):
    """The stored providers cannot be made equal to the facts as things are."""


class Change(typing.NamedTuple):
    """One thing that was changed: at which provider (its name), and what."""

    provider: str
    what: str


@dataclasses.dataclass(frozen=True, slots=True)
class WantedProvider:
    """One provider as the facts would have it: units by class, and traits."""

    name: str
    totals: Mapping[str, int]
    traits: frozenset[str]


def plan(
    machine: Machine, name: str, is_numa: bool, custom_traits: Iterable[str] = ()
) -> list[WantedProvider]:
    """Return the providers that stand for a machine, the root first.

    Flat, the root offers everything. With ``is_numa``, CPUs and memory are offered by
    a child per node that has any, called ``<name>_NUMA_<number>``. The traits of the
    processor, and custom ones, are those of every provider: of the root for
    ``root_required``, of the nodes because they give the resources.

    Raises ReportError when the kernel does not show what is to be offered: the CPUs
    and the memory of the machine or, with ``is_numa``, of its nodes.
    """
    common = traits.processor_traits(machine.processor) | frozenset(custom_traits)
    root_totals: dict[str, int | None] = {DISK_GB: machine.disk_gb}
    nodes: list[WantedProvider] = []
    if is_numa:
        if not machine.nodes:
            raise ReportError("The kernel shows no NUMA nodes: report without --numa.")
        nodes = [
            WantedProvider(
                node_name(name, node.number),
                _positive({VCPU: node.cpus, MEMORY_MB: node.memory_mb}),
                common | {traits.NUMA_ROOT},
            )
            for node in machine.nodes
            if node.cpus or node.memory_mb
        ]
        _require_shown(
            sum(node.cpus for node in machine.nodes),
            sum(node.memory_mb for node in machine.nodes),
            "of the NUMA nodes: report without --numa.",
        )
    else:
        _require_shown(
            machine.cpus,
            machine.memory_mb,
            "of this machine: are /proc and /sys mounted?",
        )
        root_totals |= {VCPU: machine.cpus, MEMORY_MB: machine.memory_mb}
    return [WantedProvider(name, _positive(root_totals), common), *nodes]


def node_name(name: str, number: int) -> str:
    """Return the name of the provider that stands for one NUMA node."""
    return f"{name}_NUMA_{number}"


class Report:
    """One run over the providers of one machine; ``changes`` tells what it did.

    Totals are the machine's, and so are ``max_unit`` where nobody set another and
    ``allocation_ratio`` where ``ratios`` gives one, by class. Everything else in an
    inventory, other classes, and traits that the processor does not decide stay as
    they are. What is equal already is not written.
    """

    def __init__(
        self, client: api.Client, ratios: Mapping[str, float] | None = None
    ) -> None:
        self.changes: list[Change] = []
        self._client = client
        self._ratios = ratios or {}
        self._known_traits: frozenset[str] = frozenset()

    def run(self, wanted: list[WantedProvider]) -> list[Change]:
        """Make the providers equal to ``wanted``, the first of which is the root.

        A step that somebody else's write spoils is begun anew from what is stored
        then, ``ATTEMPTS`` times at most.

        Returns the changes made, in order.
        Raises ReportError when what would have to go is in use, or a name is taken
        by a provider elsewhere; ClientError.
        """
        root_wanted, *nodes_wanted = wanted
        self._known_traits = self._ensure_traits(wanted)
        root = self._ensure_provider(root_wanted.name, None)
        tree = self._client.get_providers(in_tree=root.uuid)
        stale = _stale_nodes(tree, root, {node.name for node in nodes_wanted})
        # What is refused is refused before anything has been taken away.
        self._refuse_if_needed(stale, tree)
        self._settle_provider(root, root_wanted, only_removing=True)
        for node in stale:
            self._delete(node)
        for node_wanted in nodes_wanted:
            node = self._ensure_provider(node_wanted.name, root)
            self._settle_provider(node, node_wanted)
        self._settle_provider(root, root_wanted)
        return self.changes

    def _ensure_traits(self, wanted: list[WantedProvider]) -> frozenset[str]:
        """Return the traits that exist, custom ones created.

        A service with an older os-traits may lack some of the standard ones: nobody
        can ask for them there, so they are left out.
        """
        names = frozenset().union(*(provider.traits for provider in wanted))
        known = set(self._client.get_traits(sorted(names))) if names else set()
        for name in sorted(names - known):
            if name.startswith("CUSTOM_"):
                self._client.ensure_trait(name)
                known.add(name)
        return frozenset(known)

    def _ensure_provider(
        self, name: str, parent: values.Provider | None
    ) -> values.Provider:
        return _until_settled(lambda: self._find_or_create(name, parent))

    def _find_or_create(
        self, name: str, parent: values.Provider | None
    ) -> values.Provider:
        found = self._client.get_providers(name=name)
        if found:
            # Operators may put a host below something; a node belongs to its host.
            if parent is not None and found[0].parent_uuid != parent.uuid:
                raise ReportError(
                    f"A provider named {name} exists and is no child of {parent.name}."
                )
            return found[0]
        created = self._client.create_provider(
            name, parent_uuid=parent.uuid if parent else None
        )
        self._note(name, "created")
        return created

    def _refuse_if_needed(
        self, stale: list[values.Provider], tree: list[values.Provider]
    ) -> None:
        parents = {provider.parent_uuid for provider in tree}
        for node in stale:
            if node.uuid in parents:
                raise _has_children(node.name)
            if self._client.get_provider_allocations(node.uuid).by_consumer:
                raise _in_use(node.name)

    def _delete(self, node: values.Provider) -> None:
        try:
            self._client.delete_provider(node.uuid)
        except errors.ProviderInUse as failure:
            raise _in_use(node.name) from failure
        except errors.ProviderHasChildren as failure:
            raise _has_children(node.name) from failure
        except errors.NotFound:
            return
        self._note(node.name, "deleted")

    def _settle_provider(
        self,
        provider: values.Provider,
        wanted: WantedProvider,
        only_removing: bool = False,
    ) -> None:
        """Make one provider's inventories and traits equal to what is wanted."""
        _until_settled(
            lambda: self._settle_inventories(provider, wanted, only_removing)
        )
        if not only_removing:
            _until_settled(lambda: self._settle_traits(provider, wanted))

    def _settle_inventories(
        self,
        provider: values.Provider,
        wanted: WantedProvider,
        only_removing: bool,
    ) -> None:
        stored = self._client.get_inventories(provider.uuid)
        kept = {
            name: inventory
            for name, inventory in stored.by_class.items()
            if name not in CLASSES or name in wanted.totals
        }
        by_class = dict(kept)
        if not only_removing:
            for name, total in wanted.totals.items():
                by_class[name] = self._offer(name, total, kept.get(name))
        if by_class == stored.by_class:
            return
        try:
            self._client.replace_inventories(
                provider.uuid, values.Inventories(stored.generation, by_class)
            )
        except errors.InventoryInUse as failure:
            raise _in_use(provider.name) from failure
        for text in _differences(stored.by_class, by_class):
            self._note(provider.name, text)

    def _offer(
        self, name: str, total: int, stored: values.Inventory | None
    ) -> values.Inventory:
        """Return the inventory of one class that keeps what operators have set."""
        if stored is None:
            offer = values.Inventory(total, max_unit=total)
        elif stored.max_unit in (stored.total, values.MAX_INT):
            offer = dataclasses.replace(stored, total=total, max_unit=total)
        else:
            offer = dataclasses.replace(stored, total=total)
        if name in self._ratios:
            offer = dataclasses.replace(offer, allocation_ratio=self._ratios[name])
        return offer

    def _settle_traits(self, provider: values.Provider, wanted: WantedProvider) -> None:
        stored = self._client.get_provider_traits(provider.uuid)
        kept = {name for name in stored.names if not traits.is_processor_trait(name)}
        names = frozenset(kept | (wanted.traits & self._known_traits))
        if names == stored.names:
            return
        self._client.replace_provider_traits(
            provider.uuid, values.ProviderTraits(stored.generation, names)
        )
        for what, changed in (
            ("added", names - stored.names),
            ("removed", stored.names - names),
        ):
            if changed:
                listed = ", ".join(sorted(changed))
                self._note(provider.name, f"traits {what}: {listed}")

    def _note(self, provider_name: str, what: str) -> None:
        self.changes.append(Change(provider_name, what))


def _until_settled(step: Callable[[], _T]) -> _T:
    """Run a step that reads and writes until nobody interferes.

    Raises ConcurrentUpdate or DuplicateName when somebody did every time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return step()
        except (errors.ConcurrentUpdate, errors.DuplicateName):
            continue
    return step()


def _stale_nodes(
    tree: list[values.Provider], root: values.Provider, kept: set[str]
) -> list[values.Provider]:
    """Return the children that stand for nodes and are not wanted, by name."""
    pattern = re.compile(re.escape(root.name) + r"_NUMA_\d+")
    return sorted(
        (
            child
            for child in tree
            if child.parent_uuid == root.uuid
            and pattern.fullmatch(child.name)
            and child.name not in kept
        ),
        key=lambda child: child.name,
    )


def _require_shown(cpus: int, memory_mb: int | None, where: str) -> None:
    """Raise ReportError unless there are CPUs and memory: every machine has both."""
    for what, amount in (("CPUs", cpus), ("memory", memory_mb)):
        if not amount:
            raise ReportError(f"The kernel shows no {what} {where}")


def _positive(totals: Mapping[str, int | None]) -> dict[str, int]:
    """Return the totals that an inventory can have: those that are known, from 1."""
    return {name: total for name, total in totals.items() if total}


def _in_use(name: str) -> ReportError:
    return ReportError(
        f"{name} has allocations of what would have to move or go: release them, and "
        "report again. Nothing that is allocated has been changed."
    )


def _has_children(name: str) -> ReportError:
    return ReportError(
        f"{name} would have to go, but has children: move or delete them first."
    )


def _differences(
    before: Mapping[str, values.Inventory], after: Mapping[str, values.Inventory]
) -> list[str]:
    """Say in words how two sets of inventories differ, by class name."""
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
