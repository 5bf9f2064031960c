"""One stream out of many: who is heard when, and each candidate once."""

import itertools

import pytest

from placement.candidates import order
from placement.candidates.model import AllocationRequest
from placement.candidates.order import Heads, Strategy
from tests.unit.candidates.test_combine import GPU, provider


def request(id_, amount=1, is_sharing=False):
    one = provider(id_, {GPU: 9})
    if is_sharing:
        one = type(one)(
            **{
                name: getattr(one, name)
                for name in one.__slots__
                if name != "is_sharing"
            },
            is_sharing=True,
        )
    return AllocationRequest(((one, ((GPU, amount),)),), ((one,),))


def name(one):
    (provider_, amounts), *_ = one.allocations
    return provider_.id, amounts[0][1]


def streams(*sizes):
    for index, size in enumerate(sizes):
        yield iter([request(100 + index, amount) for amount in range(size)])


def test_depth_first_finishes_one_anchor_before_the_next():
    found = order.one_stream(streams(2, 0, 3), Strategy.DEPTH_FIRST)

    assert [name(one) for one in found] == [
        (100, 0),
        (100, 1),
        (102, 0),
        (102, 1),
        (102, 2),
    ]


def test_breadth_first_hears_every_anchor_once_before_any_twice():
    found = order.one_stream(streams(2, 0, 3, 1), Strategy.BREADTH_FIRST)

    assert [name(one) for one in found] == [
        (100, 0),
        (102, 0),
        (103, 0),
        (100, 1),
        (102, 1),
        (102, 2),
    ]


def heads(*sizes, may_repeat=False, is_sharing=False):
    """Anchors with so many candidates each, none with none."""
    anchors = [
        [request(100 + index, amount, is_sharing) for amount in range(size)]
        for index, size in enumerate(sizes)
    ]
    return Heads(
        tuple(of_anchor[0] for of_anchor in anchors),
        None if set(sizes) == {1} else lambda: map(iter, anchors),
        may_repeat,
    )


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("is_distinct", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 3, 2), (2,)])
def test_heads_are_heard_as_their_anchors_would_be(strategy, is_distinct, sizes):
    def heard(*found):
        found = order.distinct(found) if is_distinct else found
        return [name(one) for one in order.one_stream(found, strategy)]

    before, after = heads(1, 2).streams, heads(2, 1).streams
    expected = heard(*before(), *streams(*sizes), *after())

    assert heard(*before(), heads(*sizes), *after()) == expected
    assert heard(*before(), heads(*sizes, may_repeat=True), *after()) == expected


def test_heads_that_may_repeat_come_once():
    for strategy in Strategy:
        twice = [heads(2, 1, may_repeat=True, is_sharing=True) for _ in range(2)]
        found = order.one_stream(order.distinct(twice), strategy)
        assert sorted(name(one) for one in found) == [(100, 0), (100, 1), (101, 0)]


def test_what_follows_heads_comes_once():
    def anchors():
        return iter([iter([request(1), request(9, 5, is_sharing=True)])])

    for strategy in Strategy:
        twice = [Heads((request(1),), anchors, may_repeat=False) for _ in range(2)]
        found = order.one_stream(order.distinct(twice), strategy)
        assert sorted(map(name, found)) == [(1, 1), (1, 1), (9, 5)]


def test_anchors_are_pulled_only_as_far_as_candidates_are_taken():
    pulled = []

    def endless():
        for index in itertools.count():
            pulled.append(index)
            yield iter([request(index)])

    for strategy in Strategy:
        pulled.clear()
        list(itertools.islice(order.one_stream(endless(), strategy), 3))
        assert len(pulled) == 3


def test_what_several_anchors_have_comes_once():
    def below_two_anchors():
        for _ in range(2):
            yield iter([request(7, 1, is_sharing=True), request(7, 2, is_sharing=True)])

    for strategy in Strategy:
        streams = order.distinct(below_two_anchors())
        found = list(order.one_stream(streams, strategy))
        assert sorted(name(one) for one in found) == [(7, 1), (7, 2)]


def test_two_providers_of_one_tree_are_told_from_one():
    root, child, other = (provider(id_, {GPU: 1}) for id_ in (1, 2, 50))
    amounts = ((GPU, 1),)

    def takes(*providers):
        return order.takes_one_per_tree(
            AllocationRequest(tuple((one, amounts) for one in providers), ())
        )

    assert takes(root, other)
    assert not takes(root, child)
