"""Picks are what comparing all candidates finds, on random worlds."""

import collections
import contextlib
import fractions
import time

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from placement import extension_exception
from placement.candidates.pick import snapshot
from placement.candidates.pick.model import Order, Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError
from placement.db import tables, transaction
from placement.objects import hold
from placement.objects.group import GroupRequest, Policy
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Group, Inventory, Model, Provider, Question
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds


def pick(engine, questions, refused=None, **preferences):
    """Return what is picked for each question, or None."""
    context = worlds.context_of(engine)
    requests = {id(each): worlds.request_of(each) for each in questions}
    wanted = [
        Wanted(f"consumer {number}", (str(id(each)),), requests[id(each)])
        for number, each in enumerate(questions)
    ]
    try:
        return transaction.read(
            context,
            lambda conn: snapshot.pick(
                conn, context, wanted, Preferences(**preferences), refused or {}
            ),
        )
    except NothingFitsError:
        return None


def shown(picked, names):
    """Return a pick as the model says candidates."""
    amounts = frozenset((names[each[0]], *each[1:]) for each in picked.amounts)
    mappings = frozenset(
        (suffix, frozenset(names[uuid] for uuid in uuids))
        for suffix, uuids in picked.mappings.items()
    )
    return amounts, mappings


def share(model, candidate):
    """Return the dominant share of a candidate."""
    return max(
        fractions.Fraction(
            model.providers[name].used.get(resource_class, 0) + amount,
            int(model.providers[name].inventory[resource_class].capacity),
        )
        for name, resource_class, amount in candidate[0]
    )


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, order=st.sampled_from([Order.PACK, Order.SPREAD]))
def test_the_fullest_or_emptiest_candidate_is_picked(engine, seed, order):
    providers, question = worlds.draw(seed)
    hypothesis.assume(any(group.resources for group in question.groups))
    worlds.store(engine, providers)
    model = Model(providers)
    names = {worlds.uuid_of(one.name): one.name for one in providers}
    ids = {one.name: number for number, one in enumerate(providers, 1)}

    found = pick(engine, [question], order=order)

    of_anchor = {
        one.name: list(model.candidates_at(question, one.name))
        for one in providers
        if one.parent is None
    }
    shares = {
        name: [share(model, each) for each in candidates]
        for name, candidates in of_anchor.items()
        if candidates
    }
    hypothesis.event("some" if shares else "none")
    if not shares:
        assert found is None
        return
    best = max if order is Order.PACK else min
    wanted = best(each for shares_of in shares.values() for each in shares_of)
    (picked,) = found
    root = min((n for n, of in shares.items() if wanted in of), key=ids.__getitem__)
    assert shown(picked, names) in of_anchor[root]
    assert share(model, shown(picked, names)) == wanted
    assert picked.root_id == ids[root]


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(
    seed=SEEDS,
    order=st.sampled_from(Order),
    count=st.integers(1, 4),
    place=st.integers(),
)
def test_picks_for_several_consumers_fit_together(engine, seed, order, count, place):
    providers, question = worlds.draw(seed)
    hypothesis.assume(any(group.resources for group in question.groups))
    worlds.store(engine, providers)
    model = Model(providers)
    names = {worlds.uuid_of(one.name): one.name for one in providers}
    candidates = set(model.candidates(question))

    found = pick(engine, [question] * count, order=order, seed=place)

    if found is None:
        assert count > 1 or not candidates
        return
    taken = collections.Counter()
    for each in found:
        assert shown(each, names) in candidates
        for name, resource_class, amount in shown(each, names)[0]:
            taken[name, resource_class] += amount
    for (name, resource_class), amount in taken.items():
        provider = model.providers[name]
        free = int(provider.inventory[resource_class].capacity)
        assert provider.used.get(resource_class, 0) + amount <= free


def hosts(*free, **more):
    return [
        Provider(f"p{number}", inventory={"VCPU": Inventory(total=units)}, **more)
        for number, units in enumerate(free)
    ]


def asking(amount):
    return Question([Group("", {"VCPU": amount})])


def roots(found):
    return [each.root_id for each in found]


def group(policy, **more):
    return GroupRequest("p", "g", Policy(policy), **more)


def test_members_with_affinity_begin_where_all_of_them_fit(engine):
    worlds.store(engine, hosts(1, 2, 4, 3))

    found = pick(engine, [asking(1)] * 4, group=group("affinity"))

    assert roots(found) == [3] * 4
    assert pick(engine, [asking(1)] * 5, group=group("affinity")) is None


def test_members_with_anti_affinity_share_no_host(engine):
    worlds.store(engine, hosts(4, 4, 4))

    found = pick(engine, [asking(1)] * 3, group=group("anti-affinity"))

    assert sorted(roots(found)) == [1, 2, 3]
    assert pick(engine, [asking(1)] * 4, group=group("anti-affinity")) is None
    two = group("anti-affinity", max_per_host=2)
    found = pick(engine, [asking(1)] * 6, group=two)
    assert sorted(roots(found)) == [1, 1, 2, 2, 3, 3]
    assert pick(engine, [asking(1)] * 7, group=two) is None


@pytest.mark.parametrize(
    ("policy", "picked"),
    [("soft-anti-affinity", [1, 1, 2, 3]), ("soft-affinity", [1, 1, 1, 1])],
)
def test_a_soft_policy_decides_first_and_excludes_nothing(engine, policy, picked):
    worlds.store(engine, hosts(4, 4, 4))

    found = pick(engine, [asking(1)] * 4, group=group(policy))

    assert sorted(roots(found)) == picked
    assert pick(engine, [asking(1)] * 12, group=group(policy)) is not None


def test_aggregates_are_the_domains_of_a_group(engine):
    zones = [frozenset("A"), frozenset("A"), frozenset("B"), frozenset()]
    providers = hosts(4, 4, 4, 4)
    for one, zone in zip(providers, zones, strict=True):
        one.aggregates = zone
    worlds.store(engine, providers)
    over = (worlds.uuid_of("A"), worlds.uuid_of("B"))

    apart = pick(engine, [asking(1)] * 2, group=group("anti-affinity", aggregates=over))
    together = pick(engine, [asking(4)] * 2, group=group("affinity", aggregates=over))

    assert len({root_id in (1, 2) for root_id in roots(apart)}) == 2
    assert 4 not in roots(apart)
    assert sorted(roots(together)) == [1, 2]


def test_the_largest_consumer_comes_first_if_the_order_leaves_it_no_room(engine):
    worlds.store(engine, hosts(4, 1))

    found = pick(engine, [asking(1), asking(4)], order=Order.SPREAD)

    assert roots(found) == [2, 1]


def test_a_preferred_trait_comes_before_the_order(engine):
    providers = hosts(4, 8, 6)
    providers[0].traits = frozenset(["CUSTOM_T1"])
    providers[2].traits = frozenset(["CUSTOM_T1", "CUSTOM_T2"])
    worlds.store(engine, providers)

    def first(**prefer):
        return roots(pick(engine, [asking(1)], order=Order.SPREAD, prefer=prefer))

    assert first() == [2]
    assert first(CUSTOM_T1=1) == [3]
    assert first(CUSTOM_T1=1, CUSTOM_T2=-1) == [1]
    assert first(CUSTOM_T1=-1) == [2]


def test_excluded_and_refused_roots_are_left_out(engine):
    worlds.store(engine, hosts(4, 4))
    (first,) = pick(engine, [asking(1)], order=Order.PACK)

    (second,) = pick(
        engine, [asking(1)], {first.root_id: first.members}, order=Order.PACK
    )

    assert (first.root_id, second.root_id) == (1, 2)
    everywhere = frozenset(worlds.uuid_of(f"p{number}") for number in range(2))
    assert pick(engine, [asking(1)], excluded=everywhere) is None
    with pytest.raises(extension_exception.UnknownExcludedRoot):
        pick(engine, [asking(1)], excluded=frozenset([worlds.uuid_of("p7")]))


def test_nothing_that_fits_is_explained_unless_something_may_fit_later(engine):
    worlds.store(engine, hosts(4, 4))
    (first,) = pick(engine, [asking(4)])
    refused = {first.root_id: first.members}

    assert failure(engine, asking(5)).explanation.cause == "too_large"
    assert failure(engine, asking(5), refused).explanation is None
    with hold_expiring_in(engine, 1000):
        assert failure(engine, asking(5)).explanation is not None
    with hold_expiring_in(engine, -1000):
        found = failure(engine, asking(5))
        assert found.is_hold_expired
        assert found.explanation is None


def failure(engine, question, refused=None):
    """Return the error for one consumer for which nothing fits."""
    context = worlds.context_of(engine)
    wanted = [Wanted("consumer", ("one",), worlds.request_of(question))]
    with pytest.raises(NothingFitsError) as raised:
        transaction.read(
            context,
            lambda conn: snapshot.pick_or_explain(
                conn, context, wanted, Preferences(), refused or {}
            ),
        )
    return raised.value


@contextlib.contextmanager
def hold_expiring_in(engine, seconds):
    """A hold that expires some seconds from now; in the past if they are negative."""
    expires_at = int((time.time() + seconds) * hold.MICROSECONDS)
    with engine.begin() as conn:
        consumer = {"id": 1, "uuid": "holder", "project_id": 1, "user_id": 1}
        conn.execute(sa.insert(tables.consumers).values(consumer))
        conn.execute(
            sa.insert(tables.holds).values(consumer_id=1, expires_at=expires_at)
        )
    yield
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.holds))
        conn.execute(sa.delete(tables.consumers))


def test_a_seed_shuffles_in_the_same_way(engine):
    worlds.store(engine, hosts(*[4] * 20))

    orders = {
        tuple(roots(pick(engine, [asking(4)] * 20, order=Order.SEED, seed=seed)))
        for seed in (1, 2, 1, 2)
    }

    assert len(orders) == 2
    assert all(sorted(order) == list(range(1, 21)) for order in orders)


def test_requests_of_several_kinds_share_a_ranked_host(engine):
    worlds.store(engine, hosts(8))

    found = pick(engine, [asking(1), asking(2), asking(3)], order=Order.SEED, seed=1)

    assert roots(found) == [1, 1, 1]
