"""What the API speaks about, as plain values.

Amounts are whole units of their class. A ``Document`` is a JSON object as the API
sends or takes it, at the microversion of the client. A uuid may be given as a string
or as a ``uuid.UUID``; values have it as a string.
"""

import dataclasses
import enum
import typing
import uuid
from collections.abc import Iterable, Mapping

Document = Mapping[str, typing.Any]

_T = typing.TypeVar("_T")

AnyUUID = str | uuid.UUID
ByUUID = Mapping[str, _T] | Mapping[uuid.UUID, _T]

# Units by resource class.
Resources = Mapping[str, int]

# What is taken from each provider, by provider uuid.
ResourcesByProvider = Mapping[str, Resources]

MAX_INT = 2**31 - 1


def canonical_uuid(given: AnyUUID) -> str:
    """Return a uuid in lower case with dashes; other text as it is."""
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        return str(given)


def several(name: str, given: Iterable[_T]) -> Iterable[_T]:
    """Return ``given``. Raises TypeError when it is one string, not a list of them."""
    if isinstance(given, str | bytes | uuid.UUID):
        raise TypeError(f"{name} must be a list, not one value: {given!r}")
    return given


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider and its place in a tree; a root is its own root."""

    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            uuid=document["uuid"],
            name=document["name"],
            generation=document["generation"],
            parent_uuid=document["parent_provider_uuid"],
            root_uuid=document["root_provider_uuid"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """One provider's offer of one resource class."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """Units that may be allocated in all, rounded down."""
        return int((self.total - self.reserved) * self.allocation_ratio)

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            **{field.name: document[field.name] for field in dataclasses.fields(cls)}
        )

    def to_document(self) -> Document:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Inventories:
    """Everything one provider offers, by class, and the provider's generation."""

    generation: int
    by_class: Mapping[str, Inventory]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            generation=document["resource_provider_generation"],
            by_class={
                name: Inventory.from_document(record)
                for name, record in document["inventories"].items()
            },
        )

    def to_document(self) -> Document:
        return {
            "resource_provider_generation": self.generation,
            "inventories": {
                name: inventory.to_document()
                for name, inventory in self.by_class.items()
            },
        }


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderDetails:
    """A provider with what belongs to it; what was not asked for is empty.

    ``inventories`` and ``used`` are by resource class.
    """

    provider: Provider
    inventories: Mapping[str, Inventory]
    used: Resources
    traits: tuple[str, ...]
    aggregates: tuple[str, ...]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        records = document.get("inventories", {})
        return cls(
            provider=Provider.from_document(document),
            inventories={
                name: Inventory.from_document(record)
                for name, record in records.items()
            },
            used={
                name: record["used"]
                for name, record in records.items()
                if "used" in record
            },
            traits=tuple(document.get("traits", ())),
            aggregates=tuple(document.get("aggregates", ())),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The traits of one provider, and the provider's generation."""

    generation: int
    names: frozenset[str]

    def __post_init__(self) -> None:
        several("names", self.names)

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            document["resource_provider_generation"], frozenset(document["traits"])
        )

    def to_document(self) -> Document:
        return {
            "resource_provider_generation": self.generation,
            "traits": sorted(self.names),
        }


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class Aggregates:
    """The aggregates that one provider is in, and the provider's generation."""

    generation: int
    uuids: frozenset[str]

    def __init__(self, generation: int, uuids: Iterable[AnyUUID]) -> None:
        _set(
            self,
            generation=generation,
            uuids=frozenset(map(str, several("uuids", uuids))),
        )

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            document["resource_provider_generation"], frozenset(document["aggregates"])
        )

    def to_document(self) -> Document:
        return {
            "resource_provider_generation": self.generation,
            "aggregates": sorted(self.uuids),
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Usages:
    """Units used of every class that one provider offers, and its generation."""

    generation: int
    resources: Resources

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(document["resource_provider_generation"], document["usages"])


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectUsage:
    """What the consumers of one type in a project use together."""

    consumer_count: int
    resources: Resources

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        resources = dict(document)
        return cls(resources.pop("consumer_count"), resources)


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
        _set(
            self,
            by_provider=_by_text(by_provider),
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


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class AllocationRequest:
    """One way to serve all groups of a request.

    ``mappings`` names the providers that serve each group, by suffix; it is empty
    when the request was made by hand.
    """

    by_provider: ResourcesByProvider
    mappings: Mapping[str, tuple[str, ...]]

    def __init__(
        self,
        by_provider: ByUUID[Resources],
        mappings: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        _set(self, by_provider=_by_text(by_provider), mappings=mappings or {})

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
    """Capacity of one class at one provider, and how much of it is used."""

    capacity: int
    used: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderSummary:
    """What a search says of one provider."""

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
    """What a search found, in the order of the service.

    ``summaries`` has every provider of every tree that a request takes from, by uuid.
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
    """How a claim ended."""

    CLAIMED = "claimed"
    NO_ROOM = "no room"
    """Somebody took the room since the search; another candidate may still do."""
    PROVIDER_CHANGED = "provider changed"
    """Others kept changing the providers; the same claim may succeed if repeated."""
    CONSUMER_CHANGED = "consumer changed"
    """The consumer is not at the generation given; read it before another try."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim; true if the consumer now has what was asked for.

    ``detail`` is the sentence of the service when it has not. ``request`` is the
    candidate that was tried last: what the consumer has, if the claim is true.
    """

    consumer: str
    outcome: Outcome
    detail: str = ""
    request: AllocationRequest | None = None

    def __bool__(self) -> bool:
        return self.outcome is Outcome.CLAIMED


def _set(value: object, **members: object) -> None:
    """Set the members of a frozen value while it is made."""
    for name, member in members.items():
        object.__setattr__(value, name, member)


def _by_text(by_uuid: ByUUID[_T]) -> Mapping[str, _T]:
    return {str(key): value for key, value in by_uuid.items()}
