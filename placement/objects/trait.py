"""Traits, and their associations with providers."""

import collections.abc
import datetime
import typing

import sqlalchemy as sa

from placement import exception
from placement.db import batch, names, tables, unique
from placement.db.batch import Step
from placement.objects import change, resource_provider
from placement.objects.association import Associations
from placement.objects.resource_provider import ProviderChildren, ResourceProvider

_traits = tables.traits
_associations = tables.resource_provider_traits
ASSOCIATIONS = Associations(_associations.c.trait_id)


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
    """Return the traits that meet all given filters, ordered by id.

    ``among``: the name is one of these. ``prefix``: the name starts with this.
    ``associated``: some provider has the trait, or none has.
    """
    select = _SELECT.order_by(_traits.c.id)
    if among is not None:
        select = select.where(_traits.c.name.in_(sorted(among)))
    if associated is not None:
        select = select.where(_is_associated if associated else ~_is_associated)
    found = (Trait(*row) for row in conn.execute(select))
    # Not LIKE: its case sensitivity and wildcards differ between databases.
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
    """Create a custom trait unless it exists; return it and whether it was created."""
    try:
        return get_by_name(conn, name), False
    except exception.TraitNotFound:
        unique.insert_or_retry(conn, _traits, name=name)
        names.advance_revision(conn)
        return get_by_name(conn, name), True


def delete(conn: sa.Connection, name: str) -> None:
    """Delete a custom trait that no provider has.

    If another transaction gives it to a provider meanwhile, the later of the two
    breaks the foreign key and is retried.

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
        # Another transaction deleted it after it was read.
        raise exception.TraitNotFound(names=name)
    names.advance_revision(conn)


def get_all_by_resource_provider(
    conn: sa.Connection,
    uuid: str,
    after: collections.abc.Sequence[Step] = (),
) -> tuple[ResourceProvider, list[Trait]]:
    """Return a provider and its traits, ordered by id.

    The steps ``after`` are sent first, in the same round trip if possible.

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
    """Replace the traits ``present`` of a provider by those with the ids ``wanted``.

    Advances the generation only if the set changes.

    Returns the updated provider and its traits.
    Raises StaleGeneration when the generation has changed since both were read.
    """
    steps = ASSOCIATIONS.replace_steps(
        provider.id, {each.id for each in present}, wanted
    )
    if not steps:
        return provider, present
    try:
        # Every change of traits advances the generation, so ``present`` is current.
        resource_provider.advance_generation(
            conn, provider, provider.generation, kind=change.TRAITS
        )
    except exception.ConcurrentUpdate as stale:
        raise exception.StaleGeneration() from stale
    return get_all_by_resource_provider(conn, provider.uuid, steps)


def remove_all(conn: sa.Connection, provider: ResourceProvider) -> None:
    """Remove all traits of the provider; advance its generation if it had any."""
    resource_provider.lock(conn, [provider.id])
    present = ASSOCIATIONS.members(conn, provider.id)
    if steps := ASSOCIATIONS.replace_steps(provider.id, present, set()):
        resource_provider.advance_generation(conn, provider, kind=change.TRAITS)
        batch.run(conn, steps)
