"""Associations of providers with traits or aggregates: rows with a pair of ids."""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import batch, lists
from placement.db.batch import Step

# Values of the other columns, by the id of the trait or aggregate.
Rows = collections.abc.Mapping[int, collections.abc.Mapping[str, typing.Any]]


class Associations:
    """The associations in one table.

    ``member`` is the column with the id of the trait or aggregate.
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
        """Return the ids with which the provider is associated."""
        of_provider = {"provider": provider_id}
        return set(batch.run_one(conn, self._present, of_provider).scalars())

    def replace_steps(
        self,
        provider_id: int,
        present: collections.abc.Set[int],
        wanted: collections.abc.Set[int],
    ) -> list[Step]:
        """Return the steps that replace the ids ``present`` by ``wanted``.

        There are none if both are equal. The caller has locked the provider.
        """
        new: Rows = {id_: {} for id_ in wanted - present}
        return self.change_steps(provider_id, present - wanted, new)

    def change_steps(
        self, provider_id: int, gone: collections.abc.Set[int], new: Rows
    ) -> list[Step]:
        """Return the steps that delete the ids ``gone`` and insert ``new`` rows.

        All of ``new`` have the same columns.
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
