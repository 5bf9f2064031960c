"""What-if answers are what trying every way finds, on drawn worlds."""

import itertools
import random

import hypothesis
from hypothesis import strategies as st

from placement.candidates.whatif import read
from placement.candidates.whatif.model import Answer, Question
from tests.unit.candidates import losses, worlds
from tests.unit.candidates.losses import Losses, TooManyWaysError
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
