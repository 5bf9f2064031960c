"""A standby of PostgreSQL that answers readers, as soon as it has what they may know.

Whatever was acknowledged before a reader began is in the log of the primary, up to
where that is at this moment. A standby that has replayed the log as far as that shows
all of it. So the primary is asked where its log is, and then the standby; when that is
behind, or anything else is the matter with it, the primary answers.
"""

import collections.abc
import logging
import threading
import time
import typing

import sqlalchemy as sa

from placement.db import conflicts, engine

if typing.TYPE_CHECKING:
    from placement.conf.settings import DatabaseSettings

LOG = logging.getLogger(__name__)

_Result = typing.TypeVar("_Result")

# For so long a standby is not asked that could not be used.
PAUSE_SECONDS = 10.0

# Between two looks at a standby that is behind; after the last one it is given up.
WAITS_SECONDS = (0.002, 0.004, 0.008, 0.016)

# It ends readers who are in the way of what it replays, and those of before it was
# started again; what does not let itself be connected to is another thing.
_FINE_NEXT_TIME = (conflicts.Meaning.RETRY, conflicts.Meaning.LOST)

# One row, or none of a server that is a standby itself. With synchronous_commit off a
# commit is acknowledged before its place in the log is on the disk.
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

# After a fail-over logs with the same place in them may differ. The timeline that a
# standby has got to is never said too high, but too low until its next restartpoint.
_LOOK = sa.text("""
SELECT
    pg_is_in_recovery()
    AND system_identifier = :system
    AND greatest(timeline_id, min_recovery_end_timeline) = :timeline AS follows,
    pg_last_wal_replay_lsn() >= CAST(:place AS pg_lsn) AS has_reached
FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()
""")


class _Position(typing.NamedTuple):
    """Where the log of a primary is: of which system, on which timeline, how far."""

    system: int
    timeline: int
    place: str


class Replica:
    """A standby, and what is known of how it does."""

    def __init__(self, database: sa.Engine) -> None:
        self._database = database
        self._lock = threading.Lock()
        # By the monotonic clock.
        self._left_alone_until = 0.0
        # It could be used when it was asked last.
        self._is_proven = False
        # It was behind at the last look; it is looked at, but not waited for.
        self._is_behind = False

    def read(
        self,
        primary: sa.Connection,
        work: collections.abc.Callable[[sa.Connection], _Result],
    ) -> _Result:
        """Run ``work`` in one snapshot that has all that is acknowledged now.

        That is of the standby if it has it, at the cost of one statement more on
        the primary and usually one on the standby. Else, or if the standby fails
        meanwhile, it is of the database of ``primary``, on which no transaction is
        open.

        Raises what ``work`` raises, and of failures of a database only those of the
        primary.
        """
        position = self._position(primary) if self._may_be_asked() else None
        standby = self._connect() if position is not None else None
        if position is not None and standby is not None:
            try:
                with standby:
                    if self._has_all(standby, position):
                        return work(engine.for_reading(standby))
            except sa.exc.SQLAlchemyError as failure:
                self._note(failure)
        return work(engine.for_reading(primary))

    def _may_be_asked(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._left_alone_until:
                return False
            if not self._is_proven:
                # Who finds out waits; all others need not.
                self._left_alone_until = now + PAUSE_SECONDS
            return True

    def _position(self, primary: sa.Connection) -> _Position | None:
        """Ask where the log of the primary is; None if that cannot be said."""
        asking = primary.execution_options(isolation_level="AUTOCOMMIT")
        try:
            row = asking.execute(_POSITION).one_or_none()
        except sa.exc.DBAPIError as failure:
            # Who may not ask, or asks what only resembles PostgreSQL, can still read.
            if conflicts.meaning(failure) is not conflicts.Meaning.BUG:
                raise
            self._leave_alone(_reason(failure))
            return None
        finally:
            # Nothing is sent: the next transaction may begin otherwise.
            asking.rollback()
        return None if row is None else _Position(*row)

    def _connect(self) -> sa.Connection | None:
        try:
            return self._database.connect()
        except sa.exc.SQLAlchemyError as failure:
            self._leave_alone(_reason(failure))
            return None

    def _has_all(self, conn: sa.Connection, position: _Position) -> bool:
        """Say whether the standby has the log up to there, or gets it very soon."""
        looking = conn.execution_options(isolation_level="AUTOCOMMIT")
        for wait in (*(() if self._is_behind else WAITS_SECONDS), None):
            look = looking.execute(_LOOK, position._asdict()).one()
            # Nothing is sent, as above.
            looking.rollback()
            if not look.follows:
                self._leave_alone("it does not follow the primary")
                return False
            self._prove()
            if look.has_reached:
                self._is_behind = False
                return True
            if wait is not None:
                time.sleep(wait)
        self._is_behind = True
        return False

    def _prove(self) -> None:
        if not self._is_proven:
            LOG.info("The replica %s answers readers", self._name())
            with self._lock:
                self._is_proven = True
                self._left_alone_until = 0.0

    def _note(self, failure: sa.exc.SQLAlchemyError) -> None:
        if conflicts.meaning(failure) not in _FINE_NEXT_TIME:
            self._leave_alone(_reason(failure))
            return
        LOG.info("The replica has not answered to the end: %s", _reason(failure))
        with self._lock:
            self._is_proven = False
            self._left_alone_until = 0.0

    def _leave_alone(self, reason: str) -> None:
        LOG.warning(
            "The replica %s is not asked for %.0f seconds: %s",
            self._name(),
            PAUSE_SECONDS,
            reason,
        )
        with self._lock:
            self._is_proven = False
            self._left_alone_until = time.monotonic() + PAUSE_SECONDS

    def _name(self) -> str:
        return self._database.url.render_as_string()


def create(primary: sa.Engine, database: "DatabaseSettings") -> Replica | None:
    """Return the replica of ``primary`` that is configured; connects to nothing yet.

    None if there is none; also where ``primary`` is not PostgreSQL, and the log says
    so.

    Raises ConfigurationError when its URL cannot be used.
    """
    if not database.slave_connection:
        return None
    if primary.dialect.name != "postgresql":
        LOG.warning(
            "[placement_database] slave_connection is not used: connection is of %s, "
            "and only a standby of PostgreSQL is read from.",
            primary.dialect.name,
        )
        return None
    return Replica(engine.create_replica_engine(database))


def _reason(failure: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(failure, "orig", failure)).strip()
