"""Count the consumers of one request, in one state of a cloud."""

import collections.abc
import contextlib
import dataclasses
import itertools
import typing

from placement.candidates.capacity.analysis import Analysis, Part, analyse
from placement.candidates.capacity.fill import Filler
from placement.candidates.capacity.forms import Equal, Form
from placement.candidates.capacity.limits import Deadline, TimeIsUpError
from placement.candidates.capacity.shapes import Cloud, Profile, Units
from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.query.plan import Plan
from placement.candidates.solve.feasibility import Feasibility, Sharing
from placement.candidates.solve.flat import FlatConditions
from placement.candidates.solve.patterns import ancestors_of


class Pool(typing.NamedTuple):
    """A sharing provider that can serve a request, and its units by class."""

    provider: ProviderSnapshot
    free: dict[int, int]
    capacity: dict[int, int]


class Batch:
    """The shapes of profiles that the same analysis counts.

    ``providers`` are those of a tree, then the pools. ``weights`` has the number of
    roots of each shape, and ``unused`` the number of those with nothing allocated.
    """

    def __init__(
        self,
        analysis: Analysis,
        profiles: list[Profile],
        providers: tuple[ProviderSnapshot, ...],
    ) -> None:
        self.analysis = analysis
        self.providers = providers
        self._profiles = profiles
        self.shapes = list(_chained(one.shapes for one in profiles))
        self.weights = list(_chained(one.weights() for one in profiles))
        self.unused = list(_chained(one.unused() for one in profiles))

    def free(self, at: int, class_id: int) -> collections.abc.Iterable[int]:
        """Return the free units of one class of one provider in each shape."""
        return _chained(one.free(at, class_id) for one in self._profiles)


_chained = itertools.chain.from_iterable


@dataclasses.dataclass(slots=True)
class Counted:
    """What one tree of each shape can serve alone, in the order of the shapes.

    ``limits`` are by resource class: what that class alone would allow.
    """

    low: list[int]
    high: list[int]
    limits: dict[int, list[int]]


class Survey:
    """The trees that can serve a request if they have enough units.

    ``pools`` are the sharing providers that may serve other trees; ``has_pools``: some
    tree has one. ``is_cut``: the time was up before all trees were looked at.
    """

    def __init__(
        self, plan: Plan, cloud: Cloud, one_per_tree: bool, deadline: Deadline
    ) -> None:
        self.plan = plan
        self.one_per_tree = one_per_tree
        self._deadline = deadline
        self._sharing = Sharing(plan, [one.tree for one in cloud.sharing])
        self._ancestors_of_pools: dict[int, frozenset[int]] = {}
        for profile in cloud.sharing:
            self._ancestors_of_pools |= ancestors_of(profile.tree)
        by_id = {
            provider.id: Pool(provider, shape.free[at], shape.capacity[at])
            for profile in cloud.sharing
            for shape in profile.shapes
            for at, provider in enumerate(profile.tree.providers)
        }
        self.is_cut = False
        self.pools = [by_id[one.id] for one in self._sharing.providers]
        self.batches = list(self._batches(cloud))
        self.has_pools = any(
            at >= len(batch.shapes[0].free)
            for batch in self.batches
            for of_slot in batch.analysis.choices
            for at in of_slot
        )

    def _batches(self, cloud: Cloud) -> collections.abc.Iterator[Batch]:
        profiles = cloud.profiles
        if not self._sharing.by_slot:
            yield from self._flat_batches(cloud.flat)
            profiles = [one for one in profiles if one.tree not in cloud.flat]
        feasibility = Feasibility(self.plan, self._sharing)
        for profile in profiles:
            self._deadline.check()
            if self._deadline.is_up:
                self.is_cut = True
                return
            choices = feasibility.choices(profile.tree)
            if choices is None:
                continue
            providers = profile.tree.providers + self._sharing.providers
            analysis = analyse(
                self.plan, profile.tree, providers, choices, self.one_per_tree
            )
            if analysis is not None:
                yield Batch(analysis, [profile], providers)

    def _flat_batches(
        self, profiles: dict[Tree, Profile]
    ) -> collections.abc.Iterator[Batch]:
        """Yield the trees of one provider, of which each serves all slots."""
        conditions = FlatConditions.of(self.plan)
        able = conditions.meeting(list(profiles))
        if not able:
            return
        providers = able[0].providers
        choices = tuple((0,) for _ in self.plan.slots)
        analysis = analyse(self.plan, able[0], providers, choices, self.one_per_tree)
        if analysis is not None:
            yield Batch(analysis, [profiles[tree] for tree in able], providers)

    def count(self, batch: Batch, is_empty: bool) -> Counted:
        """Count the consumers in one tree of each shape, as if it was alone.

        ``is_empty``: as if nothing was allocated. When the time is up, the shapes that
        are left get 0 as the lower bound.
        """
        takes = _takes(batch.analysis)
        if takes is not None and not self.has_pools and not is_empty:
            return _counted_in_columns(takes, batch.free)
        pools = tuple(self.units_of_pools(is_empty)) if self.has_pools else ()
        if not is_empty:
            units = [shape.free + pools for shape in batch.shapes]
            return self._counted(batch, units)
        capacities = [shape.capacity for shape in batch.shapes]
        distinct = dict(zip(map(id, capacities), capacities, strict=True))
        counted = self._counted(batch, [one + pools for one in distinct.values()])
        keys = list(map(id, capacities))

        def spread(column: list[int]) -> list[int]:
            by_key = dict(zip(distinct, column, strict=True))
            return list(map(by_key.__getitem__, keys))

        high = spread(counted.high)
        return Counted(
            high if counted.low is counted.high else spread(counted.low),
            high,
            {id_: spread(column) for id_, column in counted.limits.items()},
        )

    def units_of_pools(self, is_empty: bool) -> list[dict[int, int]]:
        return [one.capacity if is_empty else one.free for one in self.pools]

    def _counted(self, batch: Batch, units: list[Units]) -> Counted:
        parts = batch.analysis.parts
        takes = _takes(batch.analysis)
        if takes is not None:
            return _counted_in_columns(
                takes, lambda at, class_id: [one[at][class_id] for one in units]
            )
        limits = {
            class_id: _evaluated(
                [part.form for part in parts if _asks_for(part, class_id)],
                units,
                class_id,
            )
            for class_id, _ in self.plan.total
        }
        high = _evaluated([part.form for part in parts], units)
        if batch.analysis.is_exact:
            return Counted(high, high, limits)
        filler = self.filler(batch)
        low = [
            self._filled(filler, of_shape, most)
            for of_shape, most in zip(units, high, strict=True)
        ]
        return Counted(low, high, limits)

    def filler(self, batch: Batch) -> Filler:
        """Return what fills the trees of ``batch``."""
        ancestors = ancestors_of(batch.shapes[0].profile.tree)
        return Filler(
            self.plan,
            batch.providers,
            batch.analysis.choices,
            self._ancestors_of_pools | ancestors,
            self.one_per_tree,
            self._deadline.tick,
        )

    def _filled(self, filler: Filler, units: Units, most: int) -> int:
        """Return a lower bound of what fits into one tree."""
        found = 0
        for is_spread in (True, False):
            if found == most or self._deadline.is_up:
                break
            with contextlib.suppress(TimeIsUpError):
                filler.fill([dict(one) for one in units], is_spread)
            found = max(found, filler.count)
        return found


class _Take(typing.NamedTuple):
    """What one consumer takes of one class of a provider."""

    at: int
    class_id: int
    amount: int


def _takes(analysis: Analysis) -> list[_Take] | None:
    """Return what a consumer takes, if it has to be the same for all of them."""
    takes = []
    for part in analysis.parts:
        form = part.form
        if not (
            part.is_exact
            and isinstance(form, Equal)
            and form.slot_count == len(form.most) == 1
        ):
            return None
        (at,) = form.most
        takes += [_Take(at, class_id, amount) for class_id, amount in form.amounts]
    return takes


def _counted_in_columns(
    takes: list[_Take],
    units: collections.abc.Callable[[int, int], collections.abc.Iterable[int]],
) -> Counted:
    """Count all trees class by class, which is faster than tree by tree.

    ``units`` returns those of a class of a provider in each tree.
    """
    limits: dict[int, list[int]] = {}
    for at, class_id, amount in takes:
        column = [free // amount for free in units(at, class_id)]
        known = limits.get(class_id)
        limits[class_id] = column if known is None else list(map(min, known, column))
    columns = list(limits.values())
    high = columns[0] if len(columns) == 1 else list(map(min, *columns))
    return Counted(high, high, limits)


def _asks_for(part: Part, class_id: int) -> bool:
    return any(class_id in dict(slot.amounts) for slot in part.slots)


def _evaluated(
    forms: list[Form], units: list[Units], only: int | None = None
) -> list[int]:
    """Return the least that the forms allow, for the units of each shape."""
    return [min([form.count(one, only) for form in forms]) for one in units]
