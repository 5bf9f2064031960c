"""A search finds what its definition says: examples, random worlds, order, cost."""

import collections
import itertools
import json
import os
import random
import subprocess
import sys

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from placement import exception
from placement.candidates.source import scan
from tests.functional import statements
from tests.unit.candidates import examples, worlds
from tests.unit.candidates.model import Inventory, Model, Provider
from tests.unit.candidates.worlds import flat_cloud, nested_cloud

# How many worlds are drawn; long runs ask for more.
WORLDS = int(os.environ.get("PLACEMENT_WORLDS", "50"))
SEED = int(os.environ.get("PLACEMENT_SEED", "1"))

SEEDS = st.integers(0, 2**63)

drawn_worlds = hypothesis.settings(
    max_examples=WORLDS,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    print_blob=True,
)

EXAMPLES = [
    pytest.param(providers, case, id=f"{title}: {case['query']} at {case['version']}")
    for title, providers, cases in examples.load()
    for case in cases
]


@pytest.mark.parametrize(("providers", "case"), EXAMPLES)
def test_a_worked_example_is_answered_as_written(engine, providers, case):
    worlds.store(engine, providers)
    names = {worlds.uuid_of(one.name): one.name for one in providers}

    context = worlds.context_of(engine)
    version = case["version"]
    document = json.loads(worlds.ask(context, examples.query(case["query"]), version))

    found = worlds.shown(document, names)
    assert collections.Counter(found) == collections.Counter(examples.expected(case))
    assert sorted(names[of] for of in document["provider_summaries"]) == sorted(
        case["summaries"]
    )


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, nested=st.sampled_from([True, True, True, False]))
def test_a_search_finds_what_trying_everything_finds(engine, seed, nested):
    providers, question = worlds.draw(seed)
    model = Model(providers)
    expected = model.candidates(question, nested)
    hypothesis.event(f"{'some' if expected else 'no'} candidates, nested: {nested}")
    worlds.store(engine, providers)
    names = {worlds.uuid_of(one.name): one.name for one in providers}

    context = worlds.context_of(engine)
    answer = worlds.Answer.of(context, question, nested)

    found = worlds.shown(answer.document, names)
    assert len(found) == len(set(found))
    assert set(found) == expected
    summaries = answer.document["provider_summaries"]
    assert {names[of] for of in summaries} == model.summarized(expected, nested)
    for of, summary in summaries.items():
        assert summary == worlds.summary_of(model, names[of])

    # Cached trees change no answer.
    with_trees = worlds.context_of(engine)
    for resource_class in worlds.ASKED_CLASSES:
        worlds.ask(with_trees, f"resources={resource_class}:1")
    for cached in (with_trees, context):
        again = worlds.Answer.of(cached, question, nested)
        assert again.text == answer.text


@pytest.mark.parametrize("home", ["ss", "cn"])
@pytest.mark.parametrize("group", ["", "_S"])
def test_in_tree_limits_sharing(engine, home, group):
    """Only a suffixed group with the tree of a sharing provider can use it."""
    providers = [
        Provider("cn", None, {"VCPU": Inventory(4)}, aggregates=frozenset("A")),
        Provider(
            "ss",
            None,
            {"DISK_GB": Inventory(9)},
            traits=frozenset([worlds.SHARING]),
            aggregates=frozenset("A"),
        ),
    ]
    worlds.store(engine, providers)

    document = worlds.ask(
        worlds.context_of(engine),
        f"resources{group}=DISK_GB:1&in_tree{group}={worlds.uuid_of(home)}"
        "&resources_V=VCPU:1&group_policy=none",
    )

    found = json.loads(document)["allocation_requests"]
    assert len(found) == (1 if (group, home) == ("_S", "ss") else 0)


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(
    seed=SEEDS,
    limit=st.integers(1, 6),
    strategy=st.sampled_from(["depth-first", "breadth-first"]),
    is_random=st.booleans(),
)
def test_a_limit_takes_part_of_the_answer_in_the_promised_order(
    engine, seed, limit, strategy, is_random
):
    providers, question = worlds.draw(seed)
    model = Model(providers)
    by_root = [
        model.candidates_at(question, one.name)
        for one in providers
        if one.parent is None
    ]
    everything = set().union(*by_root)
    worlds.store(engine, providers)
    names = {worlds.uuid_of(one.name): one.name for one in providers}
    context = worlds.context_of(
        engine,
        allocation_candidates_generation_strategy=strategy,
        randomize_allocation_candidates=is_random,
    )

    query = f"{worlds.query_of(question)}&limit={limit}"
    chance = random.Random(seed)
    document = json.loads(worlds.ask(context, query, chance=chance))

    found = worlds.shown(document, names)
    assert len(found) == len(set(found)) == min(limit, len(everything))
    assert set(found) <= everything
    # Roots have ascending ids in the order in which the world lists them.
    if strategy == "depth-first" and not is_random:
        assert follows_depth_first(found, by_root)
    if strategy == "breadth-first":
        assert takes_one_of_every_root_before_a_second(found, by_root, limit)


def follows_depth_first(found, by_root):
    """No candidate comes after one that only later roots have."""
    seen = set()
    left = list(found)
    for candidates in by_root:
        of_root = candidates - seen
        taken = set(left[: len(of_root)])
        if not taken <= of_root:
            return False
        left = left[len(of_root) :]
        seen |= of_root
    return not left


def takes_one_of_every_root_before_a_second(found, by_root, limit):
    """No root has two candidates more than one that has candidates left."""
    alone = [
        candidates
        - set().union(*(other for other in by_root if other is not candidates))
        for candidates in by_root
    ]
    viable = sum(bool(candidates) for candidates in alone)
    shared = set().union(*by_root) - set().union(*alone)
    if shared or viable == 0:
        return True
    counts = [len(candidates & set(found)) for candidates in alone]
    sizes = [len(candidates) for candidates in alone]
    for (count, _), (other, size) in itertools.permutations(
        zip(counts, sizes, strict=True), 2
    ):
        if count > other + 1 and other < size:
            return False
    return True


@pytest.mark.parametrize("version", ["1.10", "1.16", "1.26", "1.28", "1.29", "1.33"])
def test_max_candidates_counts_before_the_limit_and_nesting(engine, version):
    host = [Provider("r")]
    for name in "ab":
        for resource_class in ("VCPU", "MEMORY_MB"):
            host.append(
                Provider(f"{name}{resource_class}", "r", {resource_class: Inventory(4)})
            )
    flat = Provider("z", None, {"VCPU": Inventory(4), "MEMORY_MB": Inventory(4)})
    worlds.store(engine, [*host, flat])

    def count(most):
        context = worlds.context_of(
            engine,
            max_allocation_candidates=most,
            allocation_candidates_generation_strategy="depth-first",
        )
        document = worlds.ask(context, "resources=VCPU:1,MEMORY_MB:1", version)
        return len(json.loads(document)["allocation_requests"])

    # Four nested candidates come before the flat one.
    is_nested = version in ("1.29", "1.33")
    assert count(-1) == (5 if is_nested else 1)
    assert count(4) == (4 if is_nested else 0)
    assert count(5) == (5 if is_nested else 1)
    assert count(0) == (1 if is_nested else 0)


@pytest.mark.parametrize("make", [flat_cloud, nested_cloud])
def test_statements_do_not_grow_with_hosts_or_candidates(engine, make):
    counts = {}
    for hosts, limit in itertools.product((3, 40), (1, 16)):
        worlds.store(engine, make(hosts))
        context = worlds.context_of(engine)
        resource_class = "VCPU" if make is flat_cloud else "CUSTOM_A"
        query = f"resources1={resource_class}:1&limit={limit}"
        for state in ("cold", "warm"):
            with statements.recorded() as sent:
                worlds.ask(context, query)
            counts[(state, hosts, limit)] = len(sent)

    cold = {count for (state, _, _), count in counts.items() if state == "cold"}
    warm = {count for (state, _, _), count in counts.items() if state == "warm"}
    assert len(cold) == 1
    assert len(warm) == 1
    assert max(warm) < min(cold)


def test_statements_do_not_grow_with_groups(engine):
    worlds.store(engine, nested_cloud(4, devices=6))
    counts = set()
    for groups in (1, 2, 6):
        query = "&".join(f"resources{n}=CUSTOM_A:1" for n in range(1, groups + 1))
        with statements.recorded() as sent:
            worlds.ask(
                worlds.context_of(engine), f"{query}&group_policy=isolate&limit=4"
            )
        counts.add(len(sent))

    assert len(counts) == 1


def test_a_search_that_never_ends_is_given_up_as_configured(engine):
    worlds.store(engine, nested_cloud(1, devices=8))
    groups = "&".join(f"resources{n}=CUSTOM_A:1" for n in range(1, 9))
    context = worlds.context_of(engine, candidates_search_seconds_max=0.5)

    with pytest.raises(exception.BadRequest, match=r"given up after 0\.5 seconds"):
        worlds.ask(context, f"{groups}&group_policy=isolate")


def test_pages_together_have_every_root_once(engine, monkeypatch):
    monkeypatch.setattr(scan, "PAGE_MIN", 2)
    monkeypatch.setattr(scan, "PAGE_MAX", 4)
    worlds.store(engine, nested_cloud(30))

    for is_random in (False, True):
        context = worlds.context_of(engine, randomize_allocation_candidates=is_random)
        document = json.loads(worlds.ask(context, "resources=CUSTOM_A:1"))
        found = [
            provider
            for request in document["allocation_requests"]
            for provider in request["allocations"]
        ]
        assert len(found) == len(set(found)) == 60


def test_chance_gives_every_root_about_the_same(engine):
    # Every third root can serve, and ids have gaps that are unlike each other.
    cloud = []
    for i, provider in enumerate(flat_cloud(48)):
        if i % 3:
            provider.inventory = {}
        cloud.append(provider)
        if i < 16:
            cloud += [Provider(f"c{i}-{j}", provider.name) for j in range(i)]
    worlds.store(engine, cloud)
    context = worlds.context_of(engine, randomize_allocation_candidates=True)
    chance = random.Random(7)
    counts = collections.Counter()
    rounds = 300
    for _ in range(rounds):
        document = worlds.ask(context, "resources=VCPU:1&limit=4", chance=chance)
        for request in json.loads(document)["allocation_requests"]:
            counts.update(request["allocations"].keys())

    expected = rounds * 4 / 16
    assert len(counts) == 16
    # Four standard deviations of a fair draw, about.
    assert all(abs(count - expected) < 30 for count in counts.values()), counts


def test_a_changed_provider_is_read_again_and_others_are_not(engine):
    worlds.store(engine, flat_cloud(3))
    context = worlds.context_of(engine)

    def used():
        summaries = json.loads(worlds.ask(context, "resources=VCPU:1"))[
            "provider_summaries"
        ]
        return {of: summaries[of]["resources"]["VCPU"]["used"] for of in summaries}

    before = used()
    with engine.begin() as conn:
        conn.execute(
            sa.text("UPDATE inventories SET used = 5 WHERE resource_provider_id = 2")
        )
    assert used() == before
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE resource_providers SET revision = 4 WHERE id = 2"))
    assert used() == before | {worlds.uuid_of("h1"): 5}


def test_a_renamed_class_is_shown_by_its_new_name(engine):
    worlds.store(engine, nested_cloud(1))
    context = worlds.context_of(engine)
    rename = "UPDATE resource_classes SET name = 'CUSTOM_{}' WHERE id = 10000"
    changed = "UPDATE placement_name_changes SET revision = revision + 1"

    def classes():
        summaries = json.loads(worlds.ask(context, "resources=VCPU:1"))[
            "provider_summaries"
        ]
        return {name for summary in summaries.values() for name in summary["resources"]}

    assert classes() == {"VCPU", "CUSTOM_A"}
    try:
        with engine.begin() as conn:
            conn.execute(sa.text(rename.format("NEW")))
            conn.execute(sa.text(changed))
        assert classes() == {"VCPU", "CUSTOM_NEW"}
    finally:
        with engine.begin() as conn:
            conn.execute(sa.text(rename.format("A")))
            conn.execute(sa.text(changed))


_SEARCH = """
import sqlalchemy as sa
from tests.unit.candidates import worlds
engine = sa.create_engine("sqlite://")
worlds.make_tables(engine)
worlds.store(engine, worlds.nested_cloud(6, devices=3))
query = "resources=VCPU:1&resources1=CUSTOM_A:1&resources2=CUSTOM_A:1"
for rest in ("&group_policy=none", "&group_policy=isolate&limit=7"):
    print(worlds.ask(worlds.context_of(engine), query + rest).decode())
"""


def test_the_bytes_do_not_follow_the_hash_seed():
    answers = set()
    for seed in ("0", "1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", _SEARCH],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        answers.add(ran.stdout)

    assert len(answers) == 1
    assert answers.pop().count(b"\n") == 2


@pytest.mark.parametrize(
    ("member_of", "count"),
    [("in:{x}", 0), ("in:{a},{x}", 1), ("{x}", 0), ("!{x}", 2), ("!in:{a},{x}", 1)],
)
def test_an_unknown_aggregate_has_no_members(engine, member_of, count):
    cloud = flat_cloud(2)
    cloud[0].aggregates = frozenset("A")
    worlds.store(engine, cloud)
    value = member_of.format(a=worlds.uuid_of("A"), x=worlds.uuid_of("nowhere"))

    context = worlds.context_of(engine)
    document = worlds.ask(context, f"resources=VCPU:1&member_of={value}")

    assert len(json.loads(document)["allocation_requests"]) == count


def test_an_unknown_tree_is_empty(engine):
    worlds.store(engine, flat_cloud(2))
    nowhere = worlds.uuid_of("nowhere")

    document = worlds.ask(
        worlds.context_of(engine), f"resources=VCPU:1&in_tree={nowhere}"
    )

    assert json.loads(document)["allocation_requests"] == []
