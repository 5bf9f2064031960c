"""Trees around which candidates can be built, page by page as they are pulled."""

import collections.abc
import random

import sqlalchemy as sa

from placement.candidates import select
from placement.candidates.choose import Sharers
from placement.candidates.memory import Remembered, Worked
from placement.candidates.plan import Plan
from placement.candidates.trees import Forest, Members, Tree

# Roots of one page: the first has as many as the caller wants, the next ones more.
PAGE_MIN = 16
PAGE_MAX = 2000

# Providers of one page of trees that are looked at one after the other.
_PROVIDERS_MAX = 20_000

# What few providers have is asked for first: so many, or _RARE times what is wanted.
FEW = 500

# Trees are looked at one after the other while one of so many has an answer.
_RARE = 4

# A random sample takes whole residues of ids; there are at most so many.
_RESIDUES_MAX = 4096

# What is known of an anchor: its candidates, or if not all of them are, its tree.
Anchor = Worked | Tree

Pages = collections.abc.Iterator[list[Anchor]]

_MembersPages = collections.abc.Iterator[list[Members]]
_Among = list[int] | None


def find(
    conn: sa.Connection,
    plan: Plan,
    forest: Forest,
    sharers: Sharers,
    remembered: Remembered,
    wanted: int | None,
    chance: random.Random | None = None,
) -> Pages:
    """Yield the trees whose root may anchor a candidate, in the order of root ids.

    With ``chance`` they come in random order instead. ``wanted`` is how many the
    caller is likely to take, None for all. The statements per page are as many
    however many trees there are.
    """
    shared = {
        index: frozenset().union(*(one.aggregates for one in providers))
        for index, providers in sharers.items()
    }
    first = PAGE_MAX if wanted is None else max(PAGE_MIN, min(wanted, PAGE_MAX))
    return _Search(conn, plan, shared, forest, remembered, first).pages(chance)


class _Search:
    """Goes through the anchors of one search."""

    def __init__(
        self,
        conn: sa.Connection,
        plan: Plan,
        shared: dict[int, frozenset[int]],
        forest: Forest,
        remembered: Remembered,
        first: int,
    ) -> None:
        self._conn = conn
        self._plan = plan
        self._shared = shared
        self._forest = forest
        self._remembered = remembered
        self._first = first

    def pages(self, chance: random.Random | None) -> Pages:
        """Yield anchors: those of a few roots, one after the other, or by chance.

        Going through all roots is dear when hardly any has what is asked for. So the
        database is asked for what is rare, unless most trees had an answer when the
        question was asked last. Then, while that is so, trees are looked at one
        after the other, which is cheap; otherwise the database narrows them.
        """
        question = self._remembered.question
        few = self._bound_roots()
        if few is None and (chance is not None or not question.is_common):
            few = self._few_roots()
        if few is not None:
            yield from self._of_roots(few, chance)
        elif chance is not None:
            yield from self._by_chance(chance)
        else:
            after: int | None = 0
            if question.is_common is not False:
                after = yield from self._after(0)
            if after is not None:
                yield from self._narrowed_after(after)

    def _bound_roots(self) -> list[int] | None:
        """Return the roots to which groups are bound by `in_tree`; None: to none."""
        bound = {
            slot.group.root_id
            for slot in self._plan.slots
            if slot.index not in self._shared and slot.group.root_id is not None
        }
        if not bound:
            return None
        return list(bound) if len(bound) == 1 else []

    def _few_roots(self) -> list[int] | None:
        """Return the roots that what is rare leaves; None: nothing asked for is rare.

        Two statements find out, and the first stops at a few rows of each kind; one
        is enough where the same was rare when the question was asked last.
        """
        few = max(FEW, _RARE * self._first)
        question = self._remembered.question
        if question.rarest is not None:
            roots = list(self._conn.scalars(question.rarest.limit(few + 1)))
            if len(roots) <= few:
                return roots
            question.rarest = None
        needs = select.needs(self._plan, self._shared)
        if not needs:
            return None
        counts = list(self._conn.execute(select.rarity(needs, few)).one())
        rarest = min(range(len(needs)), key=counts.__getitem__)
        if counts[rarest] > few:
            return None
        question.rarest = select.roots_of(needs[rarest])
        return list(self._conn.scalars(question.rarest)) if counts[rarest] else []

    def _of_roots(self, roots: list[int], chance: random.Random | None) -> Pages:
        if chance is not None:
            chance.shuffle(roots)
        after = 0
        for start in range(0, len(roots), self._first):
            page = roots[start : start + self._first]
            members = self._forest.members_of(page)
            if chance is not None:
                chance.shuffle(members)
            else:
                self._note_how_common(members, after)
                after = page[-1]
            yield self._settled(members)

    def _note_how_common(self, members: list[Members], after: int) -> None:
        """Judge by ids how many providers there are between those found."""
        question = self._remembered.question
        found = question.note_sizes(map(len, members))
        question.is_common = bool(found and found * _RARE >= members[-1][-1][1] - after)

    def _after(
        self, root_id: int
    ) -> collections.abc.Generator[list[Anchor], None, int | None]:
        """Yield what follows a root, as long as enough of the trees have an answer.

        Returns the last root that was looked at; None: there is no other.
        """
        size = self._first
        question = self._remembered.question
        while True:
            page, is_last = self._forest.members_after(
                root_id, min(size * question.tree_size, _PROVIDERS_MAX)
            )
            question.note_sizes(map(len, page))
            anchors = self._settled(page)
            question.is_common = len(anchors) * _RARE >= len(page)
            yield anchors
            if is_last:
                return None
            root_id, size = page[-1][0][0], min(2 * size, PAGE_MAX)
            if not question.is_common:
                return root_id

    def _narrowed_after(self, root_id: int) -> Pages:
        """Yield what follows a root; the database leaves out what has no answer."""
        size = self._first
        while True:
            select_page = select.anchors(self._plan, self._shared, root_id, size)
            page = list(self._conn.scalars(select_page))
            members = self._forest.members_of(page)
            self._note_how_common(members, root_id)
            yield self._settled(members, is_narrowed=True)
            if len(page) < size:
                return
            root_id, size = page[-1], min(2 * size, PAGE_MAX)

    def _by_chance(self, chance: random.Random) -> Pages:
        """Yield samples, growing, until all roots have come.

        A sample has about as many ids as two pages have roots, and then four times
        more; it comes in pages, so that no more trees are read than are taken.
        """
        greatest = self._conn.scalar(select.greatest_id()) or 0
        modulus = min(_RESIDUES_MAX, max(1, greatest // PAGE_MIN))
        residues = list(range(modulus))
        chance.shuffle(residues)
        size = max(1, -(-2 * self._first * modulus // max(1, greatest)))
        while residues:
            sample, residues = sorted(residues[:size]), residues[size:]
            select_sample = select.anchors_of_residues(
                self._plan, self._shared, modulus, sample
            )
            roots = list(self._conn.scalars(select_sample))
            chance.shuffle(roots)
            for start in range(0, len(roots), self._first):
                members = self._forest.members_of(roots[start : start + self._first])
                chance.shuffle(members)
                yield self._settled(members, is_narrowed=True)
            size *= 4

    def _settled(self, page: list[Members], is_narrowed: bool = False) -> list[Anchor]:
        """Return what is known of each tree, in order; those without answer are out.

        Trees that have changed are read, all at once; unless the page is narrowed
        already, the database is asked first which of them can have an answer.
        """
        known = [self._remembered.find(members) for members in page]
        unknown = [
            members
            for members, worked in zip(page, known, strict=True)
            if (worked is None or not worked.is_all)
            and self._forest.find(members) is None
        ]
        left_out: set[int] = set()
        if unknown:
            left_out = set() if is_narrowed else self._without_answer(unknown)
            self._forest.read(
                [members for members in unknown if members[0][0] not in left_out]
            )
        anchors: list[Anchor] = []
        for members, worked in zip(page, known, strict=True):
            if worked is not None and worked.is_all:
                if worked.requests:
                    anchors.append(worked)
            elif members[0][0] in left_out:
                self._remembered.keep(Worked(members, (), is_all=True))
            else:
                anchors.append(self._forest.tree(members))
        return anchors

    def _without_answer(self, unknown: list[Members]) -> set[int]:
        """Return the roots of which the database knows that they have no answer."""
        roots = [members[0][0] for members in unknown]
        among = select.anchors_among(self._plan, self._shared, roots)
        return set(roots).difference(self._conn.scalars(among))
