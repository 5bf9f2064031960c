"""The values that picking takes and returns."""

import collections.abc
import dataclasses
import enum
import typing

from placement.candidates.model import Members, SearchRequest
from placement.objects.claim_request import Amount
from placement.objects.group import GroupRequest


class Order(enum.Enum):
    """Which host comes first.

    ANY costs least: hosts by id, from a place that follows from the consumer's uuid, so
    that claims at the same time meet at different hosts. PACK and SPREAD take the
    candidate with the greatest or the least share of what it takes from, after the
    claim. SEED is a shuffle that can be repeated.
    """

    ANY = "any"
    PACK = "pack"
    SPREAD = "spread"
    SEED = "seed"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A consumer and what it needs; equal queries stand for the same request."""

    consumer: str
    query: tuple[str, ...]
    request: SearchRequest


@dataclasses.dataclass(frozen=True, slots=True)
class Preferences:
    """How to choose among the candidates.

    ``prefer`` has weights by trait name, ``excluded`` the uuids of roots. ``seed`` is
    that of ``Order.SEED``.
    """

    order: Order = Order.ANY
    seed: int = 0
    prefer: collections.abc.Mapping[str, float] = dataclasses.field(
        default_factory=dict
    )
    excluded: frozenset[str] = frozenset()
    group: GroupRequest | None = None

    @property
    def is_ranked(self) -> bool:
        """All hosts have to be compared, not only as many as are needed."""
        return (
            self.order is not Order.ANY
            or bool(self.prefer)
            or (self.group is not None and self.group.policy.is_soft)
        )


class Picked(typing.NamedTuple):
    """The candidate that was picked for a consumer.

    ``mappings`` has the uuids of the providers by the suffix of the group. ``members``
    are those of the tree of the host, as they were.
    """

    consumer: str
    amounts: tuple[Amount, ...]
    mappings: dict[str, list[str]]
    members: Members

    @property
    def root_id(self) -> int:
        """The host."""
        return self.members[0][0]
