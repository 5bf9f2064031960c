"""Resource providers and what belongs to them."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping

from placement.client.values.base import (
    AnyUUID,
    Document,
    Resources,
    from_members,
    set_fields,
    several,
)

MAX_INT = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider; a root is its own root."""

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
    """The quantity of one class that one provider offers."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """Units that can be allocated in total."""
        return int((self.total - self.reserved) * self.allocation_ratio)

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return from_members(cls, document)

    def to_document(self) -> Document:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Inventories:
    """All inventories of a provider by class, and its generation."""

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
    """A provider with its details; those that were not requested are empty.

    ``inventories`` and ``used`` are by resource class, ``allocations`` by consumer and
    then by resource class.
    """

    provider: Provider
    inventories: Mapping[str, Inventory] = dataclasses.field(default_factory=dict)
    used: Resources = dataclasses.field(default_factory=dict)
    traits: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    allocations: Mapping[str, Resources] = dataclasses.field(default_factory=dict)
    state: str = "in_service"

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
            allocations=document.get("allocations", {}),
            state=document["state"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The traits of a provider, and its generation."""

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
    """The aggregates of a provider, and its generation."""

    generation: int
    uuids: frozenset[str]

    def __init__(self, generation: int, uuids: Iterable[AnyUUID]) -> None:
        set_fields(
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
    """The allocated units of each inventory of a provider, and its generation."""

    generation: int
    resources: Resources

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(document["resource_provider_generation"], document["usages"])
