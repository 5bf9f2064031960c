"""The SQL that a search sends is kept in files beside this test, see ``sql_files``."""

import functools
import pathlib

import pytest
import sqlalchemy as sa

from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.query import plan, request
from placement.candidates.query.resolve import Ids
from placement.candidates.sql import batches, reader, statements
from placement.candidates.sql.statements import Need, NeedKind
from placement.candidates.trait_bits import TraitBits
from placement.db import tables
from tests.unit import sql_files
from tests.unit.sql_files import DIALECTS

assert_sql = functools.partial(
    sql_files.assert_sql, pathlib.Path(__file__).with_name("expected")
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


def first_needs():
    """One need of each kind."""
    found = {need.kind: need for need in statements.needs(plan_of(FILTERED), {})}
    return [found[kind] for kind in NeedKind]


def of_read(read):
    return read.select.params(dict(read.parameters))


def batch(page, **shown):
    reads = [reader.NAMES_REVISION, statements.any_sharing(11), statements.any_nested()]
    return batches.batch_of([read.select for read in reads], page, **shown)


PAGE = statements.members_after(7, 10).select
ROOM, TRAIT, AGGREGATE = first_needs()
STATEMENTS = {
    "anchors_flat": statements.anchors(plan_of(FLAT), {}, 0, 10),
    "anchors_filtered": statements.anchors(plan_of(FILTERED), {}, 7, 10),
    "anchors_granular": statements.anchors(plan_of(GRANULAR), {}, 0, 10),
    "anchors_shared": statements.anchors(plan_of(FLAT), {1: frozenset([21])}, 0, 10),
    "anchors_of_residues": statements.anchors_of_residues(
        plan_of(FLAT), {}, 16, [3, 5]
    ),
    "members_after": of_read(statements.members_after(7, 10)),
    "members_of": statements.members_of([8, 9]),
    "members_of_one": of_read(statements.members_of_one(8)),
    "members_with_room": of_read(statements.members_with(ROOM, 7, 10, False)),
    "members_with_trait": of_read(statements.members_with(TRAIT, 7, 10, False)),
    "members_with_aggregate": of_read(statements.members_with(AGGREGATE, 7, 10, False)),
    "flat_members_with_room": of_read(statements.members_with(ROOM, 7, 10, True)),
    "flat_members_with_trait": of_read(statements.members_with(TRAIT, 7, 10, True)),
    "count_room": of_read(statements.count(ROOM, 500)),
    "count_trait": of_read(statements.count(TRAIT, 500)),
    "count_aggregate": of_read(statements.count(AGGREGATE, 500)),
    "roots_with_aggregate": of_read(statements.roots(AGGREGATE)),
    "any_nested": of_read(statements.any_nested()),
    "any_sharing": of_read(statements.any_sharing(11)),
    "sharing_members": of_read(statements.sharing_members(11)),
    "greatest_id": of_read(statements.greatest_id()),
    "batch_of_values": batch(None),
    "batch_with_page": batch(statements.members_after(7, 10).select),
    "batch_of_changes": batch(
        statements.members_after(7, 10).select, only_changed=True
    ),
    "providers": statements.providers(
        plan_of(f"resources1=VGPU:1&required1=T,!U&member_of1=!{A}").groups[0], name="n"
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_statement_is_the_one_in_its_file(dialect):
    for name, statement in STATEMENTS.items():
        assert_sql(statement, name, dialect)


def test_batches_of_postgresql_may_have_details():
    for only_changed, name in (
        (False, "batch_with_details"),
        (True, "batch_of_changes_with_details"),
    ):
        selected = batch(PAGE, only_changed=only_changed, in_detail=True)
        assert_sql(selected, name, "postgresql")


def test_every_file_belongs_to_a_statement():
    expected = {f"{name}.{dialect}.sql" for name in STATEMENTS for dialect in DIALECTS}
    expected |= {
        f"batch_{name}.postgresql.sql"
        for name in ("with_details", "of_changes_with_details")
    }
    directory = pathlib.Path(__file__).with_name("expected")

    assert {path.name for path in directory.iterdir()} == expected


def test_no_statement_reads_allocations():
    for name, statement in STATEMENTS.items():
        assert "allocations" not in str(statement), name


def test_a_statement_does_not_grow_beyond_its_bound():
    groups = "&".join(f"resources{n}=VCPU:{n}&required{n}=T,U" for n in range(1, 100))
    planned = plan_of(f"{groups}&group_policy=none")

    assert len(planned.slots) == 99
    assert str(statements.anchors(planned, {}, 0, 10)).count("LIMIT") < 120
    assert len(statements.needs(planned, {})) == 24


@pytest.mark.parametrize(
    ("query", "shared", "expected"),
    [
        (FLAT, {}, [("ROOM", (0, 2)), ("ROOM", (1, 1024))]),
        (FLAT, {1: frozenset([21])}, [("ROOM", (0, 2))]),
        (
            "resources1=VGPU:1&resources2=VGPU:1&group_policy=none",
            {},
            [("ROOM", (8, 1))],
        ),
        (
            FILTERED,
            {},
            [
                ("ROOM", (0, 2)),
                ("ROOM", (1, 1024)),
                ("TRAIT", (11,)),
                ("TRAIT", (13,)),
                ("AGGREGATE", (21, 22)),
            ],
        ),
        # A sharing provider may have the traits and aggregates of its group.
        (FILTERED, {1: frozenset([21])}, [("ROOM", (0, 2)), ("TRAIT", (13,))]),
        (
            "resources1=VGPU:1&required1=in:V,T",
            {},
            [("ROOM", (8, 1)), ("TRAIT", (11, 13))],
        ),
    ],
)
def test_needs_are_what_a_provider_of_the_own_tree_has_to_meet(query, shared, expected):
    found = statements.needs(plan_of(query), shared)

    assert [(need.kind.name, need.ids) for need in found] == expected


@pytest.mark.parametrize("count", [1, 8, 9, 400])
def test_needs_of_the_same_size_are_one_statement(count):
    needs = [
        Need(NeedKind.TRAIT, tuple(range(first, first + count))) for first in (1, 50)
    ]
    for read_of in (
        lambda need: statements.count(need, 5),
        statements.roots,
        lambda need: statements.members_with(need, 0, 5, True),
        lambda need: statements.members_with(need, 0, 5, False),
    ):
        one, other = map(read_of, needs)
        assert one.select is other.select
        assert one != other
        # A list of any length cannot be compiled before it is known.
        assert one.is_large is (count > 8)


@pytest.fixture(scope="module")
def conn():
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as conn:
        yield conn


@pytest.mark.parametrize("count", [1, 8, 9, 400])
def test_needs_select_the_providers_that_hold_one_of_their_ids(conn, count):
    held = tables.resource_provider_traits
    conn.execute(sa.delete(held))
    conn.execute(
        sa.insert(held),
        [{"resource_provider_id": id_, "trait_id": 100 + id_} for id_ in range(1, 9)],
    )
    read = reader.Reader(conn)
    need = Need(NeedKind.TRAIT, tuple(range(103, 103 + count)))

    assert read.value(statements.count(need, 500)) == min(count, 6)
    assert read.value(statements.count(need, 2)) == min(count, 2)
