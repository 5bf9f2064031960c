"""Transactions: one per request, and the one place where work is tried again."""

import collections.abc
import contextlib
import enum
import functools
import logging
import random
import time
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import conflicts, engine

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

_Result = typing.TypeVar("_Result")
_Work = collections.abc.Callable[[sa.Connection], _Result]

# A lost connection says nothing about the next one, but a server that is gone
# is not back within a request.
_ATTEMPTS_WHEN_LOST = 2

_PAUSE_SECONDS_MAX = 0.5

# Of a program that does not say how often; the default of the option.
_ATTEMPTS = 11

# Of a result that is streamed.
_ROWS_PER_FETCH = 1000

# After this no attempt is begun: the client has been waiting long enough to be told.
_SECONDS_MAX = 30


class _Step(enum.Enum):
    WORK = "work"
    COMMIT = "commit"


class Again(Exception):
    """What the work has read is no longer so: it has to begin anew.

    Raised by ``objects`` when a row that was there is gone; ``failure`` is what
    the client is told when beginning anew does not help.
    """

    def __init__(self, failure: exception.PlacementError) -> None:
        self.failure = failure
        super().__init__(str(failure))


def write(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Run ``work`` in one write transaction and commit it.

    ``work`` gets a connection and may run again from its start, after everything
    it did was rolled back: when it met a deadlock, a unique key that another
    writer took first, or raised Again. Attempts are bounded by the option
    ``allocation_conflict_retry_count`` and by time, with a random pause between
    them. A
    connection lost before COMMIT is replaced once. A connection lost in COMMIT is
    not: nobody knows whether it was done.

    Raises what ``work`` raises; ConcurrentUpdate when the last attempt is used
    up; Unavailable when the database cannot be reached or is too busy.
    """
    attempts = context.settings.placement.allocation_conflict_retry_count + 1
    return write_to(context.engine, work, attempts)


def write_to(
    database: sa.Engine, work: _Work[_Result], attempts: int = _ATTEMPTS
) -> _Result:
    """Do what ``write`` does for a program that serves no request."""
    return _run(database, work, attempts, engine.for_writing, writes=True)


def read(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Run ``work`` in one snapshot of the database and return what it returns.

    ``work`` gets a connection that cannot write. It may run again from its start
    when the connection turns out to be lost. A replica that has everything that was
    acknowledged may be what it reads from.

    Raises what ``work`` raises, and Unavailable when the database cannot be
    reached.
    """
    if context.replica is None:
        return read_before_write(context, work)
    of_either = functools.partial(context.replica.read, work=work)
    # The connection is first asked how far its log goes, outside of a transaction.
    return _run(context.engine, of_either, _ATTEMPTS_WHEN_LOST, _as_it_is, writes=False)


def read_one(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, where ``work`` runs one statement.

    That is a snapshot of its own, so that no transaction has to be begun and ended
    where this can be saved.
    """

    def alone(conn: sa.Connection) -> _Result:
        with engine.alone(conn):
            return work(conn)

    return read(context, alone)


def read_before_write(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, where the request is going to write."""
    return _run(
        context.engine, work, _ATTEMPTS_WHEN_LOST, engine.for_reading, writes=False
    )


@contextlib.contextmanager
def snapshot(database: sa.Engine) -> collections.abc.Iterator[sa.Connection]:
    """Yield a connection that reads one snapshot of the database, as ``read`` does.

    For who passes on what it reads as it comes, and could not begin anew. Rows are
    streamed, and one result has to be read to its end before the next is asked for.
    """
    with database.connect() as fresh:
        yield engine.for_reading(fresh).execution_options(yield_per=_ROWS_PER_FETCH)


def _run(
    database: sa.Engine,
    work: _Work[_Result],
    attempts: int,
    begin: collections.abc.Callable[[sa.Connection], sa.Connection],
    writes: bool,
) -> _Result:
    attempt = lost = 0
    deadline = time.monotonic() + _SECONDS_MAX
    while True:
        step = _Step.WORK
        try:
            with database.connect() as fresh:
                conn = begin(fresh)
                result = work(conn)
                # Where nothing was written, nothing has to be kept.
                if writes:
                    step = _Step.COMMIT
                    _commit(conn)
                return result
        except Again as again:
            attempt += 1
            _give_up_after(attempts, attempt, deadline, again.failure, again)
        except sa.exc.SQLAlchemyError as failure:
            match conflicts.meaning(failure):
                case conflicts.Meaning.RETRY:
                    attempt += 1
                    _give_up_after(attempts, attempt, deadline, _raced(), failure)
                case conflicts.Meaning.UNREADY:
                    attempt += 1
                    _give_up_after(attempts, attempt, deadline, _unready(), failure)
                case conflicts.Meaning.LOST:
                    lost += 1
                    _give_up_when_lost(lost, step, failure)
                case conflicts.Meaning.BUG:
                    raise
        time.sleep(random.uniform(0, min(_PAUSE_SECONDS_MAX, 0.005 * 2**attempt)))


def _as_it_is(conn: sa.Connection) -> sa.Connection:
    return conn


def _commit(conn: sa.Connection) -> None:
    try:
        conn.commit()
    finally:
        # A COMMIT that failed may have left the transaction open, and the pool would
        # hand it on so. After one that did not, this does nothing.
        conn.rollback()


def _give_up_after(
    attempts: int,
    attempt: int,
    deadline: float,
    failure: exception.PlacementError,
    cause: Exception,
) -> None:
    LOG.debug("Attempt %s of %s met a conflict: %s", attempt, attempts, cause)
    if attempt >= attempts:
        raise failure from cause
    if time.monotonic() > deadline:
        raise exception.Unavailable(
            reason="The database is too busy at the moment. Nothing was changed."
        ) from cause


def _raced() -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="Another thread concurrently updated the data. Please retry your update"
    )


def _unready() -> exception.Unavailable:
    return exception.Unavailable(
        reason="The database takes no work at the moment. Nothing was changed."
    )


def _give_up_when_lost(lost: int, step: _Step, failure: Exception) -> None:
    LOG.warning("The connection to the database was lost: %s", failure)
    if step is _Step.COMMIT:
        raise exception.Unavailable(
            reason="The database connection was lost while the change was being "
            "committed; whether it was is not known. Read again before you repeat it."
        ) from failure
    if lost >= _ATTEMPTS_WHEN_LOST:
        raise exception.Unavailable(
            reason="The database cannot be reached at the moment. Nothing was changed."
        ) from failure
