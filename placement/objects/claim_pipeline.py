"""Claims and releases as one transaction that takes one round trip.

Nothing is read first: the statements check their own conditions, see
``batch.required``, and either all of them take effect or none. They are the same for
any number of consumers and amounts. What they refuse is left to
``claim_transaction``, which locks rows in the same order and knows the reason.

Only PostgreSQL runs several statements that it gets together as one transaction.
"""

import collections
import collections.abc
import contextlib
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.db import names, predicates, tables
from placement.db.batch import Step
from placement.objects import claim_statements, limit_statements, place_statement
from placement.objects.claim_request import Amount, Claim, Seen
from placement.objects.consumer import UNCHECKED, Owner

# Claims with more amounts are rare, and would run with plans made for short lists.
_AMOUNTS_MAX = 100

# Owners that are known, and projects that have reached a limit.
_KNOWN_MAX = 10_000


class KnownOwners:
    """Owners whose names are known to be stored; services never delete them."""

    def __init__(self) -> None:
        self._owners: set[Owner] = set()

    def has_all(self, claims: collections.abc.Iterable[Claim]) -> bool:
        return all(claim.owner in self._owners for claim in claims)

    def add(self, claims: collections.abc.Iterable[Claim]) -> None:
        """Add the owners of claims that were written."""
        if len(self._owners) > _KNOWN_MAX:
            self._owners = set()
        self._owners.update(claim.owner for claim in claims if claim.amounts)


class KnownLimits:
    """What earlier writes have found of limits.

    If it is outdated, the statements of a pipeline refuse it. ``exist``: some project
    has a limit.
    """

    def __init__(self) -> None:
        self.exist = False
        self._reached: set[str] = set()

    def are_reached(self, claims: collections.abc.Iterable[Claim]) -> bool:
        """Return whether the last claim of a project was refused for its limit.

        A pipeline would be refused again, which costs more than the checks of
        ``claim_transaction``.
        """
        return any(claim.owner.project_id in self._reached for claim in claims)

    @contextlib.contextmanager
    def noting(
        self, claims: collections.abc.Iterable[Claim]
    ) -> collections.abc.Iterator[None]:
        """Note whether a limit refuses the claims, which the block writes."""
        try:
            yield
        except extension_exception.LimitExceeded as refusal:
            self.exist = True
            if len(self._reached) > _KNOWN_MAX:
                self._reached = set()
            self._reached.add(refusal.details["project_id"])
            raise
        if self._reached:
            self._reached.difference_update(claim.owner.project_id for claim in claims)


def plan_claims(
    conn: sa.Connection,
    known_names: names.Names,
    known_owners: KnownOwners,
    claims: collections.abc.Sequence[Claim],
    known_limits: KnownLimits | None = None,
    is_recorded: bool = False,
) -> list[Step] | None:
    """Return the steps that write claims of new consumers.

    If the change ``is_recorded`` for the feed, one of them does that.

    None if the claims need ``claim_transaction``: an owner may be new, a consumer
    exists or is to be deleted, one inventory is claimed in amounts of several sizes,
    or a limit was reached. Without ``known_limits``, no project has one.
    """
    limits = known_limits or KnownLimits()
    amounts = [(claim.consumer, each) for claim in claims for each in claim.amounts]
    if len(amounts) > _AMOUNTS_MAX or not all(map(_may_be_new, claims)):
        return None
    if not known_owners.has_all(claims) or limits.are_reached(claims):
        return None
    try:
        classes = known_names.resource_class_ids(
            conn, dict.fromkeys(each.resource_class for _, each in amounts)
        )
    except exception.ResourceClassNotFound:
        return None
    sizes: dict[tuple[str, int], list[int]] = {}
    for _, each in amounts:
        key = each.provider_uuid, classes[each.resource_class]
        sizes.setdefault(key, []).append(each.units)
    if not all(map(_is_of_one_size, sizes.values())):
        return None
    now = tables.utcnow()
    added = _added(claims, amounts, classes)
    # Before the lock on providers, which many claims wait for.
    record = [Step(claim_statements.RECORD, added)] if is_recorded else []
    uuids = sorted({uuid for uuid, _ in sizes})
    lock = [Step(claim_statements.LOCK, {"providers": uuids})] if len(uuids) > 1 else []
    add = claim_statements.ADD_LIMITED if limits.exist else claim_statements.ADD
    return [
        Step(add, added | {"now": now}),
        *record,
        *lock,
        Step(claim_statements.ADVANCE, {"providers": uuids, "now": now}),
        Step(claim_statements.RESERVE, _reserved(sizes)),
        *_require_names(classes),
        *(_count_usage(claims, classes) if limits.exist else ()),
    ]


def plan_new(
    conn: sa.Connection,
    known_names: names.Names,
    known_owners: KnownOwners,
    claims: collections.abc.Sequence[Claim],
    known_limits: KnownLimits | None = None,
    is_recorded: bool = False,
) -> list[Step] | None:
    """Return the steps of ``plan_claims``, and one that reads the generations.

    It returns (uuid, generation) of each provider.
    """
    steps = plan_claims(
        conn, known_names, known_owners, claims, known_limits, is_recorded
    )
    if steps is None:
        return None
    uuids = sorted({amount.provider_uuid for each in claims for amount in each.amounts})
    return [*steps, Step(claim_statements.GENERATIONS, {"providers": uuids})]


def plan_seen(
    known_owners: KnownOwners,
    claim: Claim,
    seen: Seen,
    known_limits: KnownLimits,
    is_recorded: bool,
) -> list[Step] | None:
    """Return the steps that write the claim of a new consumer on the last of ``seen``.

    They fail if that is out of date. The last step returns the host's generation.

    None for the reasons of ``plan_claims``, and if some project has a limit.
    """
    if known_limits.exist or not known_owners.has_all([claim]):
        return None
    values: dict[str, typing.Any] = {
        **seen._asdict(),
        "now": tables.utcnow(),
        "consumer": claim.consumer,
        "project": claim.owner.project_id,
        "user": claim.owner.user_id,
        "type": claim.owner.consumer_type,
        "host_count": len(seen.ids),
        "host_id": seen.ids[-1],
        "definition": seen.revisions[-1],
        "units": [each.units for each in claim.amounts],
        "amount_count": len(claim.amounts),
    }
    changed = {"consumers": [claim.consumer]}
    record = [Step(claim_statements.RECORD, changed)] if is_recorded else []
    return [*record, Step(place_statement.PLACE, values)]


def _added(
    claims: collections.abc.Sequence[Claim],
    amounts: collections.abc.Sequence[tuple[str, Amount]],
    classes: dict[str, int],
) -> dict[str, typing.Any]:
    """Return the consumers and their amounts as parameters of ``ADD``."""
    ordered = sorted(claims, key=lambda claim: claim.consumer)
    return {
        "consumers": [claim.consumer for claim in ordered],
        "projects": [claim.owner.project_id for claim in ordered],
        "users": [claim.owner.user_id for claim in ordered],
        "types": [claim.owner.consumer_type for claim in ordered],
        "consumer_count": len(ordered),
        "holders": [consumer for consumer, _ in amounts],
        "providers": [each.provider_uuid for _, each in amounts],
        "classes": [classes[each.resource_class] for _, each in amounts],
        "units": [each.units for _, each in amounts],
        "amount_count": len(amounts),
    }


def _reserved(sizes: dict[tuple[str, int], list[int]]) -> dict[str, typing.Any]:
    """Return the reservations as parameters of ``RESERVE``.

    ``sizes`` has the amounts by provider uuid and class id.
    """
    keys = sorted(sizes)
    return {
        "providers": [uuid for uuid, _ in keys],
        "classes": [class_id for _, class_id in keys],
        "changes": [sum(sizes[key]) for key in keys],
        "sizes": [sizes[key][0] for key in keys],
        "change_count": len(keys),
    }


def _count_usage(
    claims: collections.abc.Sequence[Claim], classes: dict[str, int]
) -> list[Step]:
    """Return the steps that count what the projects hold, where limits apply."""
    changes: collections.Counter[tuple[str, int]] = collections.Counter()
    for claim in claims:
        changes[claim.owner.project_id, tables.CONSUMERS] += 1
        for each in claim.amounts:
            key = claim.owner.project_id, classes[each.resource_class]
            changes[key] += each.units
    keys = sorted(changes)
    wanted = {
        "projects": [project_id for project_id, _ in keys],
        "classes": [class_id for _, class_id in keys],
    }
    return [
        Step(limit_statements.LOCK, wanted),
        Step(
            limit_statements.COUNT, wanted | {"changes": [changes[key] for key in keys]}
        ),
    ]


def plan_release(
    uuid: str,
    known_limits: KnownLimits | None = None,
    record: collections.abc.Sequence[Step] = (),
) -> list[Step]:
    """Return the steps that delete a consumer that has a record and allocations.

    Without ``known_limits``, no project has one. ``record`` are the steps that record
    the change for the feed.
    """
    steps: tuple[sa.Executable, ...] = (
        claim_statements.DELETE_CONSUMER,
        claim_statements.LOCK_ALLOCATED,
        claim_statements.ADVANCE_REVISIONS,
        claim_statements.FREE,
    )
    if known_limits is not None and known_limits.exist:
        # The project is known by the record, and the units by the allocations. Nobody
        # else changes the inventories of locked providers.
        steps = (
            claim_statements.LOCK_CONSUMER,
            *steps[1:3],
            limit_statements.LOCK_RELEASED,
            limit_statements.COUNT_RELEASED,
            claim_statements.FREE,
            claim_statements.DELETE_LIMITED_CONSUMER,
        )
    first, *others = [Step(statement, {"consumer": uuid}) for statement in steps]
    return [first, *record, *others]


def _require_names(classes: dict[str, int]) -> list[Step]:
    """Return the step that checks that custom classes still have the claimed names.

    Their ids were read before the transaction. The check follows the reservations: a
    class with inventories cannot be deleted, and those are locked by then.
    """
    customs = list(filter(names.is_custom, classes))
    if not customs:
        return []
    values = {
        "classes": [classes[name] for name in customs],
        "names": customs,
        "class_count": len(customs),
    }
    return [Step(claim_statements.REQUIRE_NAMES, values)]


def _may_be_new(claim: Claim) -> bool:
    return bool(claim.amounts) and claim.generation in (None, UNCHECKED)


def _is_of_one_size(sizes: list[int]) -> bool:
    return len(set(sizes)) == 1 and sum(sizes) <= predicates.MAX_INT
