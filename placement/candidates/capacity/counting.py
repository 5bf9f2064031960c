"""Count how many consumers of each request fit into the trees of a cloud."""

import collections.abc
import dataclasses
import time

from placement.candidates.capacity.limits import Deadline
from placement.candidates.capacity.model import NONE_FIT, Bounds, Options, Roots
from placement.candidates.capacity.shapes import Cloud, Profile, Root
from placement.candidates.capacity.survey import Survey
from placement.candidates.capacity.tally import Stock, Tally
from placement.candidates.query.plan import Plan


@dataclasses.dataclass(slots=True)
class Result:
    """What fits of one request, by ids; see ``model.Capacity``.

    ``stranded`` has units, ``by_trait`` is by the bit of the trait.
    """

    count: Bounds = NONE_FIT
    when_empty: Bounds = NONE_FIT
    roots: Roots = dataclasses.field(default_factory=Roots)
    bottleneck: dict[int, int] = dataclasses.field(default_factory=dict)
    stranded: dict[int, int] = dataclasses.field(default_factory=dict)
    by_aggregate: dict[int, Bounds] = dataclasses.field(default_factory=dict)
    by_trait: dict[int, tuple[Bounds, Bounds]] = dataclasses.field(default_factory=dict)
    hosts: list[tuple[Root, int]] | None = dataclasses.field(default_factory=list)
    is_complete: bool = True


class Counter:
    """Counts requests in one cloud, one after the other.

    All of them together take ``seconds_max``; a request that needs more than its share
    of what is left gets wider bounds.
    """

    def __init__(
        self, cloud: Cloud, options: Options, trait_bits: list[int], seconds_max: float
    ) -> None:
        self._cloud = cloud
        self._options = options
        self._end = time.monotonic() + seconds_max
        self.stock = Stock(cloud, options.is_empty_state)
        self._empty_stock = Stock(cloud, True)
        self._by_aggregate: dict[int, list[Profile]] = {}
        if options.by_aggregate:
            for profile in cloud.profiles:
                for id_ in profile.aggregates:
                    self._by_aggregate.setdefault(id_, []).append(profile)
        self._by_trait = {
            bit: (
                [one for one in cloud.profiles if one.traits & bit],
                [one for one in cloud.profiles if not one.traits & bit],
            )
            for bit in trait_bits
        }

    @property
    def aggregate_ids(self) -> collections.abc.Collection[int]:
        """The aggregates of all roots, if they are wanted."""
        return self._by_aggregate.keys()

    def count(
        self,
        plan: Plan | None,
        nested_aware: bool,
        class_ids: collections.abc.Sequence[int],
        requests_left: int,
    ) -> Result:
        """Count one request; ``plan`` is None if nothing stored can match it.

        ``class_ids`` are in the order of their names.
        """
        if plan is None:
            return self._nothing(class_ids)
        now = time.monotonic()
        deadline = Deadline(max(0.0, self._end - now) / requests_left)
        survey = Survey(plan, self._cloud, not nested_aware, deadline)
        tally = Tally(survey, self.stock, self._options.is_empty_state, deadline)
        empty = tally
        if not self._options.is_empty_state:
            empty = Tally(survey, self._empty_stock, True, deadline)
        everything = self._cloud.profiles
        eligible = empty.fitting().fitting
        found = Result(
            count=tally.total(everything),
            when_empty=empty.total(everything),
            roots=dataclasses.replace(tally.fitting(), eligible=eligible),
            bottleneck=tally.bottleneck(class_ids),
            stranded=tally.stranded(),
            by_aggregate={
                id_: tally.part(profiles)
                for id_, profiles in self._by_aggregate.items()
            },
            by_trait={
                bit: (tally.part(having), tally.part(lacking))
                for bit, (having, lacking) in self._by_trait.items()
            },
            hosts=tally.hosts(self._options.hosts),
        )
        found.is_complete = not deadline.is_up
        return found

    def _nothing(self, class_ids: collections.abc.Sequence[int]) -> Result:
        return Result(
            stranded=dict.fromkeys(class_ids, 0),
            by_aggregate=dict.fromkeys(self._by_aggregate, NONE_FIT),
            by_trait=dict.fromkeys(self._by_trait, (NONE_FIT, NONE_FIT)),
        )
