"""The SQL that the engine sends is kept in files, see ``sql_files``."""

import functools
import pathlib

import pytest

from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates import foresight, plan, request, select
from placement.candidates.lookup import Ids
from placement.candidates.views import TraitBits
from placement.db import names
from tests.unit import sql_files
from tests.unit.sql_files import DIALECTS

assert_sql = functools.partial(
    sql_files.assert_sql, pathlib.Path(__file__).parent / "sql"
)

A = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a01"
B = "6a1f4b54-9a5c-4d22-8f6f-0d4c3f2f6a02"
IDS = Ids(
    resource_classes={"VCPU": 0, "MEMORY_MB": 1, "VGPU": 8},
    traits={"T": 11, "U": 12, "V": 13},
    aggregates={A: 21, B: 22},
    trees={A: 31},
)


def plan_of(query):
    asked = request.parse(Query.parse(query.encode()), Version(1, 39))
    planned = plan.plan(asked, IDS, TraitBits())
    assert planned is not None
    return planned


FLAT = "resources=VCPU:2,MEMORY_MB:1024"
FILTERED = f"{FLAT}&required=T,!U&member_of=in:{A},{B}&root_required=V"
GRANULAR = (
    f"resources=VCPU:2&resources1=VGPU:1,VCPU:1&required1=T,U&member_of1=!{A}"
    f"&resources2=VGPU:1&in_tree2={A}&group_policy=isolate"
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_of_flat_providers(dialect):
    assert_sql(select.anchors(plan_of(FLAT), {}, 0, 10), "anchors_flat", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_with_filters(dialect):
    statement = select.anchors(plan_of(FILTERED), {}, 7, 10)

    assert_sql(statement, "anchors_filtered", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_among_some_roots(dialect):
    statement = select.anchors_among(plan_of(FLAT), {}, [8, 9])

    assert_sql(statement, "anchors_among", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_members_of_the_next_trees(dialect):
    assert_sql(select.members_after(), "members_after", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_members_of_some_trees(dialect):
    assert_sql(select.members_of([8, 9]), "members_of", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_of_granular_groups(dialect):
    statement = select.anchors(plan_of(GRANULAR), {}, 0, 10)

    assert_sql(statement, "anchors_granular", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_with_sharing_providers(dialect):
    statement = select.anchors(plan_of(FLAT), {1: frozenset([21])}, 0, 10)

    assert_sql(statement, "anchors_shared", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anchors_by_chance(dialect):
    statement = select.anchors_of_residues(plan_of(FLAT), {}, 16, [3, 5])

    assert_sql(statement, "anchors_of_residues", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rarity(dialect):
    needs = select.needs(plan_of(FILTERED), {})

    assert_sql(select.rarity(needs, 500), "rarity", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_roots_of_a_need(dialect):
    need = select.needs(plan_of(FILTERED), {})[-1]

    assert_sql(select.roots_of(need), "roots_of", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_members_among_selected_roots(dialect):
    need = select.needs(plan_of(FILTERED), {})[-1]
    statement = select.members_among(select.roots_of(need))

    statement = statement.params(after=7, size=10)
    assert_sql(statement, "members_among", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_roots_among_providers_without_parents(dialect):
    need = select.needs(plan_of(FILTERED), {})[-1]
    statement = select.roots_among(need).params(after=7, size=10)

    assert_sql(statement, "roots_among", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_members_of_one_tree(dialect):
    assert_sql(select.members_of_one(), "members_of_one", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_nested(dialect):
    assert_sql(select.any_nested(), "any_nested", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_foreseen(dialect):
    facts = [names.REVISION, select.any_sharing()]
    statement = foresight.together(facts, select.members_after())
    values = {"sharing_trait_id_of_fact_1": 11, "after": 7, "size": 10}

    assert_sql(statement.params(values), "foresight", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_sharing(dialect):
    assert_sql(select.any_sharing(), "any_sharing", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sharing_trees(dialect):
    assert_sql(select.sharing_trees(), "sharing_trees", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_providers(dialect):
    group = plan_of(f"resources1=VGPU:1&required1=T,!U&member_of1=!{A}").groups[0]

    assert_sql(select.providers(group, name="n"), "providers", dialect)


def test_no_statement_asks_the_allocations():
    for query in (FLAT, FILTERED, GRANULAR):
        assert "allocations" not in str(select.anchors(plan_of(query), {}, 0, 10))


def test_the_statement_does_not_grow_beyond_its_bound():
    groups = "&".join(f"resources{n}=VCPU:{n}&required{n}=T,U" for n in range(1, 100))
    planned = plan_of(f"{groups}&group_policy=none")

    assert len(planned.slots) == 99
    assert str(select.anchors(planned, {}, 0, 10)).count("LIMIT") < 120
