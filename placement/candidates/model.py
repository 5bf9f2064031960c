"""The values that pass between the stages of a search.

First the request, in names and uuids; then what is stored; then the candidates.
"""

import collections.abc
import dataclasses
import sys
import typing

from placement.objects.inventory import Offer, room_of

# Measured: the objects of a snapshot, and of each class that it offers. Small
# integers, the JSON of traits, and most inventories are shared with other snapshots.
_SNAPSHOT_BYTES = 1100
_CLASS_BYTES = 240
_TREE_BYTES = 400

# Units by resource class id, ascending by id.
Amounts = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestGroup:
    """The conditions of one request group. A missing filter is an empty one.

    ``resources`` has the amount by resource class. A provider needs one trait of
    every set in ``required`` and none of ``forbidden``; ``member_of`` and
    ``not_member_of`` do the same with uuids of aggregates. ``in_tree`` is the uuid of
    any provider of the wanted tree.
    """

    suffix: str
    resources: collections.abc.Mapping[str, int] = dataclasses.field(
        default_factory=dict
    )
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search for allocation candidates.

    ``groups`` has the unsuffixed group first. With ``isolates`` no two suffixed
    groups may share a provider. Each set of ``same_subtree`` has the suffixes of
    groups. ``limit`` is None for none. Without ``nested_aware`` a candidate may
    take resources of one provider per tree only.
    """

    groups: tuple[RequestGroup, ...]
    isolates: bool = False
    same_subtree: tuple[frozenset[str], ...] = ()
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    limit: int | None = None
    nested_aware: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderFilters:
    """What a listing of providers is narrowed to; all filters hold together.

    ``group`` is matched as a suffixed group is: by each provider alone.
    """

    group: RequestGroup
    name: str | None = None
    uuid: str | None = None


# (resource class id, min_unit, max_unit, step_size, capacity), ascending by class.
InventoryRules = tuple[tuple[int, int, int, int, int], ...]


class Inventories:
    """What a provider offers, whatever is used of it. Providers share equal ones.

    ``is_regular``: no class has a ``min_unit`` or a ``step_size``. ``class_names`` are
    those of ``rules`` by id, at the revision of names ``names_revision``; it is None if
    all of them are names of standard classes.
    """

    __slots__ = ("is_regular", "names_revision", "resources_json", "rules", "size")

    def __init__(
        self,
        rules: InventoryRules,
        class_names: collections.abc.Mapping[int, str],
        names_revision: int | None = None,
    ) -> None:
        self.rules = rules
        self.is_regular = all(
            min_unit <= 1 and step_size == 1 for _, min_unit, _, step_size, _ in rules
        )
        self.names_revision = names_revision
        # With places for the uuid and the used units; no name has a per cent sign.
        self.resources_json = b'"%%b":{"resources":{%b}' % b",".join(
            [
                b'"%b":{"capacity":%d,"used":%%d}'
                % (class_names[class_id].encode(), capacity)
                for class_id, *_, capacity in rules
            ]
        )
        # With what each snapshot makes of it.
        self.size = _CLASS_BYTES * len(rules) + len(self.resources_json)

    def room(self, used: collections.abc.Iterable[int]) -> dict[int, int]:
        """Return the most that one consumer can add, by class id; see ``Offer``."""
        return {
            class_id: room_of(max_unit, capacity - units)
            for (class_id, _, max_unit, _, capacity), units in zip(
                self.rules, used, strict=True
            )
        }

    def offers(self, used: collections.abc.Iterable[int]) -> dict[int, Offer]:
        """Return the offers by class id."""
        return {
            class_id: Offer.of(min_unit, max_unit, step_size, capacity, units)
            for (class_id, min_unit, max_unit, step_size, capacity), units in zip(
                self.rules, used, strict=True
            )
        }


# Not frozen, because that makes creating one take three times as long.
@dataclasses.dataclass(slots=True, eq=False)
class ProviderSnapshot:
    """One provider at one revision. Never changed, so that it can be cached.

    ``used`` has the used units of each class of its ``inventories``, in their order;
    ``offers`` are both together. ``room`` has, by resource class id, the largest amount
    that one consumer can still get; it is empty unless the provider ``is_in_service``.
    ``traits`` is a set as bits (``TraitBits``). ``definition_revision`` is the revision
    of everything but the usage.

    The parts of the provider's summary as JSON: ``resources_json`` begins it, with the
    uuid as the key; ``traits_json`` has the traits, ascending by id; ``place_json`` has
    the place in the tree, and ends it.
    """

    id: int
    uuid: str
    root_id: int
    parent_id: int | None
    revision: int
    definition_revision: int
    is_in_service: bool
    inventories: Inventories
    used: collections.abc.Sequence[int]
    room: dict[int, int]
    traits: int
    aggregates: frozenset[int]
    is_sharing: bool
    traits_json: bytes
    place_json: bytes
    # Made when they are used first, because most snapshots are replaced before.
    offers: dict[int, Offer] = dataclasses.field(init=False)
    resources_json: bytes = dataclasses.field(init=False)

    def __getattr__(self, name: str) -> typing.Any:
        """Make the value of a field that has none yet."""
        value: typing.Any
        if name == "offers":
            value = self.inventories.offers(self.used)
        elif name == "resources_json":
            value = self.inventories.resources_json % (self.uuid.encode(), *self.used)
        else:
            raise AttributeError(name, name=name, obj=self)
        setattr(self, name, value)
        return value

    @property
    def size(self) -> int:
        """About how many bytes the snapshot takes."""
        return (
            _SNAPSHOT_BYTES
            + self.inventories.size
            + len(self.place_json)
            + sys.getsizeof(self.aggregates)
        )

    def unused(self) -> "ProviderSnapshot":
        """Return the snapshot as if nothing of it were used."""
        return self.with_used([0] * len(self.used))

    def with_used(
        self, used: collections.abc.Sequence[int], revision: int | None = None
    ) -> "ProviderSnapshot":
        """Return the snapshot with other used units, and maybe at another revision."""
        return ProviderSnapshot(
            id=self.id,
            uuid=self.uuid,
            root_id=self.root_id,
            parent_id=self.parent_id,
            revision=self.revision if revision is None else revision,
            definition_revision=self.definition_revision,
            is_in_service=self.is_in_service,
            inventories=self.inventories,
            used=used,
            room=self.inventories.room(used) if self.is_in_service else {},
            traits=self.traits,
            aggregates=self.aggregates,
            is_sharing=self.is_sharing,
            traits_json=self.traits_json,
            place_json=self.place_json,
        )


# (root id, id, revision) of every provider of one tree, ascending by id. Any change
# of what a search sees of the tree changes some of these numbers.
Members = tuple[tuple[int, int, int], ...]


class Tree:
    """One provider tree. ``providers`` ascend by id and include the root.

    ``only_provider`` is the root if there are no others, or else None. ``parents`` has
    the position of each provider's parent in ``providers``; None for the root.
    ``names_revision`` is that of the snapshots; None if none has one.
    """

    __slots__ = (
        "_aggregates",
        "_positions",
        "_size",
        "has_sharing",
        "members",
        "names_revision",
        "only_provider",
        "parents",
        "providers",
        "root",
        "uuids",
    )

    def __init__(
        self, members: Members, providers: tuple[ProviderSnapshot, ...]
    ) -> None:
        self.members = members
        self.providers = providers
        self.only_provider: ProviderSnapshot | None = None
        if len(providers) == 1:
            # Most trees; what follows would take several times as long.
            (only,) = providers
            self.root = self.only_provider = only
            self.uuids: tuple[str, ...] = (only.uuid,)
            self.parents: tuple[int | None, ...] = (None,)
            self.names_revision = only.inventories.names_revision
            self.has_sharing = only.is_sharing
        else:
            self._relate()
        self._aggregates: frozenset[int] | None = None
        self._positions: dict[int, tuple[int, ...]] | None = None
        self._size: int | None = None

    def _relate(self) -> None:
        """Set what follows from several providers."""
        providers, root_id = self.providers, self.members[0][0]
        position_of = {one.id: position for position, one in enumerate(providers)}
        self.root = providers[position_of[root_id]]
        self.uuids = tuple([one.uuid for one in providers])
        self.parents = tuple(
            [
                None if one.parent_id is None else position_of[one.parent_id]
                for one in providers
            ]
        )
        names_revisions = [one.inventories.names_revision for one in providers]
        self.names_revision = next(
            (revision for revision in names_revisions if revision is not None), None
        )
        self.has_sharing = any(one.is_sharing for one in providers)

    @property
    def size(self) -> int:
        """About how many bytes the tree takes."""
        if self._size is None:
            self._size = _TREE_BYTES + sum([one.size for one in self.providers])
        return self._size

    @property
    def aggregates(self) -> frozenset[int]:
        """The aggregates of all providers of the tree."""
        if self._aggregates is None:
            self._aggregates = frozenset().union(
                *(one.aggregates for one in self.providers)
            )
        return self._aggregates

    def positions_of(self, resource_class_id: int) -> tuple[int, ...]:
        """Return the positions of the providers that offer a class, ascending."""
        if self._positions is None:
            found: dict[int, list[int]] = {}
            for position, provider in enumerate(self.providers):
                for class_id in provider.room:
                    found.setdefault(class_id, []).append(position)
            self._positions = {id_: tuple(at) for id_, at in found.items()}
        return self._positions.get(resource_class_id, ())


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """One way to serve all groups in every tree of the same pattern.

    Providers are named by position: those of the tree first, in the order of
    ``Tree.providers``, then the sharing providers of the search. ``allocations``
    ascend by provider id and have each provider once; ``mappings`` has the providers
    of each group, in the order of the groups.
    """

    allocations: tuple[tuple[int, Amounts], ...]
    mappings: tuple[tuple[int, ...], ...]


class Run(typing.NamedTuple):
    """Consecutive candidates: a placement in each of some trees."""

    placements: collections.abc.Sequence[Placement]
    trees: collections.abc.Sequence[Tree]

    @property
    def only_placement(self) -> Placement | None:
        """The placement in every tree, if it is the same; each tree comes once then."""
        distinct = set(self.placements)
        return distinct.pop() if len(distinct) == 1 else None

    @property
    def only_providers(self) -> list[ProviderSnapshot] | None:
        """The provider of each tree; None: some tree has several."""
        found = [
            provider
            for tree in self.trees
            if (provider := tree.only_provider) is not None
        ]
        return found if len(found) == len(self.trees) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    ``suffixes`` are those of the groups, in the order of the mappings of each
    candidate. ``resource_classes`` has the names of the requested classes, by id.
    ``runs`` are the candidates, in order; ``sharing`` are the providers that their
    positions after those of a tree refer to. ``summarized`` are the providers to
    summarize.
    """

    suffixes: tuple[str, ...] = ()
    resource_classes: dict[int, str] = dataclasses.field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    sharing: tuple[ProviderSnapshot, ...] = ()
    summarized: tuple[ProviderSnapshot, ...] = ()
