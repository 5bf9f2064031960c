"""Groups: consumers of a project that are kept together or apart.

A claim for a group updates the group's row first. So claims for one group wait for
each other, and conflict on a Galera cluster, and each sees the hosts of all members.
Where a member is follows from its allocations, so that it stays true if another
operation moves it. Memberships end with the record of the consumer.
"""

import collections
import collections.abc
import dataclasses
import enum
import json
import typing

import sqlalchemy as sa

from placement import extension_exception
from placement.db import revision, tables, transaction, unique

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_groups = tables.groups
_members = tables.group_members
_consumers = tables.consumers
_allocations = tables.allocations
_providers = tables.resource_providers
_traits = tables.traits
_provider_traits = tables.resource_provider_traits
_aggregates = tables.placement_aggregates
_provider_aggregates = tables.resource_provider_aggregates

# The number of empty groups that one sweep deletes.
_BATCH = 500

_SHARING = "MISC_SHARES_VIA_AGGREGATE"


class Policy(enum.Enum):
    """What keeps the members of a group together or apart."""

    ANTI_AFFINITY = "anti-affinity"
    AFFINITY = "affinity"
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"
    SOFT_AFFINITY = "soft-affinity"

    @property
    def is_soft(self) -> bool:
        return self in (Policy.SOFT_ANTI_AFFINITY, Policy.SOFT_AFFINITY)

    @property
    def is_apart(self) -> bool:
        return self in (Policy.ANTI_AFFINITY, Policy.SOFT_ANTI_AFFINITY)


@dataclasses.dataclass(frozen=True, slots=True)
class GroupRequest:
    """A group as a request names it.

    ``aggregates`` has the uuids of those that are the domains of the group, or is None
    if each host is a domain.
    """

    project_id: str
    name: str
    policy: Policy
    max_per_host: int = 1
    aggregates: tuple[str, ...] | None = None


# A host, by the id of its root provider, or an aggregate, by its id.
Domain = int


@dataclasses.dataclass(frozen=True, slots=True)
class Membership:
    """The members of a group, at one time.

    ``counts`` has their number by domain. ``domains`` has the domains of each host, if
    these are aggregates; other hosts are in none.
    """

    request: GroupRequest
    counts: collections.Counter[Domain]
    domains: collections.abc.Mapping[int, tuple[Domain, ...]] | None

    def domains_of(self, root_id: int) -> tuple[Domain, ...]:
        """Return the domains of a host; none if the group does not use it."""
        return (root_id,) if self.domains is None else self.domains.get(root_id, ())

    def allows(self, root_id: int) -> bool:
        """A hard policy allows another member on a host; a soft one allows any host."""
        domains = self.domains_of(root_id)
        if not domains:
            return False
        if self.request.policy.is_soft or not self.counts:
            return True
        counts = [self.counts[domain] for domain in domains]
        if self.request.policy.is_apart:
            return max(counts) < self.request.max_per_host
        return max(counts) == max(self.counts.values())

    def distance(self, root_id: int) -> int:
        """Return how badly a soft policy rates a host; the lowest is the best."""
        counts = [self.counts[domain] for domain in self.domains_of(root_id)]
        if not self.request.policy.is_soft or not counts:
            return 0
        if self.request.policy.is_apart:
            return max(0, max(counts) - self.request.max_per_host + 1)
        return -max(counts)

    def add(self, root_id: int) -> None:
        """Count another member on a host."""
        self.counts.update(self.domains_of(root_id))


def read(conn: sa.Connection, request: GroupRequest) -> Membership:
    """Return the members of a group; none if it does not exist.

    Raises GroupPolicyConflict if it has members under another policy.
    """
    found = conn.execute(_FIND, _key(request)).first()
    members = Membership(request, collections.Counter(), _domains(conn, request))
    if found is not None:
        for _, root_id in conn.execute(_HOSTS, {"group_id": found.id}):
            members.add(root_id)
        if members.counts and _definition(request) != tuple(found[1:]):
            raise _policy_conflict(request, found.policy, found.max_per_host)
    return members


def lock(conn: sa.Connection, request: GroupRequest) -> int:
    """Lock the group until the end of the transaction; return its id.

    Must precede every other lock. Creates the group, and gives one without members the
    requested policy.

    Raises GroupPolicyConflict.
    """
    key = _key(request)
    if not conn.execute(_ADVANCE, key).rowcount:
        policy, most, aggregates = _definition(request)
        # Of two writers that insert it, one is retried.
        unique.insert_or_retry(
            conn,
            _groups,
            project_id=request.project_id,
            name=request.name,
            policy=policy,
            max_per_host=most,
            aggregates=aggregates,
            revision=revision.first(),
        )
    found = conn.execute(_FIND, key).one()
    group_id: int = found.id
    if tuple(found[1:]) != _definition(request):
        policy, most, aggregates = _definition(request)
        is_member = sa.select(_members.c.consumer_id).where(
            _members.c.group_id == group_id
        )
        changed = conn.execute(
            sa.update(_groups)
            .where(_groups.c.id == group_id, sa.not_(is_member.exists()))
            .values(policy=policy, max_per_host=most, aggregates=aggregates)
        )
        if not changed.rowcount:
            raise _policy_conflict(request, found.policy, found.max_per_host)
    return group_id


def add(
    conn: sa.Connection, group_id: int, consumers: collections.abc.Iterable[str]
) -> None:
    """Make consumers, by uuid, members of a group."""
    ids = conn.scalars(
        sa.select(_consumers.c.id)
        .where(_consumers.c.uuid.in_(list(consumers)))
        .order_by(_consumers.c.id)
    )
    conn.execute(
        sa.insert(_members), [{"consumer_id": id_, "group_id": group_id} for id_ in ids]
    )


def delete_empty(context: "RequestContext") -> None:
    """Delete the groups without members.

    If a member joins at the same time, its foreign key makes one of the two try again.

    Raises what ``transaction.write`` raises.
    """
    member = sa.select(_members.c.consumer_id).where(
        _members.c.group_id == _groups.c.id
    )
    is_empty = sa.not_(member.exists())
    empty = sa.select(_groups.c.id).where(is_empty).order_by(_groups.c.id).limit(_BATCH)
    ids = transaction.read_before_write(context, lambda conn: list(conn.scalars(empty)))
    if ids:
        delete = sa.delete(_groups).where(_groups.c.id.in_(ids), is_empty)
        transaction.write(context, lambda conn: conn.execute(delete))


def _key(request: GroupRequest) -> dict[str, str]:
    return {"group_project": request.project_id, "group_name": request.name}


def _policy_conflict(
    request: GroupRequest, policy: str, most: int
) -> extension_exception.GroupPolicyConflict:
    return extension_exception.GroupPolicyConflict(
        name=request.name, policy=policy, most=most
    )


def _definition(request: GroupRequest) -> tuple[str, int, str | None]:
    """Return what the first claim of a group fixes, as it is stored."""
    aggregates = request.aggregates
    return (
        request.policy.value,
        request.max_per_host,
        None if aggregates is None else json.dumps(sorted(aggregates)),
    )


def _domains(
    conn: sa.Connection, request: GroupRequest
) -> dict[int, tuple[Domain, ...]] | None:
    if request.aggregates is None:
        return None
    rows = conn.execute(
        sa.select(
            _provider_aggregates.c.resource_provider_id,
            _provider_aggregates.c.aggregate_id,
        )
        .join(_aggregates, _aggregates.c.id == _provider_aggregates.c.aggregate_id)
        .where(_aggregates.c.uuid.in_(sorted(request.aggregates)))
        .order_by(_provider_aggregates.c.aggregate_id)
    )
    found: dict[int, tuple[Domain, ...]] = {}
    for provider_id, aggregate_id in rows:
        found[provider_id] = (*found.get(provider_id, ()), aggregate_id)
    return found


_OF_NAME = sa.and_(
    _groups.c.project_id == sa.bindparam("group_project"),
    _groups.c.name == sa.bindparam("group_name"),
)
_FIND = sa.select(
    _groups.c.id, _groups.c.policy, _groups.c.max_per_host, _groups.c.aggregates
).where(_OF_NAME)
_ADVANCE = (
    sa.update(_groups)
    .where(_OF_NAME)
    .values(revision=revision.next_of(_groups.c.revision))
)
# A pool that many hosts share is not the host of its consumers.
_IS_SHARING = (
    sa.select(_provider_traits.c.trait_id)
    .join(_traits, _traits.c.id == _provider_traits.c.trait_id)
    .where(
        _traits.c.name == _SHARING,
        _provider_traits.c.resource_provider_id == _providers.c.id,
    )
    .exists()
)
_HOSTS = (
    sa.select(_members.c.consumer_id, _providers.c.root_provider_id)
    .distinct()
    .join(_consumers, _consumers.c.id == _members.c.consumer_id)
    .join(_allocations, _allocations.c.consumer_id == _consumers.c.uuid)
    .join(_providers, _providers.c.id == _allocations.c.resource_provider_id)
    .where(_members.c.group_id == sa.bindparam("group_id"), sa.not_(_IS_SHARING))
)
