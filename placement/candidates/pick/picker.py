"""Pick a candidate for each consumer, in one snapshot of the database.

Consumers of one request see what was picked for those before them: each pick is taken
from a copy of the trees, and the engine of the search looks at that copy.
"""

import collections
import collections.abc
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.candidates.explain.explanation import Explanation
from placement.candidates.model import Members, Tree
from placement.candidates.pick import known
from placement.candidates.pick.asked import Asked
from placement.candidates.pick.cloud import Cloud
from placement.candidates.pick.model import Picked, Preferences, Wanted
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.search import cache_of, hosts_of
from placement.candidates.solve.limits import Budget
from placement.candidates.source.hosts import Hosts
from placement.candidates.source.snapshots import SnapshotReader
from placement.candidates.source.trees import Trees
from placement.candidates.sql import statements
from placement.candidates.sql.reader import Reader
from placement.db import tables
from placement.objects import group
from placement.objects.group import Membership

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_providers = tables.resource_providers

# Roots that were refused, by id, with the members that they had then.
Refused = dict[int, Members]


class NothingFitsError(Exception):
    """No candidate is left for ``wanted``, the first consumer that has none.

    ``explanation`` is that of the same snapshot. It is None if something may fit later:
    if candidates were refused, if a hold has expired, or if only ``pick`` was tried.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.explanation: Explanation | None = None
        self.is_hold_expired = False
        super().__init__(wanted.consumer)


class Picker:
    """Picks in the snapshot of ``reader``.

    ``compares_all``: hosts are compared by arrays, also if no order needs it. Then, and
    if candidates are ranked, the caller holds the lock of ``hosts_of``.
    """

    def __init__(
        self,
        reader: Reader,
        context: "RequestContext",
        preferences: Preferences,
        refused: Refused,
        page_min: int,
        compares_all: bool = False,
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
            SnapshotReader(self.reader, self._names, self.cache, sharing_trait_id),
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
        if (preferences.is_ranked or compares_all) and not sharing_trees:
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
            is_new = asked is None
            if asked is None:
                asked = self._asked[one.query] = self._ask(one, counts[one.query])
            candidate = asked.next()
            if candidate is None:
                raise NothingFitsError(one)
            if is_new:
                self._note_request(one, asked)
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
        asked.begin(known.place_of(wanted), count)
        return asked

    def _note_request(self, wanted: Wanted, asked: Asked) -> None:
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
                asked.classes,
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
