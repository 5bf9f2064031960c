"""Pick a host for one consumer from what earlier requests have read.

This reads nothing. The pick is the one that ``picker`` would find in the database if
what is known is up to date, and the claim is refused otherwise: it is sent with what
was ``Seen``.
"""

import typing
import zlib

from placement.candidates.arrays import Definition
from placement.candidates.lru import LRUCache
from placement.candidates.model import Tree
from placement.candidates.pick.model import Picked, Preferences, Wanted
from placement.candidates.search import cache_of
from placement.candidates.solve.flat import FlatConditions
from placement.candidates.sql.statements import Need
from placement.objects.claim_request import Amount, Seen

if typing.TYPE_CHECKING:
    from placement.context import RequestContext


# The key of the requests in ``Service.kept``.
_REQUESTS = "placement.candidates.pick.requests"

# The length of the query of a request that is kept.
_QUERY_LENGTH_MAX = 1024

# Measured: a request that is kept, at most, and what each character of its query adds.
_REQUEST_BYTES = 3000
_CHARACTER_BYTES = 25


class KnownRequest(typing.NamedTuple):
    """A request that one provider can serve, as far as it depends on names only.

    ``query_length`` is in characters. ``classes`` has the names of the requested
    classes by id. All ids were looked up at ``names_revision``. No provider had the
    trait ``sharing_trait_id``; None: the trait was not stored.
    """

    query_length: int
    conditions: FlatConditions
    needs: tuple[Need, ...]
    classes: dict[int, str]
    names_revision: int
    sharing_trait_id: int | None


Requests = LRUCache[tuple[str, ...], KnownRequest]


class KnownPick(typing.NamedTuple):
    """A pick, and what it depends on."""

    picked: Picked
    seen: Seen


def requests_of(context: "RequestContext") -> Requests:
    """Return the requests that this process knows, by their query."""
    requests: Requests | None = context.service.kept.get(_REQUESTS)
    if requests is None:
        requests = LRUCache(cache_of(context).requests_size_max, _size_of)
        requests = context.service.kept.setdefault(_REQUESTS, requests)
    return requests


def note_request(
    context: "RequestContext", wanted: Wanted, request: KnownRequest
) -> None:
    """Keep a request, unless its query is long."""
    if request.query_length <= _QUERY_LENGTH_MAX:
        requests_of(context).add(wanted.query, request)


def _size_of(request: KnownRequest) -> int:
    """Return about how many bytes a request takes that is kept."""
    return _REQUEST_BYTES + _CHARACTER_BYTES * request.query_length


def place_of(wanted: Wanted) -> int:
    """Return the place at which the hosts of a consumer begin; never 0."""
    return zlib.crc32(wanted.consumer.encode()) + 1


def is_possible(wanted: typing.Sequence[Wanted], preferences: Preferences) -> bool:
    """Whether the host for a request can be picked here, if enough is known."""
    return (
        len(wanted) == 1
        and not preferences.is_ranked
        and not preferences.excluded
        and preferences.group is None
    )


def pick(context: "RequestContext", wanted: Wanted) -> KnownPick | None:
    """Pick the first host from the consumer's place that fits.

    None: too little is known, or a host before it is probably out of date.
    """
    cache = cache_of(context)
    known = cache.known
    request = requests_of(context).find(wanted.query)
    if request is None:
        return None
    if any(cache.needs.is_rare(need) is not False for need in request.needs):
        # Only hosts that meet a rare need are read, and not by their place.
        return None
    conditions, place = request.conditions, place_of(wanted)
    ids: list[int] = []
    revisions: list[int] = []
    full: list[int] = []
    for id_ in known.after(place):
        tree = cache.trees.find(id_)
        if tree is None or len(tree.providers) > 1:
            return None
        host = tree.root
        ids.append(id_)
        revisions.append(host.definition_revision)
        if conditions.meeting([tree]):
            if not known.has_room(tree, conditions.plan.total, request.classes):
                return None
            seen = Seen(
                place,
                ids,
                revisions,
                full,
                [class_id for class_id, _ in conditions.plan.total],
                request.names_revision,
                request.sharing_trait_id,
            )
            return _known_pick(wanted, request, tree, seen)
        if _may_fit(conditions, tree):
            full.append(id_)
            revisions[-1] = host.revision
    return None


def _may_fit(conditions: FlatConditions, tree: Tree) -> bool:
    """A host that does not fit may do so after a change of its usage only."""
    return conditions.admits(Definition.of(tree)) and bool(
        conditions.meeting([Tree(tree.members, (tree.root.unused(),))])
    )


def _known_pick(
    wanted: Wanted, request: KnownRequest, tree: Tree, seen: Seen
) -> KnownPick:
    plan, uuid = request.conditions.plan, tree.root.uuid
    picked = Picked(
        wanted.consumer,
        tuple(
            [
                Amount(uuid, request.classes[class_id], units)
                for class_id, units in plan.total
            ]
        ),
        {group.suffix: [uuid] for group in plan.groups},
        tree.members,
    )
    return KnownPick(picked, seen)
