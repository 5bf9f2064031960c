"""Providers as a search sees them, read once per revision.

A provider's revision moves with every change of what is read here, and every
statement of a search sees one snapshot; so a view that is known under (id, revision)
is never stale. Custom resource classes alone can be renamed without such a move:
views that show one also hold the revision of names that they were made at.
"""

import collections
import collections.abc
import itertools
import typing

import orjson
import sqlalchemy as sa

from placement.candidates import rows
from placement.candidates.foresight import Reader
from placement.candidates.model import ProviderView
from placement.db import names as name_kinds
from placement.db import tables
from placement.db.names import Names
from placement.objects import inventory
from placement.objects.inventory import Inventory, Offer

# How many ids one statement names.
_IDS_PER_STATEMENT = 10_000

# Providers are read by the range of their ids, if that has not so many times more.
_SPARSE = 2

# How many kinds of providers, by their traits, are told apart for the memory's sake.
_TRAIT_SETS_MAX = 1000

_Ids = collections.abc.Sequence[int]

_providers = tables.resource_providers
_inventories = tables.inventories
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates


class TraitBits:
    """Gives every trait that is met a bit, so that sets of traits are integers."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._unused = itertools.count()
        self._json: dict[bytes, bytes] = {}

    def of(self, trait_ids: collections.abc.Iterable[int]) -> int:
        """Return the set of ``trait_ids`` as bits."""
        bits = 0
        for trait_id in trait_ids:
            bit = self._bits.get(trait_id)
            if bit is None:
                # Of two threads that meet a trait first, one wins for both.
                bit = self._bits.setdefault(trait_id, 1 << next(self._unused))
            bits |= bit
        return bits

    def shared(self, json: bytes) -> bytes:
        """Return the same bytes for all providers that have the same traits."""
        if len(self._json) >= _TRAIT_SETS_MAX:
            self._json = {}
        return self._json.setdefault(json, json)


class Views:
    """Makes the views of one search, which runs in one snapshot."""

    def __init__(
        self,
        reader: Reader,
        names: Names,
        bits: TraitBits,
        sharing_trait_id: int | None,
    ) -> None:
        self._conn = reader.of_revisions()
        self._names_revision = reader.names_revision
        self._names = names
        self._bits = bits
        self._sharing_bit = bits.of(
            [] if sharing_trait_id is None else [sharing_trait_id]
        )

    def get_all(
        self, revisions: dict[int, int], known: dict[int, ProviderView]
    ) -> dict[int, ProviderView]:
        """Return the views of the providers of ``revisions``, which is by id.

        They are those of whole trees. ``known`` are some that may still hold, by id.
        """
        found = {}
        missing = []
        for provider_id, revision in revisions.items():
            view = known.get(provider_id)
            if (
                view is not None
                and view.revision == revision
                and self.shows_names_as_now(view.names_revision)
            ):
                found[provider_id] = view
            else:
                missing.append(provider_id)
        batches = [
            missing[start : start + _IDS_PER_STATEMENT]
            for start in range(0, len(missing), _IDS_PER_STATEMENT)
        ]
        stored = [self._read_providers(ids) for ids in batches]
        # A tree's providers refer to each other, and some of them may be known.
        uuids = {id_: view.uuid for id_, view in found.items()}
        for providers in stored:
            uuids.update({provider.id: provider.uuid for provider in providers})
        for ids, providers in zip(batches, stored, strict=True):
            for view in self._load(ids, providers, uuids):
                found[view.id] = view
        return found

    def _read_providers(self, ids: _Ids) -> "list[_Provider]":
        wanted = set(ids)
        return [
            _Provider(*row) for row in self._rows(_PROVIDERS, ids) if row[0] in wanted
        ]

    def shows_names_as_now(self, names_revision: int | None) -> bool:
        """What was made at ``names_revision`` has no name that has changed since."""
        return names_revision is None or names_revision == self._names_revision()

    def _load(
        self,
        ids: _Ids,
        providers: "collections.abc.Iterable[_Provider]",
        uuids: dict[int, str],
    ) -> collections.abc.Iterator[ProviderView]:
        """Read what providers have: three statements, and names not known yet."""
        inventories = self._rows_by_provider(_INVENTORIES, ids)
        trait_sets = self._trait_sets(ids)
        aggregates = self._rows_by_provider(_AGGREGATES, ids)
        class_names = self._names.resource_classes(
            self._conn,
            {row[1] for of in inventories.values() for row in of},
            self._names_revision,
        )
        no_traits = self._trait_set((), {})
        for id_, uuid, root_id, parent_id, revision in providers:
            offers = {
                row[1]: Inventory(*row[1:]).offer() for row in inventories.get(id_, ())
            }
            trait_set = trait_sets.get(id_, no_traits)
            yield ProviderView(
                id=id_,
                uuid=uuid,
                root_id=root_id,
                parent_id=parent_id,
                revision=revision,
                names_revision=self._names_revision_of(offers, class_names),
                offers=offers,
                traits=trait_set.bits,
                aggregates=frozenset([row[1] for row in aggregates.get(id_, ())]),
                is_sharing=bool(trait_set.bits & self._sharing_bit),
                resources_json=_resources_json(uuid, offers, class_names),
                traits_json=trait_set.json,
                place_json=_place_json(
                    None if parent_id is None else uuids[parent_id], uuids[root_id]
                ),
            )

    def _trait_sets(self, ids: _Ids) -> dict[int, "_TraitSet"]:
        """Return the traits of each provider that has some.

        Many providers have the same ones, of which what they come to is made once.
        """
        trait_ids: dict[int, list[int]] = collections.defaultdict(list)
        for provider_id, trait_id in self._rows(_TRAITS, ids):
            trait_ids[provider_id].append(trait_id)
        of_providers = {provider_id: tuple(of) for provider_id, of in trait_ids.items()}
        distinct = dict.fromkeys(of_providers.values())
        names = self._names.traits(
            self._conn, set().union(*distinct), self._names_revision
        )
        made = {of: self._trait_set(of, names) for of in distinct}
        return {provider_id: made[of] for provider_id, of in of_providers.items()}

    def _trait_set(
        self, trait_ids: tuple[int, ...], names: dict[int, str]
    ) -> "_TraitSet":
        shown = [names[trait_id] for trait_id in trait_ids]
        json = self._bits.shared(b',"traits":' + orjson.dumps(shown))
        return _TraitSet(self._bits.of(trait_ids), json)

    def _rows_by_provider(
        self, selects: "_Selects", ids: _Ids
    ) -> dict[int, list[rows.Row]]:
        found: dict[int, list[rows.Row]] = {}
        for row in self._rows(selects, ids):
            found.setdefault(row[0], []).append(row)
        return found

    def _rows(
        self, selects: "_Selects", ids: _Ids
    ) -> collections.abc.Iterable[rows.Row]:
        """Return rows that begin with one of ``ids``, and maybe with others."""
        least, greatest = min(ids), max(ids)
        if greatest - least < _SPARSE * len(ids):
            between = {"least": least, "greatest": greatest}
            return rows.each(self._conn, selects.between, between)
        return rows.each(self._conn, selects.named, {"ids": list(ids)})

    def _names_revision_of(
        self, class_ids: collections.abc.Iterable[int], class_names: dict[int, str]
    ) -> int | None:
        if any(name_kinds.is_custom(class_names[class_id]) for class_id in class_ids):
            return self._names_revision()
        return None


class _Provider(typing.NamedTuple):
    """The row of a provider."""

    id: int
    uuid: str
    root_id: int
    parent_id: int | None
    revision: int


class _TraitSet(typing.NamedTuple):
    """The traits of a provider: as bits, and as a part of its summary."""

    bits: int
    json: bytes


def is_one_of(column: sa.ColumnElement[int], ids: _Ids) -> sa.ColumnElement[bool]:
    """``column`` is among ``ids``, which are written into the statement.

    No database bounds how many those are; all of them bound its parameters.
    """
    return column.in_(
        sa.bindparam(None, list(ids), expanding=True, literal_execute=True)
    )


class _Selects(typing.NamedTuple):
    """Two statements for the same: of the ``ids``, or between ``least`` and
    ``greatest``, which is much cheaper where there are few others."""

    named: "sa.Select[typing.Any]"
    between: "sa.Select[typing.Any]"


def _selects(
    select: "sa.Select[typing.Any]", provider_id: sa.ColumnElement[int]
) -> _Selects:
    ids: sa.BindParameter[list[int]] = sa.bindparam(
        "ids", expanding=True, literal_execute=True
    )
    least: sa.BindParameter[int] = sa.bindparam("least")
    greatest: sa.BindParameter[int] = sa.bindparam("greatest")
    return _Selects(
        named=select.where(provider_id.in_(ids)),
        between=select.where(provider_id.between(least, greatest)),
    )


_PROVIDERS = _selects(
    sa.select(
        _providers.c.id,
        _providers.c.uuid,
        _providers.c.root_provider_id,
        _providers.c.parent_provider_id,
        _providers.c.revision,
    ),
    _providers.c.id,
)
_INVENTORIES = _selects(
    # Not the last, which says when it was changed. Ordered by one index: by classes
    # alone, PostgreSQL without statistics reads all inventories in that order.
    sa.select(_inventories.c.resource_provider_id, *inventory.COLUMNS[:-1]).order_by(
        _inventories.c.resource_provider_id, _inventories.c.resource_class_id
    ),
    _inventories.c.resource_provider_id,
)
_TRAITS = _selects(
    sa.select(_traits.c.resource_provider_id, _traits.c.trait_id).order_by(
        _traits.c.resource_provider_id, _traits.c.trait_id
    ),
    _traits.c.resource_provider_id,
)
_AGGREGATES = _selects(
    sa.select(_aggregates.c.resource_provider_id, _aggregates.c.aggregate_id),
    _aggregates.c.resource_provider_id,
)


def _resources_json(
    uuid: str, offers: dict[int, Offer], class_names: dict[int, str]
) -> bytes:
    resources = {
        class_names[class_id]: {"capacity": offer.capacity, "used": offer.used}
        for class_id, offer in offers.items()
    }
    return b'"%b":{"resources":%b' % (uuid.encode(), orjson.dumps(resources))


def _place_json(parent_uuid: str | None, root_uuid: str) -> bytes:
    place = {"parent_provider_uuid": parent_uuid, "root_provider_uuid": root_uuid}
    return b"," + orjson.dumps(place)[1:]
