"""Run the transaction of a request; the only place where work is retried."""

import collections.abc
import contextlib
import functools
import itertools
import logging
import random
import time
import typing

import sqlalchemy as sa

from placement import exception, metrics
from placement.db import (
    conflicts,
    engine,
    postgresql,
    sqlite,
    time_limit,
)
from placement.db.attempts import ATTEMPTS_WHEN_LOST, Attempts, ended_by_limit
from placement.db.batch import Row
from placement.db.pipeline import Pipeline, Plan, outcome_unknown
from placement.tracing import points

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

_Result = typing.TypeVar("_Result")
_Work = collections.abc.Callable[[sa.Connection], _Result]

_PAUSE_SECONDS_MAX = 0.5

# Default of the option allocation_conflict_retry_count, plus the first attempt.
_ATTEMPTS = 11

# Key in ``Service.kept`` of the set of refused keys, see ``write_pipelined``.
_REFUSED = "transaction.refused"

# Maximum number of refused keys per process. Beyond it the set is cleared, which costs
# one refused attempt for each key that is refused again.
REFUSED_KEYS_MAX = 10_000

# Of a streamed result.
_ROWS_PER_FETCH = 1000


class Retry(Exception):
    """The work has read data that changed before it was locked, and must run again.

    ``failure`` is raised instead when the last attempt fails in this way.
    """

    def __init__(self, failure: exception.PlacementError) -> None:
        self.failure = failure
        super().__init__(str(failure))


def write(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Run ``work`` in one write transaction and commit it.

    After a deadlock, a unique key that another writer inserted first, or Retry, the
    transaction is rolled back and ``work`` runs again. The number of attempts is
    limited by the option ``allocation_conflict_retry_count`` and by time, with a
    random pause between them. A connection lost before COMMIT is replaced once. A
    connection lost in COMMIT is not, because the outcome is unknown.

    Raises what ``work`` raises; ConcurrentUpdate after the last attempt; Unavailable
    when the database cannot be reached or is too busy.
    """
    return write_to(context.engine, work, _attempts(context))


def write_pipelined(
    context: "RequestContext",
    keys: collections.abc.Collection[str],
    plan: Plan,
    work: _Work[_Result],
    read_result: collections.abc.Callable[[list[Row]], _Result],
) -> _Result:
    """Do what ``write`` does, in one round trip where the database allows it.

    ``plan`` gets a connection without an open transaction. It returns the steps of a
    transaction that check their own conditions, see ``batch.required``, or None. They
    are sent at most once. If there are none, or they are refused or lose a race,
    ``work`` runs; it must be able to do everything that they do. Returns what ``work``
    returns, or ``read_result`` of the rows of the last step.

    ``keys`` name what the steps depend on, such as the providers of a claim. After a
    refusal, writes with one of its keys go to ``work`` directly until one of them
    succeeds. A full provider would refuse again, which costs the database four times
    as much as the checks of ``work``, and an error in its log. A refusal for another
    reason, such as an existing consumer, has the same effect. Writes with other keys,
    or without any, are not affected.

    Raises what ``write`` raises.
    """
    refused: set[str] = context.service.kept.setdefault(_REFUSED, set())
    pipeline = Pipeline(plan) if refused.isdisjoint(keys) else None

    def turn(conn: sa.Connection) -> _Result:
        if pipeline is not None:
            rows = pipeline.send(conn)
            if rows is not None:
                return read_result(rows)
            if pipeline.is_refused:
                _add_refused(refused, keys)
        result = _write_once(conn, work)
        refused.difference_update(keys)
        return result

    return _run(context.engine, metrics.WRITE, turn, _attempts(context))


def try_pipelined(context: "RequestContext", plan: Plan) -> list[Row] | None:
    """Send the steps of ``plan`` as ``write_pipelined`` does; return the last rows.

    None: nothing was changed. There are no steps, the database cannot run them in one
    round trip, or they were refused or have lost a race.

    Raises what ``write`` raises.
    """
    pipeline = Pipeline(plan)
    return _run(context.engine, metrics.WRITE, pipeline.send, _attempts(context))


def _add_refused(refused: set[str], keys: collections.abc.Collection[str]) -> None:
    if len(refused) + len(keys) > REFUSED_KEYS_MAX:
        refused.clear()
    if len(keys) <= REFUSED_KEYS_MAX:
        refused.update(keys)


def write_to(
    database: sa.Engine, work: _Work[_Result], attempts: int = _ATTEMPTS
) -> _Result:
    """Do what ``write`` does, for programs that serve no request."""
    once = functools.partial(_write_once, work=work)
    return _run(database, metrics.WRITE, once, attempts)


def try_out(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``write`` does, but roll back instead of committing."""

    def once(conn: sa.Connection) -> _Result:
        result = work(engine.for_writing(conn))
        conn.rollback()
        return result

    return _run(context.engine, metrics.WRITE, once, _attempts(context))


def read(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Run ``work`` in one snapshot of the database and return its result.

    ``work`` runs again if the connection was lost. It may read from a replica, if that
    has everything that was committed before.

    Raises what ``work`` raises, and Unavailable when the database cannot be reached.
    """
    if context.replica is None:
        return read_before_write(context, work)
    read_replica = functools.partial(context.replica.read, work=work)
    return _run(context.engine, metrics.READ, read_replica, ATTEMPTS_WHEN_LOST)


def read_within(
    context: "RequestContext", seconds: float, work: _Work[_Result]
) -> _Result:
    """Do what ``read`` does, with a limit of ``seconds`` for each statement.

    The database enforces it, also after the client has gone.

    Raises what ``read`` raises, and DatabaseTooSlow.
    """

    def limited(conn: sa.Connection) -> _Result:
        with time_limit.limited(conn, seconds):
            return work(conn)

    return read(context, limited)


def read_one(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, for ``work`` that runs a single statement.

    One statement is one snapshot, so on PostgreSQL this saves BEGIN and ROLLBACK.
    """

    def work_in_autocommit(conn: sa.Connection) -> _Result:
        with postgresql.autocommit(conn):
            return work(conn)

    return read(context, work_in_autocommit)


def read_before_write(context: "RequestContext", work: _Work[_Result]) -> _Result:
    """Do what ``read`` does, on the primary, for a request that writes afterwards."""
    return _run(
        context.engine,
        metrics.READ,
        lambda conn: work(engine.for_reading(conn)),
        ATTEMPTS_WHEN_LOST,
    )


class Stream(typing.Generic[_Result]):
    """An iterator over items that are read from one snapshot while iterating.

    It holds a connection until it ends, fails or is closed. Its user must close it.
    """

    def __init__(
        self,
        first: list[_Result],
        more: collections.abc.Iterator[_Result],
        resources: contextlib.ExitStack,
    ) -> None:
        self._items = itertools.chain(first, more)
        self._resources = resources

    def __iter__(self) -> collections.abc.Iterator[_Result]:
        return self

    def __next__(self) -> _Result:
        try:
            return next(self._items)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the snapshot and release its connection; more than once has no effect."""
        self._resources.close()


def stream_within(
    context: "RequestContext",
    seconds: float,
    work: _Work[collections.abc.Iterator[_Result]],
) -> Stream[_Result]:
    """Return the items that ``work`` yields, read from one snapshot of the database.

    Each statement has a limit of ``seconds``, which the database enforces.

    They are read from the primary: a replica may cancel a query, after which the items
    could not be read again from the same snapshot.

    The first item is read now. Until then ``work`` runs again if the connection was
    lost; later failures of the database are raised by the iterator. All items of a
    database in memory are read now.

    Raises what ``read_within`` raises.
    """

    def start() -> Stream[_Result]:
        with contextlib.ExitStack() as stack:
            conn = stack.enter_context(context.engine.connect())
            metrics.CONNECTIONS.inc(metrics.USED)
            stack.callback(metrics.CONNECTIONS.inc, metrics.USED, by=-1)
            reading = engine.for_reading(conn)
            stack.enter_context(time_limit.limited(reading, seconds))
            items = work(reading)
            if sqlite.is_in_memory(context.engine.url):
                # Its readers lock out writers, and clients can be slow.
                return Stream(list(items), iter(()), contextlib.ExitStack())
            first = list(itertools.islice(items, 1))
            return Stream(first, items, stack.pop_all())

    return _repeat(metrics.READ, start, ATTEMPTS_WHEN_LOST)


@contextlib.contextmanager
def snapshot(database: sa.Engine) -> collections.abc.Iterator[sa.Connection]:
    """Yield a connection that reads one snapshot of the database; never retried.

    Rows are streamed: each result has to be read to its end before the next statement.
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


def _run(
    database: sa.Engine,
    operation: str,
    turn: collections.abc.Callable[[sa.Connection], _Result],
    attempts: int,
) -> _Result:
    """Call ``turn`` with a connection from the pool until it succeeds."""
    once = functools.partial(_attempt, database, operation, turn)
    return _repeat(operation, once, attempts)


@points.traced(points.TRANSACTION)
def _repeat(
    operation: str, turn: collections.abc.Callable[[], _Result], attempts: int
) -> _Result:
    """Call ``turn`` until it succeeds; see ``write`` for how often."""
    done = Attempts(operation, attempts)
    while True:
        try:
            return turn()
        except Retry as retry:
            done.note(metrics.STALE, retry.failure, retry)
        except sa.exc.SQLAlchemyError as failure:
            match conflicts.meaning(failure):
                case conflicts.Meaning.RETRY:
                    done.note(metrics.CONFLICT, _conflict(), failure)
                case conflicts.Meaning.UNREADY:
                    done.note(metrics.UNREADY, _not_ready(), failure)
                case conflicts.Meaning.LOST:
                    done.note_lost(failure)
                case conflicts.Meaning.BUG:
                    if conflicts.is_timed_out(failure):
                        raise ended_by_limit(failure) from failure
                    raise
        pause_max = min(_PAUSE_SECONDS_MAX, 0.005 * 2**done.count)
        time.sleep(random.uniform(0, pause_max))


def _attempt(
    database: sa.Engine,
    operation: str,
    turn: collections.abc.Callable[[sa.Connection], _Result],
) -> _Result:
    asked = time.perf_counter()
    with database.connect() as conn:
        began = time.perf_counter()
        metrics.CONNECTION_WAITS.observe(began - asked)
        metrics.CONNECTIONS.inc(metrics.USED)
        try:
            return turn(conn)
        finally:
            seconds = time.perf_counter() - began
            metrics.CONNECTIONS.inc(metrics.USED, by=-1)
            metrics.DATABASE_OPERATIONS.observe(seconds, operation)


def _commit(conn: sa.Connection) -> None:
    try:
        conn.commit()
    except sa.exc.SQLAlchemyError as failure:
        is_lost = conflicts.meaning(failure) is conflicts.Meaning.LOST
        # The transaction may still be open, and the pool must not hand it on.
        try:
            conn.rollback()
        finally:
            if is_lost:
                raise outcome_unknown(failure) from failure
        raise


def _conflict() -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="Another thread concurrently updated the data. Please retry your update"
    )


def _not_ready() -> exception.Unavailable:
    return exception.Unavailable(
        reason="The database takes no work at the moment. Nothing was changed."
    )
