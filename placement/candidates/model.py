"""The values that pass between the stages of a search.

First the request, in names and uuids; then what is stored; then the candidates.
"""

import collections.abc
import dataclasses
import sys
import typing

from placement.objects.inventory import Offer

# Measured: the objects of a snapshot, and of each class that it offers. Small
# integers and the JSON of traits are shared with other snapshots.
_SNAPSHOT_BYTES = 1100
_OFFER_BYTES = 260
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


# Not frozen, because that makes creating one take three times as long.
@dataclasses.dataclass(slots=True, eq=False)
class ProviderSnapshot:
    """One provider at one revision. Never changed, so that it can be cached.

    ``room`` has, by resource class id, the largest amount that one consumer can still
    get; it is empty unless the provider ``is_in_service``. ``is_regular``: every
    amount from 1 to the room can be had; otherwise some offer has a ``min_unit`` or a
    ``step_size``. ``traits`` is a set as bits (``TraitBits``). ``names_revision`` is
    the revision of names that ``resources_json`` was built at; None if it shows
    standard names only.
    ``definition_revision`` is the revision of everything but the usage.

    The last three are the parts of the provider's summary as JSON: its uuid as the
    key, with its resources; its traits, ascending by id; and its place in the tree,
    which ends the summary.
    """

    id: int
    uuid: str
    root_id: int
    parent_id: int | None
    revision: int
    definition_revision: int
    names_revision: int | None
    is_in_service: bool
    offers: dict[int, Offer]
    room: dict[int, int]
    is_regular: bool
    traits: int
    aggregates: frozenset[int]
    is_sharing: bool
    resources_json: bytes
    traits_json: bytes
    place_json: bytes

    @property
    def size(self) -> int:
        """About how many bytes the snapshot takes."""
        return (
            _SNAPSHOT_BYTES
            + _OFFER_BYTES * len(self.offers)
            + len(self.resources_json)
            + len(self.place_json)
            + sys.getsizeof(self.aggregates)
        )

    def with_usage(
        self,
        revision: int,
        offers: dict[int, Offer],
        resources_json: bytes,
        names_revision: int | None,
    ) -> "ProviderSnapshot":
        """Return the snapshot after a change of its usage, which ``offers`` have."""
        return ProviderSnapshot(
            id=self.id,
            uuid=self.uuid,
            root_id=self.root_id,
            parent_id=self.parent_id,
            revision=revision,
            definition_revision=self.definition_revision,
            names_revision=names_revision,
            is_in_service=self.is_in_service,
            offers=offers,
            room=room_of(offers) if self.is_in_service else {},
            is_regular=self.is_regular,
            traits=self.traits,
            aggregates=self.aggregates,
            is_sharing=self.is_sharing,
            resources_json=resources_json,
            traits_json=self.traits_json,
            place_json=self.place_json,
        )


def room_of(offers: dict[int, Offer]) -> dict[int, int]:
    """Return the room of a provider that is in service."""
    return {class_id: offer.room for class_id, offer in offers.items()}


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
            self.names_revision = only.names_revision
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
        self.names_revision = next(
            (one.names_revision for one in providers if one.names_revision is not None),
            None,
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
