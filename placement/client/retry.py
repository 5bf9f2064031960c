"""When a request may be sent again, and after which pause."""

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
    """How often a request is sent that the service could not serve at the moment.

    ``attempts`` counts the first one. None is begun later than ``seconds_max`` after
    the first. The pause before the n-th repetition is random, at most
    ``pause_seconds`` times 2^(n-1) and at most ``pause_seconds_max``; it comes after
    what ``Retry-After`` asks for.
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
        """Run ``step`` until it succeeds, and return what it returns.

        Without ``may_repeat`` the step must read what it needs before it writes. It
        is begun again when somebody else changed the thing first (ConcurrentUpdate)
        or when the service changed nothing and asks to wait (503).

        Raises what the last attempt raised.
        """
        may_repeat = may_repeat or _may_begin_again
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


def may_send_again(method: str, failure: errors.ClientError) -> bool:
    """Say whether the same request may be sent again and can succeed then.

    After a 503, a read may; a write only if the text says that nothing was changed:
    the answer to the second could be about what the first one did. After a 409, a
    request that lost a race to other writers may. One with a stale generation may
    not: it would be refused forever.
    """
    if failure.status == 503:
        return method in _READS or not failure.is_outcome_unknown
    return (
        isinstance(failure, errors.ConcurrentUpdate)
        and errors.LOST_RACE in failure.detail
    )


def _may_begin_again(failure: errors.ClientError) -> bool:
    if failure.status == 503:
        return not failure.is_outcome_unknown
    return isinstance(failure, errors.ConcurrentUpdate)
