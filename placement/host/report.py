"""Register a machine: create and update its providers."""

import re
import typing
from collections.abc import Callable, Iterable, Mapping

from placement.client import client as api
from placement.client import errors, values
from placement.host import traits, updates
from placement.host.kernel import Machine
from placement.host.updates import (
    CLASSES,
    DISK_GB,
    MEMORY_MB,
    VCPU,
    Change,
    WantedProvider,
)

# The details that are compared with the wanted state.
_DETAILS = ("inventories", "traits")

# Attempts of a step if other writers change the same provider.
ATTEMPTS = 8

_T = typing.TypeVar("_T")


class ReportError(Exception):
    """The providers cannot be updated in their current state."""


class _WithoutTrees(Exception):
    """The service does not have the extension, or the caller may not use it."""


def plan(
    machine: Machine, name: str, is_numa: bool, custom_traits: Iterable[str] = ()
) -> list[WantedProvider]:
    """Return the wanted providers of a machine, root first.

    By default the root has all inventories. With ``is_numa``, each node with CPUs or
    memory is a child named ``<name>_NUMA_<number>``, which has their inventories. All
    providers have the traits: the root for ``root_required``, the nodes because they
    serve the resources.

    Raises ReportError when the CPUs or the memory of the machine or, with ``is_numa``,
    of its nodes are unknown.
    """
    common = traits.processor_traits(machine.processor) | frozenset(custom_traits)
    root_totals: dict[str, int | None] = {DISK_GB: machine.disk_gb}
    nodes: list[WantedProvider] = []
    if is_numa:
        if not machine.nodes:
            raise ReportError("The kernel reports no NUMA nodes. Run without --numa.")
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
            "of the NUMA nodes. Run without --numa.",
        )
    else:
        _require_shown(
            machine.cpus,
            machine.memory_mb,
            "of this machine. Are /proc and /sys mounted?",
        )
        root_totals |= {VCPU: machine.cpus, MEMORY_MB: machine.memory_mb}
    return [WantedProvider(name, _positive(root_totals), common), *nodes]


def node_name(name: str, number: int) -> str:
    """Return the name of the provider of a NUMA node."""
    return f"{name}_NUMA_{number}"


class Report:
    """One update of the providers of a machine; ``changes`` lists what it changed.

    Sets ``total``, ``max_unit`` unless an operator has set it, and ``allocation_ratio``
    for classes in ``ratios``. Other fields and classes, and traits that do not come
    from the processor, are kept. Unchanged providers are not written.
    """

    def __init__(
        self, client: api.Client, ratios: Mapping[str, float] | None = None
    ) -> None:
        self.changes: list[Change] = []
        self._client = client
        self._ratios = ratios or {}
        self._known_traits: frozenset[str] = frozenset()
        # Providers of the tree, by uuid, as they were read before any change.
        self._unchanged: dict[str, values.ProviderDetails] = {}

    def run(self, wanted: list[WantedProvider]) -> list[Change]:
        """Create and update the providers; the first of ``wanted`` is the root.

        A step that conflicts with another writer is repeated, up to ``ATTEMPTS`` times.

        Returns the changes, in order.
        Raises ReportError when something to be removed has allocations, or a provider
        in another tree has the name; ClientError.
        """
        self._known_traits = self._ensure_traits(wanted)
        try:
            _retry_conflicts(lambda: self._replace_tree(wanted))
        except _WithoutTrees:
            self._update_one_by_one(wanted)
        return self.changes

    def _replace_tree(self, wanted: list[WantedProvider]) -> None:
        """Create and update the providers in one request, unless nothing differs."""
        found = self._client.get_providers(name=wanted[0].name)
        read: list[values.ProviderDetails] = []
        if found:
            read += self._client.read_providers(_DETAILS, found[0].uuid, state="any")
        planned = updates.TreePlan(wanted, read, self._ratios, self._known_traits)
        stale: list[values.Provider] = []
        if planned.host is not None:
            tree = [each.provider for each in read]
            names = {each.name for each in wanted[1:]}
            stale = _stale_nodes(tree, planned.host, names)
            self._require_removable(stale, tree)
        if stale and planned.changes:
            # Check everything before removing anything.
            self._send(planned, wanted, is_validated_only=True)
        for node in stale:
            self._delete(node)
        if planned.changes:
            self._send(planned, wanted)
            self.changes += planned.changes

    def _send(
        self,
        planned: updates.TreePlan,
        wanted: list[WantedProvider],
        is_validated_only: bool = False,
    ) -> None:
        try:
            self._client.replace_tree(
                planned.providers, has_check=True, is_validated_only=is_validated_only
            )
        except (errors.NotFound, errors.Forbidden) as failure:
            raise _WithoutTrees() from failure
        except errors.InventoryInUse as failure:
            named = [e.name for e in planned.providers if str(e.uuid) in failure.detail]
            raise _in_use(*named[:1] or [wanted[0].name]) from failure
        except errors.DuplicateName:
            # Either another writer was faster, or a node cannot have its name.
            self._require_free_names(wanted)
            raise

    def _require_free_names(self, wanted: list[WantedProvider]) -> None:
        hosts = self._client.get_providers(name=wanted[0].name)
        for node in wanted[1:]:
            for found in self._client.get_providers(name=node.name):
                if not hosts or found.parent_uuid != hosts[0].uuid:
                    raise _no_child(node.name, wanted[0].name)

    def _update_one_by_one(self, wanted: list[WantedProvider]) -> None:
        """Do the same by the versioned API, for a service without the extension."""
        root_wanted, *nodes_wanted = wanted
        root = self._ensure_provider(root_wanted.name, None)
        self._unchanged = {
            each.provider.uuid: each
            for each in self._client.read_providers(_DETAILS, root.uuid)
        }
        tree = [each.provider for each in self._unchanged.values()]
        stale = _stale_nodes(tree, root, {node.name for node in nodes_wanted})
        # Check everything before removing anything.
        self._require_removable(stale, tree)
        self._update_provider(root, root_wanted, is_removing_only=True)
        for node in stale:
            self._delete(node)
        for node_wanted in nodes_wanted:
            found = [each for each in tree if _is_child(each, node_wanted.name, root)]
            node = found[0] if found else self._ensure_provider(node_wanted.name, root)
            self._update_provider(node, node_wanted)
        self._update_provider(root, root_wanted)

    def _ensure_traits(self, wanted: list[WantedProvider]) -> frozenset[str]:
        """Return the wanted traits that exist, after creating custom ones.

        A service with an older os-traits may lack standard traits; they are omitted.
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
        return _retry_conflicts(lambda: self._find_or_create(name, parent))

    def _find_or_create(
        self, name: str, parent: values.Provider | None
    ) -> values.Provider:
        for found in self._client.get_providers(name=name):
            # Operators may give a host a parent, but a node must be a child of its
            # host.
            if parent is not None and found.parent_uuid != parent.uuid:
                raise _no_child(name, parent.name)
            return found
        created = self._client.create_provider(
            name, parent_uuid=parent.uuid if parent else None
        )
        self._note(name, "created")
        return created

    def _require_removable(
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

    def _update_provider(
        self,
        provider: values.Provider,
        wanted: WantedProvider,
        is_removing_only: bool = False,
    ) -> None:
        """Update the inventories and traits of one provider."""
        _retry_conflicts(
            lambda: self._update_inventories(provider, wanted, is_removing_only)
        )
        if not is_removing_only:
            _retry_conflicts(lambda: self._update_traits(provider, wanted))

    def _update_inventories(
        self,
        provider: values.Provider,
        wanted: WantedProvider,
        is_removing_only: bool,
    ) -> None:
        stored = self._details(provider)
        kept = {
            name: inventory
            for name, inventory in stored.inventories.items()
            if name not in CLASSES or name in wanted.totals
        }
        by_class = dict(kept)
        if not is_removing_only:
            for name, total in wanted.totals.items():
                by_class[name] = updates.offer(
                    name, total, kept.get(name), self._ratios
                )
        if by_class == stored.inventories:
            self._unchanged[provider.uuid] = stored
            return
        try:
            self._client.replace_inventories(
                provider.uuid, values.Inventories(stored.provider.generation, by_class)
            )
        except errors.InventoryInUse as failure:
            raise _in_use(provider.name) from failure
        for text in updates.differences(stored.inventories, by_class):
            self._note(provider.name, text)

    def _update_traits(self, provider: values.Provider, wanted: WantedProvider) -> None:
        details = self._details(provider)
        stored = frozenset(details.traits)
        names = updates.traits_of(wanted, stored, self._known_traits)
        if names == stored:
            return
        self._client.replace_provider_traits(
            provider.uuid, values.ProviderTraits(details.provider.generation, names)
        )
        for text in updates.trait_differences(stored, names):
            self._note(provider.name, text)

    def _details(self, provider: values.Provider) -> values.ProviderDetails:
        """Return the details of a provider, read again after a change or a conflict."""
        known = self._unchanged.pop(provider.uuid, None)
        return known or self._client.get_provider_details(provider.uuid, _DETAILS)

    def _note(self, provider_name: str, what: str) -> None:
        self.changes.append(Change(provider_name, what))


def _retry_conflicts(step: Callable[[], _T]) -> _T:
    """Run a step that reads and writes until it does not conflict with another writer.

    Raises ConcurrentUpdate or DuplicateName after ``ATTEMPTS`` conflicts.
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
    """Return the children for nodes that are not in ``kept``, in order of name."""
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


def _is_child(provider: values.Provider, name: str, root: values.Provider) -> bool:
    return provider.name == name and provider.parent_uuid == root.uuid


def _require_shown(cpus: int, memory_mb: int | None, where: str) -> None:
    """Raise ReportError unless CPUs and memory are known."""
    for what, amount in (("CPUs", cpus), ("memory", memory_mb)):
        if not amount:
            raise ReportError(f"The kernel reports no {what} {where}")


def _positive(totals: Mapping[str, int | None]) -> dict[str, int]:
    """Return the totals that are known and not 0."""
    return {name: total for name, total in totals.items() if total}


def _no_child(name: str, parent: str) -> ReportError:
    return ReportError(
        f"A provider named {name} exists, but is not a child of {parent}."
    )


def _in_use(name: str) -> ReportError:
    return ReportError(
        f"{name} has allocations of inventories that would be removed. Release them "
        "and run again. No inventory with allocations has been changed."
    )


def _has_children(name: str) -> ReportError:
    return ReportError(
        f"{name} would be deleted, but has children. Move or delete them first."
    )
