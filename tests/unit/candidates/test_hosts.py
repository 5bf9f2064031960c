"""Ranked picks with arrays of all hosts are those of a process that knows nothing."""

import copy
import dataclasses
import random

import hypothesis
import pytest
from hypothesis import strategies as st

from placement.candidates.pick import snapshot
from placement.candidates.pick.model import Order, Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError
from placement.candidates.search import HOSTS, hosts_of
from placement.candidates.source.hosts import Hosts
from placement.db import transaction
from placement.objects.group import GroupRequest, Policy
from tests.functional import statements
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Group, Inventory, Model, Provider, Question
from tests.unit.candidates.test_search import SEED, SEEDS, WORLDS, drawn_worlds

# Greater than what the arrays allow for commits that come late.
LONG = 10_000_000

CORDONED = 1

SOFT = GroupRequest("p", "g", Policy.SOFT_ANTI_AFFINITY)


def pick(context, question, count=1, by=snapshot.pick, **preferences):
    """Return the ids of the picked hosts, or None."""
    request = worlds.request_of(question)
    wanted = [Wanted(f"consumer {n}", ("q",), request) for n in range(count)]
    try:
        found = transaction.read(
            context,
            lambda conn: by(conn, context, wanted, Preferences(**preferences), {}),
        )
    except NothingFitsError:
        return None
    return [each.root_id for each in found]


def drawn_host(rng, name):
    """Return a host; some are full, without a class, or have rules for units."""
    inventory = {}
    for resource_class in ("VCPU", "MEMORY_MB"):
        if rng.randrange(5):
            inventory[resource_class] = Inventory(
                total=rng.randint(1, 12),
                reserved=rng.randrange(2),
                min_unit=rng.choice([1, 1, 1, 2]),
                max_unit=rng.choice([12, 12, 3]),
                step_size=rng.choice([1, 1, 1, 2]),
            )
    return Provider(
        name,
        inventory=inventory,
        used={of: rng.randrange(4) for of in inventory},
        traits=frozenset(t for t in ("CUSTOM_T1", "CUSTOM_T2") if rng.randrange(2)),
        aggregates=frozenset(a for a in "AB" if rng.randrange(2)),
        state=rng.choice([0, 0, 0, CORDONED]),
    )


def changed(rng, host):
    """Return a host after a change of its usage, or of something else."""
    drawn = drawn_host(rng, host.name)
    if rng.randrange(2):
        return dataclasses.replace(
            host, used={of: rng.randrange(4) for of in host.inventory}
        )
    member = rng.choice(["inventory", "traits", "aggregates", "state"])
    values = {member: getattr(drawn, member)}
    if member == "inventory":
        values["used"] = drawn.used
    return dataclasses.replace(host, **values)


def drawn_question(rng):
    group = Group("", {"VCPU": rng.randint(1, 3)})
    if rng.randrange(2):
        group.resources["MEMORY_MB"] = rng.randint(1, 3)
    if not rng.randrange(3):
        group.required = [frozenset(["CUSTOM_T1", "CUSTOM_T2"])]
    if not rng.randrange(3):
        group.forbidden = frozenset(["CUSTOM_T2"])
    if not rng.randrange(3):
        group.member_of = [frozenset("A")]
    return Question([group])


class Cloud:
    """Hosts, and their revisions: new ones, some of which are committed late."""

    def __init__(self, rng):
        self._rng = rng
        self._now = 1
        self._names = 0
        self.hosts = []
        self.revisions = {}
        for _ in range(rng.randint(1, 6)):
            self.add()

    def add(self):
        self._names += 1
        self._now += 1
        self.hosts.append(drawn_host(self._rng, f"h{self._names}"))
        self.revisions[self.hosts[-1].name] = self._now

    def step(self):
        """Change some hosts; sometimes add or remove one."""
        self._now += self._rng.choice([1, 1000, LONG])
        # Rows are stored with ids by position, so only the last one can go.
        kind = self._rng.randrange(8)
        if kind == 0:
            self.add()
        elif kind == 1 and len(self.hosts) > 1:
            del self.revisions[self.hosts.pop().name]
        for number in range(len(self.hosts)):
            if not self._rng.randrange(3):
                self.hosts[number] = changed(self._rng, self.hosts[number])
                self._advance(self.hosts[number])

    def _advance(self, host):
        last = self.revisions[host.name]
        late = self._rng.choice([0, 0, 1000, LONG // 2])
        self.revisions[host.name] = max(last + 1, self._now - late)


# Each example stores several worlds.
@hypothesis.settings(drawn_worlds, max_examples=max(1, WORLDS // 5))
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, order=st.sampled_from([Order.PACK, Order.SPREAD]))
def test_arrays_follow_every_change(engine, seed, order):
    rng = random.Random(seed)
    cloud = Cloud(rng)
    context = worlds.context_of(engine)
    for _ in range(4):
        worlds.store(engine, cloud.hosts, revisions=cloud.revisions)
        question = drawn_question(rng)
        preferences = {
            "order": order,
            "prefer": rng.choice([{}, {"CUSTOM_T1": 2, "CUSTOM_T2": -1}]),
            "group": rng.choice([None, None, SOFT]),
        }
        count = rng.randint(1, 3)
        expected = pick(without_arrays(engine), question, count=count, **preferences)
        found = pick(context, question, count=count, **preferences)
        hypothesis.event("some" if found else "none")
        assert found == expected
        cloud.step()


@hypothesis.settings(drawn_worlds, max_examples=max(1, WORLDS // 5))
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS)
def test_where_nothing_has_to_be_ranked_arrays_find_room_if_there_is_any(engine, seed):
    rng = random.Random(seed)
    cloud = Cloud(rng)
    context = worlds.context_of(engine)
    for _ in range(4):
        worlds.store(engine, cloud.hosts, revisions=cloud.revisions)
        question, count = drawn_question(rng), rng.randint(1, 3)
        # The first one looks at what the arrays had before the last step.
        for by in (snapshot.pick, snapshot.pick_or_explain):
            found = pick(context, question, count=count, by=by)
            hypothesis.event("some" if found else "none")
            if found is None:
                assert pick(without_arrays(engine), question, count=count) is None
            else:
                take(cloud.hosts, question, found)
        cloud.step()


def take(hosts, question, ids):
    """Check that there is room for a question on each of some hosts in turn."""
    hosts = copy.deepcopy(hosts)
    for id_ in ids:
        host = hosts[id_ - 1]
        assert list(Model(hosts).candidates_at(question, host.name))
        for resource_class, amount in question.groups[0].resources.items():
            host.used[resource_class] += amount


def without_arrays(engine):
    context = worlds.context_of(engine)
    context.service.kept[HOSTS] = Hosts(0)
    return context


@pytest.fixture
def hosts():
    return [
        Provider(f"h{number}", inventory={"VCPU": Inventory(total=number + 1)})
        for number in range(8)
    ]


ONE = Question([Group("", {"VCPU": 1})])


def test_only_changed_hosts_are_read_again(engine, hosts):
    if engine.dialect.name == "postgresql":
        pytest.skip("reads them by the same statement as their number")
    context = worlds.context_of(engine)
    worlds.store(engine, hosts, revisions=dict.fromkeys(names_of(hosts), LONG))
    assert pick(context, ONE, order=Order.PACK) == [1]

    with statements.recorded() as unchanged:
        assert pick(context, ONE, order=Order.PACK) == [1]
    worlds.change(engine, "UPDATE inventories SET used = 1", ids=(1,), only_usage=True)
    with statements.recorded() as later:
        assert pick(context, ONE, order=Order.PACK) != [1]

    reads_trees = "inventories.total"
    assert not any(reads_trees in each for each in unchanged)
    assert sum(reads_trees in each for each in later) == 1


@pytest.mark.parametrize("later", [2, 2**31, 2**33])
def test_a_late_commit_is_seen_whatever_its_revision(engine, hosts, later):
    worlds.store(engine, hosts, revisions={"h7": 2**40})
    context = worlds.context_of(engine)
    for _ in range(2):
        assert pick(context, ONE, order=Order.PACK) == [1]

    worlds.use_late(engine, 1, later)

    assert pick(context, ONE, order=Order.PACK) == [2]


def names_of(hosts):
    return [each.name for each in hosts]


def test_hosts_that_a_former_service_has_written_have_arrays(engine, hosts):
    worlds.store(engine, hosts, revisions=dict.fromkeys(names_of(hosts), 0))

    assert pick(worlds.context_of(engine), ONE, order=Order.SPREAD) == [8]


def test_a_cloud_that_gets_nested_providers_has_no_arrays(engine, hosts):
    context = worlds.context_of(engine)
    worlds.store(engine, hosts)
    assert pick(context, ONE, order=Order.PACK) == [1]
    assert len(hosts_of(context).ids) == len(hosts)

    child = Provider(
        "c", "h7", inventory={"VCPU": Inventory(total=2)}, used={"VCPU": 1}
    )
    worlds.store(engine, [*hosts, child])

    assert pick(context, ONE, order=Order.PACK) == [1]
    assert pick(context, Question([Group("", {"VCPU": 8})]), order=Order.PACK) == [8]
    assert not len(hosts_of(context).ids)


@pytest.mark.parametrize(
    ("classes", "size_max", "rows"),
    [(1, 447, 0), (1, 448, 8), (2, 703, 0), (2, 704, 8)],
)
def test_arrays_are_no_larger_than_their_part_of_the_memory(
    engine, hosts, classes, size_max, rows
):
    context = worlds.context_of(engine)
    context.service.kept[HOSTS] = arrays = Hosts(size_max)
    if classes == 2:
        for host in hosts:
            host.inventory["MEMORY_MB"] = Inventory(64)
    worlds.store(engine, hosts)

    assert pick(context, ONE, order=Order.SPREAD) == [8]

    assert len(arrays.ids) == rows
