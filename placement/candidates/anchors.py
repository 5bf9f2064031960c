"""Trees around which candidates can be built, page by page as they are pulled."""

import collections.abc
import dataclasses
import random
import typing

import sqlalchemy as sa

from placement.candidates import choose, select
from placement.candidates.choose import Sharers
from placement.candidates.plan import Plan
from placement.candidates.trees import Forest, Tree

# Roots of one page: the first has as many as the caller wants, the next ones more.
PAGE_MIN = 16
PAGE_MAX = 2000

# What few providers have is asked for first.
FEW = 500

# A random sample takes whole residues of ids; there are at most so many.
_RESIDUES_MAX = 4096

_Pages = collections.abc.Iterator[list[Tree]]
_Among = list[int] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Anchors:
    """The anchors of one search, and what may come to them from outside.

    ``pages`` yields the trees, each once; ``sharers`` are the sharing providers.
    """

    sharers: Sharers
    pages: _Pages


def find(
    conn: sa.Connection,
    plan: Plan,
    forest: Forest,
    sharing_trait_id: int | None,
    wanted: int | None,
    chance: random.Random | None = None,
) -> Anchors:
    """Return the trees whose root may anchor a candidate, in the order of root ids.

    With ``chance`` they come in random order instead. ``wanted`` is how many the
    caller is likely to take, None for all. The statements per page are as many
    however many trees there are.
    """
    sharers: Sharers = {}
    if sharing_trait_id is not None:
        sharers = choose.find_sharers(plan, forest.get_sharing(sharing_trait_id))
    shared = {
        index: frozenset().union(*(one.aggregates for one in providers))
        for index, providers in sharers.items()
    }
    first = PAGE_MAX if wanted is None else max(PAGE_MIN, min(wanted, PAGE_MAX))
    return Anchors(sharers, _pages(conn, plan, forest, shared, first, chance))


def _pages(
    conn: sa.Connection,
    plan: Plan,
    forest: Forest,
    shared: dict[int, frozenset[int]],
    first: int,
    chance: random.Random | None,
) -> _Pages:
    among = _few_roots(conn, plan, shared)
    if among == []:
        return
    if chance is None:
        rows = _rows_by_id(conn, plan, shared, first, among)
    else:
        rows = _rows_by_chance(conn, plan, shared, first, among, chance)
    for page in rows:
        if page:
            yield forest.get_all(page)


def _few_roots(
    conn: sa.Connection, plan: Plan, shared: dict[int, frozenset[int]]
) -> _Among:
    """Return the roots that what is rare leaves; None: nothing asked for is rare.

    Going through all roots is dear when hardly any has what is asked for. Two
    statements find out, and the first stops at FEW rows of each kind.
    """
    needs = select.needs(plan, shared)
    if not needs:
        return None
    counts = list(conn.execute(select.rarity(needs, FEW)).one())
    rarest = min(range(len(needs)), key=counts.__getitem__)
    if counts[rarest] == 0:
        return []
    if counts[rarest] > FEW:
        return None
    return list(conn.scalars(select.roots_of(needs[rarest])))


_Rows = collections.abc.Iterator[collections.abc.Sequence[typing.Any]]


def _rows_by_id(
    conn: sa.Connection,
    plan: Plan,
    shared: dict[int, frozenset[int]],
    first: int,
    among: _Among,
) -> _Rows:
    after, size = 0, first
    while True:
        page = conn.execute(select.anchors(plan, shared, after, size, among)).all()
        yield page
        if len(page) < size:
            return
        after, size = page[-1].id, min(2 * size, PAGE_MAX)


def _rows_by_chance(
    conn: sa.Connection,
    plan: Plan,
    shared: dict[int, frozenset[int]],
    first: int,
    among: _Among,
    chance: random.Random,
) -> _Rows:
    """Yield samples, growing, until all roots have come.

    A sample has about as many ids as two pages have roots, and then four times
    more; it comes in pages, so that no more trees are read than are taken.
    """
    greatest = conn.scalar(select.greatest_id()) or 0
    modulus = min(_RESIDUES_MAX, max(1, greatest // PAGE_MIN))
    residues = list(range(modulus))
    chance.shuffle(residues)
    size = max(1, -(-2 * first * modulus // max(1, greatest)))
    while residues:
        sample, residues = sorted(residues[:size]), residues[size:]
        rows = list(
            conn.execute(
                select.anchors_of_residues(plan, shared, modulus, sample, among)
            )
        )
        chance.shuffle(rows)
        for start in range(0, len(rows), first):
            yield rows[start : start + first]
        size *= 4
