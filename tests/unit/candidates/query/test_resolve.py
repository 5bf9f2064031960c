"""Names and uuids become ids, with few statements."""

import pytest

from placement import exception
from placement.candidates.query import resolve
from placement.candidates.sql.reader import Batches, Prefetch, Reader
from placement.db.names import Names
from tests.functional.statements import recorded
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Provider


def groups_of(query):
    return worlds.parse(query, worlds.LATEST).groups


@pytest.fixture
def conn(engine):
    worlds.store(engine, [Provider("a"), Provider("b", "a"), Provider("c")])
    with engine.connect() as conn:
        yield conn


def uuids(*names):
    return "in:" + ",".join(map(worlds.uuid_of, names))


def test_known_uuids_have_ids_and_unknown_ones_are_left_out(conn):
    groups = groups_of(
        f"resources=VCPU:1&member_of={uuids('A', 'X')}&in_tree={worlds.uuid_of('b')}"
        f"&resources_A=CUSTOM_A:1&member_of_A=!{uuids('B', 'Y')}"
        f"&in_tree_A={worlds.uuid_of('z')}&required_A=CUSTOM_T1,!CUSTOM_T2"
        "&group_policy=none"
    )

    ids = resolve.look_up(Reader(conn), Names(), groups, ["CUSTOM_T3"])

    assert ids.aggregates == {
        worlds.uuid_of(name): worlds.AGGREGATES[name] for name in "AB"
    }
    # The tree of a child is that of its root.
    assert ids.trees == {worlds.uuid_of("b"): 1}
    assert ids.resource_classes == {
        name: worlds.CLASSES[name] for name in ("VCPU", "CUSTOM_A")
    }
    assert {name: ids.traits[name] for name in ("CUSTOM_T1", "CUSTOM_T3")} == {
        name: worlds.TRAITS[name] for name in ("CUSTOM_T1", "CUSTOM_T3")
    }


@pytest.mark.parametrize("count", [0, 1, 3, 4, 300])
def test_any_number_of_uuids_is_found_by_few_statements(conn, count):
    names = ["A", "B", "C", *(f"unknown {number}" for number in range(300))][:count]
    member_of = f"&member_of={uuids(*names)}" if names else ""
    groups = groups_of(f"resources=VCPU:1{member_of}")
    reader, known = Reader(conn), Names()
    resolve.look_up(reader, known, groups)

    with recorded() as sent:
        ids = resolve.look_up(Reader(conn), known, groups)

    assert ids.aggregates.keys() == {worlds.uuid_of(name) for name in names[:3]}
    # One by one, so that they can be prefetched, or all at once.
    assert len(sent) == (count if count <= 3 else 1)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_what_can_be_prefetched_is_what_is_looked_up(conn, count):
    names = ["A", "B", "C", "unknown"][:count]
    groups = groups_of(
        f"resources=VCPU:1&member_of={uuids(*names)}&in_tree={worlds.uuid_of('b')}"
    )
    reads = resolve.prefetchable(groups)
    assert len(reads) == (count if count <= 3 else 0) + 1
    reader = Reader(conn, Prefetch(tuple(reads)), Batches())

    with recorded() as sent:
        reader.names_revision()
        found = resolve.look_up(reader, Names(), groups)

    assert found == resolve.look_up(Reader(conn), Names(), groups)
    about_uuids = [one for one in sent if "uuid" in one]
    assert len(about_uuids) == (0 if count <= 3 else 1)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "resources=CUSTOM_X:1&required=CUSTOM_Y",
            "Invalid resource class in resources parameter: "
            "No such resource class CUSTOM_X.",
        ),
        ("resources=VCPU:1&required=CUSTOM_Y,!CUSTOM_X", "CUSTOM_X, CUSTOM_Y"),
    ],
)
def test_unknown_names_are_refused_before_uuids_are_read(conn, query, text):
    groups = groups_of(f"{query}&in_tree={worlds.uuid_of('a')}")

    with recorded() as sent, pytest.raises(exception.BadRequest, match=text):
        resolve.look_up(Reader(conn), Names(), groups)

    assert not [one for one in sent if "uuid" in one]


def test_a_cloud_may_lack_the_trait_of_sharing_providers(conn):
    names = Names()
    assert resolve.find_sharing_trait(Reader(conn), names) == 7
    conn.exec_driver_sql("DELETE FROM traits WHERE id = 7")

    assert resolve.find_sharing_trait(Reader(conn), Names()) is None
    conn.rollback()
