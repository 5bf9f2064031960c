"""Why a search has found nothing, in one sentence for the log.

The conditions are those of the search, asked one after the other: how many roots are
left after each of them.
"""

import collections.abc
import dataclasses
import time
import typing

import sqlalchemy as sa

from placement.candidates.model import RequestGroup, SearchRequest
from placement.candidates.query import plan as plans
from placement.candidates.query import resolve
from placement.candidates.query.plan import Group, Plan, Slot
from placement.candidates.query.resolve import Ids
from placement.candidates.sql import predicates as conditions
from placement.candidates.sql.predicates import CONDITIONS_MAX, ROOT, Condition
from placement.candidates.sql.reader import Reader
from placement.candidates.trait_bits import TraitBits
from placement.db import conflicts, predicates, tables
from placement.db.names import Names

# Characters that one value of a request takes in the sentence.
_TEXT_MAX = 200

_providers = tables.resource_providers
_traits = tables.resource_provider_traits
_aggregates = tables.resource_provider_aggregates
_offer = tables.inventories.alias("step_offer")
_sharer = _providers.alias("sharer")

_NOTHING: frozenset[int] = frozenset()

# What a step asks of a provider.
_Asks = collections.abc.Callable[[sa.FromClause], collections.abc.Iterable[Condition]]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One condition of a slot, and the words of the request for it.

    ``of_sharing`` is what it asks of a sharing provider outside of the anchor's tree,
    where that is something else.
    """

    text: str
    of_own: _Asks
    of_sharing: _Asks | None = None


class _TimeIsUpError(Exception):
    """The counts have taken as long as they may."""


def why_empty(
    conn: sa.Connection,
    names: Names,
    bits: TraitBits,
    request: SearchRequest,
    seconds_max: float,
) -> str:
    """Name the first condition of ``request`` that no root is left after.

    Conditions are taken slot by slot, then those of the root, then the slots together,
    then what combines them. ``conn`` reads the snapshot in which nothing was found. One
    or two statements count each condition, at a cost that follows the number of
    providers; none begins later than ``seconds_max`` after the first.
    """
    reader = Reader(conn)
    root_traits = request.root_required | request.root_forbidden
    ids = resolve.look_up(reader, names, request.groups, root_traits)
    for group in request.groups:
        unknown = _unknown(group, ids)
        if unknown is not None:
            return f"{_name(group)}: {unknown}"
    plan = plans.plan(request, ids, bits)
    assert plan is not None
    sharing_trait_id = resolve.find_sharing_trait(reader, names)
    counting = _Counting(conn, sharing_trait_id, time.monotonic() + seconds_max)
    try:
        return _first_without_roots(counting, plan, request, ids)
    except _TimeIsUpError:
        pass
    except sa.exc.DBAPIError as failure:
        if not conflicts.is_timed_out(failure):
            raise
    return f"the reason was not found within {seconds_max:g} seconds"


def _unknown(group: RequestGroup, ids: Ids) -> str | None:
    """Return what of a group nothing stored can match, in words."""
    match plans.mismatch(group, ids):
        case plans.Mismatch("in_tree", value):
            return f"in_tree={value} is no provider"
        case plans.Mismatch("member_of"):
            uuids = next(
                uuids
                for uuids in group.member_of
                if ids.aggregates.keys().isdisjoint(uuids)
            )
            return f"member_of={_set(uuids)} has no provider"
        case plans.Mismatch("max_unit", value):
            return f"no inventory can have max_unit for {value}"
    return None


class _Counting:
    """Counts the roots that are left after conditions."""

    def __init__(
        self, conn: sa.Connection, sharing_trait_id: int | None, end: float
    ) -> None:
        self._conn = conn
        self._sharing_trait_id = sharing_trait_id
        self._end = end

    def roots(self, wanted: collections.abc.Iterable[Condition] = ()) -> int:
        """Return how many roots meet all of ``wanted``."""
        select = sa.select(sa.func.count()).select_from(ROOT)
        select = select.where(ROOT.c.parent_provider_id.is_(None), *wanted)
        count: int = self._run(select).scalar_one()
        return count

    def serves(self, slot: Slot, steps: collections.abc.Sequence[Step]) -> Condition:
        """A provider of the anchor's tree, or one that it shares, passes ``steps``."""
        own = conditions.has_member(
            lambda provider: [each for step in steps for each in step.of_own(provider)]
        )
        shared = self._shared(slot.group, steps)
        return sa.or_(own, conditions.shares(shared)) if shared else own

    def _shared(
        self, group: Group, steps: collections.abc.Sequence[Step]
    ) -> frozenset[int]:
        """Return the aggregates of the sharing providers that pass ``steps``."""
        if self._sharing_trait_id is None:
            return _NOTHING
        asked = (step.of_sharing or step.of_own for step in steps)
        select = (
            sa.select(_aggregates.c.aggregate_id)
            .distinct()
            .join(_sharer, _sharer.c.id == _aggregates.c.resource_provider_id)
            .where(
                conditions.in_any(
                    _traits, _sharer.c.id, frozenset([self._sharing_trait_id])
                ),
                *(each for asks in asked for each in asks(_sharer)),
            )
        )
        return frozenset(self._run(select).scalars())

    def _run(self, select: conditions.Select) -> sa.CursorResult[typing.Any]:
        if time.monotonic() > self._end:
            raise _TimeIsUpError
        return self._conn.execute(select)


def _first_without_roots(
    counting: _Counting, plan: Plan, request: SearchRequest, ids: Ids
) -> str:
    of_suffix = {group.suffix: group for group in request.groups}
    slots = plan.slots[:CONDITIONS_MAX]
    class_names = {id_: name for name, id_ in ids.resource_classes.items()}
    all_roots = counting.roots()
    served = []
    for slot in slots:
        asked = of_suffix[slot.group.suffix]
        steps = list(_steps(slot, asked, class_names))
        left = all_roots
        for number, step in enumerate(steps, start=1):
            before, serves = left, counting.serves(slot, steps[:number])
            left = counting.roots([serves])
            if not left:
                return f"{_slot_name(slot, class_names)}: {_leaves(step.text, before)}"
        if steps:
            served.append((_slot_name(slot, class_names), serves))
    met: list[Condition] = []
    left = all_roots
    for text, condition in [*_of_root(plan, request), *served]:
        met.append(condition)
        before, left = left, counting.roots(met)
        if not left:
            return _leaves(f"{text} after the conditions before it", before)
    return _leaves(_combining(plan, request), left)


def _leaves(text: str, before: int) -> str:
    return f"{text} (0 of {before} root providers left)"


def _steps(
    slot: Slot, asked: RequestGroup, class_names: dict[int, str]
) -> collections.abc.Iterator[Step]:
    """Yield the conditions of a slot in the order in which they are told."""
    group = slot.group
    amounts = [
        (f"{class_names[class_id]}:{amount}", class_id, amount)
        for class_id, amount in slot.amounts
    ]
    for text, class_id, _ in amounts:
        yield Step(f"offers {text.partition(':')[0]}", _offers(class_id))
    if group.root_id is not None:
        yield Step(f"in_tree={asked.in_tree}", *_in_tree(group))
    if group.not_member_of:
        part = _part(group, not_member_of=group.not_member_of)
        yield Step(f"member_of=!{_set(asked.not_member_of)}", *_matching(part))
    if group.member_of:
        text = "&member_of=".join(map(_set, asked.member_of))
        part = _part(group, member_of=group.member_of)
        yield Step(_cut(f"member_of={text}"), *_matching(part))
    if group.forbidden:
        text = ",".join(f"!{name}" for name in sorted(asked.forbidden))
        part = _part(group, forbidden=group.forbidden)
        yield Step(_cut(f"required={text}"), *_matching(part))
    if not group.is_collective:
        for names, traits in zip(asked.required, group.required, strict=True):
            part = _part(group, required=(traits,))
            yield Step(f"required={_set(names)}", *_matching(part))
    for rule in ("min_unit", "step_size", "max_unit"):
        for text, class_id, amount in amounts:
            allows = predicates.unit_rules(_offer, amount)[rule]
            yield Step(f"{rule} for {text}", _offers(class_id, allows))
    for text, class_id, amount in amounts:
        fits = predicates.fits_when_empty(_offer, amount)
        yield Step(f"size for {text}", _offers(class_id, fits))
    for text, class_id, amount in amounts:
        has_room = predicates.has_room(_offer, amount)
        yield Step(f"room for {text}", _offers(class_id, has_room))


def _offers(class_id: int, *rules: Condition) -> _Asks:
    def asks(provider: sa.FromClause) -> list[Condition]:
        select = sa.select(_offer.c.id).where(
            _offer.c.resource_provider_id == provider.c.id,
            _offer.c.resource_class_id == class_id,
            *rules,
        )
        return [conditions.found(select, _offer)]

    return asks


def _in_tree(group: Group) -> tuple[_Asks, _Asks]:
    def of_own(provider: sa.FromClause) -> list[Condition]:
        return [provider.c.root_provider_id == group.root_id]

    # No class of the unsuffixed group comes from another tree then.
    return of_own, (lambda _: [sa.false()]) if group.is_spread else of_own


def _part(group: Group, **conditions: typing.Any) -> Group:
    """Return the group with no other conditions than these."""
    nothing = {
        "amounts": (),
        "required": (),
        "forbidden": _NOTHING,
        "member_of": (),
        "not_member_of": _NOTHING,
    }
    return dataclasses.replace(group, **(nothing | conditions))


def _matching(part: Group) -> tuple[_Asks, _Asks]:
    # That the root is in an aggregate is enough for providers of its tree only.
    outside = dataclasses.replace(part, is_spread=False)
    return (
        lambda provider: conditions.matches(provider, part),
        lambda provider: conditions.matches(provider, outside),
    )


def _of_root(
    plan: Plan, request: SearchRequest
) -> collections.abc.Iterator[tuple[str, Condition]]:
    """Yield what is asked of the root itself, with the words for it."""
    bare = dataclasses.replace(
        plan, groups=(), slots=(), root_required=_NOTHING, root_forbidden=_NOTHING
    )
    parts = [
        (
            f"root_required={_set(request.root_required)}",
            dataclasses.replace(bare, root_required=plan.root_required),
        ),
        (
            f"root_required=!{_set(request.root_forbidden)}",
            dataclasses.replace(bare, root_forbidden=plan.root_forbidden),
        ),
    ]
    for asked, group in zip(request.groups, plan.groups, strict=True):
        part = _part(group, not_member_of=group.not_member_of)
        parts.append(
            (
                f"member_of=!{_set(asked.not_member_of)} of the root",
                dataclasses.replace(bare, groups=(part,)),
            )
        )
    for text, part_of_plan in parts:
        for condition in conditions.of_root(part_of_plan, {}):
            yield text, condition


def _combining(plan: Plan, request: SearchRequest) -> str:
    """Name the rules that hold between the slots of the plan."""
    rules = {
        "sum": plan.repeats,
        "isolate": plan.isolates,
        "same_subtree": bool(plan.subtrees),
        "required traits of several providers": any(
            group.is_collective and group.required for group in plan.groups
        ),
        "one provider of each tree": not request.nested_aware,
    }
    applied = ", ".join(rule for rule, applies in rules.items() if applies)
    return f"combining the groups by {applied or 'their order'}"


def _name(group: RequestGroup) -> str:
    return f"group {group.suffix!r}" if group.suffix else "unsuffixed group"


def _slot_name(slot: Slot, class_names: dict[int, str]) -> str:
    suffix = slot.group.suffix
    name = f"group {suffix!r}" if suffix else "unsuffixed group"
    amounts = ",".join(
        f"{class_names[class_id]}:{amount}" for class_id, amount in slot.amounts
    )
    return f"{name}, {_cut(amounts)}" if amounts else name


def _set(names: collections.abc.Collection[str]) -> str:
    ordered = ",".join(sorted(names))
    return _cut(ordered if len(names) == 1 else f"in:{ordered}")


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}..."
