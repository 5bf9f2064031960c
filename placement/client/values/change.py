"""Changes of providers and consumers."""

import typing

from placement.client.values.base import Document


class Change(typing.NamedTuple):
    """A change of a provider or of a consumer, the other of which is None.

    ``generation`` is None if the change has deleted the provider, or all that the
    consumer held.
    """

    position: int
    kind: str
    provider: str | None
    consumer: str | None
    generation: int | None


class ChangePage(typing.NamedTuple):
    """Changes in their order, and the position where the next page begins."""

    changes: list[Change]
    position: int

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        changes = [
            Change(
                each["position"],
                each["kind"],
                each.get("provider"),
                each.get("consumer"),
                each["generation"],
            )
            for each in document["changes"]
        ]
        return cls(changes, document["position"])
