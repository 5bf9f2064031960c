"""Pick a candidate for each consumer, in one snapshot of the database.

Consumers of one request see what was picked for those before them: each pick is taken
from a copy of the trees, and the engine of the search looks at that copy.
"""

import collections
import collections.abc
import contextlib
import time
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.candidates.model import Members, Tree
from placement.candidates.pick import known
from placement.candidates.pick.asked import PAGE_MIN, Asked
from placement.candidates.pick.cloud import Cloud
from placement.candidates.pick.model import Picked, Preferences, Wanted
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.search import cache_of, hosts_of
from placement.candidates.solve.limits import Budget
from placement.candidates.source import scan
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.hosts import Hosts
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees, page_from
from placement.candidates.sql import statements
from placement.candidates.sql.reader import (
    NAMES_REVISION,
    Prefetch,
    Reader,
    SnapshotRequiredError,
    has_fast_batches,
)
from placement.db import postgresql, tables
from placement.objects import group
from placement.objects.group import Membership

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_providers = tables.resource_providers

# Providers that have changed within this time come with their details.
_DETAILS_MICROSECONDS = 60_000_000

# Trees of the first page where no host is known yet.
_UNKNOWN_PAGE_MIN = 64

# Roots that were refused, by id, with the members that they had then.
Refused = dict[int, Members]


class NothingFitsError(Exception):
    """No candidate is left for ``consumer``, the first one that has none."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        super().__init__(wanted.consumer)


def pick(
    conn: sa.Connection,
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> list[Picked]:
    """Return a candidate for each of ``wanted``, in their order.

    All of them fit at the same time, in one snapshot of the database. A root of
    ``refused`` is left out while it is as it was then.

    Raises NothingFitsError; what ``search`` raises; UnknownExcludedRoot; UnknownTraits
    and GroupPolicyConflict.
    """
    if not preferences.is_ranked:
        return _pick(conn, context, wanted, preferences, refused)
    hosts, arrived = hosts_of(context), time.monotonic()
    with hosts.lock:
        latest = hosts.latest
        # What a replica shows is only as new as the request that has read it.
        if latest is not None and latest.time > arrived and context.replica is None:
            # Another request has read all hosts while this one waited.
            with contextlib.suppress(SnapshotRequiredError):
                reader = Reader.of_values(latest.values)
                picker = _Picker(reader, context, preferences, refused, PAGE_MIN)
                return picker.run(wanted)
        return _pick(conn, context, wanted, preferences, refused)


def _pick(
    conn: sa.Connection,
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> list[Picked]:
    page_min = PAGE_MIN
    if has_fast_batches(conn):
        page_min = _page_min(cache_of(context), wanted, preferences)
        prefetch = _prefetch(context, wanted, preferences, page_min)
        batches = cache_of(context).batches
    else:
        prefetch = batches = None

    def pick_by(reader: Reader) -> list[Picked]:
        return _Picker(reader, context, preferences, refused, page_min).run(wanted)

    # Pages of unknown hosts take more than a batch.
    if prefetch is not None and page_min == PAGE_MIN:
        with (
            postgresql.autocommit(conn) as is_autocommit,
            contextlib.suppress(SnapshotRequiredError),
        ):
            if is_autocommit:
                return pick_by(Reader(conn, prefetch, batches, only_batch=True))
    return pick_by(Reader(conn, prefetch, batches))


def _page_min(
    cache: TreeCache,
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
) -> int:
    """Return the number of trees to read; more if that helps to know all hosts soon."""
    is_new = (
        cache.tree_size == 1
        and known.is_possible(wanted, preferences)
        and not cache.known.has(known.place_of(wanted[0]))
    )
    return _UNKNOWN_PAGE_MIN if is_new else PAGE_MIN


def _prefetch(
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    page_min: int,
) -> Prefetch | None:
    """Return what a pick reads if the first page is enough; None: it is probably not.

    Providers that have changed lately come with their details.
    """
    cache, request = cache_of(context), wanted[0].request
    if (
        preferences.group is not None
        or preferences.excluded
        or len({one.query for one in wanted}) > 1
    ):
        return None
    values = [NAMES_REVISION, *resolve.prefetchable(request.groups)]
    if cache.sharing_trait_id is not None:
        values.append(statements.any_sharing(cache.sharing_trait_id))
    if preferences.is_ranked:
        return hosts_of(context).prefetch(values)
    if cache.tree_size is None:
        return None
    values += [statements.any_nested(), statements.greatest_id()]
    page = scan.first_page(len(wanted), cache.tree_size, page_min)
    return Prefetch(
        tuple(values),
        page_from(known.place_of(wanted[0]), page.provider_count),
        max(0, cache.newest_picked - _DETAILS_MICROSECONDS),
    )


class _Picker:
    """Picks in the snapshot of ``reader``."""

    def __init__(
        self,
        reader: Reader,
        context: "RequestContext",
        preferences: Preferences,
        refused: Refused,
        page_min: int,
    ) -> None:
        self.page_min = page_min
        self._context = context
        self._names = context.names
        self.preferences = preferences
        self.refused = refused
        self.cache = cache_of(context)
        self.reader = reader
        self.budget = Budget(context.settings.placement.candidates_search_seconds_max)
        sharing_trait_id = resolve.find_sharing_trait(self.reader, self._names)
        self.cache.sharing_trait_id = sharing_trait_id
        self.trees = Trees(
            self.reader,
            SnapshotReader(self.reader, self._names, self.cache.bits, sharing_trait_id),
            self.cache,
        )
        self._excluded = self._find_excluded(preferences.excluded)
        sharing_trees = self.trees.sharing(sharing_trait_id) if sharing_trait_id else []
        self._sharing_trees = [
            each for each in sharing_trees if each.root.id not in self._excluded
        ]
        self.cloud = Cloud(self._sharing_trees)
        self.members: Membership | None = None
        if preferences.group is not None:
            self.members = group.read(reader.conn, preferences.group)
        self._counts = dict(self.members.counts) if self.members is not None else {}
        # Domains in which the members of a group do not fit together.
        self._barred: frozenset[int] = frozenset()
        self.weights = self._find_weights(preferences.prefer)
        self.hosts: Hosts | None = None
        if preferences.is_ranked and not sharing_trees:
            hosts = hosts_of(context)
            self.hosts = hosts if hosts.update(reader, self.trees) else None

    def run(self, wanted: collections.abc.Sequence[Wanted]) -> list[Picked]:
        try:
            return self._try(wanted)
        except NothingFitsError as failure:
            # The first consumer may take what only the last one could use.
            largest_first = sorted(wanted, key=_size, reverse=True)
            orders = [wanted] if self._begins_domain else []
            if largest_first != list(wanted):
                orders.append(largest_first)
            for order in orders:
                found = self._try_domains(order)
                if found is not None:
                    by_consumer = {one.consumer: one for one in found}
                    return [by_consumer[one.consumer] for one in wanted]
            raise failure from None

    @property
    def _begins_domain(self) -> bool:
        """The request chooses the domain of a group with affinity."""
        return (
            self.members is not None
            and self.members.request.policy is group.Policy.AFFINITY
            and not self._counts
        )

    def _try_domains(
        self, wanted: collections.abc.Sequence[Wanted]
    ) -> list[Picked] | None:
        """Pick, for a group that begins, in one domain after the other.

        The members of a group with affinity must all fit into the first domain.
        """
        barred: set[int] = set()
        while True:
            self._barred = frozenset(barred)
            try:
                return self._try(wanted)
            except NothingFitsError:
                tried = set(self.members.counts) if self.members is not None else set()
                if not self._begins_domain or not tried:
                    return None
                barred |= tried

    def _try(self, wanted: collections.abc.Sequence[Wanted]) -> list[Picked]:
        """Pick in the order of ``wanted``, from a new copy of the trees."""
        self.cloud = Cloud(self._sharing_trees)
        if self.members is not None:
            self.members.counts.clear()
            self.members.counts.update(self._counts)
        self._asked: dict[tuple[str, ...], Asked] = {}
        counts = collections.Counter([one.query for one in wanted])
        picked = []
        for one in wanted:
            asked = self._asked.get(one.query)
            if asked is None:
                asked = self._asked[one.query] = self._ask(one, counts[one.query])
            candidate = asked.next()
            if candidate is None:
                raise NothingFitsError(one)
            picked.append(asked.take(candidate, one.consumer))
            for each in self._asked.values():
                each.note_taken(candidate.tree)
        self.cache.newest_picked = max(self.cache.newest_picked, self.reader.newest)
        return picked

    def _ask(self, wanted: Wanted, count: int) -> "Asked":
        request = wanted.request
        traits = request.root_required | request.root_forbidden
        try:
            ids = resolve.look_up(self.reader, self._names, request.groups, traits)
        except exception.BadRequest as unknown:
            raise extension_exception.ClaimQueryInvalid(
                wanted.consumer, unknown
            ) from unknown
        plan = plans.plan(request, ids, self.cache.bits)
        if plan is None:
            raise NothingFitsError(wanted)
        asked = Asked(self, request, plan, ids)
        if self.preferences.is_ranked:
            asked.rank()
        else:
            asked.scan(known.place_of(wanted), count)
        self._note_request(wanted, asked, ids)
        return asked

    def _note_request(self, wanted: Wanted, asked: Asked, ids: resolve.Ids) -> None:
        """Keep what a host for the same request can be picked by without reading."""
        conditions = asked.flat
        if (
            conditions is None
            or not conditions.is_possible
            or not conditions.plan.total
        ):
            return
        # Nothing shows that the ids of aggregates and providers have stayed the same.
        if resolve.has_uuids(wanted.request.groups):
            return
        sharing_trait_id = self.cache.sharing_trait_id
        if sharing_trait_id is not None:
            sharing = statements.any_sharing(sharing_trait_id)
            if self.reader.value(sharing) is not None:
                return
        known.note_request(
            self._context,
            wanted,
            known.KnownRequest(
                sum(map(len, wanted.query)),
                conditions,
                tuple(statements.needs(conditions.plan, {})),
                {id_: name for name, id_ in ids.resource_classes.items()},
                self.reader.names_revision(),
                sharing_trait_id,
            ),
        )

    def tree_in(self, row: int) -> Tree:
        """Return the tree of a row of ``hosts``."""
        assert self.hosts is not None
        root_id = int(self.hosts.ids[row])
        revision = int(self.hosts.revisions[row])
        (tree,) = self.trees.of([(root_id, root_id, revision)])
        return tree

    def allows(self, tree: Tree) -> bool:
        """The tree may be picked, whatever room it has."""
        root_id = tree.root.id
        if root_id in self._excluded or self.refused.get(root_id) == tree.members:
            return False
        if self.members is None:
            return True
        return self.members.allows(root_id) and self._barred.isdisjoint(
            self.members.domains_of(root_id)
        )

    def _find_excluded(self, uuids: frozenset[str]) -> set[int]:
        if not uuids:
            return set()
        rows = self.reader.conn.execute(
            sa.select(_providers.c.id, _providers.c.uuid).where(
                _providers.c.uuid.in_(sorted(uuids)),
                _providers.c.id == _providers.c.root_provider_id,
            )
        )
        found: dict[int, str] = {row[0]: row[1] for row in rows}
        unknown = sorted(uuids.difference(found.values()))
        if unknown:
            raise extension_exception.UnknownExcludedRoot(uuid=unknown[0])
        return set(found)

    def _find_weights(
        self, prefer: collections.abc.Mapping[str, float]
    ) -> list[tuple[int, float]]:
        """Return the weights by the bits of their trait."""
        if not prefer:
            return []
        try:
            ids = self._names.trait_ids(
                self.reader.conn, list(prefer), self.reader.names_revision
            )
        except exception.TraitNotFound as unknown:
            raise extension_exception.UnknownPreferredTraits(
                **unknown.details
            ) from unknown
        return [
            (self.cache.bits.of([ids[name]]), weight) for name, weight in prefer.items()
        ]


def _size(wanted: Wanted) -> int:
    return sum(sum(each.resources.values()) for each in wanted.request.groups)
