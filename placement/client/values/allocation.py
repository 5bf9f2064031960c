"""Allocations, by consumer, provider and project."""

import dataclasses
import typing
from collections.abc import Mapping

from placement.client.values.base import (
    AnyUUID,
    ByUUID,
    Document,
    Resources,
    ResourcesByProvider,
    by_text,
    canonical_uuid,
    set_fields,
)


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class Allocations:
    """Everything that one consumer holds, and whose it is.

    ``generation`` is the consumer's; None says that the consumer holds nothing yet.
    The service gives the other members for a consumer that holds something only.
    """

    by_provider: ResourcesByProvider
    generation: int | None
    project_id: str | None
    user_id: str | None
    consumer_type: str | None

    def __init__(
        self,
        by_provider: ByUUID[Resources],
        generation: int | None = None,
        project_id: AnyUUID | None = None,
        user_id: AnyUUID | None = None,
        consumer_type: str | None = None,
    ) -> None:
        set_fields(
            self,
            by_provider=by_text(by_provider),
            generation=generation,
            project_id=None if project_id is None else str(project_id),
            user_id=None if user_id is None else str(user_id),
            consumer_type=consumer_type,
        )

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            by_provider={
                uuid: given["resources"]
                for uuid, given in document["allocations"].items()
            },
            generation=document.get("consumer_generation"),
            project_id=document.get("project_id"),
            user_id=document.get("user_id"),
            consumer_type=document.get("consumer_type"),
        )

    def to_document(self) -> Document:
        return {
            "allocations": {
                uuid: {"resources": dict(resources)}
                for uuid, resources in self.by_provider.items()
            },
            "consumer_generation": self.generation,
            "project_id": self.project_id,
            "user_id": self.user_id,
            "consumer_type": self.consumer_type,
        }

    def as_stored(self) -> typing.Self:
        """Return these allocations as the API shows them after they were written."""
        return dataclasses.replace(
            self,
            by_provider={
                canonical_uuid(provider): dict(resources)
                for provider, resources in self.by_provider.items()
            },
            generation=(self.generation or 0) + 1,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ConsumerShare:
    """What one consumer holds of one provider; the generation is the consumer's."""

    resources: Resources
    generation: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderAllocations:
    """What is taken from one provider, by consumer, and the provider's generation."""

    generation: int
    by_consumer: Mapping[str, ConsumerShare]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            generation=document["resource_provider_generation"],
            by_consumer={
                consumer: ConsumerShare(held["resources"], held["consumer_generation"])
                for consumer, held in document["allocations"].items()
            },
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectUsage:
    """What the consumers of one type in a project use together."""

    consumer_count: int
    resources: Resources

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        resources = dict(document)
        return cls(resources.pop("consumer_count"), resources)
