"""What one search may cost, so that a hostile question cannot stop the service."""

import collections.abc
import time
import typing

from placement import exception
from placement.candidates.model import AllocationRequest

# How many providers all candidates of one answer may name together; an answer of
# that size takes some hundred megabytes.
PROVIDERS_NAMED_MAX = 1_000_000

# The clock is looked at once in so many steps.
_STEPS_PER_LOOK = 256


_Page = typing.TypeVar("_Page")


class Budget:
    """Counts the steps of one search, and what it has found."""

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
        """Yield ``pages``, which come from the database.

        The time that it takes to get them counts on its own, with the same limit.

        Raises DatabaseTooSlow when it is used up.
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
            raise exception.BadRequest(
                reason="The search was given up after "
                f"{self._seconds_max:g} seconds: the groups of this request can be "
                "combined in too many ways. Ask for fewer groups, give a 'limit', or "
                "set [placement] max_allocation_candidates."
            )

    def bounded(
        self, requests: collections.abc.Iterable[AllocationRequest]
    ) -> collections.abc.Iterator[AllocationRequest]:
        """Yield ``requests`` as long as an answer of them can be held in memory.

        Raises BadRequest for the first that is too much.
        """
        left = self._providers_named_max
        for request in requests:
            left -= len(request.allocations) or 1
            if left < 0:
                raise exception.BadRequest(
                    reason="The answer would be too large: its candidates would name "
                    f"more than {self._providers_named_max} providers. Give a "
                    "'limit', or set [placement] max_allocation_candidates."
                )
            yield request
