"""Plans: a place for each consumer, taken from a copy of the trees."""

import collections.abc
import itertools
import typing

from placement.candidates.capacity.limits import Deadline
from placement.candidates.model import Tree
from placement.candidates.pick.cloud import Cloud
from placement.candidates.whatif import fit
from placement.candidates.whatif.model import Mover, Placed, Shape
from placement.candidates.whatif.targets import Targets

# The largest number of consumers that are tried in more than one way.
_SEARCH_MOVERS_MAX = 40
# The number of places that are tried for one loss, and in one analysis.
_SEARCH_STEPS_MAX = 5_000
_ALL_STEPS_MAX = 300_000

Lost = collections.abc.Container[int]


class Plan(typing.NamedTuple):
    """Where the consumers go, and those without a place.

    ``is_proof``: every way was tried, so that there is no plan for all.
    """

    placed: list[Placed]
    left: list[Mover]
    is_proof: bool = False


class _StepsUsedError(Exception):
    """A search has tried as many places as it may."""


class Planner:
    """Makes plans for the loss of trees; each begins with the trees as they are."""

    def __init__(self, targets: Targets, deadline: Deadline) -> None:
        self._targets = targets
        self._deadline = deadline
        self._steps_left = _ALL_STEPS_MAX

    def fill(self, movers: list[Mover], lost: Lost) -> Plan:
        """Place the largest consumers first, where there is most room."""
        cloud = Cloud([])
        placed, left = [], []
        for shape, equal in itertools.groupby(self._ordered(movers), _shape_of):
            options = self._options(shape, lost)
            tree = next(options, None)
            for mover in equal:
                place = None
                while tree is not None:
                    self._deadline.tick()
                    now = cloud.now(tree)
                    place = next(fit.placements(shape, now, self._deadline.tick), None)
                    if place is not None:
                        break
                    tree = next(options, None)
                if tree is None or place is None:
                    left.append(mover)
                    continue
                cloud.take(now, place, ())
                placed.append(Placed(mover, tree, place))
        return Plan(placed, left)

    def search(self, movers: list[Mover], lost: Lost) -> Plan | None:
        """Try many ways, the trees with least room first; None: nothing was found."""
        if len(movers) > _SEARCH_MOVERS_MAX:
            return None
        search = _Search(
            self._ordered(movers),
            lambda shape: list(self._options(shape, lost))[::-1],
            self._deadline,
            min(_SEARCH_STEPS_MAX, self._steps_left),
        )
        try:
            found = search.run()
        except _StepsUsedError:
            return None
        finally:
            self._steps_left -= search.steps
        if found is not None:
            return Plan(found, [])
        if all(mover.shape.is_plain for mover in movers):
            return Plan([], movers, is_proof=True)
        return None

    def reserve(self, shape: Shape, count: int, lost_count: int, cloud: Cloud) -> bool:
        """Take places from ``cloud`` until losing trees leaves ``count`` of them.

        Any ``lost_count`` trees may be lost. Return whether there are enough places.
        """
        trees = list(self._targets.options(shape))
        taken = rounds = 0
        while trees:
            rounds += 1
            with_room = []
            for tree in trees:
                self._deadline.tick()
                # No tree has more than ``rounds`` of them.
                if taken - lost_count * rounds >= count:
                    return True
                now = cloud.now(tree)
                place = next(fit.placements(shape, now, self._deadline.tick), None)
                if place is not None:
                    cloud.take(now, place, ())
                    taken += 1
                    with_room.append(tree)
            trees = with_room
            if taken - lost_count * rounds >= count:
                return True
        return not count

    def largest_first(self, shapes: collections.abc.Iterable[Shape]) -> list[Shape]:
        """Return different shapes by the share of a provider's room that they need."""
        return sorted(dict.fromkeys(shapes), key=self._targets.size, reverse=True)

    def _ordered(self, movers: list[Mover]) -> list[Mover]:
        shapes = self.largest_first(mover.shape for mover in movers)
        ranks = {shape: rank for rank, shape in enumerate(shapes)}
        return sorted(movers, key=lambda mover: ranks[mover.shape])

    def _options(self, shape: Shape, lost: Lost) -> collections.abc.Iterator[Tree]:
        for tree in self._targets.options(shape):
            if tree.root.id not in lost:
                yield tree


class _Search:
    """Tries the places of all consumers, one after the other."""

    def __init__(
        self,
        movers: list[Mover],
        options: collections.abc.Callable[[Shape], list[Tree]],
        deadline: Deadline,
        steps_max: int,
    ) -> None:
        self._movers = movers
        self._options = {
            shape: options(shape) for shape in {mover.shape for mover in movers}
        }
        self._deadline = deadline
        self._steps_max = steps_max
        self._cloud = Cloud([])
        self.steps = 0

    def run(self) -> list[Placed] | None:
        """Return a place for each consumer; None if there is none.

        Raises _StepsUsedError.
        """
        return self._place(0, 0)

    def _place(self, number: int, first: int) -> list[Placed] | None:
        """Place the consumers from ``number`` on, this one from the tree ``first`` on.

        Equal consumers take trees in their order: it makes no difference which of them
        goes where.
        """
        if number == len(self._movers):
            return []
        mover = self._movers[number]
        is_next_equal = (
            number + 1 < len(self._movers)
            and self._movers[number + 1].shape == mover.shape
        )
        options = self._options[mover.shape]
        for at in range(first, len(options)):
            tree = self._cloud.now(options[at])
            for place in fit.placements(mover.shape, tree, self._tick):
                self._tick()
                self._cloud.take(tree, place, ())
                rest = self._place(number + 1, at if is_next_equal else 0)
                if rest is not None:
                    return [Placed(mover, options[at], place), *rest]
                self._cloud.restore(tree)
        return None

    def _tick(self) -> None:
        self._deadline.tick()
        self.steps += 1
        if self.steps > self._steps_max:
            raise _StepsUsedError


def _shape_of(mover: Mover) -> Shape:
    return mover.shape
