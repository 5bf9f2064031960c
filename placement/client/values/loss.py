"""What the loss of hosts means for their consumers."""

import dataclasses

from placement.client.values.base import Document, ResourcesByProvider


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """A consumer's move from one root to another.

    ``by_provider`` are the resources that it would have there.
    """

    consumer: str
    from_uuid: str
    from_name: str
    to_uuid: str
    to_name: str
    by_provider: ResourcesByProvider

    @classmethod
    def from_document(cls, document: Document) -> "Move":
        return cls(
            consumer=document["consumer"],
            from_uuid=document["from"],
            from_name=document["from_name"],
            to_uuid=document["to"],
            to_name=document["to_name"],
            by_provider={
                uuid: dict(each["resources"])
                for uuid, each in document["allocations"].items()
            },
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Unplaced:
    """A consumer for which there is no place, with the cause."""

    consumer: str
    from_uuid: str
    from_name: str
    resources: dict[str, int]
    cause: str

    @classmethod
    def from_document(cls, document: Document) -> "Unplaced":
        return cls(
            consumer=document["consumer"],
            from_uuid=document["from"],
            from_name=document["from_name"],
            resources=dict(document["resources"]),
            cause=document["cause"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class HostLoss:
    """What the loss of one host means.

    ``answer`` and ``unplaced`` are None unless one host at a time was asked for. Of
    ``resource_class``, the consumers need the largest share of what others have free.
    """

    root_uuid: str
    name: str
    consumers: int
    answer: str | None
    unplaced: int | None
    resource_class: str
    needed: int
    free: int

    @classmethod
    def from_document(cls, document: Document) -> "HostLoss":
        return cls(
            root_uuid=document["root"],
            name=document["name"],
            consumers=document["consumers"],
            answer=document.get("answer"),
            unplaced=document.get("unplaced"),
            resource_class=document["resource_class"],
            needed=document["needed"],
            free=document["free"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class WhatIf:
    """Whether the consumers of lost hosts fit on the other hosts.

    ``answer`` is ``yes``, ``no`` or ``unknown``, ``summary`` says it in a sentence.
    Unless ``is_complete`` the time of the service was used up. ``document`` is the
    response.
    """

    answer: str
    summary: str
    consumers: int
    moves: list[Move]
    unplaced: list[Unplaced]
    worst: list[HostLoss]
    is_complete: bool
    document: Document

    @classmethod
    def from_document(cls, document: Document) -> "WhatIf":
        return cls(
            answer=document["answer"],
            summary=document["summary"],
            consumers=document["consumers"],
            moves=[Move.from_document(each) for each in document["moves"]],
            unplaced=[Unplaced.from_document(each) for each in document["unplaced"]],
            worst=[HostLoss.from_document(each) for each in document["worst"]],
            is_complete=document["complete"],
            document=document,
        )
