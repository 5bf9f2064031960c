"""The candidates of all trees in one stream: in order, each once, and lazily."""

import itertools
import random

import pytest

from placement.candidates.model import Placement, Run, Tree
from placement.candidates.solve import order
from placement.candidates.solve.order import Anchors, Strategy
from placement.candidates.solve.patterns import Placements
from tests.unit.candidates.solve.trees import snapshot

DEPTH, BREADTH = Strategy.DEPTH_FIRST, Strategy.BREADTH_FIRST
CLASS = 0


def tree(*ids):
    """Return a tree whose root is the first of the providers."""
    return Tree(
        tuple((ids[0], id_, 1) for id_ in sorted(ids)),
        tuple(
            snapshot(id_, {}, ids[0], None if id_ == ids[0] else ids[0])
            for id_ in sorted(ids)
        ),
    )


def placement(amount, at=0):
    return Placement(((at, ((CLASS, amount),)),), ((at,),))


class Recorded(Placements):
    """Placements that record the indexes that are asked for."""

    def __init__(self, placements, **kinds):
        super().__init__(iter(placements), **kinds)
        self.asked = []

    def get(self, index):
        self.asked.append(index)
        return super().get(index)


def placements(count, **kinds):
    """Return ``count`` placements that take 1, 2, ... units of the root."""
    return Recorded([placement(number) for number in range(1, count + 1)], **kinds)


def anchors(*counts, first_id=100, **kinds):
    """Return trees of one provider with these numbers of candidates."""
    return Anchors(
        [tree(first_id + number) for number in range(len(counts))],
        [placements(count, **kinds) for count in counts],
    )


def names(runs, sharing=()):
    """Return the (provider id, amount) of each candidate, in order."""
    found = []
    for run in runs:
        for one, of_tree in zip(*run, strict=True):
            ((at, ((_, amount),)),) = one.allocations
            found.append(((of_tree.providers + sharing)[at].id, amount))
    return found


def test_depth_first_finishes_a_tree_before_the_next():
    found = order.runs([anchors(2, 0, 3), anchors(1, first_id=200)], (), DEPTH)

    assert names(found) == [(100, 1), (100, 2), (102, 1), (102, 2), (102, 3), (200, 1)]


def test_breadth_first_takes_one_of_every_tree_before_a_second_of_any():
    found = order.runs([anchors(2, 0, 3), anchors(1, 2, first_id=200)], (), BREADTH)

    assert names(found) == [
        (100, 1),
        (102, 1),
        (200, 1),
        (201, 1),
        (100, 2),
        (102, 2),
        (201, 2),
        (102, 3),
    ]


def one_by_one(pages, strategy):
    """The twin: the order of the candidates as lists, without sharing providers."""
    lists = []
    for page in pages:
        for of_tree, source in zip(*page, strict=True):
            found = []
            while (one := source.get(len(found))) is not None:
                found.append((of_tree.root.id, one.allocations[0][1][0][1]))
            lists.append(found)
    if strategy is DEPTH:
        return list(itertools.chain.from_iterable(lists))
    rounds = itertools.zip_longest(*lists)
    return [one for in_round in rounds for one in in_round if one is not None]


@pytest.mark.parametrize("strategy", Strategy)
def test_sources_of_all_kinds_keep_the_order(strategy):
    """Trees of the same pattern have the same source, wherever they are."""
    for seed in range(300):
        draw = random.Random(seed)
        sources = [placements(draw.randint(0, 3)) for _ in range(3)]
        sources += [placements(1, is_single=True)]
        sources += [placements(draw.randint(0, 3), may_repeat=True) for _ in range(2)]
        first_ids = iter(range(100, 1000))
        pages = []
        for _ in range(draw.randint(1, 3)):
            of_trees = draw.choices(sources, k=draw.randint(0, 6))
            pages.append(Anchors([tree(next(first_ids)) for _ in of_trees], of_trees))

        found = names(order.runs(iter(pages), (), strategy))

        assert found == one_by_one(pages, strategy), seed


@pytest.mark.parametrize("strategy", Strategy)
def test_trees_with_one_placement_each_are_one_run(strategy):
    source = placements(1, is_single=True)
    trees = [tree(id_) for id_ in range(100, 109)]

    (run,) = order.runs([Anchors(trees, [source] * 9)], (), strategy)

    assert run.trees == trees
    assert len(set(run.placements)) == 1


@pytest.mark.parametrize("strategy", Strategy)
def test_a_candidate_of_sharing_providers_only_comes_once(strategy):
    sharing = (snapshot(7, {}, is_sharing=True), snapshot(8, {}, is_sharing=True))

    def page(*root_ids):
        # The first two candidates are the same in every tree, the third is not.
        of_tree = [placement(1, 1), placement(2, 2), placement(3, 0)]
        return Anchors(
            [tree(id_) for id_ in root_ids],
            [Recorded(of_tree, may_repeat=True) for _ in root_ids],
        )

    found = order.runs([page(100, 101), page(102)], sharing, strategy)

    assert sorted(names(found, sharing)) == [
        (7, 1),
        (8, 2),
        (100, 3),
        (101, 3),
        (102, 3),
    ]


def test_a_repeated_candidate_counts_for_the_first_tree():
    sharing = (snapshot(7, {}, is_sharing=True),)
    of_tree = [placement(1, 1), placement(2, 0)]
    page = Anchors(
        [tree(100), tree(101)],
        [Recorded(of_tree, may_repeat=True), Recorded(of_tree, may_repeat=True)],
    )

    found = names(order.runs([page], sharing, BREADTH), sharing)

    assert found == [(7, 1), (101, 2), (100, 2)]


def test_the_same_providers_in_other_groups_are_another_candidate():
    sharing = (snapshot(7, {}, is_sharing=True), snapshot(8, {}, is_sharing=True))
    allocations = ((1, ((CLASS, 1),)), (2, ((CLASS, 1),)))
    one, other = (
        Placement(allocations, groups) for groups in (((1,), (2,)), ((2,), (1,)))
    )
    source = Recorded([one, other], may_repeat=True)

    runs = list(order.runs([Anchors([tree(100)], [source])], sharing, DEPTH))

    assert [run.placements for run in runs] == [(one,), (other,)]


@pytest.mark.parametrize("strategy", Strategy)
def test_pages_are_taken_only_as_candidates_are(strategy):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield anchors(1, 1, first_id=100 * number)

    list(order.first(order.runs(endless(), (), strategy), 5))

    assert len(taken) == 3


@pytest.mark.parametrize("may_repeat", [False, True])
@pytest.mark.parametrize("strategy", Strategy)
def test_a_further_placement_is_made_only_when_it_is_asked_for(strategy, may_repeat):
    page = anchors(3, 3, may_repeat=may_repeat)
    runs = order.runs([page], (), strategy)

    first = list(order.first(runs, 1))

    assert names(first) == [(100, 1)]
    assert max(max(source.asked, default=0) for source in page.sources) == 0


@pytest.mark.parametrize("strategy", Strategy)
def test_the_first_candidates_do_not_generate_more(strategy):
    made = []

    def making():
        for number in itertools.count(1):
            made.append(number)
            yield placement(number)

    trees = [tree(100), tree(101)]
    page = Anchors(trees, [Placements(making())] * 2)

    assert len(names(order.first(order.runs([page], (), strategy), 1))) == 1
    assert made == [1]


@pytest.mark.parametrize(
    ("count", "expected"), [(None, [3, 2, 4]), (1, [1]), (3, [3]), (4, [3, 1])]
)
def test_first_cuts_the_last_run(count, expected):
    runs = [Run(["p"] * size, ["t"] * size) for size in (3, 2, 4)]

    assert [len(run.trees) for run in order.first(runs, count)] == expected


def test_before_nesting_one_provider_per_tree_gives():
    sharing = (snapshot(7, {}, is_sharing=True),)
    of_tree = tree(1, 2)

    def giving(*positions):
        allocations = tuple((at, ((CLASS, 1),)) for at in positions)
        return Placement(allocations, (positions,))

    one, shared, two = giving(1), giving(0, 2), giving(0, 1)
    runs = [Run([one, two, shared], [of_tree] * 3), Run([two], [of_tree])]

    found = list(order.of_one_provider_per_tree(runs, sharing))

    assert found == [Run([one, shared], [of_tree] * 2)]


def test_shuffled_keeps_each_placement_with_its_tree():
    page = anchors(3, 2, 4)
    expected = names(order.runs([page], (), DEPTH))

    shuffled = names(
        order.shuffled(order.runs([page], (), DEPTH), random.Random(1)),
    )

    assert shuffled != expected
    assert sorted(shuffled) == expected
    assert order.shuffled([], random.Random(1)) == []
