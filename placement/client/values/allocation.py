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
    """All allocations of a consumer, and its owner.

    ``generation`` is the consumer's; None: it has no allocations. The service returns
    owner and type only for a consumer with allocations.
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
        """Return these allocations as the API returns them after writing them."""
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
    """One consumer's allocations at one provider, and the consumer's generation."""

    resources: Resources
    generation: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderAllocations:
    """The allocations of a provider by consumer, and the provider's generation."""

    generation: int
    by_consumer: Mapping[str, ConsumerShare]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            generation=document["resource_provider_generation"],
            by_consumer={
                consumer: ConsumerShare(
                    record["resources"], record["consumer_generation"]
                )
                for consumer, record in document["allocations"].items()
            },
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectUsage:
    """The total usage of the consumers of one type in a project."""

    consumer_count: int
    resources: Resources

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        resources = dict(document)
        return cls(resources.pop("consumer_count"), resources)
