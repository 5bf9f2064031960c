"""Read from a standby of PostgreSQL, without missing committed changes.

Every change that was acknowledged before a read is in the primary's log (WAL) up to
its current position. So the position is read from the primary, and the standby is used
if it has replayed the log up to there. If it is behind or fails, the primary answers.
"""

import collections.abc
import logging
import threading
import time
import typing

import sqlalchemy as sa

from placement import metrics
from placement.db import conflicts, engine, pooler

if typing.TYPE_CHECKING:
    from placement.conf.settings import DatabaseSettings

LOG = logging.getLogger(__name__)

_Result = typing.TypeVar("_Result")

# Time without using a standby that has failed.
PAUSE_SECONDS = 10.0

# Pauses between checks of a standby that is behind; then the primary is used.
WAITS_SECONDS = (0.002, 0.004, 0.008, 0.016)

# A standby cancels queries that conflict with replay, and connections end when it
# restarts. It can be used again at once, unless connecting fails as well.
_TRANSIENT = (conflicts.Meaning.RETRY, conflicts.Meaning.LOST)

# One row; none if the server is a standby itself. With synchronous_commit off, a commit
# is acknowledged before it is flushed.
_POSITION = sa.text("""
SELECT
    system_identifier AS system,
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline,
    CAST(
        CASE current_setting('synchronous_commit')
            WHEN 'off' THEN pg_current_wal_insert_lsn()
            ELSE pg_current_wal_flush_lsn()
        END
        AS text
    ) AS place
FROM pg_control_system()
WHERE NOT pg_is_in_recovery()
""")

# After a failover, the same position can be in different logs, so the timelines have to
# match. The one of a standby is never reported too high, but may be too low until its
# next restartpoint.
_STATE = sa.text("""
SELECT
    pg_is_in_recovery()
    AND system_identifier = :system
    AND greatest(timeline_id, min_recovery_end_timeline) = :timeline AS follows,
    pg_last_wal_replay_lsn() >= CAST(:place AS pg_lsn) AS has_reached
FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()
""")


class _Position(typing.NamedTuple):
    """A position in the log of a primary: system, timeline, and place (LSN)."""

    system: int
    timeline: int
    place: str


class Replica:
    """A standby, and whether it can be used."""

    def __init__(self, database: sa.Engine) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Monotonic time.
        self._unused_until = 0.0
        # It followed the primary at the last check.
        self._is_usable = False
        # It was behind at the last check, and is not waited for now.
        self._is_behind = False

    def read(
        self,
        primary: sa.Connection,
        work: collections.abc.Callable[[sa.Connection], _Result],
    ) -> _Result:
        """Run ``work`` in one snapshot that has all changes committed until now.

        Reads from the standby if it has them, at the cost of one statement on the
        primary and usually one on the standby. Otherwise, or if the standby fails
        meanwhile, reads from ``primary``, which has no open transaction.

        Raises what ``work`` raises, and database failures of the primary only.
        """
        position = self._position(primary) if self._is_enabled() else None
        standby = self._connect() if position is not None else None
        if position is not None and standby is not None:
            try:
                with standby:
                    if self._has_all(standby, position):
                        result = work(engine.for_reading(standby))
                        metrics.STANDBY_READS.inc(metrics.STANDBY_USED)
                        return result
            except sa.exc.SQLAlchemyError as failure:
                self._note(failure)
        reason = metrics.STANDBY_BEHIND if self._is_behind else metrics.STANDBY_FAILED
        metrics.STANDBY_READS.inc(reason)
        return work(engine.for_reading(primary))

    def _is_enabled(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._unused_until:
                return False
            if not self._is_usable:
                # One reader checks the standby; the others use the primary meanwhile.
                self._unused_until = now + PAUSE_SECONDS
            return True

    def _position(self, primary: sa.Connection) -> _Position | None:
        """Return the current position of the primary; None if it is unavailable."""
        reading = primary.execution_options(isolation_level="AUTOCOMMIT")
        try:
            row = reading.execute(_POSITION).one_or_none()
        except sa.exc.DBAPIError as failure:
            # Without the privilege, or on a database that only resembles PostgreSQL.
            if conflicts.meaning(failure) is not conflicts.Meaning.BUG:
                raise
            self._pause(_reason(failure))
            return None
        finally:
            # Ends the transaction of SQLAlchemy; sends nothing.
            reading.rollback()
        return None if row is None else _Position(*row)

    def _connect(self) -> sa.Connection | None:
        try:
            conn = self._database.connect()
        except sa.exc.SQLAlchemyError as failure:
            self._pause(_reason(failure))
            return None
        if pooler.find(conn) is not None:
            # It may run the check and the read on different servers.
            conn.close()
            self._pause("slave_connection leads to a pooler")
            return None
        return conn

    def _has_all(self, conn: sa.Connection, position: _Position) -> bool:
        """Return whether the standby has replayed the log up to ``position``."""
        checking = conn.execution_options(isolation_level="AUTOCOMMIT")
        for wait in (*(() if self._is_behind else WAITS_SECONDS), None):
            state = checking.execute(_STATE, position._asdict()).one()
            # Sends nothing, as above.
            checking.rollback()
            if not state.follows:
                self._pause("it does not follow the primary")
                return False
            self._note_usable()
            if state.has_reached:
                self._is_behind = False
                return True
            if wait is not None:
                time.sleep(wait)
        self._is_behind = True
        return False

    def _note_usable(self) -> None:
        if not self._is_usable:
            LOG.info("Reading from the replica %s", self._name())
            with self._lock:
                self._is_usable = True
                self._unused_until = 0.0

    def _note(self, failure: sa.exc.SQLAlchemyError) -> None:
        if conflicts.meaning(failure) not in _TRANSIENT:
            self._pause(_reason(failure))
            return
        LOG.info("The replica has interrupted a read: %s", _reason(failure))
        with self._lock:
            self._is_usable = False
            self._unused_until = 0.0

    def _pause(self, reason: str) -> None:
        LOG.warning(
            "The replica %s is not used for %.0f seconds, the primary is read instead. "
            "Check the replica: %s",
            self._name(),
            PAUSE_SECONDS,
            reason,
        )
        with self._lock:
            self._is_usable = False
            self._unused_until = time.monotonic() + PAUSE_SECONDS

    def _name(self) -> str:
        return self._database.url.render_as_string()


def create(primary: sa.Engine, database: "DatabaseSettings") -> Replica | None:
    """Return the configured replica of ``primary``, without connecting.

    None if none is configured, or if ``primary`` is not PostgreSQL, which is logged.

    Raises ConfigurationError when its URL is invalid.
    """
    if not database.slave_connection:
        return None
    if primary.dialect.name != "postgresql":
        LOG.warning(
            "[placement_database] slave_connection is not used: connection is %s, and "
            "only a standby of PostgreSQL can be read from.",
            primary.dialect.name,
        )
        return None
    return Replica(engine.create_replica_engine(database))


def _reason(failure: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(failure, "orig", failure)).strip()
