"""Consumers that the service places, and holds."""

import dataclasses
import datetime
import typing
from collections.abc import Sequence

from placement.client.values.base import (
    AnyUUID,
    Document,
    ResourcesByProvider,
    canonical_uuid,
    several,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A consumer to place: its owner, and the query of what it needs.

    ``query`` is that of a search for candidates, such as the result of
    ``candidates_query``. ``version`` is the microversion of the query.
    """

    consumer: AnyUUID
    query: str
    project_id: AnyUUID
    user_id: AnyUUID
    consumer_type: str | None = None
    version: str = "1.39"

    def to_document(self) -> Document:
        return {
            "consumer_uuid": str(self.consumer),
            "project_id": str(self.project_id),
            "user_id": str(self.user_id),
            "consumer_type": self.consumer_type,
            "query": self.query,
            "version": self.version,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Consumers of a project that are kept together or apart.

    ``policy`` is ``anti-affinity``, ``affinity``, ``soft-anti-affinity`` or
    ``soft-affinity``. ``max_per_host`` is for the policies that keep apart; by default
    1. ``over`` has the uuids of aggregates that are the domains instead of hosts.
    """

    name: str
    policy: str
    max_per_host: int | None = None
    over: Sequence[AnyUUID] | None = None

    def to_document(self) -> Document:
        document: dict[str, object] = {"name": self.name, "policy": self.policy}
        if self.max_per_host is not None:
            document["max_per_host"] = self.max_per_host
        if self.over is not None:
            document["over"] = [str(each) for each in several("over", self.over)]
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A consumer that was placed.

    ``mappings`` has the providers of each request group, by its suffix.
    """

    consumer: str
    by_provider: ResourcesByProvider
    mappings: dict[str, list[str]]
    generation: int

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            canonical_uuid(document["consumer_uuid"]),
            {
                uuid: dict(each["resources"])
                for uuid, each in document["allocations"].items()
            },
            {suffix: list(uuids) for suffix, uuids in document["mappings"].items()},
            document["generation"],
        )


class Hold(typing.NamedTuple):
    """A consumer whose allocations expire unless they are confirmed."""

    consumer: str
    expires_at: datetime.datetime

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        moment = datetime.datetime.fromisoformat(document["expires_at"])
        return cls(document["consumer_uuid"], moment)
