"""Cached trees save reads, and no answer is ever stale."""

import concurrent.futures
import json
import random

import pytest

from placement.candidates import search
from placement.candidates.source import cache
from placement.candidates.sql import provider_rows
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider
from tests.unit.candidates.test_search import WORLDS
from tests.unit.candidates.worlds import flat_cloud, nested_cloud

A, C = "AC"
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

# Changes that the service writes, and the providers whose revisions it advances.
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
def test_a_changed_tree_is_read_again(engine, change, version):
    changes, advanced = CHANGES[change]
    query = COMPUTE if version == "1.39" else "resources=VCPU:1,DISK_GB:10"
    question = f"{query}&group_policy=none" if version == "1.39" else query
    worlds.store(engine, small_cloud())
    context = worlds.context_of(engine)
    before = worlds.ask(context, question, version)
    for _ in range(2):
        assert worlds.ask(context, question, version) == before
    assert json.loads(before)["allocation_requests"]

    worlds.change(engine, *changes, ids=advanced)

    fresh = worlds.ask(worlds.context_of(engine), question, version)
    assert worlds.ask(context, question, version) == fresh
    assert worlds.ask(context, question, version) == fresh
    if version == "1.39":
        assert fresh != before


@pytest.mark.parametrize("version", ["1.26", "1.28", "1.39"])
def test_a_renamed_class_is_shown_by_its_new_name(engine, version):
    worlds.store(engine, nested_cloud(2))
    context = worlds.context_of(engine)
    rename = "UPDATE resource_classes SET name = 'CUSTOM_{}' WHERE id = 10000"
    changed = "UPDATE placement_name_changes SET revision = revision + 1"
    before = worlds.ask(context, "resources=CUSTOM_A:1", version)
    for _ in range(2):
        assert worlds.ask(context, "resources=CUSTOM_A:1", version) == before
    try:
        worlds.change(engine, rename.format("NEW"), changed)
        after = worlds.ask(context, "resources=CUSTOM_NEW:1", version)
        assert after == before.replace(b"CUSTOM_A", b"CUSTOM_NEW") != before
    finally:
        worlds.change(engine, rename.format("A"), changed)
    assert worlds.ask(context, "resources=CUSTOM_A:1", version) == before


KINDS_OF_CHANGE = (
    *("used", "offer", "traits", "aggregates", "parent", "uuid"),
    # Less often than the others: most providers are in service.
    *("used", "offer", "traits", "aggregates", "parent", "state"),
)


def change_one(chance, draw, providers, is_nested):
    """Change a provider of a world as the service could.

    Return the names of the providers that have changed, and whether only usage has.
    """
    one = chance.choice(providers)
    kind = chance.choice(KINDS_OF_CHANGE)
    if kind == "used":
        one.used = {name: chance.choice([0, 1, 2]) for name in one.inventory}
    elif kind == "offer":
        classes = sorted(draw.some(worlds.ASKED_CLASSES, 3))
        one.inventory = {name: draw.inventory() for name in classes}
        one.used = {}
    elif kind == "traits":
        kept = one.traits & {worlds.SHARING}
        one.traits = kept | draw.some(["CUSTOM_T1", "CUSTOM_T2", worlds.SHARING], 2)
    elif kind == "aggregates":
        one.aggregates = frozenset(chance.sample("ABC", chance.randint(0, 2)))
    elif kind == "state":
        one.state = chance.choice([0, 1, 2]) if one.state == 0 else 0
    elif kind == "parent" and is_nested:
        below = {one.name}
        for _ in providers:
            below |= {other.name for other in providers if other.parent in below}
        above = [other.name for other in providers if other.name not in below]
        one.parent = chance.choice([None, *above])
        # All of them have another root.
        return below, False
    elif all(other.parent != one.name for other in providers):
        # It is deleted, and its id is given to a new provider.
        one.name += "x"
    return {one.name}, kind == "used"


@pytest.mark.parametrize("seed", range(max(6, WORLDS // 10)))
def test_no_answer_is_stale_after_many_changes(engine, seed):
    chance, draw = random.Random(seed), worlds.Drawn(seed)
    is_nested = seed % 3 > 0
    providers = draw.providers() if is_nested else draw.hosts(8)
    for one in providers:
        one.state = 0
    questions = [worlds.query_of(draw.question()) for _ in range(4)]
    questions += ["resources=VCPU:1", "resources=MEMORY_MB:1&limit=2"]
    revisions, definitions = {}, {}
    worlds.store(engine, providers)
    context = worlds.context_of(engine)
    answers = set()
    for step in range(2, 30):
        names, is_usage = change_one(chance, draw, providers, is_nested)
        for name in names:
            definitions[name] = definitions.get(name, 1) if is_usage else step
            revisions[name] = step
        worlds.store(engine, providers, revisions=revisions, definitions=definitions)
        for query in chance.sample(questions, 3):
            answer = worlds.ask(context, query)
            assert answer == worlds.ask(worlds.context_of(engine), query), (step, query)
            assert answer == worlds.ask(context, query)
            answers.add(answer)
    assert len(answers) > 1


@pytest.mark.parametrize("revision", [1, 5, 99])
def test_a_restored_backup_is_read_whatever_its_revisions(engine, revision):
    """The ids of the backup are those of other providers now."""
    now = nested_cloud(3)
    revisions = {one.name: 5 + number for number, one in enumerate(now)}
    worlds.store(engine, now, revisions=revisions)
    context = worlds.context_of(engine)
    query = "resources=VCPU:1"
    worlds.ask(context, query)

    backup = [
        Provider(f"old{number}", None, {"VCPU": Inventory(2)}) for number in range(9)
    ]
    # A revision is never given twice, so those of the backup are all others.
    restored = {one.name: revision + 100 * n for n, one in enumerate(backup)}
    if revision == 5:
        restored = {one.name: 4 for one in backup}
    worlds.store(engine, backup, revisions=restored)

    assert worlds.ask(context, query) == worlds.ask(worlds.context_of(engine), query)


@pytest.mark.parametrize("later", [2, 2**31, 2**33])
def test_a_late_commit_is_seen_whatever_its_revision(engine, later):
    worlds.store(engine, flat_cloud(3), revisions={"h2": 2**40})
    context = worlds.context_of(engine)
    query = "resources=VCPU:1"
    for _ in range(3):
        before = worlds.ask(context, query)

    worlds.use_late(engine, 1, later)

    fresh = worlds.ask(worlds.context_of(engine), query)
    assert worlds.ask(context, query) == fresh != before


class Reads:
    """The ids of the providers that are read from the database.

    ``usages`` are the ids of those whose usage alone is read.
    """

    def __init__(self, monkeypatch):
        self.ids = []
        self.usages = []
        for name in ("read_providers", "read_inventories"):
            self._count(monkeypatch, name)
        self._note(monkeypatch, "parse_details", self.ids)
        self._note(monkeypatch, "parse_usage", self.usages)

    def _note(self, monkeypatch, name, ids):
        parse = getattr(provider_rows, name)

        def parsed(member, details):
            ids.append(member[1])
            return parse(member, details)

        monkeypatch.setattr(provider_rows, name, parsed)

    def _count(self, monkeypatch, name):
        read = getattr(provider_rows, name)

        def counted(conn, ids):
            self.ids += ids
            return read(conn, ids)

        monkeypatch.setattr(provider_rows, name, counted)

    def of(self, action):
        self.ids.clear()
        self.usages.clear()
        action()
        return set(self.ids)


@pytest.fixture
def reads(monkeypatch):
    return Reads(monkeypatch)


@pytest.mark.parametrize("changed", [[3], [2, 3], [1, 4], [1, 6], [1, 3, 6], [2, 60]])
@pytest.mark.parametrize("query", ["", f"&member_of=!{worlds.uuid_of(C)}", "&limit=60"])
def test_only_changed_trees_are_read(engine, reads, changed, query):
    cloud = flat_cloud(60)
    for index, provider in enumerate(cloud):
        provider.traits = frozenset(["CUSTOM_T1"] if index % 2 else [])
        provider.aggregates = frozenset(A if index % 3 else "B")
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    query = f"resources=VCPU:1{query}"
    assert reads.of(lambda: worlds.ask(context, query)) == set(range(1, 61))
    assert reads.of(lambda: worlds.ask(context, query)) == set()
    before = json.loads(worlds.ask(context, query))["provider_summaries"]

    listed = ",".join(map(str, changed))
    use = f"UPDATE inventories SET used = 1 WHERE resource_provider_id IN ({listed})"
    worlds.change(engine, use, ids=changed)

    assert reads.of(lambda: worlds.ask(context, query)) == set(changed)
    assert reads.of(lambda: worlds.ask(context, query)) == set()
    after = json.loads(worlds.ask(context, query))["provider_summaries"]
    assert sum(after[of] != before[of] for of in before) == len(changed)


def test_of_a_changed_tree_only_changed_providers_are_read(engine, reads):
    worlds.store(engine, nested_cloud(4))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1"
    worlds.ask(context, query)

    worlds.change(
        engine,
        "UPDATE inventories SET used = 1 WHERE resource_provider_id = 5",
        ids=[5],
    )

    assert reads.of(lambda: worlds.ask(context, query)) == {5}
    assert worlds.ask(context, query) == worlds.ask(worlds.context_of(engine), query)


def test_a_change_of_a_sharing_provider_reads_no_host(engine, reads):
    worlds.store(engine, small_cloud())
    context = worlds.context_of(engine)
    query = "resources=VCPU:1,DISK_GB:10"
    worlds.ask(context, query)

    for used, count in ((10, 2), (80, 2), (81, 0), (0, 2)):
        use = f"UPDATE inventories SET used = {used} WHERE resource_provider_id = 4"
        worlds.change(engine, use, ids=[STORE])
        assert reads.of(lambda: worlds.ask(context, query)) == {STORE}
        found = json.loads(worlds.ask(context, query))["allocation_requests"]
        assert len(found) == count


@pytest.mark.parametrize("make", [flat_cloud, nested_cloud])
def test_after_a_claim_only_the_usage_is_read(engine, reads, make):
    worlds.store(engine, make(4))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1&limit=3"
    for _ in range(3):
        worlds.ask(context, query)

    use = "UPDATE inventories SET used = used + 1 WHERE resource_provider_id = 1"
    for _ in range(2):
        worlds.change(engine, use, ids=[1], only_usage=True)
        read = reads.of(lambda: worlds.ask(context, query))
        # Other databases have no details.
        is_postgresql = engine.dialect.name == "postgresql"
        assert (read, reads.usages) == ((set(), [1]) if is_postgresql else ({1}, []))
        fresh = worlds.ask(worlds.context_of(engine), query)
        assert worlds.ask(context, query) == fresh


def test_hosts_with_equal_inventories_share_them(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    worlds.ask(context, "resources=VCPU:1")
    of_host = "WHERE resource_provider_id ="
    worlds.change(engine, f"UPDATE inventories SET used = 2 {of_host} 2", ids=[2])
    worlds.change(engine, f"UPDATE inventories SET total = 9 {of_host} 3", ids=[3])
    worlds.ask(context, "resources=VCPU:1")

    first, second, third = [
        search.cache_of(context).trees.find(id_).root for id_ in (1, 2, 3)
    ]
    assert first.inventories is second.inventories is not third.inventories
    assert first.used != second.used


def test_a_usage_is_not_added_to_another_definition(engine):
    """A commit that changed the traits is lost; another one changes the usage."""
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1&limit=3"
    before = [worlds.ask(context, query) for _ in range(3)]
    trait = f"VALUES (1, {worlds.TRAITS['CUSTOM_T1']})"
    columns = "resource_provider_traits (resource_provider_id, trait_id)"
    worlds.change(engine, f"INSERT INTO {columns} {trait}", ids=[1])
    assert worlds.ask(context, query) not in before

    worlds.store(engine, flat_cloud(3), revisions={"h0": 7}, definitions={"h0": 1})

    assert worlds.ask(context, query) == before[0]


def test_a_usage_is_not_added_to_other_inventories(engine):
    """Another service adds an inventory, and leaves the revision as it is."""
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1&limit=3"
    for _ in range(3):
        worlds.ask(context, query)

    columns = "total, reserved, min_unit, max_unit, step_size, allocation_ratio, used"
    add = (
        f"INSERT INTO inventories (resource_provider_id, resource_class_id, {columns})"
        f" VALUES (1, {worlds.CLASSES['DISK_GB']}, 9, 0, 1, 9, 1, 1.0, 0)"
    )
    worlds.change(engine, add, ids=[1], only_usage=True)

    fresh = worlds.ask(worlds.context_of(engine), query)
    assert worlds.ask(context, query) == fresh


@pytest.mark.parametrize("make", [flat_cloud, nested_cloud])
def test_an_unchanged_cloud_is_one_statement(engine, make):
    worlds.store(engine, make(5))
    context = worlds.context_of(engine)
    query = "resources=VCPU:1&limit=3"
    before = worlds.ask(context, query)
    # The second search knows the size of trees, and reads a page of another size.
    assert worlds.ask(context, query) == before

    with statements.recorded() as sent:
        assert worlds.ask(context, query) == before

    assert len(sent) == 1


def sharing(name, parent, resource_class, traits=()):
    return Provider(
        name,
        parent,
        {resource_class: Inventory(90)},
        traits=frozenset([worlds.SHARING, *traits]),
        aggregates=frozenset(A),
    )


# Sharing providers, a query, and a change of one of them.
SHARED = {
    "room for two groups": (
        [sharing("store", None, "DISK_GB")],
        "resources=VCPU:1,DISK_GB:10&resources1=DISK_GB:10&group_policy=none",
        "UPDATE inventories SET used = 75 WHERE resource_provider_id = 2",
    ),
    "a required trait": (
        [sharing("store", None, "DISK_GB", ["CUSTOM_T1"])],
        "resources=VCPU:1,DISK_GB:10&required=CUSTOM_T1",
        "DELETE FROM resource_provider_traits WHERE resource_provider_id = 2"
        " AND trait_id IN (SELECT id FROM traits WHERE name = 'CUSTOM_T1')",
    ),
    "an ancestor": (
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
def test_cached_hosts_follow_changes_of_sharing_providers(engine, case):
    providers, query, change = SHARED[case]
    host = Provider("host", None, {"VCPU": Inventory(8)}, aggregates=frozenset(A))
    worlds.store(engine, [host, *providers])
    context = worlds.context_of(engine)
    for _ in range(2):
        assert json.loads(worlds.ask(context, query))["allocation_requests"]

    worlds.change(engine, change, ids=range(2, 5))

    for _ in range(2):
        assert not json.loads(worlds.ask(context, query))["allocation_requests"]


def test_all_versions_use_the_same_trees(engine, reads):
    worlds.store(engine, flat_cloud(2))
    versions = ("1.10", "1.12", "1.17", "1.27", "1.29", "1.34")
    fresh = {
        version: worlds.ask(worlds.context_of(engine), "resources=VCPU:1", version)
        for version in versions
    }
    context = worlds.context_of(engine)
    worlds.ask(context, "resources=VCPU:1", "1.34")

    def ask_all():
        for version in (*versions, *reversed(versions)):
            assert worlds.ask(context, "resources=VCPU:1", version) == fresh[version]

    assert reads.of(ask_all) == set()


def test_dropping_the_cache_changes_no_answer(engine, monkeypatch):
    """Whatever is dropped in the middle of a search, too."""
    worlds.store(engine, nested_cloud(40, devices=3))
    query = "resources=VCPU:1&resources1=CUSTOM_A:1&group_policy=none"
    expected = worlds.ask(worlds.context_of(engine), query)
    context = worlds.context_of(engine)
    for _ in range(2):
        assert worlds.ask(context, query) == expected

    context.service.kept.clear()
    assert worlds.ask(context, query) == expected
    for megabytes in (0, 1):
        small = worlds.context_of(engine, search_cache_megabytes=megabytes)
        for _ in range(3):
            assert worlds.ask(small, query) == expected
            search.cache_of(small).trees = cache.TreeCache(100).trees


def test_threads_search_while_providers_change(engine):
    """Each answer is that of some state, and the last one that of the last state."""
    if engine.dialect.name == "sqlite":
        pytest.skip("the database in memory has one connection")
    worlds.store(engine, flat_cloud(20))
    context = worlds.context_of(engine)
    use = "UPDATE inventories SET used = {} WHERE resource_class_id = {}"
    hosts, states = range(1, 21), 30

    def search_until_the_end(_number):
        seen = []
        while not seen or seen[-1] < states:
            document = json.loads(worlds.ask(context, "resources=VCPU:1"))
            shown = {
                one["resources"]["VCPU"]["used"] * 8
                + one["resources"]["MEMORY_MB"]["used"]
                for one in document["provider_summaries"].values()
            }
            assert len(shown) == 1
            seen.append(shown.pop())
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        found = [threads.submit(search_until_the_end, number) for number in range(3)]
        for state in range(1, states + 1):
            used = zip((0, 1), divmod(state, 8), strict=True)
            worlds.change(
                engine, *(use.format(count, id_) for id_, count in used), ids=hosts
            )
        for each in found:
            seen = each.result()
            assert seen == sorted(seen)
