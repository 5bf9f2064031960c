"""Which conditions of a request fail in a tree, as a value that trees have in common.

Most trees of a cloud fail the same conditions, so that what is counted and changed
follows from a few states.
"""

import collections.abc
import typing

from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.query.plan import Plan, Slot
from placement.candidates.solve import conditions
from placement.candidates.solve.conditions import AnchorCondition, Choice, Condition
from placement.objects.inventory import Offer

# Names of the conditions on an amount that a greater amount may meet.
_TOO_LITTLE = ("min_unit", "step_size")


# Names of the conditions that an empty provider in service meets.
_PASSING = ("room", "state")


class Step(typing.NamedTuple):
    """One condition of a slot. ``number`` counts those of one name, from 0."""

    condition: Condition
    value: typing.Any
    number: int
    bit: int

    @property
    def is_of_amount(self) -> bool:
        return self.condition.values is conditions.amounts_of


class Fix(typing.NamedTuple):
    """The nearest amounts of a class that would pass; None: there is none.

    ``name`` is the condition that keeps ``less`` from being more, or "offers" if the
    provider has no inventory of the class.
    """

    class_id: int
    name: str
    less: int | None
    more: int | None


class Way(typing.NamedTuple):
    """How a provider fails to fill a slot: failing steps as bits, and amounts to fix.

    0 and no fixes: it can fill the slot.
    """

    failing: int
    fixes: tuple[Fix, ...]


# The number of different providers whose ways are kept, for each slot.
_KEPT_MAX = 20_000

OFFER_CONDITIONS = {row.name: row for row in conditions.OF_OFFER}

Ways = tuple[Way, ...]
_SERVED: Ways = (Way(0, ()),)


class State(typing.NamedTuple):
    """What fails in a tree: anchor conditions as bits, and the ways of each slot.

    Of the ways to fail a slot the state has those that are not worse than another. A
    slot that no provider is near to has no ways.
    """

    anchor: int
    slots: tuple[Ways, ...]

    @property
    def is_served(self) -> bool:
        """Every slot can be filled, and the root may be an anchor."""
        return not self.anchor and all(
            ways and not ways[0].failing for ways in self.slots
        )


def steps_of(slot: Slot) -> tuple[Step, ...]:
    """Return the steps of a slot, in the order in which they are reported."""
    pairs = [
        (condition, value, number)
        for condition in conditions.OF_PROVIDER
        for number, value in enumerate(condition.values(slot))
    ]
    return tuple(Step(*pair, 1 << at) for at, pair in enumerate(pairs))


def anchor_steps_of(plan: Plan) -> tuple[tuple[AnchorCondition, int], ...]:
    """Return the conditions on the anchor, each with the traits that it is about."""
    return tuple(
        (condition, condition.value(plan))
        for condition in conditions.OF_ANCHOR
        if condition.value(plan)
    )


def nearest_amounts(
    offer: Offer, asked: int, failing: collections.abc.Sequence[str]
) -> tuple[str, int | None, int | None]:
    """Return a condition that ``asked`` fails, and the nearest amounts that pass.

    ``failing`` has the names of all conditions that it fails. The one returned is the
    one that binds the lower amount.
    """
    less = min(asked - 1, offer.room) // offer.step_size * offer.step_size
    more = max(asked + 1, offer.min_unit)
    more += -more % offer.step_size
    name = failing[0]
    if "size" in failing or "room" in failing:
        is_by_room = "max_unit" not in failing or offer.free < offer.max_unit
        of_room = "size" if "size" in failing else "room"
        name = of_room if is_by_room else "max_unit"
    has_less = less >= max(1, offer.min_unit)
    has_more = more <= offer.room and not set(failing).isdisjoint(_TOO_LITTLE)
    return name, less if has_less else None, more if has_more else None


class SlotStates:
    """Finds the ways of one slot, each once for equal providers."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.steps = steps_of(slot)
        self._fixed = [step for step in self.steps if not step.is_of_amount]
        # As bits: all but the amounts and "state", and those that can be met later.
        self.static = self.passing = 0
        for step in self.steps:
            if step.condition.name in _PASSING:
                self.passing |= step.bit
            elif not step.is_of_amount or step.condition.name == "offers":
                self.static |= step.bit
        self._has_members = slot.group.is_spread and bool(slot.group.member_of)
        self._traits = slot.group.forbidden_bits
        for bits in slot.group.required_bits:
            self._traits |= bits
        self._bits_of_amounts = {
            step.condition.name: step.bit for step in self.steps if step.is_of_amount
        }
        self._ways: dict[object, Ways] = {}
        self._offers: dict[tuple[Offer | bool, ...], Way] = {}

    def ways_of(self, provider: ProviderSnapshot, anchor: ProviderSnapshot) -> Ways:
        """Return one way or, if the anchor's aggregates count too, two."""
        offers = provider.offers
        of_amounts = tuple(
            [
                key_of(offers.get(class_id), amount)
                for class_id, amount in self.slot.amounts
            ]
        )
        key = (
            provider.traits & self._traits,
            provider.aggregates,
            anchor.aggregates,
            provider.root_id == anchor.id,
            self.slot.group.root_id in (None, provider.root_id),
            self.slot.group.root_id in (None, anchor.id),
            provider.is_in_service,
            of_amounts,
        )
        ways = self._ways.get(key)
        if ways is None:
            if len(self._ways) >= _KEPT_MAX:
                self._ways, self._offers = {}, {}
            way = self._offers.get(of_amounts)
            if way is None:
                way = self._offers[of_amounts] = self._of_amounts(provider)
            ways = self._ways[key] = self._find(provider, anchor, way)
        return ways

    def fails(
        self, step: Step, provider: ProviderSnapshot, class_id: int, amount: int
    ) -> bool:
        """Say whether the inventory of one class fails a step that is reported.

        Of an inventory that is missing only that is reported, and of one that is too
        small "size", not "room".
        """
        offer = provider.offers.get(class_id)
        if offer is None:
            return step.condition.name == "offers"
        if step.condition.name == "offers":
            return False
        if step.condition.name == "room" and amount > offer.capacity:
            return False
        return not OFFER_CONDITIONS[step.condition.name].holds(offer, amount)

    def _find(
        self, provider: ProviderSnapshot, anchor: ProviderSnapshot, of_amounts: Way
    ) -> Ways:
        is_own = provider.root_id == anchor.id
        members = [provider]
        if self._has_members and is_own and anchor is not provider:
            members.append(anchor)
        return best(
            [
                Way(
                    of_amounts.failing
                    | self._failing(self._fixed, Choice(provider, anchor, member)),
                    of_amounts.fixes,
                )
                for member in members
            ]
        )

    def _of_amounts(self, provider: ProviderSnapshot) -> Way:
        """Return which conditions on the amounts fail, and how to fix the amounts."""
        failing, fixes = 0, []
        for class_id, amount in self.slot.amounts:
            offer = provider.offers.get(class_id)
            if offer is None:
                failing |= sum(self._bits_of_amounts.values())
                fixes.append(Fix(class_id, "offers", None, None))
                continue
            names = [
                row.name for row in conditions.OF_OFFER if not row.holds(offer, amount)
            ]
            if names:
                fixes.append(Fix(class_id, *nearest_amounts(offer, amount, names)))
            for name in names:
                failing |= self._bits_of_amounts[name]
        return Way(failing, tuple(fixes))

    def _failing(self, steps: collections.abc.Iterable[Step], choice: Choice) -> int:
        failing = 0
        for step in steps:
            if not step.condition.holds(self.slot, step.value, choice):
                failing |= step.bit
        return failing


def key_of(offer: Offer | None, amount: int) -> Offer | bool:
    """Return what the ways follow from: for most providers whether an amount fits."""
    if offer is None:
        return False
    if (
        offer.room >= amount
        and offer.min_unit <= amount
        and amount % offer.step_size == 0
    ):
        return True
    return offer


def best(ways: collections.abc.Iterable[Way]) -> Ways:
    """Leave out the ways that another one is at least as good as."""
    distinct = dict.fromkeys(ways)
    if len(distinct) < 2:
        return tuple(distinct)
    if _SERVED[0] in distinct:
        return _SERVED
    kept: list[Way] = []
    for way in sorted(distinct, key=_badness):
        if not any(_is_as_good(other, way) for other in kept):
            kept.append(way)
    return tuple(kept)


def _badness(way: Way) -> tuple[int, int, tuple[tuple[int, str, int, int], ...]]:
    return (
        way.failing.bit_count(),
        way.failing,
        tuple(
            (fix.class_id, fix.name, -(fix.less or 0), fix.more or 0)
            for fix in way.fixes
        ),
    )


def _is_as_good(one: Way, other: Way) -> bool:
    if one.failing & ~other.failing:
        return False
    fixes = {fix.class_id: fix for fix in other.fixes}
    return all(
        (than := fixes.get(fix.class_id)) is not None
        and (fix.name == "offers") <= (than.name == "offers")
        and (fix.less or 0) >= (than.less or 0)
        and (than.more is None or (fix.more is not None and fix.more <= than.more))
        for fix in one.fixes
    )


class States:
    """Finds the states of trees.

    ``sharing`` are all providers that may share, whatever they offer, by id.
    """

    def __init__(
        self, plan: Plan, sharing: collections.abc.Sequence[ProviderSnapshot]
    ) -> None:
        self.slots = tuple(SlotStates(slot) for slot in plan.slots)
        self.anchor_steps = anchor_steps_of(plan)
        self._sharing = sharing
        self._reached: dict[object, tuple[ProviderSnapshot, ...]] = {}
        self._of_sharing: dict[object, tuple[Ways, ...]] = {}
        self._root_ids = {slot.group.root_id for slot in plan.slots}

    def sharing_of(self, tree: Tree) -> tuple[ProviderSnapshot, ...]:
        """Return the providers of other trees that share with ``tree``."""
        if not self._sharing:
            return ()
        key = (tree.aggregates, tree.root.id if tree.has_sharing else None)
        reached = self._reached.get(key)
        if reached is None:
            reached = self._reached[key] = tuple(
                one
                for one in self._sharing
                if one.root_id != tree.root.id
                and not one.aggregates.isdisjoint(tree.aggregates)
            )
        return reached

    def failing_anchor(self, tree: Tree) -> int:
        failing = 0
        for at, (condition, value) in enumerate(self.anchor_steps):
            if not condition.holds(value, tree.root):
                failing |= 1 << at
        return failing

    def all_ways(self, tree: Tree) -> tuple[Ways, ...]:
        """Return the different ways of all providers, for each slot."""
        providers = tree.providers + self.sharing_of(tree)
        return tuple(
            tuple(
                dict.fromkeys(
                    way
                    for provider in providers
                    for way in slot.ways_of(provider, tree.root)
                )
            )
            for slot in self.slots
        )

    def of(self, tree: Tree) -> State:
        anchor = self.failing_anchor(tree) if self.anchor_steps else 0
        root = tree.root
        if len(tree.providers) == 1 and not self._sharing:
            return State(
                anchor, tuple([slot.ways_of(root, root) for slot in self.slots])
            )
        own = [
            [way for one in tree.providers for way in slot.ways_of(one, root)]
            for slot in self.slots
        ]
        shared = self._ways_of_sharing(tree)
        return State(
            anchor,
            tuple(
                [best([*one, *other]) for one, other in zip(own, shared, strict=True)]
            ),
        )

    def _ways_of_sharing(self, tree: Tree) -> tuple[Ways, ...]:
        """Return the ways of the providers that share with ``tree``, for each slot.

        They are found once for all trees of the same aggregates.
        """
        root = tree.root
        key = (
            tree.aggregates,
            root.aggregates,
            root.id if tree.has_sharing or root.id in self._root_ids else None,
        )
        found = self._of_sharing.get(key)
        if found is None:
            sharing = self.sharing_of(tree)
            found = self._of_sharing[key] = tuple(
                best([way for one in sharing for way in slot.ways_of(one, root)])
                for slot in self.slots
            )
        return found
