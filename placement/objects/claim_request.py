"""What a claim asks for: the values that handlers and both ways of writing share."""

import dataclasses
import typing

from placement.objects.consumer import UNCHECKED, Owner, Unchecked


class Amount(typing.NamedTuple):
    """Units of one class of one provider, by their public names."""

    provider_uuid: str
    resource_class: str
    units: int


class Seen(typing.NamedTuple):
    """What made the last of some hosts the first one that fits; it may be outdated.

    ``ids`` are those of all providers with roots that follow ``place`` modulo the
    greatest id, up to the last one. ``revisions`` are those of their definitions, but
    for ``full`` ones those of their usage. Names were looked up at ``names_revision``;
    ``classes`` are the ids of the claimed classes. No provider had the trait
    ``sharing_trait_id``, if that is not None.
    """

    place: int
    ids: list[int]
    revisions: list[int]
    full: list[int]
    classes: list[int]
    names_revision: int
    sharing_trait_id: int | None


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
