"""Counts of capacity are what trying every way finds, on random worlds."""

import hypothesis
from hypothesis import strategies as st

from placement.candidates.capacity import read
from placement.candidates.capacity.model import Options
from tests.unit.candidates import packing, worlds
from tests.unit.candidates.model import Model
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds


def count(engine, question, nested=True, **options):
    request = worlds.request_of(question, nested)
    context = worlds.context_of(engine)
    return read.count(context, {"asked": request}, Options(**options))["asked"]


def draw(seed):
    """Return a world with few units, so that all ways to fill it can be tried."""
    providers, question = worlds.draw(seed)
    for one in providers:
        for offer in one.inventory.values():
            offer.total = min(offer.total, 5)
    return providers, question


def check(bounds, truth):
    assert bounds.at_least <= truth <= bounds.at_most
    return bounds.is_exact


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, nested=st.sampled_from([True, True, True, False]))
def test_bounds_hold_what_trying_every_way_finds(engine, seed, nested):
    providers, question = draw(seed)
    model, empty = Model(providers), Model(packing.emptied(providers))
    try:
        truth = packing.most(model, question, nested)
        when_empty = packing.most(empty, question, nested)
    except packing.TooManyWaysError:
        hypothesis.reject()
    worlds.store(engine, providers)

    found = count(engine, question, nested, by_aggregate=True, by_traits=("CUSTOM_T1",))

    is_exact = check(found.count, truth)
    check(found.when_empty, when_empty)
    hypothesis.event(f"{'some' if truth else 'none'}, exact: {is_exact}")
    roots = [one.name for one in providers if one.parent is None]
    fitting = [r for r in roots if fits(model, question, r, nested)]
    eligible = [r for r in roots if fits(empty, question, r, nested)]
    assert found.is_complete
    assert found.roots.fitting == len(fitting)
    assert found.roots.eligible == len(eligible)
    assert found.roots.empty == sum(is_unused(model, root) for root in fitting)
    assert sum(found.bottleneck.values()) == len(fitting)
    for name in "ABC":
        of = {r for r in roots if name in model.providers[r].aggregates}
        if of:
            bounds = found.by_aggregate[worlds.uuid_of(name)]
            check(bounds, packing.most(model, question, nested, of))
    having = {model.root(one.name) for one in providers if "CUSTOM_T1" in one.traits}
    for bounds, of in zip(
        found.by_trait["CUSTOM_T1"], (having, set(roots) - having), strict=True
    ):
        check(bounds, packing.most(model, question, nested, of))
    if found.hosts is not None:
        for host in found.hosts:
            assert host.fits <= packing.most(model, question, nested, {host.name})
    largest = {
        name: max(
            (
                free(one, name)
                for one in providers
                if name in one.inventory and one.state == 0
            ),
            default=0,
        )
        for group in question.groups
        for name in group.resources
    }
    assert found.largest == largest


def free(provider, name):
    return max(0, int(provider.inventory[name].capacity) - provider.used.get(name, 0))


def fits(model, question, root, nested):
    return any(
        nested or model.takes_one_per_tree(one)
        for one in model.candidates_at(question, root)
    )


def is_unused(model, root):
    return not any(
        sum(one.used.values())
        for one in model.providers.values()
        if model.root(one.name) == root
    )
