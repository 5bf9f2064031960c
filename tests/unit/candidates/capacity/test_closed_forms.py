"""Counts that are exact, each on a small world; unit rules, and what is shown."""

import itertools

import pytest

from placement import extension_exception
from placement.candidates.capacity import counting, limits, read
from placement.candidates.capacity.model import Options
from tests.unit.candidates import packing, worlds
from tests.unit.candidates.model import (
    SHARING,
    Group,
    Inventory,
    Model,
    Provider,
    Question,
)

GPU = "CUSTOM_A"


def count_all(engine, providers, *queries, version="1.39", **options):
    worlds.store(engine, providers)
    at = worlds.Version(*map(int, version.split(".")))
    requests = {query: worlds.parse(query, at) for query in queries}
    return read.count(worlds.context_of(engine), requests, Options(**options))


def count(engine, providers, query, **options):
    return count_all(engine, providers, query, **options)[query]


def host(name="h", **totals):
    inventory = {
        rc: one if isinstance(one, Inventory) else Inventory(one)
        for rc, one in totals.items()
    }
    return Provider(name, None, inventory)


def devices(*totals, parent="h", **rules):
    return [
        Provider(f"{parent}-d{n}", parent, {GPU: Inventory(total, **rules)})
        for n, total in enumerate(totals)
    ]


def exactly(engine, providers, query, **options):
    found = count(engine, providers, query, **options)
    assert found.count.is_exact
    return found.count.at_least


def test_one_provider_serves_all(engine):
    hosts = [host("a", VCPU=9, MEMORY_MB=30), host("b", VCPU=5, MEMORY_MB=100)]

    assert exactly(engine, hosts, "resources=VCPU:2,MEMORY_MB:10") == 3 + 2


def test_several_providers_of_a_tree_each_count(engine):
    tree = [host(), *devices(3, 4)]

    assert exactly(engine, tree, f"resources={GPU}:2") == 1 + 2
    assert exactly(engine, tree, f"resources1={GPU}:2") == 1 + 2


def test_classes_of_the_unsuffixed_group_come_from_the_whole_tree(engine):
    tree = [host(VCPU=4), *devices(2, 3)]
    tree[1].inventory["VCPU"] = Inventory(3)

    assert exactly(engine, tree, f"resources=VCPU:2,{GPU}:1") == 3


@pytest.mark.parametrize(
    ("totals", "policy", "wanted"),
    [
        ((3, 4), "none", 3),
        ((1, 6), "none", 3),
        ((3, 4), "isolate", 3),
        ((1, 6), "isolate", 1),
        ((2, 2, 2), "isolate", 3),
        ((6,), "isolate", 0),
    ],
)
def test_two_equal_groups(engine, totals, policy, wanted):
    query = f"resources1={GPU}:1&resources2={GPU}:1&group_policy={policy}"

    assert exactly(engine, [host(), *devices(*totals)], query) == wanted


def test_max_unit_bounds_what_equal_groups_take_of_one_provider(engine):
    query = f"resources1={GPU}:1&resources2={GPU}:1&group_policy=none"

    assert exactly(engine, [host(), *devices(1, 6, max_unit=1)], query) == 1
    assert exactly(engine, [host(), *devices(1, 6, max_unit=2)], query) == 3


@pytest.mark.parametrize(
    ("rules", "amount", "wanted"),
    [
        ({"min_unit": 3}, 2, 0),
        ({"min_unit": 2}, 2, 5),
        ({"max_unit": 1}, 2, 0),
        ({"max_unit": 2}, 2, 5),
        ({"step_size": 3}, 2, 0),
        ({"step_size": 2}, 2, 5),
        ({"reserved": 5}, 2, 3),
        ({"allocation_ratio": 0.5}, 2, 2),
        ({"allocation_ratio": 1.5}, 2, 8),
    ],
)
def test_unit_rules_count(engine, rules, amount, wanted):
    hosts = [host(VCPU=Inventory(11, **rules))]

    assert exactly(engine, hosts, f"resources=VCPU:{amount}") == wanted


def test_parts_that_compete_for_nothing_are_counted_apart(engine):
    tree = [host(VCPU=9), *devices(3, 4)]
    query = f"resources=VCPU:2&resources1={GPU}:1&resources2={GPU}:1"

    assert exactly(engine, tree, f"{query}&group_policy=isolate") == 3
    tree[0].inventory["VCPU"].total = 5
    assert exactly(engine, tree, f"{query}&group_policy=isolate") == 2


def test_groups_of_one_subtree_are_counted_below_each_top(engine):
    tree = [Provider("h")]
    for name, vcpus, gpus in (("n0", 10, 1), ("n1", 2, 10)):
        tree.append(Provider(name, "h", {"VCPU": Inventory(vcpus)}))
        tree.append(Provider(f"{name}-g", name, {GPU: Inventory(gpus)}))
    query = f"resources_C=VCPU:1&resources_G={GPU}:1&group_policy=none"

    assert exactly(engine, tree, f"{query}&same_subtree=_C,_G") == 1 + 2
    assert exactly(engine, tree, query) == 11


def pool(name, total, aggregates, resource_class="DISK_GB"):
    return Provider(
        name,
        None,
        {resource_class: Inventory(total)},
        traits=frozenset([SHARING]),
        aggregates=frozenset(aggregates),
    )


def test_shared_pools_are_a_maximum_flow(engine):
    cloud = [pool("p0", 40, "A"), pool("p1", 30, "AB")]
    for name, aggregates in (("a", "A"), ("b", "B"), ("c", "C")):
        cloud.append(host(name, VCPU=4))
        cloud[-1].aggregates = frozenset(aggregates)
    cloud[-1].inventory["DISK_GB"] = Inventory(15)

    found = count(engine, cloud, "resources=VCPU:1,DISK_GB:10")

    # Of 4 for each host: 4 of pool p0, 3 of pool p1, and one of its own.
    assert (found.count.at_least, found.count.at_most) == (8, 8)
    assert found.hosts is None


def test_a_pool_for_two_classes_is_a_flow_through_both(engine):
    cloud = [
        pool("disk", 5, "A"),
        pool("vf", 3, "A", "SRIOV_NET_VF"),
        host("a", VCPU=9),
        host("b", VCPU=9, SRIOV_NET_VF=9),
    ]
    for one in cloud:
        one.aggregates = frozenset("A")

    query = "resources=VCPU:1,DISK_GB:1,SRIOV_NET_VF:1"

    assert exactly(engine, cloud, query) == 5
    cloud[0].inventory["DISK_GB"].total = 50
    assert exactly(engine, cloud, query) == 3 + 9


def test_before_1_29_one_provider_of_a_tree_serves_all(engine):
    tree = [host(VCPU=4), *devices(3)]
    tree[1].inventory["VCPU"] = Inventory(2)
    query = f"resources=VCPU:1,{GPU}:1"

    assert exactly(engine, tree, query) == 3
    assert exactly(engine, tree, query, version="1.28") == 2


def test_what_is_not_counted_by_a_formula_has_bounds(engine):
    tree = [host(), *devices(5, 3)]
    query = f"resources1={GPU}:2&resources2={GPU}:1&group_policy=none"

    found = count(engine, tree, query)

    assert found.count.at_least == found.count.at_most == 2
    assert found.is_complete


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5])
def test_without_time_bounds_are_wide_and_right(engine, monkeypatch, seconds):
    ticks = itertools.count()
    deadline = limits.Deadline(seconds, clock=lambda: float(next(ticks)))
    monkeypatch.setattr(limits, "_STEPS_PER_LOOK", 1)
    monkeypatch.setattr(counting, "Deadline", lambda seconds: deadline)
    trees = [host(), *devices(5, 3), host("g"), *devices(6, 3, parent="g")]
    query = f"resources1={GPU}:2&resources2={GPU}:1&group_policy=none"

    found = count(engine, trees, query)

    assert not found.is_complete
    assert found.count.at_least <= 2 + 3 <= found.count.at_most


def test_the_class_that_ends_first_is_the_bottleneck(engine):
    hosts = [
        host("a", VCPU=9, MEMORY_MB=30),
        host("b", VCPU=2, MEMORY_MB=30),
        host("c", VCPU=3, MEMORY_MB=3),
        host("full", VCPU=0 + 1, MEMORY_MB=30),
    ]

    found = count(engine, hosts, "resources=VCPU:2,MEMORY_MB:2")

    assert found.bottleneck == {"MEMORY_MB": 1, "VCPU": 2}
    assert found.roots.fitting == 3
    assert found.largest == {"MEMORY_MB": 30, "VCPU": 9}
    assert found.stranded["MEMORY_MB"] == (30, 93)
    assert found.stranded["VCPU"] == (0, 15)


def test_roots_are_counted_now_and_empty(engine):
    hosts = [host(name, VCPU=4) for name in "abcd"]
    for one, used in zip(hosts, (0, 1, 4, 0), strict=True):
        one.used = {"VCPU": used}
    hosts[3].inventory["VCPU"].total = 1

    found = count(engine, hosts, "resources=VCPU:2")

    assert (found.roots.eligible, found.roots.fitting, found.roots.empty) == (3, 2, 1)
    assert (found.count.at_least, found.when_empty.at_least) == (2 + 1, 6)
    emptied = count(engine, hosts, "resources=VCPU:2", is_empty_state=True)
    assert emptied.count == emptied.when_empty == found.when_empty
    assert (emptied.roots.fitting, emptied.roots.empty) == (3, 3)


def test_an_overcommitted_provider_has_no_room(engine):
    hosts = [host("a", VCPU=4), host("b", VCPU=4)]
    hosts[0].used = {"VCPU": 9}

    found = count(engine, hosts, "resources=VCPU:1")

    assert found.count == (4, 4)
    assert found.largest == {"VCPU": 4}


def test_hosts_with_most_come_first_and_equal_ones_by_age(engine):
    hosts = [host(f"h{n}", VCPU=total) for n, total in enumerate((2, 5, 1, 5, 0 + 1))]

    found = count(engine, hosts, "resources=VCPU:2", hosts=2)

    assert [(one.name, one.fits) for one in found.hosts] == [("h1", 2), ("h3", 2)]
    assert count(engine, hosts, "resources=VCPU:2", hosts=0).hosts == []


def test_without_leaves_out_trees_and_their_pools(engine):
    cloud = [pool("p", 40, "A"), host("a", VCPU=4)]
    cloud[1].aggregates = frozenset("A")
    query = "resources=VCPU:1,DISK_GB:10"

    assert exactly(engine, cloud, query) == 4
    without = frozenset([worlds.uuid_of("p")])
    assert exactly(engine, cloud, query, without=without) == 0


def test_without_takes_roots_only(engine):
    without = frozenset([worlds.uuid_of("h-d0")])

    with pytest.raises(extension_exception.UnknownRoot, match=worlds.uuid_of("h-d0")):
        count(engine, [host(), *devices(1)], f"resources={GPU}:1", without=without)


def test_counts_of_several_requests_overlap(engine):
    found = count_all(
        engine, [host(VCPU=10)], "resources=VCPU:1", "resources=VCPU:2", hosts=0
    )

    assert [one.count.at_least for one in found.values()] == [10, 5]


def test_a_request_that_nothing_can_match_counts_none(engine):
    nowhere = worlds.uuid_of("nowhere")
    query = f"resources=VCPU:1&in_tree={nowhere}"

    found = count(engine, [host(VCPU=4)], query, by_aggregate=True)

    assert found.count == (0, 0)
    assert found.hosts == []
    assert found.largest == {"VCPU": 4}


def test_in_tree_counts_one_of_equal_trees(engine):
    hosts = [host(name, VCPU=4) for name in "abc"]

    query = f"resources=VCPU:1&in_tree={worlds.uuid_of('b')}"

    assert exactly(engine, hosts, query) == 4


def test_units_of_more_than_64_bits_are_counted(engine):
    ratio = 3e38
    hosts = [host(VCPU=Inventory(2**31 - 1, allocation_ratio=ratio))]

    assert exactly(engine, hosts, "resources=VCPU:1") == int((2**31 - 1) * ratio)


def test_too_many_counts_in_one_answer_are_refused(engine, monkeypatch):
    monkeypatch.setattr(read, "PARTS_MAX", 1)
    one, other = host("a", VCPU=1), host("b", VCPU=1)
    one.aggregates, other.aggregates = frozenset("A"), frozenset("B")

    with pytest.raises(extension_exception.ResultTooLarge):
        count(engine, [one, other], "resources=VCPU:1", by_aggregate=True)


def test_a_bound_is_finite_where_a_pool_serves_only_one_of_two_groups(engine):
    cloud = [
        pool("p", 4, "A"),
        pool("q", 4, "B"),
        host("a", DISK_GB=5),
        host("b", DISK_GB=3),
    ]
    cloud[0].traits |= {"CUSTOM_T1"}
    cloud[2].aggregates, cloud[3].aggregates = frozenset("A"), frozenset("B")
    query = "resources_1=DISK_GB:2&required_1=!CUSTOM_T1&resources_2=DISK_GB:1"
    question = Question(
        [
            Group("_1", {"DISK_GB": 2}, forbidden=frozenset(["CUSTOM_T1"])),
            Group("_2", {"DISK_GB": 1}),
        ]
    )

    found = count(engine, cloud, f"{query}&group_policy=none")

    truth = packing.most(Model(cloud), question)
    assert found.count.at_least <= truth <= found.count.at_most <= 16
