"""Repair what other services wrote to the database, when the service starts.

OpenStack's Placement, and SQL by hand, do not count allocations in
``inventories.used``, and store uuids as they were written.
"""

import logging

import sqlalchemy as sa

from placement.db import migrations, reconcile, spelling, usage_counters

LOG = logging.getLogger(__name__)


def repair(engine: sa.Engine) -> bool:
    """Reconcile usage and canonicalize uuids; requires the newest schema.

    If nothing is wrong, this takes one pass over the indexes of allocations and
    consumers, and locks nothing. Otherwise one process repairs while others that
    start wait; the cost grows with what is wrong. Running services go on.

    Returns whether anything was wrong.
    Raises Unavailable when the database is lost or too busy.
    """
    if not _is_needed(engine):
        return False
    with migrations.exclusive(engine):
        corrected = reconcile.reconcile_wrong(engine)
        rewritten = spelling.canonicalize_all(engine)
        recounted = usage_counters.reconcile_all(engine)
    if corrected or rewritten or recounted:
        LOG.warning(
            "Another service, or SQL, has written to the database: corrected the "
            "usage of %s inventories and %s limits, wrote %s uuids in canonical form. "
            "Stop other services that write to it.",
            corrected,
            recounted,
            rewritten,
        )
    return bool(corrected or rewritten)


def _is_needed(engine: sa.Engine) -> bool:
    with engine.connect() as conn:
        return (
            reconcile.is_needed(conn)
            or spelling.is_needed(conn)
            or usage_counters.is_needed(conn)
        )
