"""Consumers with what they hold, audits of them, and releases."""

import dataclasses
import datetime
import typing
from collections.abc import Mapping, Sequence

from placement.client.values.base import AnyUUID, Document, Resources


@dataclasses.dataclass(frozen=True, slots=True)
class ConsumerFilters:
    """Which consumers are read: those that match all filters that are given.

    ``provider`` and ``in_tree`` are a uuid or a name. Times have a zone.
    """

    project_id: AnyUUID | None = None
    user_id: AnyUUID | None = None
    consumer_type: str | None = None
    provider: AnyUUID | None = None
    in_tree: AnyUUID | None = None
    resource_class: str | None = None
    created_before: datetime.datetime | None = None
    updated_before: datetime.datetime | None = None

    def to_document(self) -> Document:
        """Return the given filters. Raises ValueError for a time without a zone."""
        given = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }
        return {name: _text(each) for name, each in given.items() if each is not None}


def _text(value: object) -> str:
    if not isinstance(value, datetime.datetime):
        return str(value)
    if value.utcoffset() is None:
        raise ValueError("A time needs a zone.")
    return value.isoformat()


class ProviderShare(typing.NamedTuple):
    """What a consumer holds of one provider, and the name of the provider."""

    name: str
    resources: Resources


@dataclasses.dataclass(frozen=True, slots=True)
class ConsumerDetails:
    """A consumer with what it holds, by provider uuid.

    ``expires_at`` is that of its hold, if it has one.
    """

    uuid: str
    generation: int
    project_id: str | None
    user_id: str | None
    consumer_type: str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    by_provider: Mapping[str, ProviderShare]
    expires_at: datetime.datetime | None

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            document["uuid"],
            document["generation"],
            document["project_id"],
            document["user_id"],
            document["consumer_type"],
            _time(document["created_at"]),
            _time(document["updated_at"]),
            {
                uuid: ProviderShare(share["name"], share["resources"])
                for uuid, share in document["allocations"].items()
            },
            _time(document["hold"]),
        )

    def to_document(self) -> Document:
        return {
            "uuid": self.uuid,
            "project_id": self.project_id,
            "user_id": self.user_id,
            "consumer_type": self.consumer_type,
            "generation": self.generation,
            "created_at": _rendered(self.created_at),
            "updated_at": _rendered(self.updated_at),
            "allocations": {
                uuid: {"name": share.name, "resources": dict(share.resources)}
                for uuid, share in self.by_provider.items()
            },
            "hold": _rendered(self.expires_at),
        }


def _time(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)


def _rendered(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


@dataclasses.dataclass(frozen=True, slots=True)
class ConsumerAudit:
    """The result of an audit.

    ``orphans`` hold something and are not live; ``without_allocations`` are live and
    hold nothing. ``live`` and ``consumers`` are the numbers that were compared.
    """

    orphans: Sequence[ConsumerDetails]
    without_allocations: Sequence[str]
    live: int
    consumers: int

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        counts = document["counts"]
        return cls(
            [ConsumerDetails.from_document(each) for each in document["orphans"]],
            document["without_allocations"],
            counts["live"],
            counts["consumers"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """A record of a consumer that was released, and by whom.

    ``restore`` is the body of the request that puts it back at ``version``.
    """

    consumer: str
    released_at: datetime.datetime
    reason: str
    project_id: str | None
    user_id: str | None
    version: str
    restore: Document

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            document["consumer_uuid"],
            datetime.datetime.fromisoformat(document["released_at"]),
            document["reason"],
            document["project_id"],
            document["user_id"],
            document["restore"]["version"],
            document["restore"]["body"],
        )

    def to_document(self) -> Document:
        return {
            "consumer_uuid": self.consumer,
            "released_at": _rendered(self.released_at),
            "reason": self.reason,
            "project_id": self.project_id,
            "user_id": self.user_id,
            "restore": {"version": self.version, "body": self.restore},
        }
