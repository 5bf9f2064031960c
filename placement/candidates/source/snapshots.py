"""Provider snapshots, read from the database.

A provider's revision moves with every change of what is read here, so a snapshot that
was read at (id, revision) is never stale. Only the name of a custom resource class can
change without it: a snapshot that shows one also has the revision of names that it
was read at.

If only the usage has changed, which is most of all changes, the rest of the snapshot
is taken over from the one before.
"""

import collections.abc
import typing

import orjson

from placement.candidates.model import Inventories, InventoryRules, ProviderSnapshot
from placement.candidates.source.cache import TreeCache
from placement.candidates.sql import provider_rows
from placement.candidates.sql.provider_rows import ProviderRow, Usage
from placement.candidates.sql.reader import Reader
from placement.candidates.sql.rows import Row
from placement.db import names as name_kinds
from placement.db.names import Names
from placement.objects import inventory, provider_state

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
        cache: TreeCache,
        sharing_trait_id: int | None,
    ) -> None:
        self._conn = reader.conn
        self._details = reader.details
        self._names_revision = reader.names_revision
        self._names = names
        self._bits = cache.bits
        self._inventories = cache.inventories
        self._sharing_bit = cache.bits.of(
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
            and self.has_current_names(before.inventories.names_revision)
        ):
            return before
        details = self._details.get(member[1])
        if details is None or not provider_rows.is_usage(details):
            return None
        usage = provider_rows.parse_usage(member, details)
        if before is None or not self._is_of(usage, before):
            del self._details[member[1]]
            return None
        return before.with_used(usage.used, usage.revision)

    def _is_of(self, usage: Usage, before: ProviderSnapshot) -> bool:
        """The snapshot has the inventories that ``usage`` has the units of."""
        inventories = before.inventories
        return (
            usage.definition_revision == before.definition_revision
            # Other services add inventories without a new revision.
            and len(usage.used) == len(inventories.rules)
            and self.has_current_names(inventories.names_revision)
        )

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
        trait_sets = self._trait_sets({row.trait_ids for row in providers})
        units = {id_: [row[-1] for row in of] for id_, of in inventories.items()}
        rules = {id_: tuple(map(_rules, of)) for id_, of in inventories.items()}
        shared = self._shared({(), *rules.values()})
        for row in providers:
            offered, used = shared[rules.get(row.id, ())], units.get(row.id, [])
            trait_set = trait_sets[row.trait_ids]
            is_in_service = provider_state.is_in_service(row.state)
            yield ProviderSnapshot(
                id=row.id,
                uuid=row.uuid,
                root_id=row.root_id,
                parent_id=row.parent_id,
                revision=row.revision,
                definition_revision=row.definition_revision,
                is_in_service=is_in_service,
                inventories=offered,
                used=used,
                room=offered.room(used) if is_in_service else {},
                traits=trait_set.bits,
                aggregates=frozenset(row.aggregate_ids),
                is_sharing=bool(trait_set.bits & self._sharing_bit),
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

    def _shared(
        self, distinct: collections.abc.Collection[InventoryRules]
    ) -> dict[InventoryRules, Inventories]:
        """Return inventories by their rules.

        Equal ones are one object, which saves memory and time.
        """
        class_ids = {class_id for rules in distinct for class_id, *_ in rules}
        names = self._names.resource_classes(
            self._conn, class_ids, self._names_revision
        )
        custom = {id_ for id_ in class_ids if name_kinds.is_custom(names[id_])}
        found = {}
        for rules in distinct:
            has_custom = any(class_id in custom for class_id, *_ in rules)
            key = rules, self._names_revision() if has_custom else None
            inventories = self._inventories.find(key)
            if inventories is None:
                inventories = Inventories(rules, names, key[1])
                self._inventories.add(key, inventories)
            found[rules] = inventories
        return found


def _rules(row: Row) -> tuple[int, int, int, int, int]:
    """Return the rules of one inventory, which is (class id, columns of its offer)."""
    class_id, total, reserved, min_unit, max_unit, step_size, ratio, _ = row
    capacity = inventory.capacity_of(total, reserved, ratio)
    return class_id, min_unit, max_unit, step_size, capacity


class _TraitSet(typing.NamedTuple):
    """The traits of a provider: as bits, and as a part of its summary."""

    bits: int
    json: bytes


def _place_json(parent_uuid: str | None, root_uuid: str) -> bytes:
    place = {"parent_provider_uuid": parent_uuid, "root_provider_uuid": root_uuid}
    return b"," + orjson.dumps(place)[1:]
