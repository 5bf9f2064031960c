"""What-if answers are what trying every way finds, on random worlds."""

import itertools
import random

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from placement import extension_exception
from placement.candidates.capacity.limits import Deadline
from placement.candidates.whatif import patterns, read
from placement.candidates.whatif.model import Answer, Cause, Question
from placement.db import tables, transaction
from placement.objects import holdings
from tests.unit.candidates import losses, worlds
from tests.unit.candidates.losses import Losses, TooManyWaysError
from tests.unit.candidates.model import SHARING, Inventory, Provider
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds

TRAITS = frozenset(name for name in worlds.TRAITS if name.startswith("CUSTOM_"))
KEPT = {(): frozenset(), ("CUSTOM_T1",): {"CUSTOM_T1"}, ("CUSTOM_.*",): TRAITS}


def draw(engine, seed):
    """Store a world, and return it with the options of a question."""
    providers, consumers = losses.draw(seed)
    losses.store(engine, providers, consumers)
    chance = random.Random(f"{seed} question")
    within = "A" if chance.randrange(5) == 0 else None
    patterns = chance.choice([(), (), ("CUSTOM_T1",), ("CUSTOM_.*",)])
    model = Losses(providers, consumers, within, KEPT[patterns])
    options = {
        "within": None if within is None else worlds.uuid_of(within),
        "keep_traits": patterns,
    }
    return model, chance, options


def analyse(engine, **question):
    return read.analyse(worlds.context_of(engine), Question(**question))


def of_loss(engine, model, lost, options):
    return analyse(engine, lose=frozenset(map(worlds.uuid_of, lost)), **options)


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS)
def test_an_answer_for_given_hosts_is_never_wrong(engine, seed):
    model, chance, options = draw(engine, seed)
    roots = model.roots()
    lost = set(chance.sample(roots, chance.randint(1, min(2, len(roots)))))

    found = of_loss(engine, model, lost, options)

    pieces = model.pieces(lost)
    assert len(found.moves) + len(found.unplaced) == len(pieces) == found.consumers
    check_moves(model, found, lost)
    assert (found.answer is Answer.YES) == (not found.unplaced)
    hypothesis.event(f"{found.answer.value}, {bool(pieces)}")
    try:
        if found.answer is Answer.NO:
            assert not model.has_plan(lost, is_strict=False)
        if found.answer is Answer.UNKNOWN:
            has_plan = model.has_plan(lost, is_strict=True)
            may_fit = model.has_plan(lost, is_strict=False)
            hypothesis.event(f"unknown, strict: {has_plan}, widest: {may_fit}")
    except TooManyWaysError:
        hypothesis.reject()


def check_moves(model, found, lost):
    """The moves are a plan, in the strict reading, for the consumers that they have."""
    names = {worlds.uuid_of(name): name for name in model.model.providers}
    by_class = {id_: name for name, id_ in worlds.CLASSES.items()}
    moved = {}
    for move in found.moves:
        root = names[found.roots[move.from_root][0]]
        target = names[found.roots[move.to_root][0]]
        taken = {
            names[uuid]: {by_class[id_]: amount for id_, amount in amounts}
            for uuid, amounts in move.amounts
        }
        (of,) = (
            of
            for consumer, r, of in model.pieces(lost)
            if (consumer, r) == (move.consumer, root)
        )
        places = [
            place
            for place in model.places(move.consumer, root, of, lost, True)
            if {n: model.consumers[move.consumer][o] for o, n in place.items()} == taken
        ]
        assert places
        assert {model.model.root(name) for name in taken} == {target}
        # Of equal parts, any may be the other.
        moved[move.consumer, root] = next(
            (p for p in places if model.fits({(move.consumer, root): p}, lost, True)),
            places[0],
        )
    assert model.fits(moved, lost, has_rules=True)


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, count=st.sampled_from([1, 1, 2, 3]))
def test_an_answer_for_any_hosts_is_never_wrong(engine, seed, count):
    model, _, options = draw(engine, seed)

    found = analyse(engine, any_count=count, **options)

    hosts = model.hosts()
    holding = [host for host in hosts if model.pieces({host})]
    hypothesis.event(f"any {count}: {found.answer.value}, {bool(holding)}")
    assert found.is_complete
    assert len(found.worst) == len(holding)
    lost = [set(each) for each in itertools.combinations(hosts, min(count, len(hosts)))]
    try:
        if found.answer is Answer.YES:
            assert all(model.has_plan(each, is_strict=True) for each in lost)
        if found.answer is Answer.NO:
            assert not all(model.has_plan(each, is_strict=False) for each in lost)
    except TooManyWaysError:
        hypothesis.reject()
    if count == 1:
        check_each(engine, model, found, options)


def check_each(engine, model, found, options):
    """Each host is answered as if it was asked for alone, the worst ones first."""
    names = {worlds.uuid_of(name): name for name in model.model.providers}
    for number, loss in enumerate(found.worst):
        root = names[found.roots[loss.root_id][0]]
        alone = of_loss(engine, model, {root}, options)
        assert (loss.answer, loss.unplaced) == (alone.answer, len(alone.unplaced))
        assert loss.consumers == len(model.pieces({root}))
        if number == 0:
            assert (found.moves, found.unplaced) == (alone.moves, alone.unplaced)
    order = [Answer.NO, Answer.UNKNOWN, Answer.YES]
    ranks = [order.index(loss.answer) for loss in found.worst]
    assert ranks == sorted(ranks)
    worst = found.worst[0].answer if found.worst else Answer.YES
    assert found.answer is worst


def host(name, vcpus=4, **more):
    return Provider(name, inventory={"VCPU": Inventory(vcpus)}, **more)


def store(engine, providers, *of_consumers):
    """Store hosts, and consumers by what they hold of each provider."""
    by_name = {one.name: one for one in providers}
    for amounts in of_consumers:
        for name, of in amounts.items():
            for each, amount in of.items():
                used = by_name[name].used
                used[each] = used.get(each, 0) + amount
    consumers = {f"c{number}": amounts for number, amounts in enumerate(of_consumers)}
    losses.store(engine, providers, consumers)


def lose(engine, *names, **options):
    return analyse(engine, lose=frozenset(map(worlds.uuid_of, names)), **options)


def causes(found):
    return [each.cause for each in found.unplaced]


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        (Provider("b", inventory={"CUSTOM_A": Inventory(4)}), Cause.NOT_OFFERED),
        (host("b", traits=frozenset(["CUSTOM_T2"])), Cause.EXCLUDED),
        (host("b", 2, traits=frozenset(["CUSTOM_T1"])), Cause.TOO_LARGE),
        (
            host("b", traits=frozenset(["CUSTOM_T1"]), used={"VCPU": 2}),
            Cause.FULL,
        ),
        (host("b", traits=frozenset(["CUSTOM_T1"]), state=1), Cause.CORDONED),
    ],
)
def test_a_consumer_that_fits_nowhere_has_a_cause(engine, other, cause):
    store(
        engine,
        [host("a", traits=frozenset(["CUSTOM_T1"])), other],
        {"a": {"VCPU": 3}},
    )

    found = lose(engine, "a", keep_traits=("CUSTOM_T1",))

    assert (found.answer, causes(found)) == (Answer.NO, [cause])


def test_parts_of_one_provider_are_not_merged_with_others(engine):
    tree = [Provider("a"), host("a1", 2, parent="a"), host("a2", 2, parent="a")]
    store(engine, [*tree, host("b", 8)], {"a1": {"VCPU": 2}, "a2": {"VCPU": 2}})

    found = lose(engine, "a")

    # In the host b, both would have to share a provider.
    assert found.answer is Answer.UNKNOWN
    assert causes(found) == [Cause.DOES_NOT_COMBINE]


def test_a_new_tree_is_in_reach_of_the_shared_provider(engine):
    pool = Provider(
        "pool",
        inventory={"DISK_GB": Inventory(100)},
        traits=frozenset([SHARING]),
        aggregates=frozenset("A"),
    )
    near = host("near", aggregates=frozenset("A"))
    providers = [host("a", aggregates=frozenset("A")), host("far"), near, pool]
    store(engine, providers, {"a": {"VCPU": 1}, "pool": {"DISK_GB": 5}})

    found = lose(engine, "a")

    assert [found.roots[move.to_root][1] for move in found.moves] == ["near"]
    near.state = 1
    losses.store(engine, providers, {"c": {"a": {"VCPU": 1}, "pool": {"DISK_GB": 5}}})
    assert lose(engine, "a").answer is Answer.UNKNOWN


def test_a_shared_provider_is_no_host_that_can_be_any(engine):
    pool = Provider(
        "pool", inventory={"DISK_GB": Inventory(9)}, traits=frozenset([SHARING])
    )
    store(engine, [host("a"), pool], {"pool": {"DISK_GB": 5}})

    assert analyse(engine, any_count=1).answer is Answer.YES
    assert lose(engine, "pool").answer is Answer.NO


def test_consumers_that_fill_the_rest_exactly_are_placed(engine):
    sizes = (3, 3, 2, 2, 2)
    hosts = [host("a", 12), host("b", 6), host("c", 6)]
    store(engine, hosts, *({"a": {"VCPU": size}} for size in sizes))

    assert lose(engine, "a").answer is Answer.YES
    hosts[2].inventory["VCPU"].total = 5
    losses.store(
        engine, hosts, {f"c{n}": {"a": {"VCPU": size}} for n, size in enumerate(sizes)}
    )
    assert lose(engine, "a").answer is Answer.NO


def test_without_time_nothing_is_decided(engine, monkeypatch):
    class Used(Deadline):
        def __init__(self, seconds):
            super().__init__(seconds)
            self.is_up = True

    monkeypatch.setattr(read, "Deadline", Used)
    store(engine, [host("a"), host("b")], {"a": {"VCPU": 1}})

    for question in ({"lose": frozenset([worlds.uuid_of("a")])}, {"any_count": 1}):
        found = analyse(engine, **question)
        assert (found.answer, found.is_complete) == (Answer.UNKNOWN, False)
        assert causes(found) == [Cause.NO_PLAN]
    assert not analyse(engine, any_count=2).is_complete


def test_too_many_consumers_are_refused(engine, monkeypatch):
    store(engine, [host("a"), host("b")], {"a": {"VCPU": 1}}, {"a": {"VCPU": 2}})

    monkeypatch.setattr(read, "CONSUMERS_MAX", 1)
    with pytest.raises(extension_exception.AnalysisTooLarge):
        lose(engine, "a")
    monkeypatch.setattr(read, "SHAPES_MAX", 1)
    with pytest.raises(extension_exception.AnalysisTooLarge):
        analyse(engine, any_count=1)


def test_pages_of_consumers_are_whole(engine):
    rows = {f"c{n}": {f"p{at}": {"VCPU": 1} for at in range(n)} for n in range(1, 5)}
    hosts = [host(f"p{at}") for at in range(4)]
    losses.store(engine, hosts, rows)
    context = worlds.context_of(engine)

    pages = transaction.read(context, lambda conn: list(holdings.of_all(conn, 3)))

    assert [len(one) for page in pages for one in page] == [1, 2, 3, 4]


def test_an_allocation_of_a_deleted_provider_is_ignored(engine):
    store(engine, [host("a"), host("b")], {"a": {"VCPU": 1}, "b": {"VCPU": 1}})
    with engine.begin() as conn:
        conn.execute(
            sa.update(tables.allocations)
            .where(tables.allocations.c.resource_provider_id == 2)
            .values(resource_provider_id=99)
        )

    assert lose(engine, "a").answer is Answer.YES
    assert analyse(engine, any_count=1).answer is Answer.YES


def test_stars_of_a_pattern_stand_for_any_characters():
    names = ["CUSTOM_A", "CUSTOM_AB", "HW_A", "CUSTOM_B"]

    assert patterns.matching(["CUSTOM_.*"], names) == {names[0], names[1], names[3]}
    assert patterns.matching(["*_A", "X"], names) == {"CUSTOM_A", "HW_A"}
    assert patterns.matching(["CUSTOM_A"], names) == {"CUSTOM_A"}
    # Linear, where a plain expression would need ages.
    assert not patterns.matching(["*A" * 120 + "B"], ["A" * 255])


def test_a_place_is_given_back_if_the_others_do_not_fit(engine):
    sizes = (6, 5, 5, 4, 3)
    hosts = [host("a", 23), host("b", 10), host("c", 7), host("d", 6)]
    store(engine, hosts, *({"a": {"VCPU": size}} for size in sizes))

    assert lose(engine, "a").answer is Answer.YES
