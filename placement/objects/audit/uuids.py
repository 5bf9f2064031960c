"""Facts about uuids: they are stored in canonical form, and once."""

import collections.abc

import sqlalchemy as sa

from placement.db import spelling, tables
from placement.objects.audit.fact import Fact, Findings, Repair, provider_uuid

_providers = tables.resource_providers
_consumers = tables.consumers


def _misspelled(table: sa.Table, name: str, is_taken: bool) -> Findings:
    """Select uuids that are not canonical, with the canonical form taken or free."""
    taken = spelling.is_taken(table)
    return (
        sa.select(
            table.c.uuid.label(name),
            table.c.id,
            spelling.canonical(table.c.uuid).label("canonical"),
        )
        .where(
            spelling.is_misspelled(table.c.uuid), taken if is_taken else sa.not_(taken)
        )
        .order_by(table.c.id)
    )


def _misspelled_aggregates() -> Findings:
    wrong = spelling.misspelled_memberships().subquery("misspelled")
    return (
        sa.select(provider_uuid(), wrong.c.provider_id, wrong.c.uuid.label("aggregate"))
        .join(_providers, _providers.c.id == wrong.c.provider_id)
        .order_by(wrong.c.provider_id, wrong.c.aggregate_id)
    )


def _canonicalize_with(
    canonicalize: collections.abc.Callable[[sa.Connection, spelling.Ids], int],
) -> Repair:
    return lambda conn, keys, _settings: canonicalize(conn, sorted(set(keys)))


CONSUMER_SPELLING = Fact(
    "consumer_spelling",
    "The uuid of a consumer is not stored in lower case with dashes, so requests do "
    "not find the consumer.",
    "Rewrites the uuid, also in the allocations.",
    _misspelled(_consumers, "consumer", is_taken=False),
    "id",
    _canonicalize_with(spelling.canonicalize_consumers),
)
PROVIDER_SPELLING = Fact(
    "provider_spelling",
    "The uuid of a provider is not stored in lower case with dashes, so requests do "
    "not find the provider.",
    "Rewrites the uuid.",
    _misspelled(_providers, "provider", is_taken=False),
    "id",
    _canonicalize_with(spelling.canonicalize_providers),
)
AGGREGATE_SPELLING = Fact(
    "aggregate_spelling",
    "A provider is in an aggregate whose uuid is not stored in lower case with dashes, "
    "so member_of does not find the provider.",
    "Moves the provider to the aggregate with the canonical uuid; the provider still "
    "shows the uuid as it was written.",
    _misspelled_aggregates(),
    "provider_id",
    _canonicalize_with(spelling.canonicalize_aggregates),
)
CONSUMER_TWICE = Fact(
    "consumer_twice",
    "A consumer is stored under two spellings of its uuid, and requests find only the "
    "canonical one.",
    "Delete the record and the allocations of the other one with SQL, then run --fix "
    "to recount the usage.",
    _misspelled(_consumers, "consumer", is_taken=True),
)
PROVIDER_TWICE = Fact(
    "provider_twice",
    "A provider is stored under two spellings of its uuid, and requests find only the "
    "canonical one.",
    "Give the other one a new uuid with SQL. Requests find it then, and can delete it.",
    _misspelled(_providers, "provider", is_taken=True),
)
