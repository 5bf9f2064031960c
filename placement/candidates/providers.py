"""Which providers match the filters of a listing."""

import typing

import sqlalchemy as sa

from placement.candidates.model import ProviderFilters
from placement.candidates.query import plan, resolve
from placement.candidates.sql import statements
from placement.candidates.sql.reader import Reader
from placement.candidates.trait_bits import TraitBits

if typing.TYPE_CHECKING:
    from placement.context import RequestContext


def find_ids(
    conn: sa.Connection, context: "RequestContext", filters: ProviderFilters
) -> "sa.Select[tuple[int]] | None":
    """Return a statement that selects the ids of the providers that match.

    It is not ordered. None: nothing that is stored can match. All names are looked
    up first, so that an unknown one is never hidden by an empty answer.

    Raises BadRequest for an unknown resource class or trait.
    """
    ids = resolve.look_up(Reader(conn), context.names, [filters.group])
    group = plan.plan_group(filters.group, ids, TraitBits())
    if group is None:
        return None
    return statements.providers(group, filters.name, filters.uuid)
