"""What a claim asks for: the values that handlers and both ways of writing share."""

import dataclasses
import typing

from placement.objects.consumer import UNCHECKED, Owner, Unchecked


class Amount(typing.NamedTuple):
    """Units of one class of one provider, by their public names."""

    provider_uuid: str
    resource_class: str
    units: int


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """All that one consumer is to hold; it replaces what the consumer holds now.

    A claim without ``amounts`` deletes the consumer. ``generation`` is the one that
    the caller has read, or None if it found no such consumer.
    """

    consumer: str
    amounts: tuple[Amount, ...]
    owner: Owner
    generation: float | Unchecked | None = UNCHECKED
