"""A transaction that is sent in one round trip, where the database allows it."""

import collections.abc
import logging

import sqlalchemy as sa

from placement import exception, metrics
from placement.db import batch, conflicts, postgresql, prepared
from placement.db.batch import Row, Step

LOG = logging.getLogger(__name__)

Plan = collections.abc.Callable[[sa.Connection], collections.abc.Sequence[Step] | None]


class Pipeline:
    """The steps of a transaction, which are sent at most once.

    ``is_refused``: a condition of them was not met.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._is_tried = False
        self._rows: list[Row] | None = None
        self.is_refused = False

    def send(self, conn: sa.Connection) -> list[Row] | None:
        """Send the steps if they were not sent yet; return the rows of the last one."""
        if not self._is_tried and prepared.find(conn) is not None:
            with postgresql.autocommit(conn):
                postgresql.ping(conn)
                self._is_tried = True
                steps = self._plan(conn)
                if steps is not None:
                    self._rows = _run(conn, steps)
                    self.is_refused = self._rows is None
        # The rows survive a retry that follows a failure to release the connection.
        return self._rows


def _run(
    conn: sa.Connection, steps: collections.abc.Sequence[Step]
) -> list[Row] | None:
    try:
        return batch.run_transaction(conn, steps)
    except sa.exc.SQLAlchemyError as failure:
        if conflicts.is_outcome_unknown(failure):
            raise outcome_unknown(failure) from failure
        raise


def outcome_unknown(failure: Exception) -> exception.Unavailable:
    """Return what is raised when the connection was lost in COMMIT, and log it."""
    LOG.warning(
        "The connection to the database was lost in COMMIT. The client got 503 and has "
        "to read again; check the database and the network: %s",
        failure,
    )
    metrics.GIVEN_UP.inc(metrics.WRITE, metrics.LOST)
    return exception.Unavailable(
        reason="The database connection was lost while the change was being "
        "committed; it is not known whether it was. Read again before you repeat it."
    )
