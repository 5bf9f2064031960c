"""The values that pass between the stages of a search.

Those at the top are what was asked, in the words of the API: names and uuids.
Those below are what is stored.
"""

import collections.abc
import dataclasses

from placement.objects.inventory import Offer

# Units by resource class id, ascending by id.
Amounts = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestGroup:
    """What one request group asks of its providers; no filter is an empty one.

    ``resources`` has the amount by resource class. One trait of every set in
    ``required`` must be there, and none of ``forbidden``; the same holds for the
    uuids of aggregates in ``member_of`` and ``not_member_of``. ``in_tree`` is the
    uuid of any provider of the tree that is meant.
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


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ProviderView:
    """One provider as it was at one revision; never changed, so it can be kept.

    ``traits`` is a set as bits (``views.TraitBits``). The last three are the parts
    of its summary as JSON: what it offers, after its own uuid as the key; its
    traits, ascending by id; and its place in the tree, which ends the summary.
    """

    id: int
    uuid: str
    root_id: int
    parent_id: int | None
    revision: int
    # The count of changed names that ``resources_json`` holds for; None: any.
    names_revision: int | None
    offers: dict[int, Offer]
    traits: int
    aggregates: frozenset[int]
    is_sharing: bool
    resources_json: bytes
    traits_json: bytes
    place_json: bytes


@dataclasses.dataclass(slots=True, eq=False)
class AllocationRequest:
    """One candidate.

    ``allocations`` ascends by provider id and has each provider once.
    ``mappings`` has the providers of each group, in the order of the groups. They
    are never changed, so it can be kept; ``shown`` is where ``render`` notes what it
    made of it, and for whom.
    """

    allocations: tuple[tuple[ProviderView, Amounts], ...]
    mappings: tuple[tuple[ProviderView, ...], ...]
    shown: tuple[object, bytes] | None = None
