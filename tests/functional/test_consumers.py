"""Reads of many consumers: pages, lines, filters, and audits against brute force."""

import json
import random
import typing
import uuid

import pytest
import sqlalchemy as sa
import webob

from placement import client
from placement.db import tables
from placement.objects import consumer_audit
from placement.web import bulk
from placement.web import consumers as views
from tests.functional import statements
from tests.servers import server

HEADERS = {"x-auth-token": "admin", "accept": "application/json"}
LINES = "application/x-ndjson"

Document = dict[str, typing.Any]


@pytest.fixture
def api(application: server.Application) -> client.Client:
    return client.Client(client.WSGITransport(application))


@pytest.fixture
def hosts(api: client.Client) -> list[str]:
    """Two hosts; the first has a child."""
    made = [api.create_provider(f"host-{number}").uuid for number in range(2)]
    made.append(api.create_provider("child", parent_uuid=made[0]).uuid)
    offer = {"VCPU": client.Inventory(999), "MEMORY_MB": client.Inventory(999)}
    for host in made:
        api.replace_inventories(host, client.Inventories(0, offer))
    return made


def claim(
    api: client.Client,
    host: str,
    amounts: dict[str, int] | None = None,
    project: str = "p",
    user: str = "u",
    consumer_type: str = "INSTANCE",
) -> str:
    consumer = str(uuid.uuid4())
    request = client.AllocationRequest({host: amounts or {"VCPU": 1}})
    assert api.claim(
        consumer,
        request,
        project_id=project,
        user_id=user,
        consumer_type=consumer_type,
    )
    return consumer


def ask(
    application: server.Application,
    path: str,
    body: object = None,
    accept: str = "application/json",
    status: int = 200,
) -> typing.Any:
    request = webob.Request.blank(path, headers=HEADERS | {"accept": accept})
    if isinstance(body, bytes):
        request.method, request.body = "POST", body
        request.content_type = LINES
    elif body is not None:
        request.method, request.json = "POST", body
        request.content_type = "application/json"
    answer = request.get_response(application)
    assert answer.status_int == status, answer.text
    if answer.content_type == LINES:
        return [json.loads(line) for line in answer.text.splitlines()]
    return answer.json


def consumers(application: server.Application, query: str = "") -> list[Document]:
    found: list[Document] = ask(application, f"/-/v1/consumers{query}")["consumers"]
    return found


def test_lines_show_what_pages_show(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "_PER_CHUNK", 2)
    made = [claim(api, hosts[number % 3]) for number in range(5)]

    of_lines = ask(application, "/-/v1/consumers", accept=LINES)

    assert [each["uuid"] for each in of_lines] == made
    assert consumers(application) == of_lines
    assert consumers(application, "?page_size=3") == of_lines[:3]


def test_lines_are_one_snapshot_while_others_write(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "_PER_CHUNK", 1)
    made = [claim(api, hosts[0]) for _ in range(4)]
    before = consumers(application)
    request = webob.Request.blank("/-/v1/consumers", headers=HEADERS)
    request.accept = LINES

    _, _, chunks = request.call_application(application)
    found = [next(iter(chunks))]
    api.delete_allocations(made[3])
    claim(api, hosts[1])
    found += chunks
    chunks.close()

    assert [json.loads(line) for line in found] == before
    assert [each["uuid"] for each in consumers(application)][:3] == made[:3]


def test_a_page_with_many_allocations_ends_early(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [claim(api, hosts[0]) for _ in range(3)]
    monkeypatch.setattr(views, "_PER_CHUNK", 1)
    monkeypatch.setattr(bulk, "_PAGE_BYTES", 500)

    page = ask(application, "/-/v1/consumers")

    assert [each["uuid"] for each in page["consumers"]] == made[:2]
    assert page["next_page_token"]


def test_statements_do_not_grow_with_consumers(
    application: server.Application, api: client.Client, hosts: list[str]
) -> None:
    counts = []
    for number in range(2):
        made = [claim(api, hosts[0]) for _ in range(3 + 30 * number)]
        with statements.recorded() as sent:
            consumers(application, "?in_tree=host-0&resource_class=VCPU&project_id=p")
            ask(application, "/-/v1/consumers", accept=LINES)
            ask(application, "/-/v1/consumers:query", {"uuid": made})
            body = {"live": made[:1], "older_than_seconds": 0}
            ask(application, "/-/v1/consumers:audit", body)
        counts.append(len(sent))

    assert counts[0] == counts[1] <= 14


def test_filters_find_what_brute_force_finds(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    engine: sa.Engine,
) -> None:
    draw = random.Random(1)
    for number in range(25):
        made = claim(
            api,
            draw.choice(hosts),
            {draw.choice(["VCPU", "MEMORY_MB"]): 1},
            draw.choice("pq"),
            draw.choice("uv"),
            draw.choice(["INSTANCE", "MIGRATION"]),
        )
        created = tables.utcnow().replace(year=2000 + number, day=3, microsecond=0)
        with engine.begin() as conn:
            updated = created.replace(day=4) if number % 2 else None
            conn.execute(
                sa.update(tables.consumers)
                .where(tables.consumers.c.uuid == made)
                .values(created_at=created, updated_at=updated)
            )
    everything = consumers(application)
    tree = {hosts[0], hosts[2]}

    def holds(each: Document, providers: set[str], name: str | None) -> bool:
        return any(
            provider in providers and (name is None or name in share["resources"])
            for provider, share in each["allocations"].items()
        )

    choices: dict[str, list[str]] = {
        "project_id": ["p", "q", "r"],
        "user_id": ["u", "v"],
        "consumer_type": ["INSTANCE", "MIGRATION", "unknown", "OTHER"],
        "provider": ["host-0", hosts[1], hosts[2].upper()],
        "in_tree": ["child", hosts[0]],
        "resource_class": ["VCPU", "MEMORY_MB", "DISK_GB"],
        "created_before": ["2012-11-03T00:00:00Z"],
        "updated_before": ["2012-11-30T00:00:00%2B01:00"],
    }
    found_some = 0
    for _ in range(60):
        names = draw.sample(sorted(choices), draw.randint(1, 3))
        given = {name: draw.choice(choices[name]) for name in names}
        wanted = everything
        for name in ("project_id", "user_id", "consumer_type"):
            if name in given:
                wanted = [each for each in wanted if each[name] == given[name]]
        for name in ("created", "updated"):
            if f"{name}_before" in given:
                before = given[f"{name}_before"][:19]
                wanted = [each for each in wanted if each[f"{name}_at"] < before]
        providers = set(hosts)
        if "provider" in given:
            named = {"host-0": hosts[0]}
            one = given["provider"].lower()
            providers &= {named.get(one, one)}
        if "in_tree" in given:
            providers &= tree
        name_ = given.get("resource_class")
        wanted = [each for each in wanted if holds(each, providers, name_)]

        query = "&".join(f"{name}={value}" for name, value in given.items())
        assert consumers(application, f"?{query}") == wanted, given
        found_some += bool(wanted)
    assert found_some > 15


def test_audits_find_what_brute_force_finds(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_audit, "_PAGE", 3)
    monkeypatch.setattr(consumer_audit, "_ORPHANS", 2)
    draw = random.Random(2)
    made = [claim(api, draw.choice(hosts), project=draw.choice("pq")) for _ in range(9)]
    everything = consumers(application)
    for _ in range(12):
        live = draw.sample(made, draw.randint(0, len(made)))
        idle = [str(uuid.uuid4()) for _ in range(draw.randint(0, 4))]
        project = draw.choice(["p", "q", None])
        orphans = [
            each
            for each in everything
            if each["uuid"] not in live and project in (None, each["project_id"])
        ]
        body = "\n".join(
            draw.choice([each, each.upper(), f'"{each}"', each.replace("-", "")])
            for each in (*live, *idle)
        )
        query = "?older_than_seconds=0" + (f"&project_id={project}" if project else "")

        found = ask(application, f"/-/v1/consumers:audit{query}", body.encode())

        assert found["orphans"] == orphans
        assert found["without_allocations"] == sorted(idle)
        within = [each for each in everything if project in (None, each["project_id"])]
        assert found["counts"] == {
            "live": len(live) + len(idle),
            "consumers": len(within),
            "orphans": len(orphans),
            "without_allocations": len(idle),
        }


def test_leftovers_of_other_services_are_no_orphans(
    application: server.Application,
    api: client.Client,
    hosts: list[str],
    engine: sa.Engine,
) -> None:
    empty, misspelled = claim(api, hosts[0]), claim(api, hosts[0])
    held, record = tables.allocations, tables.consumers
    with engine.begin() as conn:
        conn.execute(sa.delete(held).where(held.c.consumer_id == empty))
        for column in (held.c.consumer_id, record.c.uuid):
            conn.execute(
                sa.update(column.table)
                .where(column == misspelled)
                .values({column.name: misspelled.upper()})
            )

    body = {"live": [misspelled], "older_than_seconds": 0}
    found = ask(application, "/-/v1/consumers:audit", body)

    assert (found["orphans"], found["without_allocations"]) == ([], [])
    assert consumers(application)[0]["allocations"] == {}


def test_the_limit_of_bodies_does_not_apply_to_lines(
    database_url: str,
) -> None:
    options = {
        "placement_database": {"sync_on_startup": "true"},
        "api": {"max_request_body_bytes": "1024"},
    }
    live = "\n".join(str(uuid.UUID(int=number)) for number in range(3000)).encode()
    with server.in_process(database_url, options) as application:
        found = ask(application, "/-/v1/consumers:audit", live)
        assert found["counts"]["without_allocations"] == 3000
        assert found["without_allocations"][2999] == str(uuid.UUID(int=2999))
        body = {"live": live.decode().split()}
        ask(application, "/-/v1/consumers:audit", body, status=413)


def test_more_lines_than_a_million_are_refused(
    application: server.Application,
) -> None:
    path = "/-/v1/consumers:audit"
    most = b"\n" * 999_999

    assert ask(application, path, most + b"\n")["counts"]["live"] == 0
    refused = ask(application, path, most + b"\n\n", status=413)
    assert refused["errors"][0]["code"] == "placement.ext.body_too_large"
    line = str(uuid.UUID(int=7)).encode()
    assert ask(application, path, most + line)["counts"]["live"] == 1
    ask(application, path, most + b"\n" + line, status=413)
