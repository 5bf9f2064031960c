"""Reads of whole clouds: pages, lines, one snapshot, and memory."""

import collections.abc
import contextlib
import json
import typing
import urllib.parse
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import client
from placement.db import tables
from placement.objects import provider_page
from placement.web import bulk
from placement.web import providers as views
from tests.functional import statements
from tests.servers import server

ALL = "inventories,usages,traits,aggregates,allocations"
HEADERS = {"x-auth-token": "admin", "accept": "application/x-ndjson"}
OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}

Document = dict[str, typing.Any]


@pytest.fixture
def api(application: server.Application) -> client.Client:
    return client.Client(client.WSGITransport(application))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_PROVIDERS_PER_CHUNK", 2)
    monkeypatch.setattr(views, "_PROVIDERS_PER_CHUNK_WITH_ALLOCATIONS", 2)


def add_hosts(api: client.Client, *names: str) -> list[str]:
    """Add hosts with an inventory, traits and an aggregate; return their uuids."""
    uuids = []
    for name in names:
        host = api.create_provider(name).uuid
        api.replace_inventories(
            host, client.Inventories(0, {"VCPU": client.Inventory(8)})
        )
        api.replace_provider_traits(
            host, client.ProviderTraits(1, frozenset({"COMPUTE_NODE", "HW_NUMA_ROOT"}))
        )
        api.replace_aggregates(host, client.Aggregates(2, [str(uuid.UUID(int=7))]))
        uuids.append(host)
    return uuids


def claim(api: client.Client, host: str, amount: int = 1) -> None:
    request = client.AllocationRequest({host: {"VCPU": amount}})
    assert api.claim(str(uuid.uuid4()), request, **OWNER)


@contextlib.contextmanager
def stream(
    application: server.Application, query: str = f"include={ALL}"
) -> collections.abc.Iterator[collections.abc.Iterator[Document]]:
    """Yield the documents of an answer in lines, which is closed after the block."""
    request = webob.Request.blank(f"/-/v1/providers?{query}", headers=HEADERS)
    status, _, chunks = request.call_application(application)
    assert status == "200 OK"
    try:
        yield (json.loads(line) for chunk in chunks for line in chunk.splitlines())
    finally:
        chunks.close()


def ask(application: server.Application, path: str, body: object = None) -> Document:
    request = webob.Request.blank(
        path, headers=HEADERS | {"accept": "application/json"}
    )
    if body is not None:
        request.method, request.json = "POST", body
        request.content_type = "application/json"
    answer = request.get_response(application)
    assert answer.status_int == 200, answer.text
    found: Document = answer.json
    return found


class Connections:
    """Counts the connections that are in use, of all pools."""

    def __init__(self) -> None:
        self.in_use = 0

    def check_out(self, *_: object) -> None:
        self.in_use += 1

    def check_in(self, *_: object) -> None:
        self.in_use -= 1


@pytest.fixture
def connections() -> collections.abc.Iterator[Connections]:
    counted = Connections()
    listeners = {"checkout": counted.check_out, "checkin": counted.check_in}
    for name, listener in listeners.items():
        sa.event.listen(sa.pool.Pool, name, listener)
    yield counted
    for name, listener in listeners.items():
        sa.event.remove(sa.pool.Pool, name, listener)


@pytest.mark.usefixtures("small_chunks")
def test_lines_show_what_pages_show(
    application: server.Application, api: client.Client
) -> None:
    hosts = add_hosts(api, *(f"host-{number}" for number in range(5)))
    api.create_provider("child", parent_uuid=hosts[0])
    claim(api, hosts[1], 3)

    of_pages = ask(application, f"/-/v1/providers?include={ALL}")["providers"]
    with stream(application) as lines:
        of_lines = list(lines)

    assert of_lines == of_pages
    assert len(of_lines) == 6
    assert of_lines[1]["inventories"]["VCPU"]["used"] == 3
    assert of_lines[2]["traits"] == ["COMPUTE_NODE", "HW_NUMA_ROOT"]
    assert list(of_lines[1]["allocations"].values()) == [{"VCPU": 3}]


@pytest.mark.usefixtures("small_chunks")
def test_lines_are_one_snapshot_while_others_write(
    application: server.Application, api: client.Client
) -> None:
    hosts = add_hosts(api, *(f"host-{number}" for number in range(6)))
    before = ask(application, f"/-/v1/providers?include={ALL}")["providers"]

    with stream(application) as lines:
        found = [next(lines)]
        claim(api, hosts[-1], 2)
        api.update_provider(hosts[3], "renamed")
        api.delete_provider(hosts[4])
        add_hosts(api, "late")
        found += lines

    assert found == before
    after = ask(application, f"/-/v1/providers?include={ALL}")["providers"]
    assert after != before


def test_a_provider_that_stays_is_on_one_page_while_others_write(
    application: server.Application, api: client.Client
) -> None:
    hosts = [api.create_provider(f"host-{number}").uuid for number in range(9)]
    deleted = {hosts[1], hosts[4], hosts[7]}
    found: list[str] = []
    token = ""
    for number in range(len(hosts)):
        page = ask(application, f"/-/v1/providers?page_size=2{token}")
        found += [each["uuid"] for each in page["providers"]]
        if page["next_page_token"] is None:
            break
        token = "&page_token=" + urllib.parse.quote(page["next_page_token"])
        if deleted:
            api.delete_provider(deleted.pop())
        api.create_provider(f"new-{number}", parent_uuid=hosts[0])
        api.update_provider(hosts[8 - number % 2 * 8], f"renamed-{number}")

    stayed = [hosts[number] for number in (0, 2, 3, 5, 6, 8)]
    assert [each for each in found if each in stayed] == stayed
    assert len(found) == len(set(found))


@pytest.mark.usefixtures("small_chunks")
def test_a_page_with_many_allocations_ends_early(
    application: server.Application,
    api: client.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts = add_hosts(api, *(f"host-{number}" for number in range(7)))
    for host in hosts:
        claim(api, host)
    path = f"/-/v1/providers?page_size=6&include={ALL}"
    whole = ask(application, path.replace("6", "7"))["providers"]
    # Longer than two providers, and shorter than four.
    monkeypatch.setattr(bulk, "_PAGE_BYTES", len(json.dumps(whole[:3])))

    pages = [ask(application, path)]
    while (token := pages[-1]["next_page_token"]) is not None:
        pages.append(ask(application, f"{path}&page_token={urllib.parse.quote(token)}"))

    assert [len(page["providers"]) for page in pages] == [4, 3]
    assert [each for page in pages for each in page["providers"]] == whole
    without = ask(application, "/-/v1/providers?page_size=7&include=traits")
    assert (len(without["providers"]), without["next_page_token"]) == (7, None)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_pages_that_are_read_in_chunks_have_the_size_that_was_asked_for(
    application: server.Application, api: client.Client, size: int
) -> None:
    hosts = add_hosts(api, *(f"host-{number}" for number in range(4)))
    path = f"/-/v1/providers?page_size={size}&include=allocations"

    page = ask(application, path)

    assert [each["uuid"] for each in page["providers"]] == hosts[:size]
    assert (page["next_page_token"] is None) == (size >= 4)


@pytest.mark.usefixtures("small_chunks")
def test_the_connection_is_released_when_the_client_has_gone(
    application: server.Application, api: client.Client, connections: Connections
) -> None:
    add_hosts(api, *(f"host-{number}" for number in range(5)))

    with stream(application) as lines:
        next(lines)
        assert connections.in_use == 1

    assert connections.in_use == 0
    with stream(application) as lines:
        list(lines)
        # Also before the answer is closed.
        assert connections.in_use == 0


@pytest.mark.usefixtures("small_chunks")
def test_a_failure_while_lines_are_sent_releases_the_connection(
    application: server.Application,
    api: client.Client,
    connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_hosts(api, *(f"host-{number}" for number in range(5)))
    read_page = provider_page.get_page

    def fail_later(*args: typing.Any, after_id: int, **more: typing.Any) -> typing.Any:
        if after_id != provider_page.BEFORE_ALL:
            raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))
        return read_page(*args, after_id=after_id, **more)

    monkeypatch.setattr(provider_page, "get_page", fail_later)
    with (
        stream(application) as lines,
        pytest.raises(sa.exc.OperationalError),
    ):
        list(lines)

    assert connections.in_use == 0


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_statements_do_not_grow_with_the_cloud(
    application: server.Application, api: client.Client, accept: str
) -> None:
    counts = []
    for number in range(2):
        add_hosts(api, *(f"host-{number}-{each}" for each in range(4 + 40 * number)))
        request = webob.Request.blank(
            f"/-/v1/providers?include={ALL}", headers=HEADERS | {"accept": accept}
        )
        # Names are cached by the first one; an answer in lines has to be read.
        assert request.get_response(application).body
        with statements.recorded() as sent:
            assert request.get_response(application).body
        counts.append(len(sent))

    # The providers, each of the parts, and the revision of names.
    assert counts[0] == counts[1] <= 6


def test_ten_thousand_uuids_are_found(
    application: server.Application, api: client.Client
) -> None:
    hosts = add_hosts(api, "first", "second", "third")
    unknown = [str(uuid.UUID(int=number)) for number in range(10_000 - 2)]

    found = ask(
        application,
        "/-/v1/providers:query",
        {"uuid": [hosts[2], *unknown, hosts[0].upper()], "include": ["traits"]},
    )

    assert [each["uuid"] for each in found["providers"]] == [hosts[0], hosts[2]]
    assert found["providers"][1]["traits"] == ["COMPUTE_NODE", "HW_NUMA_ROOT"]


def test_providers_with_distant_ids_are_read_one_by_one(
    application: server.Application, api: client.Client
) -> None:
    hosts = add_hosts(api, *(f"host-{number}" for number in range(12)))
    claim(api, hosts[11])

    with statements.recorded() as sent:
        found = ask(
            application,
            "/-/v1/providers:query",
            {"uuid": [hosts[0], hosts[11]], "include": ALL},
        )["providers"]

    assert not any("BETWEEN" in text for text in sent)
    assert [each["name"] for each in found] == ["host-0", "host-11"]
    assert [len(each["allocations"]) for each in found] == [0, 1]
    assert all(each["inventories"] and each["traits"] for each in found)


def test_many_traits_are_not_truncated(
    application: server.Application, api: client.Client, engine: sa.Engine
) -> None:
    host = api.create_provider("host")
    names = {f"CUSTOM_{number}" for number in range(700)}
    with engine.begin() as conn:
        conn.execute(sa.insert(tables.traits), [{"name": name} for name in names])
    api.replace_provider_traits(host.uuid, client.ProviderTraits(0, names))

    found = ask(application, "/-/v1/providers/host?include=traits")

    assert set(found["traits"]) == names


def test_a_capacity_of_more_than_64_bits_is_shown(
    application: server.Application, api: client.Client
) -> None:
    host = api.create_provider("host").uuid
    most = client.Inventory(2**31 - 1, allocation_ratio=2.0**100)
    api.replace_inventories(host, client.Inventories(0, {"VCPU": most}))
    api.replace_provider_traits(
        host, client.ProviderTraits(1, frozenset(["HW_GPU_API_VULKAN"]))
    )

    (of_page,) = ask(application, f"/-/v1/providers?include={ALL}")["providers"]
    with stream(application) as lines:
        (of_line,) = lines

    assert of_page["inventories"]["VCPU"]["capacity"] == (2**31 - 1) * 2**100
    assert of_page["traits"] == ["HW_GPU_API_VULKAN"]
    assert of_line == of_page
    assert ask(application, f"/-/v1/providers/host?include={ALL}") == of_page
