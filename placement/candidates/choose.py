"""Which providers can fill a slot, for one anchor."""

import collections
import collections.abc
import typing

from placement.candidates.model import ProviderView
from placement.candidates.plan import Group, Plan, Slot
from placement.candidates.trees import Tree

# By the index of a slot, the sharing providers that can fill it, ascending by id.
Sharers = dict[int, list[ProviderView]]

Choices = list[list[ProviderView]]


class Listener(typing.Protocol):
    """Hears why a provider is not taken; the plain search has none."""

    def drop(self, rule: str, slot: Slot, provider: ProviderView) -> None:
        """``rule`` keeps ``provider`` from filling ``slot``."""


def find_sharers(plan: Plan, trees: collections.abc.Iterable[Tree]) -> Sharers:
    """Return the sharing providers of ``trees`` that fill slots of other trees.

    Slots that none of them can fill are left out.
    """
    sharers = [
        provider
        for tree in trees
        for provider in tree.providers
        if provider.is_sharing and provider.aggregates
    ]
    sharers.sort(key=lambda provider: provider.id)
    found = {
        slot.index: [one for one in sharers if _may_share(slot, one)]
        for slot in plan.slots
    }
    return {index: providers for index, providers in found.items() if providers}


def _may_share(slot: Slot, provider: ProviderView) -> bool:
    group = slot.group
    if group.is_spread and group.root_id is not None:
        return False
    return group.root_id in (None, provider.root_id) and refusal(slot, provider) is None


def facts_of(
    plan: Plan,
    sharers: Sharers,
    line_of: collections.abc.Callable[[ProviderView], frozenset[int]],
) -> collections.abc.Hashable:
    """Return what candidates can depend on of the sharing providers.

    Of their room that is no more than all slots together ask for, so that most
    claims change nothing. ``line_of`` returns the ids of a provider and of its
    ancestors.
    """
    most: collections.Counter[int] = collections.Counter()
    for slot in plan.slots:
        for resource_class_id, amount in slot.amounts:
            most[resource_class_id] += amount
    providers = {one.id: one for of_slot in sharers.values() for one in of_slot}
    return (
        tuple((index, *(one.id for one in of)) for index, of in sharers.items()),
        tuple(
            (id_, one.uuid, one.root_id, one.traits, one.aggregates, line_of(one))
            for id_, one in providers.items()
        ),
        tuple(
            (id_, resource_class_id, min(offer.room, most[resource_class_id]))
            for id_, one in providers.items()
            for resource_class_id, offer in one.offers.items()
        ),
    )


def choices(
    plan: Plan, tree: Tree, sharers: Sharers, listener: Listener | None = None
) -> Choices | None:
    """Return, for each slot, the providers that can fill it below this anchor.

    They ascend by id. None: some slot cannot be filled, or the root may not be an
    anchor.
    """
    if not may_anchor(plan, tree.root):
        return None
    found: Choices = []
    for slot in plan.slots:
        providers = _own_choices(slot, tree, listener)
        outside = sharers.get(slot.index)
        if outside is not None:
            joined = _joined(tree, outside)
            if joined:
                providers = sorted((*providers, *joined), key=lambda one: one.id)
        if not providers:
            return None
        found.append(providers)
    return found


def may_anchor(plan: Plan, root: ProviderView) -> bool:
    """The root's own traits and aggregates let it be an anchor."""
    if (
        root.traits & plan.root_required_bits != plan.root_required_bits
        or root.traits & plan.root_forbidden_bits
    ):
        return False
    return not any(
        group.is_spread and group.not_member_of and is_barred(group, root)
        for group in plan.groups
    )


def refusal(slot: Slot, provider: ProviderView, in_all: bool = False) -> str | None:
    """Name the first rule that keeps the provider from filling the slot alone.

    ``in_all``: the anchor is in the group's aggregates, which is enough for a
    provider of its tree. Twin of the conditions in ``select``.
    """
    group = slot.group
    offers = provider.offers
    for resource_class_id, amount in slot.amounts:
        offer = offers.get(resource_class_id)
        if offer is None or offer.refuses(amount):
            return "room"
    traits = provider.traits
    if (slot.all_of and traits & slot.all_of != slot.all_of) or (
        slot.any_of and not all(traits & any_of for any_of in slot.any_of)
    ):
        return "required"
    if traits & group.forbidden_bits:
        return "forbidden"
    if group.member_of and not (in_all or is_in_all(group, provider)):
        return "member_of"
    if group.not_member_of and is_barred(group, provider):
        return "not_member_of"
    return None


def is_in_all(group: Group, provider: ProviderView) -> bool:
    """The provider is in an aggregate of every set that the group names."""
    return not any(wanted.isdisjoint(provider.aggregates) for wanted in group.member_of)


def is_barred(group: Group, provider: ProviderView) -> bool:
    """The provider is in an aggregate that the group must not be in."""
    return not group.not_member_of.isdisjoint(provider.aggregates)


def _own_choices(
    slot: Slot, tree: Tree, listener: Listener | None
) -> list[ProviderView]:
    group = slot.group
    if group.root_id is not None and group.root_id != tree.root.id:
        return []
    in_all = group.is_spread and bool(group.member_of) and is_in_all(group, tree.root)
    if listener is None:
        if len(tree.providers) == 1:
            return [] if refusal(slot, tree.root, in_all) else [tree.root]
        return [one for one in tree.providers if refusal(slot, one, in_all) is None]
    found = []
    for provider in tree.providers:
        rule = refusal(slot, provider, in_all)
        if rule is None:
            found.append(provider)
        else:
            listener.drop(rule, slot, provider)
    return found


def _joined(tree: Tree, outside: list[ProviderView]) -> list[ProviderView]:
    """The sharing providers of other trees that this tree has access to."""
    return [
        one
        for one in outside
        if one.root_id != tree.root.id
        and not one.aggregates.isdisjoint(tree.aggregates)
    ]
