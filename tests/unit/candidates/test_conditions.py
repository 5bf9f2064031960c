"""The conditions on providers in Python and their twins in SQL agree."""

import sqlalchemy as sa

from placement.candidates.solve import conditions
from placement.candidates.solve.conditions import Choice
from placement.candidates.sql import predicates
from placement.db import tables
from tests.unit.candidates import worlds
from tests.unit.candidates.solve.trees import Search

SEEDS = range(60)

_provider = tables.resource_providers.alias("one")


def ids_where(engine, wanted):
    with engine.connect() as conn:
        return set(conn.scalars(sa.select(_provider.c.id).where(*wanted)))


def test_each_condition_has_a_twin_of_its_name(engine):
    compared = dict.fromkeys(predicates.OF_PROVIDER, 0)
    for seed in SEEDS:
        drawn = worlds.Drawn(seed)
        providers = drawn.providers()
        search = Search(providers, worlds.query_of(drawn.question()))
        if search.plan is None:
            continue
        worlds.store(engine, providers)
        for slot in search.plan.slots:
            if slot.group.is_spread:
                continue
            for name, twin in predicates.OF_PROVIDER.items():
                wanted = list(twin(_provider, slot.group))
                met = ids_that_meet(search, slot, name)
                assert ids_where(engine, wanted) == met, (seed, name)
                compared[name] += bool(wanted)
    assert all(count > 5 for count in compared.values()), compared


def ids_that_meet(search, slot, name):
    (row,) = [row for row in conditions.OF_PROVIDER if row.name == name]
    return {
        one.id
        for tree in search.trees
        for one in tree.providers
        if all(
            row.holds(slot, value, Choice(one, tree.root, one))
            for value in row.values(slot)
        )
    }


def test_the_names_are_those_that_are_reported():
    assert [row.name for row in conditions.OF_PROVIDER] == [
        *("offers", "in_tree", "not_member_of", "member_of", "forbidden", "required"),
        *("min_unit", "step_size", "max_unit", "size", "room", "state"),
    ]
    names = [row.name for row in conditions.OF_ANCHOR]
    assert names == ["root_required", "root_forbidden"]
