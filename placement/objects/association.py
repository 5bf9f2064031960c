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
        return [
            *self.delete_steps(provider_id, gone),
            *self.insert_steps({provider_id: new}),
        ]

    def delete_steps(
        self, provider_id: int, gone: collections.abc.Set[int]
    ) -> list[Step]:
        """Return the steps that delete the ids ``gone`` of a provider."""
        if not gone:
            return []
        return [self._delete.step({"gone": sorted(gone)}, {"provider": provider_id})]

    def insert_steps(self, new: collections.abc.Mapping[int, Rows]) -> list[Step]:
        """Return the steps that insert the rows of several providers, by their ids.

        All rows have the same columns.
        """
        other = self._member.name
        rows = [
            {"resource_provider_id": provider_id, other: id_, **of_provider[id_]}
            for provider_id, of_provider in new.items()
            for id_ in sorted(of_provider)
        ]
        return [lists.insert(self._table, rows)] if rows else []
