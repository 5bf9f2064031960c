"""Provider trees as they should be, and what differs."""

import dataclasses
import typing
from collections.abc import Collection, Mapping

from placement.client.values.base import AnyUUID, Document
from placement.client.values.provider import Inventory, ProviderDetails


@dataclasses.dataclass(frozen=True, slots=True)
class TreeProvider:
    """One provider of a tree as it should be; its root has no parent.

    Inventories, traits or aggregates of None are left as they are. ``generation`` is
    compared if that is asked for; None never conflicts.
    """

    uuid: AnyUUID
    name: str
    parent_uuid: AnyUUID | None = None
    inventories: Mapping[str, Inventory] | None = None
    traits: Collection[str] | None = None
    aggregates: Collection[AnyUUID] | None = None
    generation: int | None = None

    @classmethod
    def from_details(cls, details: ProviderDetails) -> typing.Self:
        """Return a provider that was read with inventories, traits and aggregates."""
        provider = details.provider
        return cls(
            provider.uuid,
            provider.name,
            provider.parent_uuid,
            details.inventories,
            details.traits,
            details.aggregates,
            provider.generation,
        )

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        inventories = document.get("inventories")
        return cls(
            document["uuid"],
            document["name"],
            document["parent_provider_uuid"],
            None
            if inventories is None
            else {
                name: Inventory.from_document(each)
                for name, each in inventories.items()
            },
            document.get("traits"),
            document.get("aggregates"),
        )

    def to_document(self) -> Document:
        parent = self.parent_uuid
        document: dict[str, typing.Any] = {
            "uuid": str(self.uuid),
            "name": self.name,
            "parent_provider_uuid": None if parent is None else str(parent),
        }
        if self.inventories is not None:
            document["inventories"] = {
                name: each.to_document() for name, each in self.inventories.items()
            }
        if self.traits is not None:
            document["traits"] = sorted(self.traits)
        if self.aggregates is not None:
            document["aggregates"] = sorted(map(str, self.aggregates))
        if self.generation is not None:
            document["generation"] = self.generation
        return document


@dataclasses.dataclass(frozen=True, slots=True)
class TreeDifference:
    """What differs between a tree and the wanted one.

    ``update`` has the changes by uuid, in the form of the API.
    """

    create: tuple[TreeProvider, ...]
    update: Mapping[str, Document]
    delete: tuple[TreeProvider, ...]

    def __bool__(self) -> bool:
        return bool(self.create or self.update or self.delete)

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(
            tuple(map(TreeProvider.from_document, document["create"])),
            {each["uuid"]: each["changes"] for each in document["update"]},
            tuple(map(TreeProvider.from_document, document["delete"])),
        )
