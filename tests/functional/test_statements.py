"""The number of statements of an operation does not grow with the cloud."""

import collections.abc
import dataclasses
import uuid

import pytest

from placement import client
from placement.db import batch
from tests.functional import statements
from tests.servers import server

# With one round trip per statement.
MAX_PER_CLAIM = 6
MAX_PER_RELEASE = 4
# Of a project with limits: reads them, locks and changes the counters; a release also
# locks the consumer and reads its project.
MAX_PER_LIMITED_CLAIM = MAX_PER_CLAIM + 3
MAX_PER_LIMITED_RELEASE = MAX_PER_RELEASE + 5
# PostgreSQL executes a transaction in one round trip.
MAX_TOGETHER = 1
# A new host with its inventories, traits and aggregates; MariaDB has no UPDATE that
# returns what it has changed.
MAX_PER_HOST = {"postgresql": 12, "sqlite": 15, "mysql": 17}
# An update of its inventories that changes nothing.
MAX_PER_REPORT = {"postgresql": 2, "sqlite": 2, "mysql": 3}
# A change of traits, aggregates and an inventory without a generation.
MAX_PER_CHANGE = {"postgresql": 19, "sqlite": 20, "mysql": 21}
# A new tree of 8 providers, and the same with a change of each.
MAX_PER_TREE = {"postgresql": 11, "sqlite": 13, "mysql": 13}
MAX_PER_CHANGED_TREE = {"postgresql": 17, "sqlite": 24, "mysql": 25}
OFFER = {
    "VCPU": client.Inventory(total=100_000),
    "MEMORY_MB": client.Inventory(total=100_000),
    "DISK_GB": client.Inventory(total=100_000),
}
AMOUNTS = {"VCPU": 1, "MEMORY_MB": 2, "DISK_GB": 3}
PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))


@pytest.fixture
def api(application: server.Application) -> client.Client:
    """A client of a service that has cached the names of classes and traits."""
    api = client.Client(client.WSGITransport(application))
    api.get_candidates([client.RequestGroup(resources=AMOUNTS)])
    return api


def add_hosts(api: client.Client, count: int) -> str:
    """Add hosts of three classes; return the uuid of the last."""
    for _ in range(count):
        host = str(uuid.uuid4())
        api.create_provider(host, host)
        api.replace_inventories(host, client.Inventories(0, OFFER))
    return host


def add_consumers(api: client.Client, host: str, count: int) -> None:
    holding = client.Allocations({host: AMOUNTS}, None, PROJECT, USER, "INSTANCE")
    api.replace_many_allocations({str(uuid.uuid4()): holding for _ in range(count)})


@pytest.fixture
def has_pipelined_writes(database_url: str) -> bool:
    return database_url.startswith("postgresql")


def claim(api: client.Client, host: str, consumer: str) -> None:
    assert api.claim(
        consumer,
        client.AllocationRequest({host: AMOUNTS}),
        project_id=PROJECT,
        user_id=USER,
        consumer_type="INSTANCE",
    )


def statements_of_a_claim(api: client.Client, host: str) -> list[str]:
    with statements.recorded() as sent:
        claim(api, host, str(uuid.uuid4()))
    return sent


def statements_of_a_search(
    api: client.Client, found: int, limit: int | None = None
) -> list[str]:
    group = client.RequestGroup(resources=AMOUNTS)
    with statements.recorded() as sent:
        candidates = api.get_candidates([group], limit=limit)
    assert len(candidates.requests) == found
    return sent


def test_a_claim_on_a_full_host_sends_few_statements(
    api: client.Client, has_pipelined_writes: bool
) -> None:
    host = add_hosts(api, 1)
    add_consumers(api, host, 10)
    with_ten = statements_of_a_claim(api, host)
    add_consumers(api, host, 990)
    with_a_thousand = statements_of_a_claim(api, host)

    assert len(with_a_thousand) == len(with_ten)
    most = MAX_TOGETHER if has_pipelined_writes else MAX_PER_CLAIM
    assert 1 <= len(with_ten) <= most, "\n\n".join(with_ten)


def test_a_refused_claim_does_not_slow_claims_of_other_hosts(
    api: client.Client, has_pipelined_writes: bool
) -> None:
    full, host = add_hosts(api, 1), add_hosts(api, 1)
    for each in (full, host):
        # A new owner is inserted with more statements.
        claim(api, each, str(uuid.uuid4()))
    too_much = client.AllocationRequest({full: {"VCPU": OFFER["VCPU"].total}})
    with statements.recorded() as refused:
        for _ in range(2):
            assert not api.claim(
                str(uuid.uuid4()),
                too_much,
                project_id=PROJECT,
                user_id=USER,
                consumer_type="INSTANCE",
            )

    of_other = statements_of_a_claim(api, host)
    first, second = (statements_of_a_claim(api, full) for _ in range(2))

    together = [len(sent) <= MAX_TOGETHER for sent in (of_other, first, second)]
    assert together == [has_pipelined_writes, False, has_pipelined_writes]
    # After a refusal, claims of the host are not pipelined for a while.
    tried = sum(text.startswith(batch.TRANSACTION) for text in refused)
    assert tried == has_pipelined_writes


@pytest.mark.parametrize(
    "read",
    [
        client.Client.get_provider,
        client.Client.get_inventories,
        client.Client.get_usages,
        client.Client.get_provider_traits,
        client.Client.get_aggregates,
        client.Client.get_provider_allocations,
    ],
)
def test_a_provider_is_read_with_one_statement(
    api: client.Client, read: collections.abc.Callable[[client.Client, str], object]
) -> None:
    host = add_hosts(api, 1)
    add_consumers(api, host, 2)

    with statements.recorded() as sent:
        assert read(api, host)

    assert len(sent) == 1


def test_the_statements_of_a_page_do_not_grow_with_the_hosts(
    api: client.Client,
) -> None:
    counts = []
    for hosts in (5, 45):
        add_hosts(api, hosts)
        with statements.recorded() as sent:
            found = list(api.read_providers(["inventories", "usages", "traits"]))
        assert found[-1].used == dict.fromkeys(OFFER, 0)
        counts.append(len(sent))

    assert 0 < counts[1] <= counts[0]


def describe_host(api: client.Client) -> str:
    """Add a host with inventories, traits and aggregates; return its uuid."""
    host = add_hosts(api, 1)
    api.replace_provider_traits(
        host, client.ProviderTraits(1, frozenset({"HW_CPU_X86_AVX", "HW_CPU_X86_VMX"}))
    )
    api.replace_aggregates(
        host, client.Aggregates(2, frozenset({str(uuid.UUID(int=3))}))
    )
    return host


def test_the_report_of_an_agent_sends_few_statements(
    api: client.Client, database_url: str
) -> None:
    kind = database_url.partition(":")[0].partition("+")[0]
    # The first host also reads names of traits and inserts aggregates.
    describe_host(api)

    with statements.recorded() as of_new:
        host = describe_host(api)
    offer = api.get_inventories(host)
    with statements.recorded() as of_same:
        api.replace_inventories(host, offer)

    assert len(of_new) <= MAX_PER_HOST[kind], "\n\n".join(of_new)
    assert len(of_same) <= MAX_PER_REPORT[kind], "\n\n".join(of_same)


def test_a_change_without_a_generation_sends_few_statements(
    api: client.Client, database_url: str
) -> None:
    kind = database_url.partition(":")[0].partition("+")[0]
    host = describe_host(api)
    counts = []
    for number in (5, 6):
        with statements.recorded() as sent:
            api.change_provider(
                host,
                add_traits=[f"HW_CPU_X86_AVX{number}" for number in ("2", "512F")],
                remove_traits=["HW_CPU_X86_AVX"],
                add_aggregates=[uuid.UUID(int=number)],
                set_inventories={"VCPU": client.Inventory(100_000 + number)},
            )
        counts.append(sent)
        add_consumers(api, host, 300)

    assert len(counts[0]) <= MAX_PER_CHANGE[kind], "\n\n".join(counts[0])
    assert len(counts[1]) <= len(counts[0])


def tree(root: str, nodes: int, amount: int) -> list[client.TreeProvider]:
    """Return a host with nodes; inventories and traits depend on ``amount``."""
    inventories = {"VCPU": client.Inventory(amount)}
    traits = [f"HW_CPU_X86_{'AVX2' if amount % 2 else 'AVX'}"]
    providers = [
        client.TreeProvider(
            uuid.uuid5(uuid.UUID(root), str(number)), f"{root}-{number}"
        )
        for number in range(nodes + 1)
    ]
    return [
        dataclasses.replace(
            each,
            parent_uuid=providers[0].uuid if number else None,
            inventories=inventories,
            traits=traits,
            aggregates=[uuid.UUID(int=amount)],
        )
        for number, each in enumerate(providers)
    ]


def test_the_statements_of_a_tree_do_not_grow_with_its_providers(
    api: client.Client, database_url: str
) -> None:
    kind = database_url.partition(":")[0].partition("+")[0]
    api.replace_tree(tree(str(uuid.uuid4()), 1, 1))
    of_new, of_changed, of_same = [], [], []
    for nodes in (7, 30):
        root = str(uuid.uuid4())
        for sent, amount in ((of_new, 1), (of_changed, 3), (of_same, 3)):
            with statements.recorded() as some:
                api.replace_tree(tree(root, nodes, amount))
            sent.append(some)

    assert len(of_new[0]) <= MAX_PER_TREE[kind], "\n\n".join(of_new[0])
    assert len(of_changed[0]) <= MAX_PER_CHANGED_TREE[kind], len(of_changed[0])
    assert len(of_new[1]) <= len(of_new[0])
    assert len(of_same[1]) <= len(of_same[0])


def test_a_release_on_a_full_host_sends_few_statements(
    api: client.Client, has_pipelined_writes: bool
) -> None:
    host = add_hosts(api, 1)
    add_consumers(api, host, 1000)
    consumer = str(uuid.uuid4())
    claim(api, host, consumer)

    with statements.recorded() as sent:
        api.delete_allocations(consumer)

    most = MAX_TOGETHER if has_pipelined_writes else MAX_PER_RELEASE
    assert 1 <= len(sent) <= most, "\n\n".join(sent)


@pytest.mark.parametrize("project", [PROJECT, "default", "another"])
def test_a_claim_of_a_project_with_limits_sends_few_statements(
    api: client.Client, has_pipelined_writes: bool, project: str
) -> None:
    host = add_hosts(api, 1)
    api.replace_limits(project, dict.fromkeys((*OFFER, "consumers"), 1_000_000))
    # The first claims find the limits, and count.
    consumers = [str(uuid.uuid4()) for _ in range(3)]
    for consumer in consumers:
        claim(api, host, consumer)
    with_ten = statements_of_a_claim(api, host)
    add_consumers(api, host, 100)
    with_more = statements_of_a_claim(api, host)
    with statements.recorded() as of_release:
        api.delete_allocations(consumers[0])

    assert len(with_more) == len(with_ten)
    most = MAX_TOGETHER if has_pipelined_writes else MAX_PER_LIMITED_CLAIM
    assert 1 <= len(with_ten) <= most, "\n\n".join(with_ten)
    most = MAX_TOGETHER if has_pipelined_writes else MAX_PER_LIMITED_RELEASE
    assert 1 <= len(of_release) <= most, "\n\n".join(of_release)


def test_claims_are_as_before_when_the_last_limit_is_gone(api: client.Client) -> None:
    host = add_hosts(api, 1)
    claim(api, host, str(uuid.uuid4()))
    before = statements_of_a_claim(api, host)
    api.replace_limits(PROJECT, {"VCPU": 1_000_000})
    for _ in range(2):
        statements_of_a_claim(api, host)
    api.delete_limits(PROJECT)
    # Finds out that there is none.
    statements_of_a_claim(api, host)

    assert len(statements_of_a_claim(api, host)) == len(before)


def test_a_project_at_its_limit_does_not_slow_other_projects(
    api: client.Client, has_pipelined_writes: bool
) -> None:
    hosts = [add_hosts(api, 1), add_hosts(api, 1)]
    api.replace_limits("full", {"VCPU": 0})
    for host in hosts:
        claim(api, host, str(uuid.uuid4()))

    def refuse() -> None:
        with pytest.raises(client.LimitExceeded):
            api.claim(
                str(uuid.uuid4()),
                client.AllocationRequest({hosts[0]: AMOUNTS}),
                project_id="full",
                user_id=USER,
                consumer_type="INSTANCE",
            )

    refuse()
    # A claim of the host after a refusal is not pipelined.
    claim(api, hosts[0], str(uuid.uuid4()))
    with statements.recorded() as refused:
        refuse()
    others = [statements_of_a_claim(api, host) for host in hosts]

    assert not any(text.startswith(batch.TRANSACTION) for text in refused)
    together = [len(sent) <= MAX_TOGETHER for sent in others]
    assert together == [has_pipelined_writes] * 2


def test_the_statements_of_a_move_do_not_grow_with_the_consumers(
    api: client.Client,
) -> None:
    hosts = [add_hosts(api, 1), add_hosts(api, 1)]
    counts = []
    for count in (40, 300):
        consumers = [str(uuid.uuid4()) for _ in range(count)]
        for generation, host in zip((None, 1), hosts, strict=True):
            holding = client.Allocations(
                {host: AMOUNTS}, generation, PROJECT, USER, "INSTANCE"
            )
            with statements.recorded() as sent:
                api.replace_many_allocations(dict.fromkeys(consumers, holding))
        counts.append(len(sent))

    assert counts[1] <= counts[0]


def test_the_statements_of_a_search_do_not_grow_with_the_hosts(
    api: client.Client,
) -> None:
    add_hosts(api, 5)
    with_five = statements_of_a_search(api, found=5)
    add_hosts(api, 45)
    with_fifty = statements_of_a_search(api, found=50)

    assert 0 < len(with_fifty) <= len(with_five)


def test_the_statements_of_a_limited_search_do_not_grow_with_the_hosts(
    api: client.Client,
) -> None:
    add_hosts(api, 10)
    with_ten = statements_of_a_search(api, found=5, limit=5)
    add_hosts(api, 90)
    with_a_hundred = statements_of_a_search(api, found=5, limit=5)

    assert 0 < len(with_a_hundred) <= len(with_ten)
