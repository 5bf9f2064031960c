"""Counts of records that older databases lack; upgrade checks report them."""

import sqlalchemy as sa

from placement.db import tables

_providers = tables.resource_providers
_allocations = tables.allocations
_consumers = tables.consumers


def missing_root_provider_ids(conn: sa.Connection) -> int:
    """Count the providers without a root; they predate trees."""
    select = sa.select(sa.func.count()).where(_providers.c.root_provider_id.is_(None))
    return conn.scalar(select) or 0


def incomplete_consumers(conn: sa.Connection) -> int:
    """Count the consumers that have allocations but no record."""
    return conn.scalar(sa.select(sa.func.count()).select_from(without_record())) or 0


def without_record() -> sa.Subquery:
    """Select the distinct ``consumer_id`` of allocations without a consumer record."""
    return (
        sa.select(_allocations.c.consumer_id)
        .distinct()
        .outerjoin(_consumers, _consumers.c.uuid == _allocations.c.consumer_id)
        .where(_consumers.c.id.is_(None))
        .subquery()
    )
