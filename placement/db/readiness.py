"""Whether the database can serve requests now, found out within a second."""

import logging
import threading
import time
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import conflicts, engine, mariadb, migrations, reconcile, time_limit

if typing.TYPE_CHECKING:
    from placement.conf.settings import DatabaseSettings

LOG = logging.getLogger(__name__)

# The names of the checks.
DATABASE, SCHEMA, USED, GALERA = "database", "schema", "used", "galera"
CHECKS = (DATABASE, SCHEMA, USED, GALERA)

# A result is available after this time, even if the database hangs.
SECONDS_MAX = 1.0

# A result is reused for this time, so that many probes cost one.
FRESH_SECONDS = 0.5

# Time for the pass over all allocations. It is repeated so rarely that it takes at most
# one hundredth of the time.
USED_SECONDS_MAX = 0.5
USED_SHARE = 0.01

# Threads that may wait for a database that hangs.
_THREADS_MAX = 4

_UNANSWERED = "the database does not answer"
_UNCHECKED = "not checked"
_NOT_SYNCED = "the node is not synced with its cluster"

# By the name of each check: None, or why it failed.
Findings = dict[str, str | None]

_GALERA_STATUS = """
SHOW GLOBAL STATUS WHERE variable_name IN ('wsrep_ready', 'wsrep_local_state')
"""
# The state "Synced".
_SYNCED = {"wsrep_ready": "ON", "wsrep_local_state": "4"}


class _Run:
    """One run of all checks, in a thread of its own."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + SECONDS_MAX
        self.findings: Findings = _failed(_UNANSWERED)
        self._done = threading.Event()

    def finish(self, findings: Findings) -> None:
        self.findings = findings
        self._done.set()

    def wait(self) -> Findings:
        """Return what it found, or a failure at the deadline."""
        self._done.wait(max(0.0, self.deadline - time.monotonic()))
        return self.findings

    def is_fresh(self) -> bool:
        """Return whether the result may be used by callers that come now."""
        return time.monotonic() < self.deadline - SECONDS_MAX + FRESH_SECONDS

    def is_running(self) -> bool:
        return not self._done.is_set() and time.monotonic() < self.deadline


class Readiness:
    """The checks of one process; safe for use by several threads.

    Each run opens its own connection, so it does not depend on the pool of the service.
    """

    def __init__(self, primary: sa.Engine, database: "DatabaseSettings") -> None:
        self._engine = engine.create_probe_engine(primary, database)
        self._lock = threading.Lock()
        self._threads = threading.BoundedSemaphore(_THREADS_MAX)
        self._run: _Run | None = None
        # The last pass over all allocations.
        self._is_counted = True
        self._count_again_at = 0.0

    def check(self) -> Findings:
        """Return the finding of each check, after at most ``SECONDS_MAX``.

        Callers that come at the same time share a run.
        """
        with self._lock:
            run = self._run
            if run is None or not (run.is_fresh() or run.is_running()):
                run = self._run = _Run()
                if not self._threads.acquire(blocking=False):
                    run.finish(_failed(_UNANSWERED))
                else:
                    threading.Thread(
                        target=self._work, args=(run,), name="readiness", daemon=True
                    ).start()
        return run.wait()

    def _work(self, run: _Run) -> None:
        findings: Findings = _failed(_UNCHECKED)
        findings[DATABASE] = _UNANSWERED
        try:
            with self._engine.connect() as conn:
                self._examine(conn, findings)
        except (sa.exc.SQLAlchemyError, exception.PlacementError) as failure:
            LOG.warning(
                "The database is not ready, and /readyz says so. Check it: %s",
                failure,
            )
            if _is_unready(failure):
                findings |= {DATABASE: None, GALERA: _NOT_SYNCED}
        except Exception:
            LOG.exception(
                "The database cannot be checked. Please report it with the traceback."
            )
        finally:
            self._threads.release()
            run.finish(findings)

    def _examine(self, conn: sa.Connection, findings: Findings) -> None:
        """Replace the findings, in an order in which one needs those before it."""
        if conn.dialect.name in mariadb.DIALECTS and mariadb.is_cluster_node(conn):
            rows = conn.exec_driver_sql(_GALERA_STATUS).all()
            conn.rollback()
            findings[DATABASE] = None
            if {name.lower(): value for name, value in rows} != _SYNCED:
                findings[GALERA] = _NOT_SYNCED
                return
        findings[GALERA] = None
        with time_limit.limited(conn, SECONDS_MAX):
            conn.execute(sa.select(sa.literal(1))).close()
            findings[DATABASE] = None
            is_current = migrations.is_current(conn)
            conn.rollback()
        if not is_current:
            findings[SCHEMA] = "the schema is not the newest"
            return
        findings[SCHEMA] = None
        self._count(conn)
        findings[USED] = None if self._is_counted else "allocations are not counted"

    def _count(self, conn: sa.Connection) -> None:
        began = time.monotonic()
        if began < self._count_again_at:
            return
        try:
            with time_limit.limited(conn, USED_SECONDS_MAX):
                self._is_counted = not reconcile.is_needed(conn)
        except exception.DatabaseTooSlow:
            # Starting the service and ``db audit`` take the time that it needs.
            LOG.debug("Too many allocations to check how they are counted")
        finally:
            ended = time.monotonic()
            self._count_again_at = ended + (ended - began) / USED_SHARE
            conn.rollback()


def _is_unready(failure: Exception) -> bool:
    """Return whether a node of a cluster has refused a statement."""
    return (
        isinstance(failure, sa.exc.SQLAlchemyError)
        and conflicts.meaning(failure) is conflicts.Meaning.UNREADY
    )


def _failed(reason: str) -> Findings:
    return dict.fromkeys(CHECKS, reason)
