"""One stream out of many: who is heard when, and each candidate once."""

import itertools

from placement.candidates import order
from placement.candidates.model import AllocationRequest
from placement.candidates.order import Strategy
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
