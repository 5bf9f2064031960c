"""Pick candidates for new consumers and claim them, in one request.

What was picked is claimed by the conditional statements of all claims. If another
client was faster, the next candidates are picked from a new snapshot, as long as
anything fits.
"""

import collections.abc
import dataclasses
import functools
import time
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.candidates.explain import document
from placement.candidates.pick import known, snapshot
from placement.candidates.pick.model import Picked, Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError, Refused
from placement.candidates.search import cache_of
from placement.db import tables, transaction
from placement.objects import claim, hold, idempotency
from placement.objects.claim import Extras, Generations
from placement.objects.claim_request import Claim
from placement.objects.consumer import Owner
from placement.objects.group import Membership
from placement.objects.idempotency import Key

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# How long one request looks for candidates that other claims do not take first.
_SECONDS_MAX = 30.0

# What other clients can take before a claim reaches the database.
_LOST = (
    exception.CapacityExceeded,
    exception.InvalidInventory,
    exception.InventoryConstraintsViolated,
    extension_exception.ProviderNotInService,
    # The provider was deleted.
    exception.BadRequest,
)

_consumers = tables.consumers


@dataclasses.dataclass(frozen=True, slots=True)
class PlaceRequest:
    """Consumers to place, all or none of them.

    ``wanted`` and ``owners`` belong together. ``answer`` encodes the response, which is
    stored under ``key``.
    """

    wanted: tuple[Wanted, ...]
    owners: tuple[Owner, ...]
    preferences: Preferences
    hold_seconds: int | None
    key: Key | None
    answer: collections.abc.Callable[[list[Picked], Generations], bytes]


class _MembersChangedError(Exception):
    """Another claim for the group was faster."""


def place(context: "RequestContext", request: PlaceRequest) -> bytes:
    """Pick a candidate for each consumer and claim it; return the encoded answer.

    Raises NoCandidate, ConsumerExists, what ``snapshot.pick`` raises except
    NothingFitsError, and what ``claim.place`` raises except StoredAnswer and a lost
    race.
    """
    try:
        return _place(context, request)
    except extension_exception.GroupPolicyConflict:
        # The holds of all members may have expired.
        hold.release_expired(context)
        return _place(context, request)


def _place(context: "RequestContext", request: PlaceRequest) -> bytes:
    answer = _stored(context, request) or _claim_known(context, request)
    if answer is not None:
        return answer
    end = time.monotonic() + _SECONDS_MAX
    refused: Refused = {}
    pick = snapshot.pick
    while True:
        try:
            picked = _pick(context, request, refused, pick)
        except NothingFitsError as nothing:
            if nothing.explanation is not None or time.monotonic() > end:
                return _stored_or_raise(context, request, nothing)
            if nothing.is_hold_expired:
                hold.release_expired(context)
            # Roots that were refused may fit again.
            pick, refused = snapshot.pick_or_explain, {}
            continue
        try:
            return _claim(context, request, picked)
        except claim.StoredAnswer as stored:
            return stored.body
        except exception.ConsumerGenerationConflict as conflict:
            _require_expired(context, request, conflict)
        except extension_exception.LimitExceeded as refusal:
            if not claim.may_succeed_now(context, refusal):
                raise
        except (*_LOST, _MembersChangedError) as lost:
            if time.monotonic() > end:
                raise _taken() from lost
            refused |= {each.root_id: each.members for each in picked}


def _claim_known(context: "RequestContext", request: PlaceRequest) -> bytes | None:
    """Claim a host that is known from earlier requests; return the encoded answer.

    None: nothing was changed, and only reading can tell whether anything fits.
    """
    if (
        request.key is not None
        or request.hold_seconds is not None
        or not known.is_possible(request.wanted, request.preferences)
    ):
        return None
    hosts = cache_of(context).known
    pick = None if hosts.is_paused() else known.pick(context, request.wanted[0])
    if pick is None:
        return None
    picked = pick.picked
    wanted = Claim(picked.consumer, picked.amounts, request.owners[0], None)
    generation = claim.place_seen(context, wanted, pick.seen)
    hosts.note_outcome(is_refused=generation is None)
    if generation is None:
        return None
    hosts.note_taken(picked.members, picked.amounts)
    return request.answer([picked], {picked.amounts[0].provider_uuid: generation})


def _stored(context: "RequestContext", request: PlaceRequest) -> bytes | None:
    """Return the answer that is stored for the key of the request, if there is one."""
    if request.key is None:
        return None
    find = functools.partial(idempotency.find, key=request.key)
    return transaction.read_before_write(context, find)


def _pick(
    context: "RequestContext",
    request: PlaceRequest,
    refused: Refused,
    pick: collections.abc.Callable[..., list[Picked]],
) -> list[Picked]:
    seconds_max = context.settings.placement.candidates_search_seconds_max
    return transaction.read_within(
        context,
        seconds_max,
        lambda conn: pick(conn, context, request.wanted, request.preferences, refused),
    )


def _claim(
    context: "RequestContext", request: PlaceRequest, picked: list[Picked]
) -> bytes:
    claims = [
        Claim(each.consumer, each.amounts, owner, None)
        for each, owner in zip(picked, request.owners, strict=True)
    ]
    group = request.preferences.group

    def check(members: Membership) -> None:
        for each in picked:
            if not members.allows(each.root_id):
                raise _MembersChangedError
            members.add(each.root_id)

    def answer(generations: Generations) -> bytes:
        return request.answer(picked, generations)

    extras = None
    if group is not None or request.key is not None or request.hold_seconds is not None:
        extras = Extras(request.key, group, check, request.hold_seconds, answer)
    generations = claim.place(context, claims, extras)
    for each in picked:
        if len(each.members) == 1:
            cache_of(context).known.note_taken(each.members, each.amounts)
    return answer(generations)


def _require_expired(
    context: "RequestContext", request: PlaceRequest, conflict: exception.Conflict
) -> None:
    """Release expired holds, of which one may be that of a consumer of the request.

    Raises ConsumerExists, or ConcurrentUpdate, if no hold has expired.
    """
    if not hold.release_expired(context):
        raise _exists(context, request) from conflict


def _exists(context: "RequestContext", request: PlaceRequest) -> exception.Conflict:
    uuids = [each.consumer for each in request.wanted]
    select = sa.select(_consumers.c.uuid).where(_consumers.c.uuid.in_(uuids))
    found = transaction.read_before_write(
        context, lambda conn: conn.scalars(select).first()
    )
    if found is None:
        return exception.ConcurrentUpdate(
            reason="A consumer of the request was created and deleted meanwhile."
        )
    return extension_exception.ConsumerExists(uuid=found)


def _taken() -> exception.ConcurrentUpdate:
    return exception.ConcurrentUpdate(
        reason="Other claims were faster at every candidate, for "
        f"{_SECONDS_MAX:.0f} seconds. Please retry your update"
    )


def _barred(preferences: Preferences) -> tuple[str, str]:
    """Return why a consumer that fits alone has no candidate: the cause, and in words.

    What it may use is barred by the request, or was picked for others of the request.
    """
    taken = "was picked for other consumers of the request"
    if preferences.group is not None:
        return "group", f"what fits is excluded by the group, by 'exclude', or {taken}"
    if preferences.excluded:
        return "excluded", f"what fits is excluded by 'exclude', or {taken}"
    return "full", f"what fits {taken}"


def _stored_or_raise(
    context: "RequestContext", request: PlaceRequest, nothing: NothingFitsError
) -> bytes:
    """Return the answer of the same request, which may have taken the room.

    Raises NoCandidate with the explanation, and ConcurrentUpdate if there is none.
    """
    answer = _stored(context, request)
    if answer is not None:
        return answer
    found, wanted = nothing.explanation, nothing.wanted
    if found is None:
        raise _taken() from nothing
    shown = document.document(found)
    cause, reason = found.cause, shown["summary"]
    if found.survey.fits:
        cause, reason = _barred(request.preferences)
        shown["summary"] += f", but {reason}"
    raise extension_exception.NoCandidate(
        wanted.consumer, reason, cause, shown
    ) from nothing
