"""Losses of hosts on random worlds, and what trying every way finds of them."""

import itertools
import random
import uuid

import sqlalchemy as sa

from placement.db import tables
from tests.unit.candidates import worlds
from tests.unit.candidates.model import SHARING, Model


class TooManyWaysError(Exception):
    """The world is too large for this."""


def draw(seed):
    """Return up to nine providers, and what up to five consumers hold of them.

    A consumer holds amounts by provider and class.
    """
    drawn, chance = worlds.Drawn(seed), random.Random(f"{seed} consumers")
    kind = chance.randrange(3)
    if kind == 0:
        providers = drawn.hosts(chance.randint(2, 5))
    elif kind == 1:
        providers = drawn.alike_trees(chance.randint(2, 3))
    else:
        providers = drawn.providers()
    scale = chance.choice([1, 2, 3])
    for one in providers:
        one.used = dict.fromkeys(one.inventory, 0)
        for offer in one.inventory.values():
            offer.total *= scale
    model = Model(providers)
    offering = [one for one in providers if one.inventory]
    consumers = {}
    for number in range(chance.randint(1, 5) if offering else 0):
        first = chance.choice(offering)
        near = [
            one for one in offering if model.root(one.name) == model.root(first.name)
        ]
        chosen = {first.name: first}
        if chance.randrange(3) == 0:
            other = chance.choice(near)
            chosen[other.name] = other
        if chance.randrange(6) == 0:
            other = chance.choice(offering)
            chosen[other.name] = other
        held = {}
        for one in chosen.values():
            classes = sorted(one.inventory)
            for name in chance.sample(classes, chance.randint(1, min(2, len(classes)))):
                amount = chance.choice([1, 1, 1, 2])
                held.setdefault(one.name, {})[name] = amount
                one.used[name] += amount
        consumers[str(uuid.UUID(int=number + 1))] = held
    return providers, consumers


def store(engine, providers, consumers):
    """Replace what is stored."""
    worlds.store(engine, providers)
    ids = {one.name: index for index, one in enumerate(providers, 1)}
    rows = [
        {
            "consumer_id": consumer,
            "resource_provider_id": ids[name],
            "resource_class_id": worlds.CLASSES[of],
            "used": amount,
        }
        for consumer, held in consumers.items()
        for name, amounts in held.items()
        for of, amount in amounts.items()
    ]
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.allocations))
        if rows:
            conn.execute(sa.insert(tables.allocations), rows)


class Losses:
    """Tries every way to move consumers, in the strict or in the widest reading.

    ``within`` is an aggregate of the roots to go to, ``keep`` the traits to keep. In
    the strict reading, another provider takes the place of each, with the same
    ancestors and in reach of the same sharing providers, in a tree where the consumer
    holds nothing else. In the widest one, providers with room are enough.
    """

    def __init__(self, providers, consumers, within, keep, ways_max=20_000):
        self.model = Model(providers)
        self.consumers = consumers
        self.within, self.keep = within, keep
        self._ways_left = ways_max

    def roots(self):
        return sorted(name for name in self.model.providers if self.is_root(name))

    def hosts(self):
        """The roots that do not share."""
        return [
            name
            for name in self.roots()
            if SHARING not in self.model.providers[name].traits
        ]

    def is_root(self, name):
        return self.model.providers[name].parent is None

    def pieces(self, lost):
        """Return what has to move: (consumer, root, names of providers)."""
        found = []
        for consumer, held in sorted(self.consumers.items()):
            by_root = {}
            for name in held:
                by_root.setdefault(self.model.root(name), []).append(name)
            found += [(consumer, r, of) for r, of in by_root.items() if r in lost]
        return found

    def has_plan(self, lost, is_strict):
        """All consumers of the lost roots have a place."""
        return self._place(self.pieces(lost), 0, lost, is_strict, {})

    def _place(self, pieces, number, lost, is_strict, moved):
        if number == len(pieces):
            return True
        for place in self.places(*pieces[number], lost, is_strict):
            self._ways_left -= 1
            if self._ways_left < 0:
                raise TooManyWaysError
            then = {**moved, pieces[number][:2]: place}
            # In the strict reading amounts are never added up.
            is_last = number + 1 == len(pieces)
            if self.fits(then, lost, has_rules=is_strict or is_last) and self._place(
                pieces, number + 1, lost, is_strict, then
            ):
                return True
        return False

    def places(self, consumer, root, names, lost, is_strict):
        """Yield the new providers of the providers ``names`` in the tree ``root``."""
        if (
            is_strict
            and len({self.model.root(n) for n in self.consumers[consumer]} & lost) > 1
        ):
            return
        for target in self.roots():
            if target in lost:
                continue
            if (
                self.within
                and self.within not in self.model.providers[target].aggregates
            ):
                continue
            tree = [n for n in self.model.providers if self.model.root(n) == target]
            for chosen in itertools.product(tree, repeat=len(names)):
                place = dict(zip(names, chosen, strict=True))
                if not is_strict or self.is_like(consumer, root, place, target):
                    yield place

    def is_like(self, consumer, root, place, target):
        model = self.model
        if len(set(place.values())) < len(place):
            return False
        for one, other in itertools.permutations(place, 2):
            is_above = one in model.line(other)
            if is_above and place[one] not in model.line(place[other]):
                return False
        for other in self.consumers[consumer]:
            elsewhere = model.root(other)
            if elsewhere == root:
                continue
            if elsewhere == target:
                return False
            # Its provider elsewhere shares with this tree, or a lost one with that.
            if self.shares(other, root) and not self.shares(other, target):
                return False
            for lost, new in place.items():
                if self.shares(lost, elsewhere) and not self.shares(new, elsewhere):
                    return False
        return True

    def shares(self, name, root):
        """A provider shares with the tree of a root."""
        provider = self.model.providers[name]
        return SHARING in provider.traits and any(
            provider.aggregates & other.aggregates
            for other in self.model.providers.values()
            if self.model.root(other.name) == root
        )

    def fits(self, moved, lost, has_rules):
        """What has moved fits beside all else; with ``has_rules`` by unit rules."""
        added, totals, grown = {}, {}, set()
        for consumer, held in self.consumers.items():
            for name, amounts in held.items():
                root = self.model.root(name)
                if root in lost and (consumer, root) not in moved:
                    continue
                to = moved[consumer, root][name] if root in lost else name
                provider = self.model.providers[to]
                for of, amount in amounts.items():
                    key = (consumer, to, of)
                    totals[key] = totals.get(key, 0) + amount
                    if root in lost:
                        grown.add(key)
                        added[to, of] = added.get((to, of), 0) + amount
                if root in lost:
                    kept = self.model.providers[name].traits & self.keep
                    if provider.state or not kept <= provider.traits:
                        return False
        for (name, of), amount in added.items():
            provider = self.model.providers[name]
            offer = provider.inventory.get(of)
            if offer is None or provider.used[of] + amount > offer.capacity:
                return False
        for consumer, name, of in grown if has_rules else ():
            amount = totals[consumer, name, of]
            offer = self.model.providers[name].inventory[of]
            if not offer.min_unit <= amount <= offer.max_unit:
                return False
            if amount % offer.step_size:
                return False
        return True
