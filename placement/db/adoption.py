"""What other writers have left in the database, mended when the service starts.

Another Placement that wrote meanwhile, or SQL, has not counted what it allocated,
and stored uuids as they were written.
"""

import logging

import sqlalchemy as sa

from placement.db import migrations, reconcile, spelling

LOG = logging.getLogger(__name__)


def mend(engine: sa.Engine) -> None:
    """Mend what a service must not start with; the schema is the newest.

    Where nothing is wrong this takes one pass over the indexes of allocations and
    consumers, and locks nothing. Otherwise one process mends while others that start
    wait for it; what it locks and writes follows what is wrong. A service that is
    running goes on.

    Raises Unavailable when the database is lost or too busy.
    """
    if not _is_needed(engine):
        return
    with migrations.exclusive(engine):
        counted = reconcile.reconcile_wrong(engine)
        rewritten = spelling.mend_all(engine)
    if counted or rewritten:
        LOG.warning(
            "Another service, or SQL, has written to the database: counted %s "
            "inventories anew, rewrote %s uuids in the canonical form",
            counted,
            rewritten,
        )


def _is_needed(engine: sa.Engine) -> bool:
    with engine.connect() as conn:
        return reconcile.is_needed(conn) or spelling.is_found(conn)
