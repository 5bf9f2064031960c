"""What a provider is associated with: rows that are pairs of ids."""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import batch, lists
from placement.db.batch import Step

# The values of other columns by id.
Rows = collections.abc.Mapping[int, collections.abc.Mapping[str, typing.Any]]


class Associations:
    """The associations of one kind.

    ``member`` is the column of the other id, in a table that has the provider's as
    ``resource_provider_id``.
    """

    def __init__(self, member: sa.Column[typing.Any]) -> None:
        self._member = member
        self._table = member.table
        is_providers = self._table.c.resource_provider_id == sa.bindparam("provider")
        self._present = sa.select(member).where(is_providers)
        self._delete = lists.Statement(
            lambda gone: sa.delete(self._table).where(is_providers, member.in_(gone))
        )

    def members(self, conn: sa.Connection, provider_id: int) -> set[int]:
        """Return the ids of what the provider is associated with."""
        of_provider = {"provider": provider_id}
        return set(batch.run_one(conn, self._present, of_provider).scalars())

    def replacing(
        self,
        provider_id: int,
        present: collections.abc.Set[int],
        wanted: collections.abc.Set[int],
    ) -> list[Step]:
        """Return how to make ``wanted`` of what is ``present``; nothing if it is that.

        The caller keeps other writers away.
        """
        new: Rows = {id_: {} for id_ in wanted - present}
        return self.changing(provider_id, present - wanted, new)

    def changing(
        self, provider_id: int, gone: collections.abc.Set[int], new: Rows
    ) -> list[Step]:
        """Return how to delete the associations ``gone`` and then add ``new`` ones.

        ``new`` has the values of other columns by id, for each id the same columns.
        """
        steps = []
        if gone:
            deleted = {"gone": sorted(gone)}
            steps.append(self._delete.step(deleted, {"provider": provider_id}))
        if new:
            other = self._member.name
            rows = [
                {"resource_provider_id": provider_id, other: id_, **new[id_]}
                for id_ in sorted(new)
            ]
            steps.append(lists.insert(self._table, rows))
        return steps
