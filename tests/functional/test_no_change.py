"""A write that changes nothing keeps Last-Modified and the revisions."""

import typing

import pytest
import sqlalchemy as sa
import webob

from placement.db import tables
from tests.functional import sending
from tests.servers import server

ROOT, MIDDLE, LEAF = (f"a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b0{n}" for n in (1, 2, 3))
GROUP = "f4cad5e1-5c60-4d8f-9e91-418dae5ebc01"
LONG_AGO = "2001-02-03 04:05:06"
MODIFIED = "Sat, 03 Feb 2001 04:05:06 GMT"

OFFER = {
    "total": 10,
    "reserved": 0,
    "min_unit": 1,
    "max_unit": 10,
    "step_size": 1,
    "allocation_ratio": 1.0,
}

_WRITTEN = (
    tables.resource_providers,
    tables.inventories,
    tables.resource_classes,
    tables.traits,
    tables.placement_aggregates,
    tables.resource_provider_aggregates,
    tables.resource_provider_traits,
    tables.name_changes,
)
Rows = dict[str, list[dict[str, typing.Any]]]


class Service:
    """The service and its database, whose rows have old timestamps."""

    def __init__(self, application: server.Application, engine: sa.Engine) -> None:
        self._application = application
        self._engine = engine

    def send(
        self, method: str, path: str, body: object = None, version: str = "1.39"
    ) -> webob.Response:
        answer = sending.send(self._application, method, path, body, version)
        assert answer.status_int < 300, answer.text
        return answer

    def age(self) -> None:
        with self._engine.begin() as conn:
            for table in _WRITTEN:
                if "updated_at" in table.c:
                    text = f"UPDATE {table.name} SET updated_at = '{LONG_AGO}'"
                    conn.execute(sa.text(text))

    def rows(self) -> Rows:
        with self._engine.connect() as conn:
            return {
                table.name: [
                    dict(row._mapping)
                    for row in conn.execute(
                        sa.select(table).order_by(*table.primary_key)
                    )
                ]
                for table in _WRITTEN
            }

    def provider(self, uuid: str) -> dict[str, typing.Any]:
        rows = self.rows()["resource_providers"]
        return next(row for row in rows if row["uuid"] == uuid)


@pytest.fixture
def service(application: server.Application, engine) -> Service:
    made = Service(application, engine)
    for uuid, parent in ((ROOT, None), (MIDDLE, ROOT), (LEAF, MIDDLE)):
        body = {"uuid": uuid, "name": uuid[-2:], "parent_provider_uuid": parent}
        made.send("POST", "/resource_providers", body)
    made.send("PUT", "/resource_classes/CUSTOM_GOLD")
    made.send("PUT", "/traits/CUSTOM_FAST")
    path = f"/resource_providers/{MIDDLE}"
    for part, value in (
        ("inventories", {"VCPU": OFFER}),
        ("traits", ["CUSTOM_FAST"]),
        ("aggregates", [GROUP]),
    ):
        generation = made.send("GET", path).json["generation"]
        body = {part: value, "resource_provider_generation": generation}
        made.send("PUT", f"{path}/{part}", body)
    made.age()
    return made


class Write(typing.NamedTuple):
    method: str
    path: str
    body: object = None
    version: str = "1.39"


_PATH = f"/resource_providers/{MIDDLE}"
UNCHANGING = {
    "provider": Write("PUT", _PATH, {"name": "02"}),
    "provider and parent": Write(
        "PUT", _PATH, {"name": "02", "parent_provider_uuid": ROOT.upper()}
    ),
    "traits": Write(
        "PUT",
        f"{_PATH}/traits",
        {"traits": ["CUSTOM_FAST"], "resource_provider_generation": 3},
    ),
    "no traits": Write("DELETE", f"/resource_providers/{LEAF}/traits"),
    "aggregates": Write("PUT", f"{_PATH}/aggregates", [GROUP], "1.18"),
    "class": Write("PUT", "/resource_classes/CUSTOM_GOLD"),
    "class renamed": Write(
        "PUT", "/resource_classes/CUSTOM_GOLD", {"name": "CUSTOM_GOLD"}, "1.6"
    ),
    "trait": Write("PUT", "/traits/CUSTOM_FAST"),
}


@pytest.mark.parametrize("write", UNCHANGING.values(), ids=UNCHANGING)
def test_a_write_that_changes_nothing_updates_no_rows(
    service: Service, write: Write
) -> None:
    before = service.rows()

    answer = service.send(*write)

    assert service.rows() == before
    shown = service.send("GET", _PATH)
    assert shown.headers["Last-Modified"] == MODIFIED
    if write.path == _PATH:
        assert answer.headers["Last-Modified"] == MODIFIED


# These increment the generation by contract, which also sets Last-Modified.
MOVING = {
    "inventories": Write(
        "PUT",
        f"{_PATH}/inventories",
        {"inventories": {"VCPU": OFFER}, "resource_provider_generation": 3},
    ),
    "inventory": Write(
        "PUT",
        f"{_PATH}/inventories/VCPU",
        OFFER | {"resource_provider_generation": 3},
    ),
    "aggregates": Write(
        "PUT",
        f"{_PATH}/aggregates",
        {"aggregates": [GROUP], "resource_provider_generation": 3},
    ),
}


@pytest.mark.parametrize("write", MOVING.values(), ids=MOVING)
def test_a_write_that_changes_nothing_increments_only_the_generation(
    service: Service, write: Write
) -> None:
    before = service.rows()

    service.send(*write)

    after = service.rows()
    assert service.provider(MIDDLE)["generation"] == 4
    del before["resource_providers"], after["resource_providers"]
    assert after == before


def test_unchanged_aggregates_without_a_generation_keep_the_time(
    service: Service,
) -> None:
    before = service.provider(MIDDLE)

    service.send("PUT", f"{_PATH}/aggregates", [], "1.18")

    after = service.provider(MIDDLE)
    assert after["revision"] > before["revision"]
    assert after | {"revision": 0} == before | {"revision": 0}


def test_a_change_sets_the_time(service: Service) -> None:
    answer = service.send("PUT", _PATH, {"name": "renamed"})

    assert answer.headers["Last-Modified"] != MODIFIED


def test_a_move_within_a_tree_keeps_the_rows_of_descendants(service: Service) -> None:
    other = LEAF[:-1] + "4"
    body = {"uuid": other, "name": "04", "parent_provider_uuid": ROOT}
    service.send("POST", "/resource_providers", body)
    before = service.provider(LEAF)

    answer = service.send("PUT", _PATH, {"name": "02", "parent_provider_uuid": other})

    assert answer.headers["Last-Modified"] != MODIFIED
    after = service.provider(LEAF)
    assert after["updated_at"] == before["updated_at"]
    assert after["revision"] > before["revision"]
