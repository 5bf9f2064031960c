"""Candidates of a search, and claims of them."""

import dataclasses
import enum
import typing
from collections.abc import Mapping

from placement.client.values.base import (
    ByUUID,
    Document,
    Resources,
    ResourcesByProvider,
    by_text,
    set_fields,
)


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class AllocationRequest:
    """One way to serve all groups of a request; a candidate.

    ``mappings`` has the providers that serve each group, by suffix. It is empty if the
    request is not the result of a search.
    """

    by_provider: ResourcesByProvider
    mappings: Mapping[str, tuple[str, ...]]

    def __init__(
        self,
        by_provider: ByUUID[Resources],
        mappings: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        set_fields(self, by_provider=by_text(by_provider), mappings=mappings or {})

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            by_provider={
                uuid: given["resources"]
                for uuid, given in document["allocations"].items()
            },
            mappings={
                suffix: tuple(uuids)
                for suffix, uuids in document.get("mappings", {}).items()
            },
        )

    def to_document(self) -> Document:
        document: dict[str, typing.Any] = {
            "allocations": {
                uuid: {"resources": dict(resources)}
                for uuid, resources in self.by_provider.items()
            }
        }
        if self.mappings:
            document["mappings"] = {
                suffix: list(uuids) for suffix, uuids in self.mappings.items()
            }
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class ClassSummary:
    """Capacity and used units of one class at one provider."""

    capacity: int
    used: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderSummary:
    """The state of one provider in the result of a search."""

    by_class: Mapping[str, ClassSummary]
    traits: tuple[str, ...]
    parent_uuid: str | None
    root_uuid: str

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            by_class={
                name: ClassSummary(record["capacity"], record["used"])
                for name, record in document["resources"].items()
            },
            traits=tuple(document["traits"]),
            parent_uuid=document["parent_provider_uuid"],
            root_uuid=document["root_provider_uuid"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """The result of a search, in the order of the service.

    ``summaries`` has all providers of the trees that the requests use, by uuid.
    """

    requests: tuple[AllocationRequest, ...]
    summaries: Mapping[str, ProviderSummary]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            requests=tuple(
                AllocationRequest.from_document(request)
                for request in document["allocation_requests"]
            ),
            summaries={
                uuid: ProviderSummary.from_document(summary)
                for uuid, summary in document["provider_summaries"].items()
            },
        )


class Outcome(enum.Enum):
    """The outcome of a claim."""

    CLAIMED = "claimed"
    NO_ROOM = "no room"
    """Another claim has taken the room; another candidate may still have room."""
    NOT_IN_SERVICE = "not in service"
    """A provider was taken out of service; another candidate may be in service."""
    PROVIDER_CHANGED = "provider changed"
    """Other writers kept changing the providers; repeating the claim may succeed."""
    CONSUMER_CHANGED = "consumer changed"
    """The given generation of the consumer is not the stored one; read it again."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """The result of a claim; true if the consumer now has the allocations.

    ``detail`` is the message of the service if the claim failed. ``request`` is the
    candidate that was tried last.
    """

    consumer: str
    outcome: Outcome
    detail: str = ""
    request: AllocationRequest | None = None

    def __bool__(self) -> bool:
        return self.outcome is Outcome.CLAIMED
