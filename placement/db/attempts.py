"""When to give up a transaction that has to be repeated; counts in the metrics."""

import logging
import time
import typing

import sqlalchemy as sa

from placement import exception, metrics

LOG = logging.getLogger(__name__)

# One more attempt on a new connection; a server that is down does not come back within
# a request.
ATTEMPTS_WHEN_LOST = 2

# No attempt starts after this time, so that the client gets an answer.
_SECONDS_MAX = 30

_LOST = (
    "The connection to the database was lost. If this repeats, check the database and "
    "the network: %s"
)
_ALL_IN_USE = (
    "No connection to the database was free in time. Set [placement_database] "
    "max_pool_size to the threads of a worker or more, or look for slow statements: %s"
)


class Attempts:
    """The attempts of one transaction: decides when to give up, and counts."""

    def __init__(self, operation: str, most: int) -> None:
        self._operation = operation
        self._most = most
        self._lost = 0
        self._deadline = time.monotonic() + _SECONDS_MAX
        self.count = 0

    def note(
        self, reason: str, failure: exception.PlacementError, cause: Exception
    ) -> None:
        """Count a conflict. Raises ``failure``, or Unavailable after a long time."""
        self.count += 1
        LOG.debug("Attempt %s of %s met a conflict: %s", self.count, self._most, cause)
        if self.count >= self._most:
            self._give_up(reason, failure, cause)
        if time.monotonic() > self._deadline:
            self._give_up(reason, _too_busy(), cause)
        metrics.RETRIES.inc(self._operation, reason)

    def note_lost(self, failure: Exception) -> None:
        """Count a lost connection. Raises Unavailable."""
        is_of_pool = isinstance(failure, sa.exc.TimeoutError)
        LOG.warning(_ALL_IN_USE if is_of_pool else _LOST, failure)
        self._lost += 1
        reason = metrics.POOL if is_of_pool else metrics.LOST
        if self._lost >= ATTEMPTS_WHEN_LOST:
            self._give_up(reason, _unreachable(), failure)
        metrics.RETRIES.inc(self._operation, reason)

    def _give_up(
        self, reason: str, failure: exception.PlacementError, cause: Exception
    ) -> typing.NoReturn:
        metrics.GIVEN_UP.inc(self._operation, reason)
        raise failure from cause


def _too_busy() -> exception.Unavailable:
    return exception.Unavailable(
        reason="The database is too busy at the moment. Nothing was changed."
    )


def _unreachable() -> exception.Unavailable:
    return exception.Unavailable(
        reason="The database cannot be reached at the moment. Nothing was changed."
    )


def ended_by_limit(failure: Exception) -> exception.Unavailable:
    """Log that a statement was ended; return what to raise."""
    LOG.warning(
        "The database has ended a statement that took longer than it allows. Check its "
        "load and statement_timeout: %s",
        failure,
    )
    return exception.Unavailable(
        reason="The database has ended a statement that took longer than it allows. "
        "Nothing was changed."
    )
