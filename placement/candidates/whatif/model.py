"""What is asked of a what-if analysis, its result, and the values between."""

import collections.abc
import dataclasses
import enum
import typing

from placement.candidates.model import Amounts, Placement, Tree

# The number of hosts of ``Result.worst``.
WORST_MAX = 20


class Answer(enum.Enum):
    """YES has a plan, NO a proof; otherwise UNKNOWN."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Cause(enum.Enum):
    """Why there is no place for a consumer; the first that holds.

    Up to CORDONED, a part of what it holds fits nowhere, as in explanations.
    DOES_NOT_COMBINE: no tree has a place that is like the one it leaves. TOGETHER: it
    is proved that it does not fit beside the other consumers. NO_PLAN: nothing is
    proved.
    """

    NOT_OFFERED = "not_offered"
    EXCLUDED = "excluded"
    TOO_LARGE = "too_large"
    FULL = "full"
    CORDONED = "cordoned"
    DOES_NOT_COMBINE = "does_not_combine"
    TOGETHER = "together"
    NO_PLAN = "no_plan"


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """The loss of the roots ``lose``, by uuid; or, if that is empty, of ``any_count``.

    ``within`` is the uuid of an aggregate of the roots that consumers may go to.
    ``keep_traits`` are patterns of names, see ``patterns``.
    """

    lose: frozenset[str] = frozenset()
    any_count: int = 0
    within: str | None = None
    keep_traits: tuple[str, ...] = ()


class Part(typing.NamedTuple):
    """What a consumer holds at one provider of a lost tree.

    ``traits`` are those that it must keep, as bits. ``reach``: the new provider must
    share with trees of each of these sets of aggregates, as the lost one does.
    """

    amounts: Amounts
    traits: int = 0
    reach: tuple[frozenset[int], ...] = ()


class Shape(typing.NamedTuple):
    """What a consumer holds in a lost tree; equal for all that need the same place.

    ``parts`` have ancestors first; ``above`` has, for each, the indexes of those that
    are its ancestors. ``reach``: a sharing provider with each of these sets of
    aggregates must serve the new tree. ``held`` are roots of other trees in which it
    holds something, and where it does not go. ``is_linked``: it is in several lost
    trees, so that no plan is made.
    """

    parts: tuple[Part, ...]
    above: tuple[tuple[int, ...], ...] = ((),)
    reach: tuple[frozenset[int], ...] = ()
    held: frozenset[int] = frozenset()
    is_linked: bool = False

    @property
    def is_plain(self) -> bool:
        """It is one part, and nothing else that the consumer holds matters."""
        return (
            len(self.parts) == 1
            and not (self.reach or self.held or self.is_linked)
            and not self.parts[0].reach
        )

    @property
    def may_merge(self) -> bool:
        """Amounts could be added up at one provider, which unit rules look at."""
        if self.held or self.is_linked:
            return True
        classes = [class_id for part in self.parts for class_id, _ in part.amounts]
        return len(set(classes)) < len(classes)


class Mover(typing.NamedTuple):
    """A consumer, or any of some equal ones, that has to leave the tree of a root."""

    consumer: str
    root_id: int
    shape: Shape


class Placed(typing.NamedTuple):
    """A mover with its new place; ``tree`` is as it was before."""

    mover: Mover
    tree: Tree
    placement: Placement


class Shortage(typing.NamedTuple):
    """More units of a class are needed than other hosts have free."""

    class_id: int
    needed: int
    free: int


class Move(typing.NamedTuple):
    """A consumer's move from a root to another one.

    ``amounts`` are the allocations in the new tree, by uuid of the provider.
    """

    consumer: str
    from_root: int
    to_root: int
    amounts: tuple[tuple[str, Amounts], ...]


class Unplaced(typing.NamedTuple):
    """A consumer without a place; ``amounts`` are all that it holds in the tree."""

    consumer: str
    from_root: int
    amounts: Amounts
    cause: Cause


class Loss(typing.NamedTuple):
    """What the loss of one host with consumers means.

    ``answer`` and ``unplaced`` are None if this host alone was not looked at.
    ``shortage`` is of the class of which the largest share of the free units is needed.
    """

    root_id: int
    consumers: int
    answer: Answer | None
    unplaced: int | None
    shortage: Shortage


@dataclasses.dataclass(slots=True)
class Result:
    """The result of an analysis, with names for its ids.

    Unless ``is_complete`` the time was used up. ``shortage`` is the proof of NO if that
    is a sum. ``roots`` has uuid and name of each root, ``classes`` names, by id.
    """

    answer: Answer
    consumers: int = 0
    moves: list[Move] = dataclasses.field(default_factory=list)
    unplaced: list[Unplaced] = dataclasses.field(default_factory=list)
    worst: list[Loss] = dataclasses.field(default_factory=list)
    shortage: Shortage | None = None
    is_complete: bool = True
    roots: dict[int, tuple[str, str]] = dataclasses.field(default_factory=dict)
    classes: dict[int, str] = dataclasses.field(default_factory=dict)


def total_of(shape: Shape) -> Amounts:
    """Return all amounts of a shape by class."""
    total: dict[int, int] = {}
    for part in shape.parts:
        for class_id, amount in part.amounts:
            total[class_id] = total.get(class_id, 0) + amount
    return tuple(sorted(total.items()))


Tick = collections.abc.Callable[[], None]
