"""Faults of a database, at a chosen step of what the service does with it.

The service is given a URL that names a plugin of SQLAlchemy, and takes all its steps
through it: each statement, COMMIT and ROLLBACK. A server of databases is really asked
for the error, and connections to it really end; a file has its errors made up.
"""

import abc
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

# What drivers call a connection.
_Native = typing.Any
_Run = collections.abc.Callable[[], object]

# One of so many steps is befallen, other ones by each fault; 1 for all of them, which
# takes some minutes.
_STRIDE = int(os.environ.get("PLACEMENT_TEST_FAULTS_EVERY", "5"))

# What lasts comes to the same wherever it begins.
_STRIDE_OF_LASTING = max(5, _STRIDE)


class Step(enum.Enum):
    """What the service does with a database; the first one is BEGIN's, too.

    A transaction that is sent at once is a step of its own, with its end in it.
    """

    STATEMENT = "statement"
    WHOLE = "whole transaction"
    COMMIT = "commit"
    ROLLBACK = "rollback"


class Outcome(enum.Enum):
    """What a request that met a fault has to come to.

    As without the fault; as the failure that is nobody's fault (500), as a race that
    does not end (409), as one that could not be (503), all with nothing written; as
    one that nobody knows about (503), with everything written or nothing.
    """

    AS_EVER = "as ever"
    FAILED = "failed"
    RACED = "raced"
    UNAVAILABLE = "unavailable"
    DONE_UNKNOWN = "done, which nobody knows"
    NOT_DONE_UNKNOWN = "not done, which nobody knows"


_Strike = collections.abc.Callable[[_Native, _Run], None]


class Fault(typing.NamedTuple):
    """What befalls a step: ``strike`` gets the connection, and what would take it.

    ``outcomes`` has the kinds of steps that it may befall. One that ``lasts`` befalls
    all that come after, too; some of the steps are enough for it to begin at.
    """

    name: str
    strike: _Strike
    outcomes: dict[Step, Outcome]
    lasts: bool = False

    def numbers(self) -> collections.abc.Iterator[int]:
        """Yield the numbers of the steps that it should befall, without an end."""
        if Step.STATEMENT not in self.outcomes:
            return itertools.count(1)
        stride = _STRIDE_OF_LASTING if self.lasts else _STRIDE
        start = 1 + zlib.crc32(self.name.encode()) % stride
        # The first may be all that there is.
        first = [1] if start > 1 else []
        return itertools.chain(first, itertools.count(start, stride))


class Injector:
    """Lets one fault befall one step of a request, by its number from 1 on."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._number = self._seen = 0
        # The step that it befell first, and whether that would have failed anyway.
        self.struck: Step | None = None
        self.has_failed = False

    def arm(self, fault: Fault, number: int) -> None:
        """Let ``fault`` befall the step ``number``, of those that it may befall."""
        self._fault, self._number = fault, number
        self._seen, self.struck, self.has_failed = 0, None, False

    def disarm(self) -> "Outcome | None":
        """Let nothing happen from now on.

        Returns what has to come of the request; None if nothing befell it.
        """
        fault, self._fault = self._fault, None
        if fault is None or self.struck is None:
            return None
        outcome = fault.outcomes[self.struck]
        if outcome is Outcome.DONE_UNKNOWN and self.has_failed:
            return Outcome.NOT_DONE_UNKNOWN
        return outcome

    def take(self, step: Step, conn: _Native, run: _Run) -> None:
        """Take a step with ``run``, unless it is befallen by something."""
        fault = self._fault
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
        fault.strike(conn, run)

    def _watched(self, run: _Run) -> None:
        try:
            run()
        except Exception:
            self.has_failed = True
            raise


_injectors: dict[str, Injector] = {}
_numbers = itertools.count()


def injected(url: str) -> tuple[str, Injector]:
    """Return a URL of the same database, and what befalls who uses that."""
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
    """How a kind of database is made to fail.

    ``plain`` are errors that no request is to blame for, ``races`` those that ask to
    begin anew, ``unready`` those of a server that takes no work yet.
    """

    plain: tuple[int | str, ...]
    races: tuple[int | str, ...]
    unready: tuple[int | str, ...] = ()
    may_lose_in: tuple[Step, ...] = tuple(Step)

    @abc.abstractmethod
    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        """Raise the error ``code`` instead of taking the step."""

    @abc.abstractmethod
    def lose_before(self, conn: _Native, run: _Run) -> None:
        """Have the server end the session before the step."""

    @abc.abstractmethod
    def lose_after(self, conn: _Native, run: _Run) -> None:
        """Have the connection break when the step was taken, before that is told."""


class _Server(_Database):
    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)

    def lose_before(self, conn: _Native, run: _Run) -> None:
        with self._engine.connect() as aside:
            sessions.end_from(aside, [self._number(conn)])
        run()

    def lose_after(self, conn: _Native, run: _Run) -> None:
        # Of a failure nobody is told, either.
        with contextlib.suppress(psycopg2.Error, pymysql.Error):
            run()
        self._break(conn)
        with conn.cursor() as cursor:
            cursor.execute("SELECT 1")

    @abc.abstractmethod
    def _number(self, conn: _Native) -> int:
        """Return the number of the session."""

    @abc.abstractmethod
    def _break(self, conn: _Native) -> None:
        """Close the connection as far as the network goes, unseen by the driver."""


class _Postgresql(_Server):
    # The disk is full.
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
    # The disk is full.
    plain = (1021,)
    races = (1213, 1205, 1020)
    unready = (1047,)

    # Those that have ended the whole transaction.
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
    # It never failed to roll back.
    may_lose_in = (Step.STATEMENT, Step.COMMIT)

    def refuse(self, code: int | str, conn: _Native, run: _Run) -> None:
        failure = sqlite3.OperationalError("struck")
        failure.sqlite_errorname = str(code)
        raise failure

    def lose_before(self, conn: _Native, run: _Run) -> None:
        self.refuse("SQLITE_FULL", conn, run)

    def lose_after(self, conn: _Native, run: _Run) -> None:
        run()
        self.refuse("SQLITE_IOERR_FSYNC", conn, run)


def faults(kind: str, url: str) -> list[Fault]:
    """Return all that may befall a database of ``kind``, which is at ``url``."""
    database: _Database
    if kind == databases.SQLITE:
        database = _Sqlite()
    else:
        server = _Postgresql if kind == databases.POSTGRESQL else _Mariadb
        database = server(url)
    return [
        *_refusals(database, database.plain, Outcome.FAILED, Outcome.FAILED),
        *_refusals(database, database.races, Outcome.AS_EVER, Outcome.RACED),
        *_refusals(database, database.unready, Outcome.AS_EVER, Outcome.UNAVAILABLE),
        *_losses(database, "lost before", database.lose_before, False),
        *_losses(database, "lost after", database.lose_after, True),
    ]


_MAY_FAIL = (Step.STATEMENT, Step.WHOLE, Step.COMMIT)


def _refusals(
    database: _Database,
    codes: collections.abc.Iterable[int | str],
    once: Outcome,
    always: Outcome,
) -> collections.abc.Iterator[Fault]:
    for code in codes:
        strike = functools.partial(database.refuse, code)
        yield Fault(str(code), strike, dict.fromkeys(_MAY_FAIL, once))
        if always is not once:
            yield Fault(
                f"{code} for good",
                strike,
                dict.fromkeys(_MAY_FAIL, always),
                lasts=True,
            )


def _losses(
    database: _Database, name: str, strike: _Strike, is_done: bool
) -> collections.abc.Iterator[Fault]:
    in_commit = Outcome.DONE_UNKNOWN if is_done else Outcome.NOT_DONE_UNKNOWN
    once = {
        Step.STATEMENT: Outcome.AS_EVER,
        Step.WHOLE: in_commit,
        Step.COMMIT: in_commit,
        Step.ROLLBACK: Outcome.AS_EVER,
    }
    yield Fault(name, strike, {step: once[step] for step in database.may_lose_in})
    always = {Step.STATEMENT: Outcome.UNAVAILABLE, Step.WHOLE: in_commit}
    yield Fault(f"{name} for good", strike, always, lasts=True)
