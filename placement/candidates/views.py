"""Providers as a search sees them, read once per revision and then kept.

A provider's revision moves with every change of what is read here, and every
statement of a search sees one snapshot; so a view that is kept under (id, revision)
is never stale. Custom resource classes alone can be renamed without such a move:
views that show one also hold the count of changed names that they were made at.
"""

import collections.abc
import itertools
import typing

import orjson
import sqlalchemy as sa

from placement.candidates.model import Offer, ProviderView
from placement.db import names as name_kinds
from placement.db import tables
from placement.db.names import Names
from placement.objects import inventory
from placement.objects.inventory import Inventory

# How many views a process keeps; with 60 traits each they take some 80 MB.
KEPT_MAX = 24_000

# How many ids one statement names.
_IDS_PER_STATEMENT = 10_000

_Ids = collections.abc.Sequence[int]
_Rows = dict[int, list[typing.Any]]


class TraitBits:
    """Gives every trait that is met a bit, so that sets of traits are integers."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._unused = itertools.count()

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


class KeptViews:
    """The views that a process keeps: those used last, in two generations.

    When the young generation is full it becomes the old one, and what was not used
    meanwhile is forgotten. That needs no lock and no bookkeeping per use.
    """

    def __init__(self, size_max: int = KEPT_MAX) -> None:
        self.bits = TraitBits()
        # Many providers have the same traits; their JSON is kept once.
        self.traits_json: dict[tuple[str, ...], bytes] = {}
        self._young_max = max(1, size_max // 2)
        self._young: dict[int, ProviderView] = {}
        self._old: dict[int, ProviderView] = {}

    def find(self, provider_id: int) -> ProviderView | None:
        view = self._young.get(provider_id)
        if view is None:
            view = self._old.get(provider_id)
            if view is not None:
                self.add(view)
        return view

    def add(self, view: ProviderView) -> None:
        if len(self._young) >= self._young_max:
            self._old, self._young = self._young, {}
            self.traits_json = {}
        self._young[view.id] = view


class Views:
    """The views of one search, which runs in one snapshot."""

    def __init__(
        self,
        conn: sa.Connection,
        names: Names,
        kept: KeptViews,
        sharing_trait_id: int | None,
    ) -> None:
        self._conn = conn
        self._names = names
        self._kept = kept
        self._sharing_bit = kept.bits.of(
            [] if sharing_trait_id is None else [sharing_trait_id]
        )
        self._names_revision_read: int | None = None

    def get_all(self, revisions: dict[int, int]) -> dict[int, ProviderView]:
        """Return the views of the providers of ``revisions``, which is by id."""
        find = self._kept.find
        found = {}
        missing = []
        for provider_id, revision in revisions.items():
            view = find(provider_id)
            if (
                view is not None
                and view.revision == revision
                and (
                    view.names_revision is None
                    or view.names_revision == self._names_revision()
                )
            ):
                found[provider_id] = view
            else:
                missing.append(provider_id)
        for start in range(0, len(missing), _IDS_PER_STATEMENT):
            for view in self._load(missing[start : start + _IDS_PER_STATEMENT]):
                found[view.id] = view
                self._kept.add(view)
        return found

    def _names_revision(self) -> int:
        if self._names_revision_read is None:
            select = sa.select(tables.name_changes.c.revision)
            self._names_revision_read = self._conn.scalar(select) or 0
        return self._names_revision_read

    def _load(self, ids: _Ids) -> collections.abc.Iterator[ProviderView]:
        """Read providers: four statements, and names that are not known yet."""
        inventories = self._rows_by_provider(
            sa.select(
                tables.inventories.c.resource_provider_id, *inventory.COLUMNS
            ).order_by(tables.inventories.c.resource_class_id),
            tables.inventories,
            ids,
        )
        traits = self._rows_by_provider(
            sa.select(
                tables.resource_provider_traits.c.resource_provider_id,
                tables.resource_provider_traits.c.trait_id,
            ).order_by(tables.resource_provider_traits.c.trait_id),
            tables.resource_provider_traits,
            ids,
        )
        aggregates = self._rows_by_provider(
            sa.select(
                tables.resource_provider_aggregates.c.resource_provider_id,
                tables.resource_provider_aggregates.c.aggregate_id,
            ),
            tables.resource_provider_aggregates,
            ids,
        )
        class_names = self._names.resource_classes(
            self._conn, {row[1] for rows in inventories.values() for row in rows}
        )
        trait_names = self._names.traits(
            self._conn, {row[1] for rows in traits.values() for row in rows}
        )
        for row in self._conn.execute(_providers(ids)):
            offers = [Inventory(*found[1:]) for found in inventories.get(row.id, ())]
            trait_ids = [found[1] for found in traits.get(row.id, ())]
            bits = self._kept.bits.of(trait_ids)
            yield ProviderView(
                id=row.id,
                uuid=row.uuid,
                root_id=row.root_provider_id,
                parent_id=row.parent_provider_id,
                revision=row.revision,
                names_revision=self._names_revision_of(offers, class_names),
                offers={one.resource_class_id: _offer(one) for one in offers},
                traits=bits,
                aggregates=frozenset(found[1] for found in aggregates.get(row.id, ())),
                is_sharing=bool(bits & self._sharing_bit),
                resources_json=_resources_json(row.uuid, offers, class_names),
                traits_json=self._traits_json(trait_names[id_] for id_ in trait_ids),
                place_json=_place_json(row.parent_uuid, row.root_uuid),
            )

    def _rows_by_provider(
        self, select: "sa.Select[typing.Any]", table: sa.Table, ids: _Ids
    ) -> _Rows:
        rows: _Rows = {}
        named = select.where(is_one_of(table.c.resource_provider_id, ids))
        for row in self._conn.execute(named):
            rows.setdefault(row[0], []).append(row)
        return rows

    def _names_revision_of(
        self, offers: list[Inventory], class_names: dict[int, str]
    ) -> int | None:
        if any(
            name_kinds.is_custom(class_names[one.resource_class_id]) for one in offers
        ):
            return self._names_revision()
        return None

    def _traits_json(self, names: collections.abc.Iterable[str]) -> bytes:
        key = tuple(names)
        return self._kept.traits_json.setdefault(key, b',"traits":' + orjson.dumps(key))


def is_one_of(column: sa.ColumnElement[int], ids: _Ids) -> sa.ColumnElement[bool]:
    """``column`` is among ``ids``, which are written into the statement.

    No database bounds how many those are; all of them bound its parameters.
    """
    return column.in_(
        sa.bindparam(None, list(ids), expanding=True, literal_execute=True)
    )


def _providers(ids: _Ids) -> "sa.Select[typing.Any]":
    provider = tables.resource_providers.alias("provider")
    parent = tables.resource_providers.alias("parent")
    root = tables.resource_providers.alias("root")
    return (
        sa.select(
            provider.c.id,
            provider.c.uuid,
            provider.c.root_provider_id,
            provider.c.parent_provider_id,
            provider.c.revision,
            parent.c.uuid.label("parent_uuid"),
            root.c.uuid.label("root_uuid"),
        )
        .join(root, root.c.id == provider.c.root_provider_id)
        .outerjoin(parent, parent.c.id == provider.c.parent_provider_id)
        .where(is_one_of(provider.c.id, ids))
    )


def _offer(offered: Inventory) -> Offer:
    return Offer(
        min_unit=offered.min_unit,
        step_size=offered.step_size,
        room=min(offered.max_unit, offered.capacity - offered.used),
        capacity=offered.capacity,
        used=offered.used,
    )


def _resources_json(
    uuid: str, offers: list[Inventory], class_names: dict[int, str]
) -> bytes:
    resources = {
        class_names[one.resource_class_id]: {
            "capacity": one.capacity,
            "used": one.used,
        }
        for one in offers
    }
    return b'"%b":{"resources":%b' % (uuid.encode(), orjson.dumps(resources))


def _place_json(parent_uuid: str | None, root_uuid: str) -> bytes:
    place = {"parent_provider_uuid": parent_uuid, "root_provider_uuid": root_uuid}
    return b"," + orjson.dumps(place)[1:-1]
