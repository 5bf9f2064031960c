"""The statement of ``claim_pipeline`` that claims a host which is known already."""

import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from placement.db import names, predicates, revision, tables
from placement.db.arrays import array as _array
from placement.db.arrays import count as _count
from placement.db.arrays import rows as _rows
from placement.db.batch import required
from placement.objects import claim_statements, limit_statements
from placement.objects.consumer import has_allocations

_allocations = tables.allocations
_inventories = tables.inventories
_providers = tables.resource_providers
_numbered = _providers.alias("numbered")

_TEXT = sa.Text()
_INT = sa.Integer()


def _place() -> sa.Select[typing.Any]:
    """Claim a host for a new consumer, if it is still the first one that fits.

    Does what ADD, ADVANCE and RESERVE do, for one consumer and one host, known by its
    id. It is the last one of ``Seen``; the other conditions are those. Requires that no
    project has limits. Selects the generation of the host.

    The database checks the definition of the host again once it has locked it, so
    nothing that a search looks at has changed when the claim is written.

    wanted: the units of a class
    advanced: the host
    """
    wanted = _rows("wanted", classes=_INT, units=_INT)
    host_id = sa.bindparam("host_id", type_=_INT)
    consumer = sa.cast(sa.bindparam("consumer"), _TEXT)
    added = claim_statements.insert_allocations(
        sa.select(
            claim_statements.NOW, host_id, wanted.c.classes, consumer, wanted.c.units
        )
    )
    is_same = revision.of_definition(_providers) == sa.bindparam(
        "definition", type_=sa.BigInteger
    )
    is_host = sa.and_(
        _providers.c.id == host_id, is_same, predicates.is_in_service(_providers)
    )
    advanced = (
        claim_statements.advance(is_host)
        .returning(_providers.c.generation)
        .cte("advanced")
    )
    reserved = claim_statements.reserve_where(
        wanted.c.units,
        wanted.c.units,
        _inventories.c.resource_provider_id == host_id,
        _inventories.c.resource_class_id == wanted.c.classes,
    )
    amount_count = sa.bindparam("amount_count", type_=_INT)
    owned = sa.select(
        consumer.label("consumers"),
        *(
            sa.cast(sa.bindparam(name), _TEXT).label(f"{name}s")
            for name in ("project", "user", "type")
        ),
    ).subquery("wanted")
    return required(
        _count(claim_statements.add_consumers(claim_statements.with_owner(owned))) == 1,
        _count(added) == amount_count,
        sa.not_(has_allocations(_allocations.c.consumer_id == consumer)),
        limit_statements.require(False),
        *_is_as_seen(),
        # In the order of locks.
        _count(advanced) == 1,
        _count(reserved) == amount_count,
        result=sa.select(advanced.c.generation).scalar_subquery(),
    )


def _is_as_seen() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that what was ``Seen`` is still so.

    found: the number of providers that are where those were seen, and how many of them
        are as they were seen
    """
    first = sa.bindparam("place", type_=sa.BigInteger) % sa.func.max(_numbered.c.id)
    root_id = _providers.c.root_provider_id
    is_full = _providers.c.id == sa.any_(_array("full", _INT))
    number = sa.case(
        (is_full, _providers.c.revision), else_=revision.of_definition(_providers)
    )
    position = sa.func.array_position(_array("ids", _INT), _providers.c.id)
    revisions = sa.sql.elements.Grouping(_array("revisions", sa.BigInteger()))
    seen_number = sa.type_coerce(revisions, postgresql.ARRAY(sa.BigInteger))[position]
    found = (
        sa.select(
            sa.func.count().label("all"),
            sa.func.count().filter(number == seen_number).label("same"),
        )
        .where(
            root_id > sa.select(first).scalar_subquery(),
            root_id <= sa.bindparam("host_id", type_=_INT),
        )
        .subquery("found")
    )
    host_count = sa.bindparam("host_count", type_=_INT)
    are_same = sa.select(
        sa.and_(found.c.all == host_count, found.c.same == host_count)
    ).scalar_subquery()
    traits = tables.resource_provider_traits
    is_shared = sa.exists().where(
        traits.c.trait_id == sa.bindparam("sharing_trait_id", type_=_INT)
    )
    names_revision = sa.bindparam("names_revision", type_=sa.BigInteger)
    return (
        are_same,
        names.REVISION.scalar_subquery() == names_revision,
        sa.not_(is_shared),
    )


PLACE = _place()
