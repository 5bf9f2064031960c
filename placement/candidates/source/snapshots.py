"""Provider snapshots, read from the database.

A provider's revision moves with every change of what is read here, so a snapshot that
was read at (id, revision) is never stale. Only the name of a custom resource class can
change without it: a snapshot that shows one also has the revision of names that it
was read at.

If only the usage has changed, which is most of all changes, the rest of the snapshot
is taken over from the one before.
"""

import collections.abc
import json
import typing

import orjson

from placement.candidates.model import ProviderSnapshot, room_of
from placement.candidates.sql import provider_rows
from placement.candidates.sql.provider_rows import ProviderRow, Usage
from placement.candidates.sql.reader import Reader
from placement.candidates.sql.rows import Row
from placement.candidates.trait_bits import TraitBits
from placement.db import names as name_kinds
from placement.db.names import Names
from placement.objects import provider_state
from placement.objects.inventory import Inventory, Offer

# The number of ids in one statement.
_IDS_PER_STATEMENT = 10_000

Member = tuple[int, int, int]

# The rows of providers, and those of their inventories by provider id.
_Read = tuple[list[ProviderRow], dict[int, list[Row]]]


class SnapshotReader:
    """Reads the snapshots of providers for one search."""

    def __init__(
        self,
        reader: Reader,
        names: Names,
        bits: TraitBits,
        sharing_trait_id: int | None,
    ) -> None:
        self._conn = reader.conn
        self._details = reader.details
        self._names_revision = reader.names_revision
        self._names = names
        self._bits = bits
        # Names of classes in this snapshot of the database, by id.
        self._shown: dict[int, str] = {}
        self._sharing_bit = bits.of(
            [] if sharing_trait_id is None else [sharing_trait_id]
        )

    def read(
        self, members: list[Member], known: dict[int, ProviderSnapshot]
    ) -> dict[int, ProviderSnapshot]:
        """Return the snapshots of the members of whole trees, by provider id.

        A snapshot of ``known``, by id, is returned if it is still current. The number
        of statements does not grow with that of providers, up to 10,000.
        """
        found: dict[int, ProviderSnapshot] = {}
        missing: list[int] = []
        for member in members:
            snapshot = self._of_known(member, known.get(member[1]))
            if snapshot is None:
                missing.append(member[1])
            else:
                found[snapshot.id] = snapshot
        if not missing:
            return found
        read = [self._parse(members, missing), *self._read(missing)]
        # The providers of a tree refer to each other, and some may be known.
        uuids = {id_: snapshot.uuid for id_, snapshot in found.items()}
        for providers, _ in read:
            uuids.update({provider.id: provider.uuid for provider in providers})
        for providers, inventories in read:
            for snapshot in self._build(providers, inventories, uuids):
                found[snapshot.id] = snapshot
        return found

    def _of_known(
        self, member: Member, before: ProviderSnapshot | None
    ) -> ProviderSnapshot | None:
        """Return the snapshot of a provider that has changed in its usage, at most.

        None: more has changed, or is not known.
        """
        if (
            before is not None
            and before.revision == member[2]
            and self.has_current_names(before.names_revision)
        ):
            return before
        details = self._details.get(member[1])
        if details is None or not provider_rows.is_usage(details):
            return None
        usage = provider_rows.parse_usage(member, details)
        if before is None or not _is_of(usage, before):
            del self._details[member[1]]
            return None
        return self._with_usage(before, usage)

    def _with_usage(self, before: ProviderSnapshot, usage: Usage) -> ProviderSnapshot:
        offers = {
            class_id: offer.with_used(units)
            for (class_id, offer), units in zip(
                before.offers.items(), usage.used, strict=True
            )
        }
        if not offers.keys() <= self._shown.keys():
            self._shown |= self._class_names(offers.keys())
        # The same classes are shown as before.
        shows_custom = before.names_revision is not None
        return before.with_usage(
            usage.revision,
            offers,
            _resources_json(before.uuid, offers, self._shown),
            self._names_revision() if shows_custom else None,
        )

    def _class_names(
        self, class_ids: collections.abc.Collection[int]
    ) -> dict[int, str]:
        return self._names.resource_classes(self._conn, class_ids, self._names_revision)

    def _parse(
        self, members: collections.abc.Iterable[Member], ids: list[int]
    ) -> _Read:
        """Return the rows of providers whose details were prefetched."""
        if not self._details:
            return [], {}
        wanted = set(ids)
        providers, inventories = [], {}
        for member in members:
            details = self._details.get(member[1])
            if details is not None and member[1] in wanted:
                row, offered = provider_rows.parse_details(member, details)
                providers.append(row)
                inventories[row.id] = offered
        return providers, inventories

    def _read(self, missing: list[int]) -> collections.abc.Iterator[_Read]:
        ids = [id_ for id_ in missing if id_ not in self._details]
        for start in range(0, len(ids), _IDS_PER_STATEMENT):
            batch = ids[start : start + _IDS_PER_STATEMENT]
            yield (
                provider_rows.read_providers(self._conn, batch),
                provider_rows.read_inventories(self._conn, batch),
            )

    def has_current_names(self, names_revision: int | None) -> bool:
        """No name has changed since ``names_revision``; None shows no custom name."""
        return names_revision is None or names_revision == self._names_revision()

    def _build(
        self,
        providers: list[ProviderRow],
        inventories: dict[int, list[Row]],
        uuids: dict[int, str],
    ) -> collections.abc.Iterator[ProviderSnapshot]:
        if not providers:
            return
        class_names = self._class_names(
            {row[0] for of in inventories.values() for row in of}
        )
        trait_sets = self._trait_sets({row.trait_ids for row in providers})
        for row in providers:
            offers = {
                offered[0]: Inventory(*offered).offer()
                for offered in inventories.get(row.id, ())
            }
            trait_set = trait_sets[row.trait_ids]
            is_in_service = provider_state.is_in_service(row.state)
            yield ProviderSnapshot(
                id=row.id,
                uuid=row.uuid,
                root_id=row.root_id,
                parent_id=row.parent_id,
                revision=row.revision,
                definition_revision=row.definition_revision,
                names_revision=self._names_revision_of(offers, class_names),
                is_in_service=is_in_service,
                offers=offers,
                room=room_of(offers) if is_in_service else {},
                is_regular=all(
                    offer.min_unit <= 1 and offer.step_size == 1
                    for offer in offers.values()
                ),
                traits=trait_set.bits,
                aggregates=frozenset(row.aggregate_ids),
                is_sharing=bool(trait_set.bits & self._sharing_bit),
                resources_json=_resources_json(row.uuid, offers, class_names),
                traits_json=trait_set.json,
                place_json=_place_json(
                    None if row.parent_id is None else uuids[row.parent_id],
                    uuids[row.root_id],
                ),
            )

    def _trait_sets(
        self, distinct: collections.abc.Collection[tuple[int, ...]]
    ) -> dict[tuple[int, ...], "_TraitSet"]:
        """Build each set once; many providers have the same traits."""
        names = self._names.traits(
            self._conn, set().union(*distinct), self._names_revision
        )
        found = {}
        for trait_ids in distinct:
            shown = [names[trait_id] for trait_id in trait_ids]
            json = self._bits.shared(b',"traits":' + orjson.dumps(shown))
            found[trait_ids] = _TraitSet(self._bits.of(trait_ids), json)
        return found

    def _names_revision_of(
        self, class_ids: collections.abc.Iterable[int], class_names: dict[int, str]
    ) -> int | None:
        if any(name_kinds.is_custom(class_names[class_id]) for class_id in class_ids):
            return self._names_revision()
        return None


def _is_of(usage: Usage, before: ProviderSnapshot) -> bool:
    """The snapshot has the inventories that ``usage`` has the units of."""
    return (
        usage.definition_revision == before.definition_revision
        # Other services add inventories without a new revision.
        and len(usage.used) == len(before.offers)
    )


class _TraitSet(typing.NamedTuple):
    """The traits of a provider: as bits, and as a part of its summary."""

    bits: int
    json: bytes


def _resources_json(
    uuid: str, offers: dict[int, Offer], class_names: dict[int, str]
) -> bytes:
    resources = {
        class_names[class_id]: {"capacity": offer.capacity, "used": offer.used}
        for class_id, offer in offers.items()
    }
    try:
        encoded = orjson.dumps(resources)
    except TypeError:
        # An allocation ratio can make a capacity of more than 64 bits.
        encoded = json.dumps(resources, separators=(",", ":")).encode()
    return b'"%b":{"resources":%b' % (uuid.encode(), encoded)


def _place_json(parent_uuid: str | None, root_uuid: str) -> bytes:
    place = {"parent_provider_uuid": parent_uuid, "root_provider_uuid": root_uuid}
    return b"," + orjson.dumps(place)[1:]
