"""What a search must find, straight from its definition, by trying everything.

Source: the definition of allocation candidates. The code is too simple to be fast,
and shares nothing with the engine, not even values: the tests give the same world and
the same question to both.
"""

import dataclasses
import itertools

SHARING = "MISC_SHARES_VIA_AGGREGATE"


@dataclasses.dataclass
class Inventory:
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 2**31 - 1
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self):
        return (self.total - self.reserved) * self.allocation_ratio


@dataclasses.dataclass
class Provider:
    """Names stand for uuids; ``used`` has what is allocated, by class."""

    name: str
    parent: str | None = None
    inventory: dict = dataclasses.field(default_factory=dict)
    used: dict = dataclasses.field(default_factory=dict)
    traits: frozenset = frozenset()
    aggregates: frozenset = frozenset()
    # 0: in service.
    state: int = 0


@dataclasses.dataclass
class Group:
    """``required`` and ``member_of`` are lists of sets, one of each is needed.

    ``any_state``: providers that are not in service may be chosen, too.

    ``by_class`` has other groups for the filters of single classes, but ``required``.
    """

    suffix: str = ""
    resources: dict = dataclasses.field(default_factory=dict)
    required: list = dataclasses.field(default_factory=list)
    forbidden: frozenset = frozenset()
    member_of: list = dataclasses.field(default_factory=list)
    not_member_of: frozenset = frozenset()
    in_tree: str | None = None
    by_class: dict = dataclasses.field(default_factory=dict)
    any_state: bool = False

    def of_class(self, resource_class):
        return self.by_class.get(resource_class, self)


@dataclasses.dataclass
class Question:
    groups: list
    isolate: bool = False
    same_subtree: list = dataclasses.field(default_factory=list)
    root_required: frozenset = frozenset()
    root_forbidden: frozenset = frozenset()


class Model:
    def __init__(self, providers):
        self.providers = {provider.name: provider for provider in providers}

    def line(self, name):
        """The provider and its ancestors."""
        while name is not None:
            yield name
            name = self.providers[name].parent

    def root(self, name):
        return list(self.line(name))[-1]

    def fits(self, name, resource_class, amount):
        provider = self.providers[name]
        offer = provider.inventory.get(resource_class)
        return (
            offer is not None
            and provider.used.get(resource_class, 0) + amount <= offer.capacity
            and offer.min_unit <= amount <= offer.max_unit
            and amount % offer.step_size == 0
        )

    def anchors(self, name):
        provider = self.providers[name]
        found = {self.root(name)}
        if SHARING in provider.traits:
            for other in self.providers.values():
                if other.aggregates & provider.aggregates:
                    found.add(self.root(other.name))
        return found

    def is_in_all(self, name, group):
        return all(self.providers[name].aggregates & ids for ids in group.member_of)

    def is_barred(self, name, group):
        return bool(self.providers[name].aggregates & group.not_member_of)

    def is_in_tree(self, name, group):
        if group.in_tree is None:
            return True
        known = group.in_tree in self.providers
        return known and self.root(name) == self.root(group.in_tree)

    def may_be_chosen(self, name, group):
        return group.any_state or self.providers[name].state == 0

    def suits(self, traits, group):
        return not traits & group.forbidden and all(
            traits & wanted for wanted in group.required
        )

    def solutions(self, group):
        """Yield (anchor, [(provider, class, amount)], providers)."""
        if group.suffix:
            return self.solutions_by_one(group)
        return self.solutions_by_several(group)

    def solutions_by_one(self, group):
        for name, provider in self.providers.items():
            if (
                all(self.fits(name, *wanted) for wanted in group.resources.items())
                and self.suits(provider.traits, group)
                and self.is_in_all(name, group)
                and not self.is_barred(name, group)
                and self.is_in_tree(name, group)
                and self.may_be_chosen(name, group)
            ):
                amounts = [(name, *wanted) for wanted in group.resources.items()]
                for anchor in self.anchors(name):
                    yield anchor, amounts, frozenset([name])

    def solutions_by_several(self, group):
        for anchor in self.providers:
            if self.providers[anchor].parent is not None:
                continue
            choices = [
                [
                    (name, *wanted)
                    for name in self.providers
                    if self.fits(name, *wanted)
                    and self.may_give(name, group.of_class(wanted[0]), anchor)
                ]
                for wanted in group.resources.items()
            ]
            for amounts in itertools.product(*choices):
                names = frozenset(name for name, _, _ in amounts)
                traits = frozenset().union(*(self.providers[n].traits for n in names))
                if all(traits & wanted for wanted in group.required):
                    yield anchor, amounts, names

    def may_give(self, name, group, anchor):
        traits = self.providers[name].traits
        return not traits & group.forbidden and self.may_join(name, group, anchor)

    def may_join(self, name, group, anchor):
        is_own = self.root(name) == anchor
        is_shared = (
            anchor in self.anchors(name)
            and group.in_tree is None
            and self.is_in_all(name, group)
        )
        return (
            self.is_in_tree(name, group)
            and self.may_be_chosen(name, group)
            and (is_own or is_shared)
            and (self.is_in_all(name, group) or self.is_in_all(anchor, group))
            and not self.is_barred(name, group)
            and not self.is_barred(anchor, group)
        )

    def is_allowed(self, anchor, question):
        traits = self.providers[anchor].traits
        return question.root_required <= traits and not (
            question.root_forbidden & traits
        )

    def candidates(self, question, nested=True):
        """Return the set of ({(provider, class, amount)}, {(suffix, providers)})."""
        found = {}
        for anchor in self.providers:
            for candidate in self.candidates_at(question, anchor):
                if nested or self.takes_one_per_tree(candidate):
                    found[candidate] = None
        return set(found)

    def candidates_at(self, question, anchor):
        """Return the set of the candidates of one anchor."""
        if not self.is_allowed(anchor, question):
            return set()
        by_group = [
            [
                solution[1:]
                for solution in self.solutions(group)
                if solution[0] == anchor
            ]
            for group in question.groups
        ]
        found = set()
        for solutions in itertools.product(*by_group):
            providers = [names for _, names in solutions]
            total = {}
            for amounts, _ in solutions:
                for name, resource_class, amount in amounts:
                    key = (name, resource_class)
                    total[key] = total.get(key, 0) + amount
            if self.combines(question, providers) and self.total_fits(total):
                suffixes = [group.suffix for group in question.groups]
                found.add(
                    (
                        frozenset((*key, amount) for key, amount in total.items()),
                        frozenset(zip(suffixes, providers, strict=True)),
                    )
                )
        return found

    def combines(self, question, providers):
        of_suffix = {
            group.suffix: names
            for group, names in zip(question.groups, providers, strict=True)
        }
        if question.isolate:
            alone = [names for suffix, names in of_suffix.items() if suffix]
            if len(set(alone)) < len(alone):
                return False
        for suffixes in question.same_subtree:
            names = frozenset().union(*(of_suffix[suffix] for suffix in suffixes))
            if not any(all(top in self.line(name) for name in names) for top in names):
                return False
        return True

    def total_fits(self, total):
        for (name, resource_class), amount in total.items():
            provider = self.providers[name]
            offer = provider.inventory[resource_class]
            used = provider.used.get(resource_class, 0)
            if used + amount > int(offer.capacity) or amount > offer.max_unit:
                return False
        return True

    def takes_one_per_tree(self, candidate):
        names = {name for name, _, _ in candidate[0]}
        return len({self.root(name) for name in names}) == len(names)

    def summarized(self, candidates, nested=True):
        """Return the names of the providers that have a summary."""
        names = {name for amounts, _ in candidates for name, _, _ in amounts}
        if not nested:
            return names
        roots = {self.root(name) for name in names}
        return {name for name in self.providers if self.root(name) in roots}

    def matching(self, group):
        """Return the names of the providers that a listing with filters shows."""
        group = dataclasses.replace(group, any_state=True)
        return {names for _, _, (names,) in self.solutions_by_one(group)}
