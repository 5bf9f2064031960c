"""Count the consumers of one request, in one state of a cloud."""

import collections.abc
import contextlib
import dataclasses
import itertools
import typing

from placement.candidates.capacity import fill
from placement.candidates.capacity.analysis import Analysis, analyse
from placement.candidates.capacity.fill import Filler
from placement.candidates.capacity.forms import Equal, Form
from placement.candidates.capacity.limits import Deadline, TimeIsUpError
from placement.candidates.capacity.shapes import Cloud, Profile, Shape, Units
from placement.candidates.model import ProviderSnapshot
from placement.candidates.query.plan import Plan
from placement.candidates.solve.feasibility import Feasibility, Sharing
from placement.candidates.solve.flat import FlatConditions


class Pool(typing.NamedTuple):
    """A sharing provider that can serve a request, and its units by class."""

    provider: ProviderSnapshot
    free: dict[int, int]
    capacity: dict[int, int]


@dataclasses.dataclass(slots=True)
class Batch:
    """Shapes that the same analysis counts.

    ``providers`` are those of a tree, then the pools; None if nothing needs them.
    """

    analysis: Analysis
    shapes: list[Shape]
    providers: tuple[ProviderSnapshot, ...]


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
            self._ancestors_of_pools |= fill.ancestors_of(profile.tree)
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
            flat = {id(one.tree): one for one in profiles if len(one.tree.uuids) == 1}
            yield from self._flat_batches(flat)
            profiles = [one for one in profiles if len(one.tree.uuids) > 1]
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
                yield Batch(analysis, profile.shapes, providers)

    def _flat_batches(
        self, profiles: dict[int, Profile]
    ) -> collections.abc.Iterator[Batch]:
        """Yield the trees of one provider, of which each serves all slots."""
        conditions = FlatConditions.of(self.plan)
        able = conditions.meeting([one.tree for one in profiles.values()])
        if not able:
            return
        providers = able[0].providers
        choices = tuple((0,) for _ in self.plan.slots)
        analysis = analyse(self.plan, able[0], providers, choices, self.one_per_tree)
        if analysis is not None:
            of_profiles = (profiles[id(tree)].shapes for tree in able)
            yield Batch(analysis, list(itertools.chain(*of_profiles)), providers)

    def count(self, batch: Batch, is_empty: bool) -> Counted:
        """Count the consumers in one tree of each shape, as if it was alone.

        ``is_empty``: as if nothing was allocated. When the time is up, the shapes that
        are left get 0 as the lower bound.
        """
        pools = tuple(self.units_of_pools(is_empty)) if self.has_pools else ()
        if not is_empty:
            units = [shape.free + pools for shape in batch.shapes]
            return self._counted(batch, units)
        distinct = {id(shape.capacity): shape.capacity for shape in batch.shapes}
        counted = self._counted(batch, [one + pools for one in distinct.values()])
        number_of = {key: number for number, key in enumerate(distinct)}
        order = [number_of[id(shape.capacity)] for shape in batch.shapes]
        return Counted(
            [counted.low[number] for number in order],
            [counted.high[number] for number in order],
            {
                class_id: [of_class[number] for number in order]
                for class_id, of_class in counted.limits.items()
            },
        )

    def units_of_pools(self, is_empty: bool) -> list[dict[int, int]]:
        return [one.capacity if is_empty else one.free for one in self.pools]

    def _counted(self, batch: Batch, units: list[Units]) -> Counted:
        limits = {
            class_id: _evaluated(
                [part.form for part in batch.analysis.parts], units, class_id
            )
            for class_id, _ in self.plan.total
        }
        if batch.analysis.is_exact and _is_one_provider(batch.analysis):
            columns = list(limits.values())
            high = columns[0] if len(columns) == 1 else list(map(min, *columns))
            return Counted(high, high, limits)
        high = _evaluated([part.form for part in batch.analysis.parts], units, None)
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
        ancestors = fill.ancestors_of(batch.shapes[0].profile.tree)
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


def _is_one_provider(analysis: Analysis) -> bool:
    """One provider serves all slots."""
    form = analysis.parts[0].form
    return (
        len(analysis.parts) == 1
        and isinstance(form, Equal)
        and form.slot_count == len(form.most) == 1
    )


def _evaluated(forms: list[Form], units: list[Units], only: int | None) -> list[int]:
    """Return the least that the forms allow, for the units of each shape."""
    first = forms[0]
    if (
        only is not None
        and len(forms) == 1
        and isinstance(first, Equal)
        and first.slot_count == len(first.most) == 1
    ):
        ((at, _),) = first.most.items()
        amount = dict(first.amounts)[only]
        return [one[at][only] // amount for one in units]
    return [min([form.count(one, only) for form in forms]) for one in units]
