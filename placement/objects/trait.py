"""Traits: what a provider is like, and which providers have which."""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, names, tables
from placement.db.batch import Step
from placement.objects import resource_provider
from placement.objects.association import Associations
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_traits = tables.traits
_associations = tables.resource_provider_traits
_KIND = Associations(_associations.c.trait_id)


class Trait(typing.NamedTuple):
    id: int
    name: str
    modified: datetime.datetime | None


_COLUMNS = (
    _traits.c.id,
    _traits.c.name,
    sa.func.coalesce(_traits.c.updated_at, _traits.c.created_at),
)
_SELECT = sa.select(*_COLUMNS)
_is_associated = _traits.c.id.in_(sa.select(_associations.c.trait_id))


def get_all(
    conn: sa.Connection,
    among: collections.abc.Collection[str] | None = None,
    prefix: str | None = None,
    associated: bool | None = None,
) -> list[Trait]:
    """Return traits ordered by id: all, or those that meet every filter given.

    ``among`` names the only ones that count, ``prefix`` is what the name begins
    with, ``associated`` asks whether any provider has it.
    """
    select = _SELECT.order_by(_traits.c.id)
    if among is not None:
        select = select.where(_traits.c.name.in_(sorted(among)))
    if associated is not None:
        select = select.where(_is_associated if associated else ~_is_associated)
    found = (Trait(*row) for row in conn.execute(select))
    # In SQL, whether case counts and what a wildcard is differ by database.
    return [trait for trait in found if trait.name.startswith(prefix or "")]


def get_by_name(conn: sa.Connection, name: str) -> Trait:
    """Return one trait.

    Raises TraitNotFound.
    """
    row = conn.execute(_SELECT.where(_traits.c.name == name)).first()
    if row is None:
        raise exception.TraitNotFound(names=name)
    return Trait(*row)


def ensure(conn: sa.Connection, name: str) -> tuple[Trait, bool]:
    """Add a custom trait unless it exists; returns it, and whether it was added."""
    try:
        return get_by_name(conn, name), False
    except exception.TraitNotFound:
        conn.execute(sa.insert(_traits).values(name=name))
        names.advance_revision(conn)
        return get_by_name(conn, name), True


def delete(conn: sa.Connection, name: str) -> None:
    """Take away a custom trait that no provider has.

    A provider that gets it at the same moment breaks a foreign key, on whichever
    side comes second.

    Raises TraitNotFound, BadRequest for a standard trait, and TraitInUse.
    """
    trait = get_by_name(conn, name)
    if not names.is_custom(name):
        raise exception.BadRequest(reason=f"Cannot delete standard trait {name}.")
    used = sa.select(sa.literal(1)).where(_associations.c.trait_id == trait.id)
    if conn.scalar(used.limit(1)) is not None:
        raise exception.TraitInUse(name=name)
    gone = conn.execute(sa.delete(_traits).where(_traits.c.id == trait.id))
    if gone.rowcount == 0:
        # Another request has deleted it since it was read.
        raise exception.TraitNotFound(names=name)
    names.advance_revision(conn)


def get_all_by_resource_provider(
    conn: sa.Connection,
    uuid: str,
    after: collections.abc.Sequence[Step] = (),
) -> tuple[ResourceProvider, list[Trait]]:
    """Return a provider and its traits, ordered by id.

    Runs one statement when the steps ``after`` are done.

    Raises ResourceProviderNotFound.
    """
    provider, rows = _OF_PROVIDER.read(conn, uuid, after)
    return provider, list(map(Trait._make, rows))


_OF_PROVIDER = ProviderChildren(
    *_COLUMNS,
    source=sa.join(_associations, _traits, _traits.c.id == _associations.c.trait_id),
    owner=_associations.c.resource_provider_id,
    order=_traits.c.id,
)


def replace_all(
    conn: sa.Connection,
    provider: ResourceProvider,
    present: list[Trait],
    wanted: set[int],
) -> tuple[ResourceProvider, list[Trait]]:
    """Make ``wanted``, which are ids, the traits of a provider that had ``present``.

    The generation moves only if the set changes.

    Returns the provider and its traits as they are then.
    Raises StaleGeneration when the generation has moved since both were read.
    """
    steps = _KIND.replacing(provider.id, {each.id for each in present}, wanted)
    if not steps:
        return provider, present
    try:
        # Every change of traits moves it, so they are what was read.
        resource_provider.advance_generation(conn, provider, provider.generation)
    except exception.ConcurrentUpdate as stale:
        raise exception.StaleGeneration() from stale
    return get_all_by_resource_provider(conn, provider.uuid, steps)


def remove_all(conn: sa.Connection, provider: ResourceProvider) -> None:
    """Take all traits from the provider; its generation moves if it had any."""
    resource_provider.lock(conn, [provider.id])
    present = _KIND.members(conn, provider.id)
    if steps := _KIND.replacing(provider.id, present, set()):
        resource_provider.advance_generation(conn, provider)
        batch.run(conn, steps)
