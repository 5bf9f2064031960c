"""Limits on the cost of one search, so that no request can stop the service."""

import collections.abc
import time
import typing

from placement import exception
from placement.candidates.model import Run

# The number of providers that all candidates of one answer may name together. An
# answer of that size takes some hundred megabytes.
PROVIDERS_NAMED_MAX = 1_000_000

# Steps between two checks of the time.
_STEPS_PER_LOOK = 256


_Page = typing.TypeVar("_Page")


class Budget:
    """Limits the time of one search, and the size of its answer."""

    def __init__(
        self,
        seconds_max: float,
        providers_named_max: int = PROVIDERS_NAMED_MAX,
        clock: collections.abc.Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds_max = seconds_max
        self._providers_named_max = providers_named_max
        self._clock = clock
        self._end = clock() + seconds_max
        self._seconds_outside = 0.0
        self._steps = 0

    def outside(
        self, pages: collections.abc.Iterator[_Page]
    ) -> collections.abc.Iterator[_Page]:
        """Yield ``pages``, which are read from the database.

        The time of these reads has a limit of its own, of the same length.

        Raises DatabaseTooSlow when it is exceeded.
        """
        while True:
            began = self._clock()
            page = next(pages, None)
            seconds = self._clock() - began
            self._end += seconds
            self._seconds_outside += seconds
            if page is None:
                return
            if self._seconds_outside > self._seconds_max:
                raise exception.DatabaseTooSlow(seconds=f"{self._seconds_max:g}")
            yield page

    def tick(self) -> None:
        """Count one step.

        Raises BadRequest when the time is used up.
        """
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0 and self._clock() > self._end:
            raise exception.SearchGivenUp(
                reason="The search was given up after "
                f"{self._seconds_max:g} seconds: the groups of this request can be "
                "combined in too many ways. Ask for fewer groups, give a 'limit', or "
                "set [placement] max_allocation_candidates."
            )

    def bounded(
        self, runs: collections.abc.Iterable[Run]
    ) -> collections.abc.Iterator[Run]:
        """Yield ``runs`` as long as an answer of them fits into memory.

        Raises BadRequest for the first that does not.
        """
        left = self._providers_named_max
        for run in runs:
            only = run.only_placement
            if only is not None:
                left -= len(run.trees) * (len(only.allocations) or 1)
            else:
                left -= sum([len(each.allocations) or 1 for each in run.placements])
            if left < 0:
                raise exception.SearchGivenUp(
                    reason="The answer would be too large: its candidates would name "
                    f"more than {self._providers_named_max} providers. Give a "
                    "'limit', or set [placement] max_allocation_candidates."
                )
            yield run
