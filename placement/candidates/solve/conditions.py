"""The conditions on a provider that fills a slot, one row each, and on an anchor.

A search checks several of them at once, see ``feasibility`` and ``flat``, and narrows
by their twins in SQL, see ``sql.predicates`` and ``db.predicates``. The tables have the
same names, and tests compare them.
"""

import collections.abc
import typing

from placement.candidates.model import ProviderSnapshot
from placement.candidates.query.plan import Plan, Slot
from placement.objects.inventory import Offer


class Choice(typing.NamedTuple):
    """A provider that may fill a slot for an anchor.

    ``member`` is the provider whose aggregates ``member_of`` looks at: itself or, for a
    provider of the anchor's own tree in the unsuffixed group, the anchor.
    """

    provider: ProviderSnapshot
    anchor: ProviderSnapshot
    member: ProviderSnapshot


class Condition(typing.NamedTuple):
    """A condition on one provider.

    ``values`` are what a slot asks for: each is a step of its own. ``holds``: the
    provider has what one of them asks for.
    """

    name: str
    sentence: str
    values: collections.abc.Callable[[Slot], collections.abc.Sequence[typing.Any]]
    holds: collections.abc.Callable[[Slot, typing.Any, Choice], bool]


class OfferCondition(typing.NamedTuple):
    """A condition on the amount that an inventory is asked for."""

    name: str
    sentence: str
    holds: collections.abc.Callable[[Offer, int], bool]


OF_OFFER = (
    OfferCondition(
        "min_unit",
        "the amount is not below min_unit",
        lambda offer, amount: amount >= offer.min_unit,
    ),
    OfferCondition(
        "step_size",
        "the amount is a multiple of step_size",
        lambda offer, amount: amount % offer.step_size == 0,
    ),
    OfferCondition(
        "max_unit",
        "the amount is not above max_unit",
        lambda offer, amount: amount <= offer.max_unit,
    ),
    OfferCondition(
        "size",
        "the amount would fit if nothing were used",
        lambda offer, amount: amount <= offer.capacity,
    ),
    OfferCondition(
        "room",
        "the amount fits beside what is used",
        lambda offer, amount: offer.has_room(amount),
    ),
)


def amounts_of(slot: Slot) -> collections.abc.Sequence[typing.Any]:
    """Return what a slot asks of inventories, or nothing."""
    return (slot.amounts,) if slot.amounts else ()


def _of_amounts(condition: OfferCondition) -> Condition:
    """Make a condition on all amounts of a slot; without an inventory it fails."""

    def holds(slot: Slot, value: typing.Any, choice: Choice) -> bool:
        offers = choice.provider.offers
        return all(
            class_id in offers and condition.holds(offers[class_id], amount)
            for class_id, amount in value
        )

    return Condition(condition.name, condition.sentence, amounts_of, holds)


def _is_in_tree(slot: Slot, value: int, choice: Choice) -> bool:
    # No class of the unsuffixed group comes from another tree then.
    return choice.provider.root_id == value and (
        not slot.group.is_spread or choice.anchor.id == value
    )


def _is_in_no(slot: Slot, value: frozenset[int], choice: Choice) -> bool:
    return value.isdisjoint(choice.provider.aggregates) and (
        not slot.group.is_spread or value.isdisjoint(choice.anchor.aggregates)
    )


# In the order in which they are reported.
OF_PROVIDER = (
    Condition(
        "offers",
        "has an inventory of each class",
        amounts_of,
        lambda slot, value, choice: all(
            class_id in choice.provider.offers for class_id, _ in value
        ),
    ),
    Condition(
        "in_tree",
        "is in the tree of the given provider",
        lambda slot: () if slot.group.root_id is None else (slot.group.root_id,),
        _is_in_tree,
    ),
    Condition(
        "not_member_of",
        "is in none of the forbidden aggregates",
        lambda slot: (slot.group.not_member_of,) if slot.group.not_member_of else (),
        _is_in_no,
    ),
    Condition(
        "member_of",
        "is in one of the aggregates",
        lambda slot: slot.group.member_of,
        lambda slot, value, choice: not value.isdisjoint(choice.member.aggregates),
    ),
    Condition(
        "forbidden",
        "has none of the forbidden traits",
        lambda slot: (slot.group.forbidden_bits,) if slot.group.forbidden_bits else (),
        lambda slot, value, choice: not choice.provider.traits & value,
    ),
    Condition(
        "required",
        "has one of the traits",
        lambda slot: () if slot.group.is_collective else slot.group.required_bits,
        lambda slot, value, choice: bool(choice.provider.traits & value),
    ),
    *map(_of_amounts, OF_OFFER),
    Condition(
        "state",
        "is in service",
        lambda slot: () if slot.group.any_state else (True,),
        lambda slot, value, choice: choice.provider.is_in_service is value,
    ),
)


class AnchorCondition(typing.NamedTuple):
    """A condition on the traits of an anchor. ``value``: traits as bits; 0: none."""

    name: str
    sentence: str
    value: collections.abc.Callable[[Plan], int]
    holds: collections.abc.Callable[[int, ProviderSnapshot], bool]


OF_ANCHOR = (
    AnchorCondition(
        "root_required",
        "the root has all of the traits",
        lambda plan: plan.root_required_bits,
        lambda value, root: root.traits & value == value,
    ),
    AnchorCondition(
        "root_forbidden",
        "the root has none of the traits",
        lambda plan: plan.root_forbidden_bits,
        lambda value, root: not root.traits & value,
    ),
)
