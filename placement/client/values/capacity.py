"""How many more consumers of a request fit."""

import dataclasses
import typing

from placement.client.values.base import Document


class Bounds(typing.NamedTuple):
    """The bounds of a count; it is exact if they are equal."""

    at_least: int
    at_most: int

    @property
    def is_exact(self) -> bool:
        return self.at_least == self.at_most

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return cls(document["at_least"], document["at_most"])


class Stranded(typing.NamedTuple):
    """Free units of a class where another class is exhausted.

    ``share`` is their share of all free units of the class.
    """

    units: int
    share: float


class HostCount(typing.NamedTuple):
    """How many consumers fit on a host, at least."""

    root_uuid: str
    name: str
    fits: int


@dataclasses.dataclass(frozen=True, slots=True)
class Capacity:
    """How many more consumers of one request fit.

    ``eligible`` roots could serve it if they were empty, ``fitting`` ones can,
    ``empty`` ones have nothing allocated. ``bottleneck`` has the number of fitting
    roots by the class that is exhausted first, ``largest`` the most that one provider
    has free. ``by_trait`` has bounds with and without each trait. ``hosts`` is None if
    sharing providers serve the request. Unless ``is_complete`` the time of the service
    was not enough for narrower bounds.
    """

    count: Bounds
    when_empty: Bounds
    eligible: int
    fitting: int
    empty: int
    bottleneck: dict[str, int]
    stranded: dict[str, Stranded]
    largest: dict[str, int]
    by_aggregate: dict[str, Bounds]
    by_trait: dict[str, tuple[Bounds, Bounds]]
    hosts: list[HostCount] | None
    is_complete: bool

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        by = document.get("by", {})
        hosts = document.get("hosts")
        return cls(
            count=Bounds.from_document(document),
            when_empty=Bounds.from_document(document["when_empty"]),
            eligible=document["roots"]["eligible"],
            fitting=document["roots"]["fitting"],
            empty=document["roots"]["empty"],
            bottleneck=dict(document["bottleneck"]),
            stranded={
                name: Stranded(each["units"], each["share"])
                for name, each in document["stranded"].items()
            },
            largest=dict(document["largest"]),
            by_aggregate={
                uuid: Bounds.from_document(each)
                for uuid, each in by.get("aggregate", {}).items()
            },
            by_trait={
                name.removeprefix("trait:"): (
                    Bounds.from_document(each["with"]),
                    Bounds.from_document(each["without"]),
                )
                for name, each in by.items()
                if name.startswith("trait:")
            },
            hosts=hosts
            if hosts is None
            else [
                HostCount(each["root"], each["name"], each["count"]) for each in hosts
            ],
            is_complete=document["complete"],
        )
