"""Trees around which candidates can be built, page by page as they are pulled."""

import collections.abc
import itertools
import random
import typing

from placement.candidates import memory, select
from placement.candidates.choose import Sharers
from placement.candidates.foresight import Reader
from placement.candidates.memory import Rare, Remembered, Stretch, Worked
from placement.candidates.plan import Plan
from placement.candidates.rows import Row
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

# Who asks again asks for the same page while that has so many times what is wanted.
_ENOUGH = 1.5

# A random sample takes whole residues of ids; there are at most so many.
_RESIDUES_MAX = 4096

# What is known of an anchor: its candidates, or if not all of them are, its tree; or
# the candidates of several that follow each other.
Anchor = Worked | Tree | Stretch

Pages = collections.abc.Iterator[collections.abc.Sequence[Anchor]]


def find(
    reader: Reader,
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
    return _Search(reader, plan, shared, forest, remembered, first).pages(chance)


class _Page(typing.NamedTuple):
    """What came of ``tree_count`` trees: those that have or may have an answer."""

    anchors: list[Anchor]
    tree_count: int
    answers: int


class _Search:
    """Goes through the anchors of one search."""

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        shared: dict[int, frozenset[int]],
        forest: Forest,
        remembered: Remembered,
        first: int,
    ) -> None:
        self._reader = reader
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
        bound = self._bound_roots()
        if bound is not None:
            yield from self._of_roots(bound, chance)
            return
        rarest = None
        if chance is not None or not question.is_common:
            rarest = self._find_rarest()
        if chance is not None:
            yield from self._by_chance(chance, rarest)
        elif rarest is not None:
            yield from self._rare(rarest)
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

    def _find_rarest(self) -> Rare | None:
        """Return what is rare; None: nothing is.

        One statement finds out, which stops at a few rows of each kind. What was
        rare when the question was asked last is taken for rare.
        """
        question = self._remembered.question
        if question.rarest is not None:
            return question.rarest
        needs = select.needs(self._plan, self._shared)
        if needs:
            few = self._few()
            conn = self._reader.others()
            counts = list(conn.execute(select.rarity(needs, few)).one())
            rarest = min(range(len(needs)), key=counts.__getitem__)
            if counts[rarest] <= few:
                need = needs[rarest]
                roots = select.roots_of(need)
                question.is_dear_to_go_through = False
                question.rarest = Rare(
                    roots,
                    select.members_among(roots),
                    select.roots_among(need),
                    need.limit(1),
                )
        return question.rarest

    def _few(self) -> int:
        return max(FEW, _RARE * self._first)

    def _rare(self, rarest: Rare) -> Pages:
        """Yield the trees that have what is rare."""
        question = self._remembered.question
        if question.nobody_has_rarest and not self._forest.has_any(rarest.first):
            return
        size = self._size_among()
        after = looked_at = answers = 0
        while True:
            found = self._forest.rows_among(rarest.members, rarest.flat, after, size)
            question.nobody_has_rarest = not (found or after)
            page = self._settled(found)
            if not question.is_dear_to_go_through:
                self._note_how_common(found, after)
            if answers < self._first:
                self._note_how_many(page, looked_at, answers)
            looked_at += page.tree_count
            answers += page.answers
            if looked_at > self._few():
                question.rarest = None
            self._expect_the_same()
            yield page.anchors
            if page.tree_count < size:
                return
            after, size = found[-1][0], min(2 * size, PAGE_MAX)

    def _note_how_many(self, page: _Page, looked_at: int, answers: int) -> None:
        """Judge how many trees have to be looked at, unless it was about right.

        Before the page there were ``looked_at``, with so many ``answers``.
        """
        is_enough = self._first <= page.answers <= _ENOUGH * self._first
        if page.answers and (looked_at or not is_enough):
            missing = self._first - answers
            needed = looked_at + page.tree_count * missing / page.answers
            self._remembered.question.per_answer = max(1, needed / self._first)

    def _note_how_common(self, found: list[Row], after: int) -> None:
        """Judge by ids how many providers there are between those found."""
        self._remembered.question.is_common = bool(
            found and len(found) * _RARE >= found[-1][1] - after
        )

    def _after(
        self, root_id: int
    ) -> collections.abc.Generator[list[Anchor], None, int | None]:
        """Yield what follows a root, as long as enough of the trees have an answer.

        Returns the last root that was looked at; None: there is no other.
        """
        size = self._first
        question = self._remembered.question
        while True:
            found, is_last = self._forest.rows_after(root_id, self._size_after(size))
            page = self._settled(found)
            question.is_common = page.answers * _RARE >= page.tree_count
            question.is_dear_to_go_through = not question.is_common
            self._expect_the_same()
            yield page.anchors
            if is_last:
                return None
            root_id, size = found[-1][0], min(2 * size, PAGE_MAX)
            if not question.is_common:
                return root_id

    def _size_among(self) -> int:
        # Some more than would do if there are as many answers as last time.
        per_answer = self._remembered.question.per_answer
        return min(int(self._first * per_answer * 1.05), PAGE_MAX)

    def _size_after(self, tree_count: int) -> int:
        return min(tree_count * self._remembered.question.tree_size, _PROVIDERS_MAX)

    def _expect_the_same(self) -> None:
        """Foresee what a search begins with that asks the same as this one."""
        question = self._remembered.question
        if question.is_common:
            self._forest.expect_after(0, self._size_after(self._first))
        elif question.rarest is not None:
            among = question.rarest.members, question.rarest.flat
            self._forest.expect_among(*among, 0, self._size_among())

    def _narrowed_after(self, root_id: int) -> Pages:
        """Yield what follows a root; the database leaves out what has no answer."""
        size = self._first
        while True:
            select_page = select.anchors(self._plan, self._shared, root_id, size)
            roots = list(self._reader.others().scalars(select_page))
            found = self._forest.rows_of(roots)
            self._note_how_common(found, root_id)
            yield self._settled(found, is_narrowed=True).anchors
            if len(roots) < size:
                return
            root_id, size = roots[-1], min(2 * size, PAGE_MAX)

    def _by_chance(self, chance: random.Random, rarest: Rare | None) -> Pages:
        """Yield samples, growing, until all roots have come; what is rare is one.

        A sample has about as many ids as two pages have roots, and then four times
        more.
        """
        if rarest is not None:
            roots = list(self._reader.others().scalars(rarest.roots))
            yield from self._of_roots(roots, chance)
            return
        greatest = self._reader.others().scalar(select.greatest_id()) or 0
        modulus = min(_RESIDUES_MAX, max(1, greatest // PAGE_MIN))
        residues = list(range(modulus))
        chance.shuffle(residues)
        size = max(1, -(-2 * self._first * modulus // max(1, greatest)))
        while residues:
            sample, residues = sorted(residues[:size]), residues[size:]
            select_sample = select.anchors_of_residues(
                self._plan, self._shared, modulus, sample
            )
            roots = list(self._reader.others().scalars(select_sample))
            yield from self._of_roots(roots, chance, is_narrowed=True)
            size *= 4

    def _of_roots(
        self,
        roots: list[int],
        chance: random.Random | None,
        is_narrowed: bool = False,
    ) -> Pages:
        """Yield pages of ``roots``, so that no more trees are read than are taken.

        With ``chance`` they are shuffled, and each tree is on its own.
        """
        if chance is not None:
            chance.shuffle(roots)
        for start in range(0, len(roots), self._first):
            found = self._forest.rows_of(roots[start : start + self._first])
            if chance is None:
                yield self._settled(found, is_narrowed).anchors
                continue
            members = self._forest.met(found)
            page = list(self._each_settled(members, is_narrowed).values())
            chance.shuffle(page)
            yield page

    def _settled(self, found: list[Row], is_narrowed: bool = False) -> _Page:
        """Return what is known of trees, in order; those without answer are out.

        Stretches in which nothing has changed are taken whole.
        """
        parts = [(rows, self._find_stretch(rows)) for rows in memory.stretches(found)]
        new = {
            index: self._forest.met(rows)
            for index, (rows, stretch) in enumerate(parts)
            if stretch is None
        }
        settled = self._each_settled(
            list(itertools.chain.from_iterable(new.values())), is_narrowed
        )
        anchors: list[Anchor] = []
        count = answers = 0
        for index, (rows, stretch) in enumerate(parts):
            if stretch is not None:
                anchors.append(stretch)
                count += stretch.tree_count
                answers += len(stretch.anchors)
                continue
            roots = [members[0][0] for members in new[index]]
            of_part = [settled[root_id] for root_id in roots if root_id in settled]
            self._remembered.keep_stretch(rows, len(roots), of_part, self._forest)
            anchors.extend(of_part)
            count += len(roots)
            answers += len(of_part)
        if count:
            self._remembered.question.tree_size = -(-len(found) // count)
        return _Page(anchors, count, answers)

    def _find_stretch(self, rows: list[Row]) -> Stretch | None:
        stretch = self._remembered.find_stretch(rows)
        if stretch is None:
            return None
        shows_as_now = self._forest.adopt(stretch.trees, stretch.names_revision)
        return stretch if shows_as_now else None

    def _each_settled(
        self, page: list[Members], is_narrowed: bool
    ) -> dict[int, Worked | Tree]:
        """Return what is known of each tree, by root id; those without answer are out.

        Trees that have changed are read, all at once. Unless the page is narrowed
        already, the database is asked first which of them can have an answer; not of
        those that had one before they changed, as most of them still do.
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
            if not is_narrowed:
                left_out = self._without_answer(unknown)
            self._forest.read(
                [members for members in unknown if members[0][0] not in left_out]
            )
        settled: dict[int, Worked | Tree] = {}
        for members, worked in zip(page, known, strict=True):
            root_id = members[0][0]
            if worked is not None and worked.is_all:
                if worked.requests:
                    settled[root_id] = worked
            elif root_id in left_out:
                self._remembered.keep(Worked(members, (), is_all=True))
            else:
                settled[root_id] = self._forest.tree(members)
        return settled

    def _without_answer(self, unknown: list[Members]) -> set[int]:
        """Return the roots of which the database says that they have no answer."""
        roots = [
            root_id
            for root_id in map(_root_of, unknown)
            if not self._remembered.had_answer(root_id)
        ]
        if not roots:
            return set()
        among = select.anchors_among(self._plan, self._shared, roots)
        return set(roots).difference(self._reader.others().scalars(among))


def _root_of(members: Members) -> int:
    root_id: int = members[0][0]
    return root_id
