"""Inject database faults at a chosen step of a request.

The service gets a URL with a SQLAlchemy plugin that intercepts every statement, COMMIT
and ROLLBACK. Servers raise real errors and really lose connections; the errors of
SQLite are constructed.
"""

import abc
import collections
import collections.abc
import contextlib
import enum
import functools
import itertools
import os
import socket
import sqlite3
import typing
import zlib

import psycopg2
import pymysql
import sqlalchemy as sa
from sqlalchemy.dialects import plugins

from placement.db import batch
from tests.servers import databases, sessions

_PLUGIN = "placement_faults"
_NUMBER = "placement_faults_of"

# A connection of the driver.
_Native = typing.Any
_Run = collections.abc.Callable[[], object]

# Every n-th step fails, starting at a different step for each fault and write. 1 takes
# long.
STRIDE = int(os.environ.get("PLACEMENT_TEST_FAULTS_EVERY", "16"))

# A lasting fault has the same effect from any step on.
_STRIDE_OF_LASTING = max(5, STRIDE)


class Step(enum.Enum):
    """A step of a request in the database; the first one includes BEGIN.

    A pipelined transaction is a single step, which includes its COMMIT.
    """

    STATEMENT = "statement"
    WHOLE = "whole transaction"
    COMMIT = "commit"
    ROLLBACK = "rollback"


class Outcome(enum.Enum):
    """The required result of a request with a fault.

    ``UNAFFECTED``: as without the fault. ``FAILED`` (500), ``RACED`` (409) and
    ``UNAVAILABLE`` (503): nothing is written. ``UNKNOWN_DONE`` and
    ``UNKNOWN_NOT_DONE`` (503): the response does not say whether all or nothing is.
    """

    UNAFFECTED = "unaffected"
    FAILED = "failed"
    RACED = "raced"
    UNAVAILABLE = "unavailable"
    UNKNOWN_DONE = "unknown, done"
    UNKNOWN_NOT_DONE = "unknown, not done"


# How many steps of each kind a request has.
Steps = collections.Counter[Step]

_Inject = collections.abc.Callable[[_Native, _Run], None]


class Fault(typing.NamedTuple):
    """A fault of a step; ``inject`` gets the connection and the function of the step.

    ``outcomes`` has the steps that can have the fault. If it ``lasts``, all later steps
    have it too. ``variant`` is its number among errors that mean the same, and how many
    there are.
    """

    name: str
    inject: _Inject
    outcomes: dict[Step, Outcome]
    lasts: bool = False
    variant: tuple[int, int] = (0, 1)

    def is_for(self, write: str) -> bool:
        """Whether ``write`` is sent with it: one of the errors that mean the same.

        Other writes get the others. With a stride of 1, each gets all.
        """
        number, count = self.variant
        # Without the last bits, every error is used by both kinds of writes.
        drawn = zlib.crc32(write.encode()) >> 8
        return STRIDE == 1 or drawn % count == number

    def numbers(
        self, write: str, steps: Steps | None = None
    ) -> collections.abc.Iterator[int]:
        """Yield the numbers of the steps of ``write`` to inject it at.

        With its ``steps``, the numbers end after the last one; with a stride of 1 they
        do not end, because a request sometimes has more.
        """
        numbers = self._numbers(write)
        if steps is None or STRIDE == 1:
            return numbers
        last = sum(steps[step] for step in self.outcomes)
        return itertools.takewhile(lambda number: number <= last, numbers)

    def _numbers(self, write: str) -> collections.abc.Iterator[int]:
        if Step.STATEMENT not in self.outcomes:
            return itertools.count(1)
        stride = _STRIDE_OF_LASTING if self.lasts else STRIDE
        start = 1 + zlib.crc32(f"{self.name}, {write}".encode()) % stride
        # A request may have a single step.
        first = [1] if start > 1 else []
        return itertools.chain(first, itertools.count(start, stride))


class Injector:
    """Injects a fault at a numbered step of a request; the first step is 1."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._number = self._seen = 0
        # The first step with the fault, and whether it failed without the fault too.
        self.struck: Step | None = None
        self.has_failed = False
        # Without a fault.
        self.steps: Steps = collections.Counter()

    def count(self) -> None:
        """Count the steps without a fault from now on."""
        self.steps = collections.Counter()

    def arm(self, fault: Fault, number: int) -> None:
        """Inject ``fault`` at the ``number``-th step that can have it."""
        self._fault, self._number = fault, number
        self._seen, self.struck, self.has_failed = 0, None, False

    def disarm(self) -> "Outcome | None":
        """Inject no more faults.

        Returns the required outcome; None if no step had the fault.
        """
        fault, self._fault = self._fault, None
        if fault is None or self.struck is None:
            return None
        outcome = fault.outcomes[self.struck]
        if outcome is Outcome.UNKNOWN_DONE and self.has_failed:
            return Outcome.UNKNOWN_NOT_DONE
        return outcome

    def take(self, step: Step, conn: _Native, run: _Run) -> None:
        """Run a step, with the fault if it is due."""
        fault = self._fault
        if fault is None:
            self.steps[step] += 1
        if fault is None or step not in fault.outcomes:
            run()
            return
        self._seen += 1
        if self._seen == self._number:
            self.struck = step
            run = functools.partial(self._watched, run)
        elif not fault.lasts or self._seen < self._number:
            run()
            return
        fault.inject(conn, run)

    def _watched(self, run: _Run) -> None:
        try:
            run()
        except Exception:
            self.has_failed = True
            raise


_injectors: dict[str, Injector] = {}
_numbers = itertools.count()


def injected(url: str) -> tuple[str, Injector]:
    """Return a URL of the same database and the injector of its connections."""
    number, injector = str(next(_numbers)), Injector()
    _injectors[number] = injector
    query = {"plugin": _PLUGIN, _NUMBER: number}
    through = sa.make_url(url).update_query_dict(query)
    return through.render_as_string(hide_password=False), injector


class Plugin(sa.CreateEnginePlugin):
    """Puts an injector between an engine and its driver."""

    def __init__(self, url: sa.URL, kwargs: dict[str, typing.Any]) -> None:
        super().__init__(url, kwargs)
        self._injector = _injectors[str(url.query[_NUMBER])]

    def update_url(self, url: sa.URL) -> sa.URL:
        return url.difference_update_query([_NUMBER])

    def engine_created(self, engine: sa.Engine) -> None:
        dialect = engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            setattr(dialect, name, self._statement(getattr(dialect, name)))
        for name, step in (("do_commit", Step.COMMIT), ("do_rollback", Step.ROLLBACK)):
            setattr(dialect, name, self._ending(step, getattr(dialect, name)))

    def _statement(
        self, run: collections.abc.Callable[..., object]
    ) -> collections.abc.Callable[..., None]:
        def taken(cursor: typing.Any, text: str, *arguments: object) -> None:
            work = functools.partial(run, cursor, text, *arguments)
            is_whole = text.startswith(batch.TRANSACTION)
            step = Step.WHOLE if is_whole else Step.STATEMENT
            self._injector.take(step, cursor.connection, work)

        return taken

    def _ending(
        self, step: Step, run: collections.abc.Callable[..., object]
    ) -> collections.abc.Callable[..., None]:
        def taken(conn: sa.PoolProxiedConnection) -> None:
            work = functools.partial(run, conn)
            self._injector.take(step, conn.driver_connection, work)

        return taken


plugins.register(_PLUGIN, __name__, Plugin.__name__)


class _Database(abc.ABC):
    """How to make a kind of database fail.

    ``plain`` has errors that are not retried, ``races`` those that are, ``unready``
    those of a server that is not ready for queries.
    """

    plain: tuple[int | str, ...]
    races: tuple[int | str, ...]
    unready: tuple[int | str, ...] = ()
    may_lose_in: tuple[Step, ...] = tuple(Step)

    @abc.abstractmethod
    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        """Raise the error ``code`` instead of running the step."""

    @abc.abstractmethod
    def lose_before(self, conn: _Native, run: _Run) -> None:
        """End the session on the server before the step."""

    @abc.abstractmethod
    def lose_after(self, conn: _Native, run: _Run) -> None:
        """Break the connection after the step, before its result is received."""


class _Server(_Database):
    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)

    def lose_before(self, conn: _Native, run: _Run) -> None:
        with self._engine.connect() as aside:
            sessions.end_from(aside, [self._number(conn)])
        run()

    def lose_after(self, conn: _Native, run: _Run) -> None:
        # Its failure is lost with the connection, too.
        with contextlib.suppress(psycopg2.Error, pymysql.Error):
            run()
        self._break(conn)
        with conn.cursor() as cursor:
            cursor.execute("SELECT 1")

    @abc.abstractmethod
    def _number(self, conn: _Native) -> int:
        """Return the id of the session."""

    @abc.abstractmethod
    def _break(self, conn: _Native) -> None:
        """Shut down the socket without the knowledge of the driver."""


class _Postgresql(_Server):
    # Disk full.
    plain = ("53100",)
    races = ("40001", "40P01")

    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        with conn.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")

    def _number(self, conn: _Native) -> int:
        return int(conn.info.backend_pid)

    def _break(self, conn: _Native) -> None:
        with socket.socket(fileno=os.dup(conn.fileno())) as opened:
            opened.shutdown(socket.SHUT_RDWR)


class _Mariadb(_Server):
    # Disk full.
    plain = (1021,)
    races = (1213, 1205, 1020)
    unready = (1047,)

    # Errors that roll back the whole transaction.
    _ENDED = (1213, 1020)

    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        if code in self._ENDED:
            conn.rollback()
        with conn.cursor() as cursor:
            cursor.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}")

    def _number(self, conn: _Native) -> int:
        return int(conn.thread_id())

    def _break(self, conn: _Native) -> None:
        conn._sock.shutdown(socket.SHUT_RDWR)


class _Sqlite(_Database):
    plain = ("SQLITE_CORRUPT",)
    races = ("SQLITE_BUSY", "SQLITE_LOCKED")
    # ROLLBACK does not fail in SQLite.
    may_lose_in = (Step.STATEMENT, Step.COMMIT)

    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        failure = sqlite3.OperationalError("injected")
        failure.sqlite_errorname = str(code)
        raise failure

    def lose_before(self, conn: _Native, run: _Run) -> None:
        self.refuse("SQLITE_FULL", conn, run)

    def lose_after(self, conn: _Native, run: _Run) -> None:
        run()
        self.refuse("SQLITE_IOERR_FSYNC", conn, run)


def faults(kind: str, url: str) -> list[Fault]:
    """Return all faults of the database of ``kind`` at ``url``."""
    database: _Database
    if kind == databases.SQLITE:
        database = _Sqlite()
    else:
        server = _Postgresql if kind == databases.POSTGRESQL else _Mariadb
        database = server(url)
    return [
        *_refusals(database, database.plain, Outcome.FAILED, Outcome.FAILED),
        *_refusals(database, database.races, Outcome.UNAFFECTED, Outcome.RACED),
        *_refusals(database, database.unready, Outcome.UNAFFECTED, Outcome.UNAVAILABLE),
        *_losses(database, "lost before", database.lose_before, False),
        *_losses(database, "lost after", database.lose_after, True),
    ]


_MAY_FAIL = (Step.STATEMENT, Step.WHOLE, Step.COMMIT)


def _refusals(
    database: _Database,
    codes: collections.abc.Sequence[int | str],
    once: Outcome,
    always: Outcome,
) -> collections.abc.Iterator[Fault]:
    for number, code in enumerate(codes):
        inject = functools.partial(database.refuse, code)
        variant = number, len(codes)
        once_in = dict.fromkeys(_MAY_FAIL, once)
        yield Fault(str(code), inject, once_in, variant=variant)
        if always is not once:
            yield Fault(
                f"{code} for good",
                inject,
                dict.fromkeys(_MAY_FAIL, always),
                lasts=True,
                variant=variant,
            )


def _losses(
    database: _Database, name: str, inject: _Inject, is_done: bool
) -> collections.abc.Iterator[Fault]:
    in_commit = Outcome.UNKNOWN_DONE if is_done else Outcome.UNKNOWN_NOT_DONE
    once = {
        Step.STATEMENT: Outcome.UNAFFECTED,
        Step.WHOLE: in_commit,
        Step.COMMIT: in_commit,
        Step.ROLLBACK: Outcome.UNAFFECTED,
    }
    yield Fault(name, inject, {step: once[step] for step in database.may_lose_in})
    always = {Step.STATEMENT: Outcome.UNAVAILABLE, Step.WHOLE: in_commit}
    yield Fault(f"{name} for good", inject, always, lasts=True)
