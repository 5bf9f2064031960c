"""What a provider is associated with: rows that are pairs of ids."""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import batch, lists
from placement.db.batch import Step


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
        gone, new = sorted(present - wanted), sorted(wanted - present)
        steps = []
        if gone:
            steps.append(self._delete.step({"gone": gone}, {"provider": provider_id}))
        if new:
            other = self._member.name
            rows = [{"resource_provider_id": provider_id, other: id_} for id_ in new]
            steps.append(lists.insert(self._table, rows))
        return steps
