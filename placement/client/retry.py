"""Which failed requests are repeated, and when."""

import dataclasses
import random
import time
import typing
from collections.abc import Callable

from placement.client import errors

_T = typing.TypeVar("_T")

# Methods that change nothing.
_READS = frozenset({"GET", "HEAD"})


@dataclasses.dataclass(frozen=True, slots=True)
class Retry:
    """The limits and pauses of repeated requests.

    ``attempts`` includes the first one. No attempt starts later than ``seconds_max``
    after the first. The pause before the n-th repetition is that of ``Retry-After``
    plus a random pause of up to ``pause_seconds`` * 2^(n-1), at most
    ``pause_seconds_max``.
    """

    attempts: int = 5
    seconds_max: float = 30.0
    pause_seconds: float = 0.1
    pause_seconds_max: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")

    def run(
        self,
        step: Callable[[], _T],
        may_repeat: Callable[[errors.ClientError], bool] | None = None,
    ) -> _T:
        """Run ``step`` until it succeeds, and return its result.

        ``may_repeat`` decides which failures are retried: by default conflicts
        (ConcurrentUpdate, KeyInProgress), and 503 if nothing was changed. So by default
        the step must read everything that its write depends on.

        Raises the failure of the last attempt.
        """
        may_repeat = may_repeat or _may_repeat_step
        deadline = time.monotonic() + self.seconds_max
        attempt = 1
        while True:
            try:
                return step()
            except errors.ClientError as failure:
                pause = self._pause_seconds(attempt, failure)
                is_late = time.monotonic() + pause > deadline
                if attempt >= self.attempts or is_late or not may_repeat(failure):
                    raise
            time.sleep(pause)
            attempt += 1

    def _pause_seconds(self, attempt: int, failure: errors.ClientError) -> float:
        longest = min(self.pause_seconds_max, self.pause_seconds * 2 ** (attempt - 1))
        return (failure.retry_after_seconds or 0) + random.uniform(0, longest)


# Every request is sent once.
NEVER = Retry(attempts=1)


def may_send_again(
    method: str, failure: errors.ClientError, has_key: bool = False
) -> bool:
    """Return whether the same request can be repeated safely and may succeed.

    With an idempotency key that holds whenever a write may have taken effect: the
    repetition gets the first answer. After a 503 it holds for reads, and for writes if
    nothing was changed. After a 409 it holds if the request lost a race to other
    writers or waits for an earlier one with its key, but not if its generation is
    stale, because it would fail every time.
    """
    if has_key and failure.is_outcome_unknown:
        return True
    if failure.status == 503:
        return method in _READS or not failure.is_outcome_unknown
    if isinstance(failure, errors.KeyInProgress):
        return True
    return (
        isinstance(failure, errors.ConcurrentUpdate)
        and errors.LOST_RACE in failure.detail
    )


def _may_repeat_step(failure: errors.ClientError) -> bool:
    if failure.status == 503:
        return not failure.is_outcome_unknown
    return isinstance(failure, errors.ConcurrentUpdate | errors.KeyInProgress)
