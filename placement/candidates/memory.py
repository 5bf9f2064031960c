"""What a process keeps of its searches, so that it is not worked out again.

The candidates of an anchor follow from the question, from what is shared with the
anchor's tree and from the tree itself. They are kept under all three, the tree being
told by the ids and revisions of its providers; so what is kept can be forgotten, but
it cannot be stale.
"""

import bisect
import collections.abc
import itertools
import typing

from placement.candidates.combine import Combinations, Requests
from placement.candidates.conditions import Select
from placement.candidates.foresight import Foresight, Texts
from placement.candidates.model import AllocationRequest, SearchRequest
from placement.candidates.order import is_shared
from placement.candidates.plan import Plan
from placement.candidates.recent import Recent
from placement.candidates.rows import Row
from placement.candidates.trees import Forest, Members, Tree, weight
from placement.candidates.views import TraitBits

# How many views of providers are kept; with 60 traits each they take some 60 MB.
VIEWS_MAX = 24_000

# How many providers the candidates that are kept name, in some 30 MB; a tree without
# candidates counts as one.
PROVIDERS_NAMED_MAX = 100_000

# Of an anchor that has more, the first so many candidates are kept.
PER_ANCHOR_MAX = 50

# A stretch has trees whose roots have ids of so many.
_STRETCH_IDS = 64

# How many providers the trees of the stretches that are kept have; most of their
# views are those that are kept anyway.
_STRETCHED_MAX = 24_000

# How many questions are told apart.
_QUESTIONS_MAX = 1000

# How many rows, and providers of answers, are kept of what was asked first; most of
# the providers are those that are kept anyway.
_FORESEEN_MAX = 50_000


class Worked(typing.NamedTuple):
    """What came of one anchor, as its tree was: all of it, or the beginning."""

    members: Members
    requests: tuple[AllocationRequest, ...]
    is_all: bool


class Stretch(typing.NamedTuple):
    """Trees that follow each other, with what came of them.

    ``rows`` are the members of all ``tree_count`` trees. The others are about those
    that have an answer: each anchor, its first candidate, whether those are all
    there are, and whether one of them may be another anchor's, too; the trees by
    root id, and what they have as ``names_revision``.
    """

    rows: list[Row]
    tree_count: int
    anchors: tuple[Worked | Tree, ...]
    firsts: tuple[AllocationRequest, ...]
    are_all: bool
    may_repeat: bool
    trees: dict[int, Tree]
    names_revision: int | None


class Rare(typing.NamedTuple):
    """What is rare: the statements for the roots that have it, and their trees.

    ``flat`` is for the trees, too, where no provider has a parent; ``first`` for one
    provider that has it.
    """

    roots: Select
    members: Select
    flat: Select
    first: Select


class Question:
    """One question, in one state of what is shared.

    ``is_common``: when it was asked last, many of the trees had an answer; None if
    that is not known. ``rarest`` is what was rarest then; None: nothing was rare.
    ``tree_size`` is about how many providers a tree has, and ``per_answer`` how many
    trees are looked at to find one with an answer. They tell which way is short, and
    nothing else. ``is_dear_to_go_through``: it has been tried to go through all trees,
    and hardly any had an answer. ``nobody_has_rarest`` was so the last time.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_common: bool | None = None
        self.rarest: Rare | None = None
        self.tree_size = 1
        self.per_answer = 1.0
        self.is_dear_to_go_through = False
        self.nobody_has_rarest = False


class Memory:
    """All that is kept for the searches of a process."""

    def __init__(self) -> None:
        self.bits = TraitBits()
        self.trees: Recent[int, Tree] = Recent(VIEWS_MAX, weight)
        self.worked: Recent[tuple[int, int], Worked] = Recent(
            PROVIDERS_NAMED_MAX, _providers_named
        )
        self.stretches: Recent[tuple[int, int], Stretch] = Recent(
            _STRETCHED_MAX, lambda stretch: len(stretch.rows)
        )
        self._questions: Recent[object, Question] = Recent(
            _QUESTIONS_MAX, lambda question: 1
        )
        self._numbers = itertools.count()
        self.texts = Texts()
        self._foreseen: Recent[int, tuple[SearchRequest, Foresight]] = Recent(
            _FORESEEN_MAX, lambda kept: kept[1].weight
        )

    def foresight(self, request: SearchRequest) -> Foresight | None:
        """Return what this very request has asked first the last time."""
        kept = self._foreseen.find(id(request))
        return None if kept is None or kept[0] is not request else kept[1]

    def keep_foresight(self, request: SearchRequest, foresight: Foresight) -> None:
        self._foreseen.add(id(request), (request, foresight))

    def question(self, signature: object) -> Question:
        """Return the question that ``signature`` stands for."""
        question = self._questions.find(signature)
        if question is None:
            question = Question(next(self._numbers))
            self._questions.add(signature, question)
        return question


def stretches(rows: list[Row]) -> collections.abc.Iterator[list[Row]]:
    """Cut the members of trees, ascending, where one stretch of ids ends."""
    start = 0
    while start < len(rows):
        following = (rows[start][0] // _STRETCH_IDS + 1) * _STRETCH_IDS
        end = bisect.bisect_left(rows, (following,), start)
        yield rows[start:end]
        start = end


def _providers_named(worked: Worked) -> int:
    return 1 + sum(len(request.mappings) for request in worked.requests)


def signature(
    plan: Plan,
    resource_classes: dict[str, int],
    one_per_tree: bool,
    sharing: collections.abc.Hashable,
) -> collections.abc.Hashable:
    """Return a value that is equal for searches with equal candidates in a tree.

    ``resource_classes`` are the ids of those asked for, by the name that is shown.
    ``sharing`` is what they depend on of the providers that give to other trees.
    """
    return (
        tuple(
            (
                group.suffix,
                group.amounts,
                group.required,
                group.forbidden,
                group.member_of,
                group.not_member_of,
                group.root_id,
            )
            for group in plan.groups
        ),
        plan.isolates,
        plan.subtrees,
        plan.root_required,
        plan.root_forbidden,
        tuple(sorted(resource_classes.items())),
        one_per_tree,
        sharing,
    )


class Remembered:
    """The candidates of one question, by anchor."""

    def __init__(self, memory: Memory, question: Question) -> None:
        self._worked = memory.worked
        self._stretches = memory.stretches
        self.question = question

    def find(self, members: Members) -> Worked | None:
        """Return what is kept of the anchor with this tree."""
        worked = self._worked.find((self.question.number, members[0][0]))
        if worked is None or worked.members != members:
            return None
        return worked

    def had_answer(self, root_id: int) -> bool:
        """The anchor had a candidate when its tree was last looked at."""
        worked = self._worked.find((self.question.number, root_id))
        return worked is not None and bool(worked.requests)

    def keep(self, worked: Worked) -> None:
        key = (self.question.number, worked.members[0][0])
        self._worked.add(key, worked)

    def find_stretch(self, rows: list[Row]) -> Stretch | None:
        """Return what is kept of the trees with these members."""
        stretch = self._stretches.find(self._key_of_stretch(rows))
        return None if stretch is None or stretch.rows != rows else stretch

    def keep_stretch(
        self,
        rows: list[Row],
        tree_count: int,
        anchors: list[Worked | Tree],
        forest: Forest,
    ) -> None:
        """Keep what is known of ``tree_count`` trees.

        ``anchors`` are those with an answer. Nothing is kept unless the first
        candidate of each is known, and the forest knows their trees.
        """
        firsts: list[AllocationRequest] = []
        trees = {}
        are_all = True
        for anchor in anchors:
            worked = self.find(anchor.members)
            tree = forest.find(anchor.members)
            if worked is None or not worked.requests or tree is None:
                return
            firsts.append(worked.requests[0])
            trees[tree.root.id] = tree
            are_all = are_all and worked.is_all and len(worked.requests) == 1
        shown = (tree.names_revision for tree in trees.values())
        stretch = Stretch(
            rows,
            tree_count,
            tuple(anchors),
            tuple(firsts),
            are_all,
            may_repeat=any(map(is_shared, firsts)),
            trees=trees,
            names_revision=next((one for one in shown if one is not None), None),
        )
        self._stretches.add(self._key_of_stretch(rows), stretch)

    def _key_of_stretch(self, rows: list[Row]) -> tuple[int, int]:
        return self.question.number, rows[0][0] // _STRETCH_IDS

    def stream(
        self, members: Members, search: collections.abc.Callable[[], Combinations]
    ) -> Requests:
        """Return what ``search`` returns, which is called for what is not kept.

        What is taken of it is kept.
        """
        worked = self.find(members)
        if worked is not None and worked.is_all:
            return iter(worked.requests)
        if worked is None:
            found = search()
            if isinstance(found, tuple):
                self.keep(Worked(members, found, is_all=True))
                return iter(found)
            return self._kept_on_the_way(members, (), found)
        return self._continued(worked, search)

    def _continued(
        self, worked: Worked, search: collections.abc.Callable[[], Combinations]
    ) -> Requests:
        yield from worked.requests
        more = itertools.islice(search(), len(worked.requests), None)
        yield from self._kept_on_the_way(worked.members, worked.requests, more)

    def _kept_on_the_way(
        self, members: Members, known: tuple[AllocationRequest, ...], more: Requests
    ) -> Requests:
        kept = list(known)
        count, ended = len(known), False
        try:
            for request in more:
                count += 1
                if len(kept) < PER_ANCHOR_MAX:
                    kept.append(request)
                yield request
            ended = True
        finally:
            # Also where the caller takes no more.
            is_all = ended and len(kept) == count
            if is_all or len(kept) > len(known):
                self.keep(Worked(members, tuple(kept), is_all))
