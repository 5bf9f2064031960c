"""What a process remembers of searches saves work, and is never a stale answer."""

import itertools
import json
import random

import pytest
import sqlalchemy as sa

from placement.candidates import anchors, memory
from placement.candidates.combine import AllocationRequest
from placement.candidates.memory import Memory, Remembered, Worked
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider
from tests.unit.candidates.test_find import flat_cloud, nested_cloud

A, B, C = "ABC"
HOST, CHILD, OTHER, STORE = 1, 2, 3, 4


def small_cloud():
    """A host with a device, another host, and storage that the hosts share."""
    return [
        Provider("host", None, {"VCPU": Inventory(8)}, aggregates=frozenset(A)),
        Provider("device", "host", {"CUSTOM_A": Inventory(2)}),
        Provider(
            "other",
            None,
            {"VCPU": Inventory(8), "CUSTOM_A": Inventory(2)},
            aggregates=frozenset(A),
        ),
        Provider(
            "store",
            None,
            {"DISK_GB": Inventory(90)},
            traits=frozenset([worlds.SHARING]),
            aggregates=frozenset(A),
        ),
    ]


COMPUTE = "resources=VCPU:1,DISK_GB:10&resources1=CUSTOM_A:1"
REVISION = "UPDATE resource_providers SET revision = revision + 1 WHERE id IN ({})"

# What happens, and to whom; each is a change that the service writes, with the
# revisions that it moves.
CHANGES = {
    "less room": (
        ["UPDATE inventories SET used = 8 WHERE resource_provider_id = 3"],
        [OTHER],
    ),
    "less shown room, and still enough": (
        ["UPDATE inventories SET used = 1 WHERE resource_provider_id = 3"],
        [OTHER],
    ),
    "less room where a child gives": (
        ["UPDATE inventories SET used = 2 WHERE resource_provider_id = 2"],
        [CHILD],
    ),
    "less room in what is shared": (
        ["UPDATE inventories SET used = 85 WHERE resource_provider_id = 4"],
        [STORE],
    ),
    "another inventory": (
        [
            "UPDATE inventories SET resource_class_id = 10001"
            " WHERE resource_provider_id = 2"
        ],
        [CHILD],
    ),
    "another trait": (
        [
            "INSERT INTO resource_provider_traits (resource_provider_id, trait_id)"
            " VALUES (1, 12)"
        ],
        [HOST],
    ),
    "a trait less, so that nothing is shared": (
        ["DELETE FROM resource_provider_traits WHERE resource_provider_id = 4"],
        [STORE],
    ),
    "the sharing provider leaves the aggregate": (
        [
            "UPDATE resource_provider_aggregates SET aggregate_id = 1"
            " WHERE resource_provider_id = 4"
        ],
        [STORE],
    ),
    "a host leaves the aggregate": (
        ["DELETE FROM resource_provider_aggregates WHERE resource_provider_id = 1"],
        [HOST],
    ),
    "a child gets another parent": (
        [
            "UPDATE resource_providers SET parent_provider_id = 3,"
            " root_provider_id = 3 WHERE id = 2"
        ],
        [CHILD],
    ),
    "a child becomes a root": (
        [
            "UPDATE resource_providers SET parent_provider_id = NULL,"
            " root_provider_id = 2 WHERE id = 2"
        ],
        [CHILD],
    ),
    "a child goes": (
        [
            "DELETE FROM inventories WHERE resource_provider_id = 2",
            "DELETE FROM resource_providers WHERE id = 2",
        ],
        [],
    ),
    "a child comes": (
        [
            "INSERT INTO resource_providers (id, uuid, name, generation, revision,"
            " root_provider_id, parent_provider_id)"
            f" VALUES (9, '{worlds.uuid_of('9')}', 'new', 0, 7, 3, 3)"
        ],
        [],
    ),
    "an id is used again": (
        [f"UPDATE resource_providers SET uuid = '{worlds.uuid_of('9')}' WHERE id = 2"],
        [CHILD],
    ),
}


@pytest.mark.parametrize("version", ["1.39", "1.28"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_kept_is_not_served_after_a_change(engine, change, version):
    changes, moved = CHANGES[change]
    query = COMPUTE if version == "1.39" else "resources=VCPU:1,DISK_GB:10"
    question = f"{query}&group_policy=none" if version == "1.39" else query
    worlds.store(engine, small_cloud())
    context = worlds.context_of(engine)
    before = worlds.ask(context, question, version)
    # What is kept of single trees, and then of several at once, is known by now.
    for _ in range(3):
        assert worlds.ask(context, question, version) == before
    assert json.loads(before)["allocation_requests"]

    with engine.begin() as conn:
        for statement in changes:
            conn.execute(sa.text(statement))
        if moved:
            conn.execute(sa.text(REVISION.format(",".join(map(str, moved)))))

    fresh = worlds.ask(worlds.context_of(engine), question, version)
    assert worlds.ask(context, question, version) == fresh
    assert worlds.ask(context, question, version) == fresh
    if version == "1.39":
        assert fresh != before


@pytest.mark.parametrize("version", ["1.26", "1.28", "1.39"])
def test_a_renamed_class_is_not_served_by_its_old_name(engine, version):
    worlds.store(engine, nested_cloud(2))
    context = worlds.context_of(engine)
    rename = "UPDATE resource_classes SET name = 'CUSTOM_{}' WHERE id = 10000"
    changed = "UPDATE placement_name_changes SET revision = revision + 1"
    before = worlds.ask(context, "resources=CUSTOM_A:1", version)
    for _ in range(3):
        assert worlds.ask(context, "resources=CUSTOM_A:1", version) == before
    try:
        with engine.begin() as conn:
            conn.execute(sa.text(rename.format("NEW")))
            conn.execute(sa.text(changed))
        after = worlds.ask(context, "resources=CUSTOM_NEW:1", version)
        assert after == before.replace(b"CUSTOM_A", b"CUSTOM_NEW") != before
    finally:
        with engine.begin() as conn:
            conn.execute(sa.text(rename.format("A")))
            conn.execute(sa.text(changed))
    assert worlds.ask(context, "resources=CUSTOM_A:1", version) == before


@pytest.mark.parametrize("make", [flat_cloud, nested_cloud])
def test_what_has_not_changed_is_not_read_again(engine, make):
    worlds.store(engine, make(5))
    context = worlds.context_of(engine)
    before = worlds.ask(context, "resources=VCPU:1&limit=3")
    # The first looks for what is rare, and the next ones know that nothing is.
    assert worlds.ask(context, "resources=VCPU:1&limit=3") == before

    with statements.recorded() as sent:
        assert worlds.ask(context, "resources=VCPU:1&limit=3") == before

    assert not [one for one in sent if "inventories" in one]
    # Sharing providers, trees, and the revision of names: all at once.
    assert len(sent) == 1


def test_who_had_an_answer_is_read_at_once(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    for _ in range(3):
        worlds.ask(context, "resources=VCPU:8")

    def statements_after(used):
        with engine.begin() as conn:
            conn.execute(sa.text(f"UPDATE inventories SET used = {used}"))
            conn.execute(sa.text(REVISION.format("1, 2, 3")))
        with statements.recorded() as sent:
            found = json.loads(worlds.ask(context, "resources=VCPU:8"))
        assert len(found["allocation_requests"]) == (0 if used else 3)
        return sum("SELECT root.id" in one for one in sent)

    # The database is asked who can have an answer, when they had none before.
    assert [statements_after(used) for used in (0, 1, 1, 0, 0)] == [0, 0, 1, 1, 0]


def test_trees_in_which_nothing_has_changed_are_taken_together(engine, monkeypatch):
    worlds.store(engine, flat_cloud(200))
    context = worlds.context_of(engine)
    for _ in range(3):
        worlds.ask(context, "resources=VCPU:1")
    looked_at = []
    find = memory.Remembered.find

    def finding(remembered, members):
        looked_at.append(members[0][0])
        return find(remembered, members)

    monkeypatch.setattr(memory.Remembered, "find", finding)

    worlds.ask(context, "resources=VCPU:1")
    assert looked_at == []
    with engine.begin() as conn:
        conn.execute(sa.text(REVISION.format("100")))
    worlds.ask(context, "resources=VCPU:1")
    # Those whose ids are near.
    assert set(looked_at) == set(range(64, 128))


def test_a_claim_of_what_is_shared_leaves_the_hosts_known(engine):
    worlds.store(engine, small_cloud())
    context = worlds.context_of(engine)
    query = "resources=VCPU:1,DISK_GB:10&limit=2"
    use = "UPDATE inventories SET used = {} WHERE resource_provider_id = 4"

    def ask_with(used):
        with engine.begin() as conn:
            conn.execute(sa.text(use.format(used)))
            conn.execute(sa.text(REVISION.format(STORE)))
        fresh = worlds.ask(worlds.context_of(engine), query)
        with statements.recorded() as sent:
            assert worlds.ask(context, query) == fresh
        read = sum("inventories" in one for one in sent)
        return read, len(json.loads(fresh)["allocation_requests"])

    read, found = ask_with(0)
    assert found == 2
    assert read > 1
    # The first looked for what is rare, and the next ones know that nothing is.
    ask_with(0)
    # What shares is read again, and of the hosts only their revisions.
    assert [ask_with(used) for used in (10, 70, 80)] == [(1, 2)] * 3
    assert ask_with(81)[1] == 0
    # Foreseen is what was asked for when nothing was shared.
    assert ask_with(80)[1] == 2
    assert ask_with(80) == (1, 2)


def sharing(name, parent, resource_class, traits=()):
    return Provider(
        name,
        parent,
        {resource_class: Inventory(90)},
        traits=frozenset([worlds.SHARING, *traits]),
        aggregates=frozenset(A),
    )


# Of providers that share: who they are, the question, and the change of one.
SHARED = {
    "it had what is asked for twice": (
        [sharing("store", None, "DISK_GB")],
        "resources=VCPU:1,DISK_GB:10&resources1=DISK_GB:10&group_policy=none",
        "UPDATE inventories SET used = 75 WHERE resource_provider_id = 2",
    ),
    "it had a trait that is asked for": (
        [sharing("store", None, "DISK_GB", ["CUSTOM_T1"])],
        "resources=VCPU:1,DISK_GB:10&required=CUSTOM_T1",
        "DELETE FROM resource_provider_traits WHERE resource_provider_id = 2"
        " AND trait_id IN (SELECT id FROM traits WHERE name = 'CUSTOM_T1')",
    ),
    "it was below another one": (
        [
            sharing("store", None, "DISK_GB"),
            sharing("part", "store", "VGPU"),
            sharing("other", "part", "CUSTOM_A"),
        ],
        "resources=VCPU:1&resources_S=VGPU:1&resources_P=CUSTOM_A:1"
        "&same_subtree=_S,_P&group_policy=none",
        "UPDATE resource_providers SET parent_provider_id = 2 WHERE id = 4",
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_what_hosts_have_follows_what_is_shared(engine, case):
    providers, query, change = SHARED[case]
    host = Provider("host", None, {"VCPU": Inventory(8)}, aggregates=frozenset(A))
    worlds.store(engine, [host, *providers])
    context = worlds.context_of(engine)
    for _ in range(3):
        assert json.loads(worlds.ask(context, query))["allocation_requests"]

    with engine.begin() as conn:
        conn.execute(sa.text(change))
        conn.execute(sa.text(REVISION.format("2, 3, 4")))

    for _ in range(3):
        assert not json.loads(worlds.ask(context, query))["allocation_requests"]


WALK_QUERIES = (
    "resources=VCPU:1",
    "resources=VCPU:1&resources1=CUSTOM_A:1",
    "resources=VCPU:1&resources1=CUSTOM_A:1&limit=90",
    "resources=VCPU:1&resources1=CUSTOM_A:1&limit=200",
    "resources=DISK_GB:5,VCPU:1&limit=70",
)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_follows_many_changes(engine, seed):
    chance = random.Random(seed)
    store = Provider(
        "store",
        None,
        {"DISK_GB": Inventory(9000)},
        traits=frozenset([worlds.SHARING]),
        aggregates=frozenset(A),
    )
    cloud = nested_cloud(80)
    for provider in cloud:
        provider.aggregates = frozenset(A if provider.parent is None else ())
    worlds.store(engine, [*cloud[:120], store, *cloud[120:]])
    context = worlds.context_of(engine)
    use = "UPDATE inventories SET used = {} WHERE resource_provider_id = {}"

    for _ in range(6):
        for query in WALK_QUERIES:
            fresh = worlds.ask(worlds.context_of(engine), query)
            for _ in range(chance.choice([1, 3])):
                assert worlds.ask(context, query) == fresh
        changed = chance.sample(range(1, 242), 3)
        with engine.begin() as conn:
            for id_ in changed:
                conn.execute(sa.text(use.format(chance.choice([0, 1, 8]), id_)))
            conn.execute(sa.text(REVISION.format(",".join(map(str, changed)))))


@pytest.mark.parametrize("changed", [[3], [2, 3], [1, 4], [1, 6], [1, 3, 6], [2, 60]])
def test_those_that_changed_are_read_wherever_they_are(engine, changed):
    cloud = flat_cloud(60)
    for index, provider in enumerate(cloud):
        provider.traits = frozenset(["CUSTOM_T1"] if index % 2 else [])
        provider.aggregates = frozenset(A if index % 3 else B)
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = f"resources=VCPU:1&member_of=!{worlds.uuid_of(C)}"
    before = worlds.ask(context, query)

    ids = ",".join(map(str, changed))
    with engine.begin() as conn:
        conn.execute(
            sa.text(
                f"UPDATE inventories SET used = 1 WHERE resource_provider_id IN ({ids})"
            )
        )
        conn.execute(sa.text(REVISION.format(ids)))

    after = worlds.ask(context, query)
    assert after == worlds.ask(worlds.context_of(engine), query)
    told, was = (json.loads(one)["provider_summaries"] for one in (after, before))
    assert sum(told[of] != was[of] for of in was) == len(changed)


def test_each_version_is_shown_what_is_kept_in_its_own_form(engine):
    worlds.store(engine, flat_cloud(2))
    versions = ("1.10", "1.12", "1.17", "1.27", "1.29", "1.34")
    fresh = {
        version: worlds.ask(worlds.context_of(engine), "resources=VCPU:1", version)
        for version in versions
    }
    context = worlds.context_of(engine)

    for version in (*versions, *reversed(versions)):
        assert worlds.ask(context, "resources=VCPU:1", version) == fresh[version]


@pytest.mark.parametrize("per_anchor", [1, 3, 50])
def test_the_beginning_of_an_answer_is_continued(engine, monkeypatch, per_anchor):
    monkeypatch.setattr(memory, "PER_ANCHOR_MAX", per_anchor)
    worlds.store(engine, nested_cloud(3, devices=3))
    query = "resources1=CUSTOM_A:1&resources2=CUSTOM_A:1&group_policy=isolate"
    context = worlds.context_of(engine)

    for limit in ("&limit=1", "&limit=7", "&limit=4", "", "&limit=11", ""):
        fresh = worlds.ask(worlds.context_of(engine), query + limit)
        assert worlds.ask(context, query + limit) == fresh


@pytest.mark.parametrize("few", [0, 500])
@pytest.mark.parametrize("able", [1, 2, 12, 30])
def test_every_way_to_the_anchors_leads_to_the_same(engine, monkeypatch, few, able):
    monkeypatch.setattr(anchors, "FEW", few)
    monkeypatch.setattr(anchors, "PAGE_MIN", 1)
    monkeypatch.setattr(anchors, "PAGE_MAX", 4)
    cloud = flat_cloud(60)
    for index, provider in enumerate(cloud):
        if index % (60 // able):
            provider.inventory = {}
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)

    def hosts(limit):
        found = json.loads(worlds.ask(context, f"resources=VCPU:1{limit}"))
        return [next(iter(one["allocations"])) for one in found["allocation_requests"]]

    expected = [worlds.uuid_of(f"h{i}") for i in range(0, 60, 60 // able)][:able]
    for limit in (1, 1, 5, 60, 60):
        assert hosts(f"&limit={limit}") == expected[:limit]
    assert hosts("") == expected
    # What was rare is not: everybody can.
    worlds.store(engine, flat_cloud(60))
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET revision = 2"))
    for _ in range(3):
        assert hosts("") == [worlds.uuid_of(f"h{i}") for i in range(60)]


def request_of(number):
    return AllocationRequest((), ((number,),))


def test_a_stream_that_is_left_is_kept_as_far_as_it_went():
    remembered = Remembered(Memory(), Memory().question("question"))
    members = ((1, 1, 5),)
    requests = [request_of(number) for number in range(4)]
    searched = []

    def search():
        searched.append(1)
        yield from requests

    assert list(itertools.islice(remembered.stream(members, search), 2)) == requests[:2]
    assert remembered.find(members) == Worked(members, tuple(requests[:2]), False)
    assert list(remembered.stream(members, search)) == requests
    assert remembered.find(members) == Worked(members, tuple(requests), True)
    assert list(remembered.stream(members, search)) == requests
    assert len(searched) == 2
    assert remembered.find(((1, 1, 6),)) is None


def test_a_stream_that_fails_is_not_taken_for_all():
    remembered = Remembered(Memory(), Memory().question("question"))
    members = ((1, 1, 5),)

    def search():
        yield request_of(1)
        raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        list(remembered.stream(members, search))

    worked = remembered.find(members)
    assert worked is not None
    assert not worked.is_all


def test_questions_are_told_apart():
    kept = Memory()

    assert kept.question("one") is kept.question("one")
    assert kept.question("one").number != kept.question("two").number
