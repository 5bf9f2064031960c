"""The time that a count may take."""

import collections.abc
import time

# Steps between two checks of the time.
_STEPS_PER_LOOK = 256


class TimeIsUpError(Exception):
    """A count has taken as long as it may."""


class Deadline:
    """The end of a count."""

    def __init__(
        self,
        seconds: float,
        clock: collections.abc.Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._steps = 0
        self.is_up = False

    def tick(self) -> None:
        """Count one step. Raises TimeIsUpError when the time is up."""
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0:
            self.check()
        if self.is_up:
            raise TimeIsUpError

    def check(self) -> None:
        """Check the time."""
        if self._clock() > self._end:
            self.is_up = True
