"""Which providers can fill each slot, in one tree.

``RULES`` check the conditions of ``conditions.OF_PROVIDER``, several at once where that
is faster; a test compares them.
"""

import collections.abc
import typing

from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.query.plan import Group, Plan, Slot

# The positions of the providers that can fill each slot, ascending by provider id.
Choices = tuple[tuple[int, ...], ...]


class Rule(typing.NamedTuple):
    """A check of one provider.

    "room" checks all conditions on inventories and, because a provider that is not in
    service has no room, its state. "state" is for slots without amounts.

    ``applies``: the slot has such a condition. ``holds``: the provider meets it.
    """

    name: str
    applies: collections.abc.Callable[[Slot], object]
    holds: collections.abc.Callable[[Slot, ProviderSnapshot], object]


def _has_room(slot: Slot, provider: ProviderSnapshot) -> bool:
    room = provider.room
    for resource_class_id, amount in slot.amounts:
        if room.get(resource_class_id, 0) < amount:
            return False
    return provider.inventories.is_regular or not any(
        provider.offers[class_id].refuses(amount) for class_id, amount in slot.amounts
    )


def _has_required(slot: Slot, provider: ProviderSnapshot) -> bool:
    traits = provider.traits
    if traits & slot.all_of != slot.all_of:
        return False
    return not slot.any_of or all(traits & any_of for any_of in slot.any_of)


RULES = (
    Rule(
        "room",
        lambda slot: slot.amounts,
        _has_room,
    ),
    Rule(
        "required",
        lambda slot: slot.all_of or slot.any_of,
        _has_required,
    ),
    Rule(
        "forbidden",
        lambda slot: slot.group.forbidden_bits,
        lambda slot, provider: not provider.traits & slot.group.forbidden_bits,
    ),
    Rule(
        "member_of",
        lambda slot: slot.group.member_of,
        lambda slot, provider: is_in_all(slot.group, provider),
    ),
    Rule(
        "not_member_of",
        lambda slot: slot.group.not_member_of,
        lambda slot, provider: not is_barred(slot.group, provider),
    ),
    Rule(
        "state",
        lambda slot: (
            checks_state(slot.group) or not (slot.amounts or slot.group.any_state)
        ),
        lambda slot, provider: provider.is_in_service,
    ),
)
_MEMBER_OF = next(rule for rule in RULES if rule.name == "member_of")


def checks_state(group: Group) -> bool:
    """Providers that are not in service have room, but not for this group."""
    return group.any_state is False


def is_in_all(group: Group, provider: ProviderSnapshot) -> bool:
    """The provider is in an aggregate of every set of ``member_of``."""
    return not any(wanted.isdisjoint(provider.aggregates) for wanted in group.member_of)


def is_barred(group: Group, provider: ProviderSnapshot) -> bool:
    """The provider is in an aggregate of ``not_member_of``."""
    return not group.not_member_of.isdisjoint(provider.aggregates)


class Sharing:
    """The sharing providers that can serve slots of other trees.

    ``providers`` ascend by id. ``by_slot`` has, by the index of a slot, the numbers
    in ``providers`` of those that can fill it; a slot that none can fill is missing.
    """

    def __init__(self, plan: Plan, trees: collections.abc.Iterable[Tree]) -> None:
        candidates = sorted(
            (
                provider
                for tree in trees
                for provider in tree.providers
                if provider.is_sharing and provider.aggregates
            ),
            key=lambda provider: provider.id,
        )
        able = {
            slot.index: [one for one in candidates if _may_share(slot, one)]
            for slot in plan.slots
        }
        named = {one.id for providers in able.values() for one in providers}
        self.providers = tuple([one for one in candidates if one.id in named])
        numbers = {one.id: number for number, one in enumerate(self.providers)}
        self.by_slot = {
            index: [numbers[one.id] for one in providers]
            for index, providers in able.items()
            if providers
        }
        self._reached: dict[frozenset[int], frozenset[int]] = {}

    def aggregates(self) -> dict[int, frozenset[int]]:
        """Return, by the index of a slot, the aggregates of those that can fill it."""
        return {
            index: frozenset().union(
                *(self.providers[number].aggregates for number in numbers)
            )
            for index, numbers in self.by_slot.items()
        }

    def reached_by(self, tree: Tree) -> frozenset[int]:
        """Return the numbers of the providers of other trees that serve ``tree``."""
        reached = self._reached.get(tree.aggregates)
        if reached is None:
            reached = self._reached[tree.aggregates] = frozenset(
                number
                for number, one in enumerate(self.providers)
                if not one.aggregates.isdisjoint(tree.aggregates)
            )
        if tree.has_sharing:
            own = tree.root.id
            return frozenset(
                number for number in reached if self.providers[number].root_id != own
            )
        return reached


def _may_share(slot: Slot, provider: ProviderSnapshot) -> bool:
    group = slot.group
    if group.is_spread and group.root_id is not None:
        return False
    if group.root_id not in (None, provider.root_id):
        return False
    return infeasible_reason(slot, provider, rules_of(slot)) is None


def rules_of(slot: Slot) -> tuple[Rule, ...]:
    """Return the rules that a slot applies."""
    return tuple(rule for rule in RULES if rule.applies(slot))


def infeasible_reason(
    slot: Slot, provider: ProviderSnapshot, rules: collections.abc.Iterable[Rule]
) -> str | None:
    """Return the name of the first rule that the provider breaks; None: none."""
    for rule in rules:
        if not rule.holds(slot, provider):
            return rule.name
    return None


class Feasibility:
    """Decides, for the trees of one search, which providers can fill which slots."""

    def __init__(self, plan: Plan, sharing: Sharing) -> None:
        self._plan = plan
        self._sharing = sharing
        self._slots = [(slot, rules_of(slot)) for slot in plan.slots]

    def may_anchor(self, root: ProviderSnapshot) -> bool:
        """The root's own traits and aggregates let it be an anchor."""
        plan = self._plan
        if (
            root.traits & plan.root_required_bits != plan.root_required_bits
            or root.traits & plan.root_forbidden_bits
        ):
            return False
        return not any(
            group.is_spread and group.not_member_of and is_barred(group, root)
            for group in plan.groups
        )

    def choices(self, tree: Tree) -> Choices | None:
        """Return, for each slot, the positions of the providers that can fill it.

        Positions after those of the tree are of ``Sharing.providers``. None: a slot
        cannot be filled, or the root may not be an anchor.
        """
        if not self.may_anchor(tree.root):
            return None
        by_kind: dict[int, tuple[int, ...]] = {}
        found = []
        for slot, rules in self._slots:
            outside = self._outside(slot, tree)
            positions = None if outside else by_kind.get(slot.kind)
            if positions is None:
                positions = self._own(slot, rules, tree)
                if outside:
                    positions = _merged(positions, outside, tree, self._sharing)
                else:
                    by_kind[slot.kind] = positions
                if not positions:
                    return None
            found.append(positions)
        return tuple(found)

    def _own(self, slot: Slot, rules: tuple[Rule, ...], tree: Tree) -> tuple[int, ...]:
        group = slot.group
        if group.root_id is not None and group.root_id != tree.root.id:
            return ()
        if group.is_spread and group.member_of and is_in_all(group, tree.root):
            # An anchor in the aggregates is enough for the providers of its tree.
            rules = tuple(rule for rule in rules if rule is not _MEMBER_OF)
        providers = tree.providers
        offering = (
            tree.positions_of(slot.amounts[0][0])
            if slot.amounts
            else range(len(providers))
        )
        return tuple(
            [
                position
                for position in offering
                if infeasible_reason(slot, providers[position], rules) is None
            ]
        )

    def _outside(self, slot: Slot, tree: Tree) -> list[int]:
        """Return the numbers of the sharing providers of other trees."""
        numbers = self._sharing.by_slot.get(slot.index)
        if not numbers:
            return []
        reached = self._sharing.reached_by(tree)
        return [number for number in numbers if number in reached]


def _merged(
    own: tuple[int, ...], outside: list[int], tree: Tree, sharing: Sharing
) -> tuple[int, ...]:
    """Return the positions of own and sharing providers, ascending by provider id."""
    count = len(tree.providers)
    ids = [(tree.providers[position].id, position) for position in own]
    ids += [(sharing.providers[number].id, count + number) for number in outside]
    return tuple([position for _, position in sorted(ids)])
