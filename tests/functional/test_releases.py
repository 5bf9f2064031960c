"""Releases of several consumers: what they change, their records, and the sweep."""

import collections.abc
import typing
import uuid

import pytest
import sqlalchemy as sa

from placement import client, sweeper
from placement.conf.settings import ConsumersSettings
from placement.db import tables
from placement.objects import release
from tests.functional import contents, statements, write_operations
from tests.functional.db import contexts
from tests.functional.sending import send
from tests.functional.write_operations import HOLDER, SECOND
from tests.servers import server

_PATH = "/-/v1/consumers:release"

Document = dict[str, typing.Any]


def release_all(
    application: server.Application, consumers: list[str], **more: object
) -> Document:
    found = send(application, "POST", "/-/v1/consumers:query", {"uuid": consumers})
    wanted = [
        {"uuid": each["uuid"], "generation": each["generation"]}
        for each in found.json["consumers"]
    ]
    answer = send(application, "POST", _PATH, {"consumers": wanted, **more})
    assert answer.status_int == 200, answer.text
    document: Document = answer.json
    return document


@pytest.fixture
def service(
    database_url: str,
) -> collections.abc.Iterator[write_operations.Service]:
    """A small cloud with limits, a hold and a group, whose changes are recorded."""
    options = {"changes": {"enabled": "true"}}
    with write_operations.served(database_url, options) as made:
        send(
            made.application,
            "PUT",
            "/-/v1/limits/default",
            {"VCPU": 500, "consumers": 90},
        )
        claim = {
            "claims": [
                {
                    "consumer_uuid": write_operations.STRANGER,
                    "project_id": "p",
                    "user_id": "u",
                    "query": "resources=VCPU:1",
                }
            ],
            "group": {"name": "web", "policy": "anti-affinity"},
            "hold_seconds": 600,
        }
        placed = send(made.application, "POST", "/-/v1/claims", claim)
        assert placed.status_int == 200, placed.text
        made.keeper.keep()
        yield made


def content(service: write_operations.Service) -> contents.Content:
    found = service.keeper.content()
    del found["placement_releases"]
    # The sequencer may have run or not.
    found["placement_changes"] = typing.cast(
        typing.Any,
        sorted(
            str([pair for pair in row if pair[0] != "position"])
            for row in found["placement_changes"].elements()
        ),
    )
    del found["placement_change_positions"]
    return found


def test_a_release_changes_what_deletions_change(
    service: write_operations.Service,
) -> None:
    consumers = [HOLDER, SECOND, write_operations.STRANGER]
    before = content(service)
    for each in consumers:
        assert send(
            service.application, "DELETE", f"/allocations/{each}"
        ).status_int == (204)
    deleted = content(service)
    service.keeper.restore()
    assert content(service) == before != deleted

    release_all(service.application, consumers)

    assert content(service) == deleted


def test_the_recorded_requests_put_all_back(service: write_operations.Service) -> None:
    before = send(service.application, "GET", "/-/v1/consumers").json["consumers"]
    release_all(service.application, [HOLDER, SECOND], reason="gone")
    assert (
        len(send(service.application, "GET", "/-/v1/consumers").json["consumers"]) == 1
    )

    records = send(service.application, "GET", "/-/v1/consumers:releases").json
    assert [each["consumer_uuid"] for each in records["releases"]] == [SECOND, HOLDER]
    for each in records["releases"]:
        path = f"/allocations/{each['consumer_uuid']}"
        put = send(service.application, "PUT", path, each["restore"]["body"])
        assert put.status_int == 204, put.text

    after = send(service.application, "GET", "/-/v1/consumers").json["consumers"]
    shown = ("uuid", "project_id", "user_id", "consumer_type", "allocations")
    assert sorted([str([each[name] for name in shown]) for each in after]) == sorted(
        [str([each[name] for name in shown]) for each in before]
    )


def test_a_release_counts_as_one(service: write_operations.Service) -> None:
    def released(result: str) -> float:
        text = send(service.application, "GET", "/metrics").text
        name = f'placement_claims_total{{operation="release",result="{result}"}} '
        (value,) = [line for line in text.splitlines() if line.startswith(name)] or [
            "0"
        ]
        return float(value.split()[-1])

    before = released("ok"), released("generation")
    release_all(service.application, [HOLDER, SECOND])
    stale = {"consumers": [{"uuid": HOLDER, "generation": 1}]}
    assert send(service.application, "POST", _PATH, stale).status_int == 409

    assert (released("ok"), released("generation")) == (before[0] + 1, before[1] + 1)


def test_statements_do_not_grow_with_consumers(
    application: server.Application, engine: sa.Engine
) -> None:
    api = client.Client(client.WSGITransport(application))
    host = api.create_provider("host").uuid
    api.replace_inventories(
        host, client.Inventories(0, {"VCPU": client.Inventory(10**6)})
    )
    counts = []
    for count in (40, 1000):
        held = client.Allocations({host: {"VCPU": 1}}, None, "p", "u", "INSTANCE")
        made = [str(uuid.uuid4()) for _ in range(count)]
        api.replace_many_allocations(dict.fromkeys(made, held))
        with statements.recorded() as sent:
            released = release_all(application, made)["released"]
        assert len(released) == count
        counts.append(len(sent))

    assert api.get_usages(host).resources == {"VCPU": 0}
    # SQLite inserts records one by one, and MariaDB a few hundred at a time.
    assert counts[0] == counts[1] <= 16
    with engine.connect() as conn:
        stored = conn.scalar(sa.select(sa.func.count()).select_from(tables.releases))
    assert stored == 1040


def test_more_than_a_thousand_are_refused(application: server.Application) -> None:
    some = [
        {"uuid": str(uuid.UUID(int=number)), "generation": 1} for number in range(1001)
    ]

    answer = send(application, "POST", _PATH, {"consumers": some})
    assert answer.status_int == 400
    answer = send(application, "POST", _PATH, {"consumers": some[1:]})
    assert answer.status_int == 409
    assert len(answer.json["errors"][0]["consumers"]) == 1000


def test_old_records_are_swept(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "_BATCH", 2)
    day = 24 * 3600 * 10**6
    ages = [0, 6.9, 7.1, 8, 30, 400, 9]
    with contexts.context(database_url) as context:
        context.settings.consumers = ConsumersSettings(release_retention_days=7)
        with context.engine.begin() as conn:
            now = conn.scalar(sa.select(release._NOW))
            conn.execute(
                sa.insert(tables.releases),
                [
                    {
                        "consumer_uuid": str(uuid.UUID(int=number)),
                        "released_at": now - int(age * day),
                        "reason": "",
                        "restore": b"{}",
                    }
                    for number, age in enumerate(ages)
                ],
            )

        assert release.sweep in sweeper.TASKS
        release.sweep(context)

        with context.engine.connect() as conn:
            kept = release.get_page(conn, None, None, 10)
    assert [uuid.UUID(each.consumer).int for each in kept] == [1, 0]
