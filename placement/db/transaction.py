"""Transactions: one per request, and the one place where work is tried again."""

import collections.abc
import contextlib
import functools
import logging
import random
import time
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, conflicts, engine, postgresql, prepared, time_limit
from placement.db.batch import Step

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

_Result = typing.TypeVar("_Result")
_Work = collections.abc.Callable[[sa.Connection], _Result]
_Plan = collections.abc.Callable[[sa.Connection], collections.abc.Sequence[Step] | None]

# A lost connection says nothing about the next one, but a server that is gone
# is not back within a request.
_ATTEMPTS_WHEN_LOST = 2

_PAUSE_SECONDS_MAX = 0.5

# Of a program that does not say how often; the default of the option.
_ATTEMPTS = 11

# In ``kept`` of a service: the keys of refused writes, see ``write_pipelined``.
_REFUSED = "transaction.refused"

# Maximum number of keys of a process. Before there are more all are dropped, which
# costs one refused attempt for each that would be refused again.
REFUSED_KEYS_MAX = 10_000

# Of a result that is streamed.
_ROWS_PER_FETCH = 1000

# After this no attempt is begun: the client has been waiting long enough to be told.
_SECONDS_MAX = 30


class Retry(Exception):
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
    writer took first, or raised Retry. Attempts are bounded by the option
    ``allocation_conflict_retry_count`` and by time, with a random pause between
    them. A connection lost before COMMIT is replaced once. A connection lost in
    COMMIT is not: nobody knows whether it was done.

    Raises what ``work`` raises; ConcurrentUpdate when the last attempt is used
    up; Unavailable when the database cannot be reached or is too busy.
    """
    return write_to(context.engine, work, _attempts(context))


def write_pipelined(
    context: "RequestContext",
    keys: collections.abc.Collection[str],
    plan: _Plan,
    work: _Work[None],
) -> None:
    """Do what ``write`` does, in one round trip where the database can do that.

    ``plan`` gets a connection on which no transaction is open, and returns the steps
    of one, which check by themselves all that has to hold, see ``batch.required``; or
    None. They are sent once. If they are refused or lose a race, ``work`` runs instead,
    which has to be able to do everything that they can.

    ``keys`` name what the steps may be refused for, such as the providers of a claim.
    After a refusal, writes with any of its keys go to ``work`` directly, until one of
    them succeeds: a full provider would refuse again, which costs the database four
    times what the checks of ``work`` cost, and an error in its log. A refusal for
    another reason, such as a consumer that exists, has the same effect until the next
    write that succeeds. Writes with other keys, or without any, are not affected.

    Raises what ``write`` raises.
    """
    refused: set[str] = context.service.kept.setdefault(_REFUSED, set())
    is_tried = not refused.isdisjoint(keys)
    is_done = False

    def turn(conn: sa.Connection) -> None:
        nonlocal is_tried, is_done
        if not is_tried and prepared.find(conn) is not None:
            with postgresql.autocommit(conn):
                postgresql.ping(conn)
                is_tried = True
                steps = plan(conn)
                if steps is not None:
                    is_done = _try_pipeline(conn, steps)
                    if not is_done:
                        _add_refused(refused, keys)
        # Also if the connection was lost when it was to be given back.
        if not is_done:
            _write_once(conn, work)
            refused.difference_update(keys)

    _run(context.engine, turn, _attempts(context))


def _add_refused(refused: set[str], keys: collections.abc.Collection[str]) -> None:
    if len(refused) + len(keys) > REFUSED_KEYS_MAX:
        refused.clear()
    if len(keys) <= REFUSED_KEYS_MAX:
        refused.update(keys)


def write_to(
    database: sa.Engine, work: _Work[_Result], attempts: int = _ATTEMPTS
) -> _Result:
    """Do what ``write`` does for a program that serves no request."""
    return _run(database, functools.partial(_write_once, work=work), attempts)


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
    # The connection is first asked how far its log goes, outside of a transaction.
    of_either = functools.partial(context.replica.read, work=work)
    return _run(context.engine, of_either, _ATTEMPTS_WHEN_LOST)


def read_within(
    context: "RequestContext", seconds: float, work: _Work[_Result]
) -> _Result:
    """Do what ``read`` does, where no statement may take longer than ``seconds``.

    The database ends one that does, also when nobody waits for it any more.

    Raises what ``read`` raises, and DatabaseTooSlow.
    """

    def limited(conn: sa.Connection) -> _Result:
        with time_limit.limited(conn, seconds):
            return work(conn)

    return read(context, limited)


def read_one(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, where ``work`` runs one statement.

    That is a snapshot of its own, so that no transaction has to be begun and ended
    where this can be saved.
    """

    def work_in_autocommit(conn: sa.Connection) -> _Result:
        with postgresql.autocommit(conn):
            return work(conn)

    return read(context, work_in_autocommit)


def read_before_write(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, where the request is going to write."""
    return _run(
        context.engine, lambda conn: work(engine.for_reading(conn)), _ATTEMPTS_WHEN_LOST
    )


@contextlib.contextmanager
def snapshot(database: sa.Engine) -> collections.abc.Iterator[sa.Connection]:
    """Yield a connection that reads one snapshot of the database, as ``read`` does.

    For who passes on what it reads as it comes, and could not begin anew. Rows are
    streamed, and one result has to be read to its end before the next is asked for.
    """
    with database.connect() as fresh:
        yield engine.for_reading(fresh).execution_options(yield_per=_ROWS_PER_FETCH)


def _attempts(context: "RequestContext") -> int:
    return context.settings.placement.allocation_conflict_retry_count + 1


def _write_once(conn: sa.Connection, work: _Work[_Result]) -> _Result:
    writing = engine.for_writing(conn)
    result = work(writing)
    _commit(writing)
    return result


def _try_pipeline(conn: sa.Connection, steps: collections.abc.Sequence[Step]) -> bool:
    try:
        return batch.run_transaction(conn, steps)
    except sa.exc.SQLAlchemyError as failure:
        if conflicts.is_outcome_unknown(failure):
            raise _not_known(failure) from failure
        raise


def _run(
    database: sa.Engine,
    turn: collections.abc.Callable[[sa.Connection], _Result],
    attempts: int,
) -> _Result:
    """Take turns until one is not in vain; each gets a connection not used yet."""
    attempt = lost = 0
    deadline = time.monotonic() + _SECONDS_MAX
    while True:
        try:
            with database.connect() as conn:
                return turn(conn)
        except Retry as retry:
            attempt += 1
            _give_up_after(attempts, attempt, deadline, retry.failure, retry)
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
                    _give_up_when_lost(lost, failure)
                case conflicts.Meaning.BUG:
                    if conflicts.is_timed_out(failure):
                        raise _ended_by_limit(failure) from failure
                    raise
        time.sleep(random.uniform(0, min(_PAUSE_SECONDS_MAX, 0.005 * 2**attempt)))


def _commit(conn: sa.Connection) -> None:
    try:
        conn.commit()
    except sa.exc.SQLAlchemyError as failure:
        is_lost = conflicts.meaning(failure) is conflicts.Meaning.LOST
        # It may have left the transaction open, and the pool would hand it on so.
        try:
            conn.rollback()
        finally:
            if is_lost:
                raise _not_known(failure) from failure
        raise


def _not_known(failure: Exception) -> exception.Unavailable:
    LOG.warning("The connection to the database was lost in COMMIT: %s", failure)
    return exception.Unavailable(
        reason="The database connection was lost while the change was being "
        "committed; whether it was is not known. Read again before you repeat it."
    )


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


def _ended_by_limit(failure: Exception) -> exception.Unavailable:
    LOG.warning("The database has ended a statement: %s", failure)
    return exception.Unavailable(
        reason="The database has ended a statement that took longer than it allows. "
        "Nothing was changed."
    )


def _give_up_when_lost(lost: int, failure: Exception) -> None:
    LOG.warning("The connection to the database was lost: %s", failure)
    if lost >= _ATTEMPTS_WHEN_LOST:
        raise exception.Unavailable(
            reason="The database cannot be reached at the moment. Nothing was changed."
        ) from failure
