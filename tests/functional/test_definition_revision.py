"""Every write that changes the definition of a provider gives it a new revision."""

import collections.abc
import typing

import pytest
import sqlalchemy as sa

from placement.db import revision, tables
from tests.functional import write_operations
from tests.functional.write_operations import Service, Write

_providers = tables.resource_providers

# The revision of a provider's definition, and everything but its usage.
Definition = tuple[int, object]


@pytest.fixture(scope="module")
def shared_service(
    module_database_url: str,
) -> collections.abc.Iterator[Service]:
    with write_operations.served(module_database_url) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> collections.abc.Iterator[Service]:
    yield shared_service
    shared_service.keeper.restore()


def definitions(conn: sa.Connection) -> dict[str, Definition]:
    """Return the definition of each provider, by uuid."""

    def rows(table: sa.Table, *names: str) -> dict[int, list[typing.Any]]:
        columns = [table.c[name] for name in ("resource_provider_id", *names)]
        found: dict[int, list[typing.Any]] = {}
        for id_, *values in conn.execute(sa.select(*columns).order_by(*columns)):
            found.setdefault(id_, []).append(values)
        return found

    inventories = rows(
        tables.inventories,
        *("resource_class_id", "total", "reserved", "min_unit", "max_unit"),
        *("step_size", "allocation_ratio"),
    )
    traits = rows(tables.resource_provider_traits, "trait_id")
    aggregates = rows(tables.resource_provider_aggregates, "aggregate_id")
    select = sa.select(
        _providers.c.id,
        _providers.c.uuid,
        revision.of_definition(_providers),
        _providers.c.root_provider_id,
        _providers.c.parent_provider_id,
    )
    return {
        uuid: (
            last,
            [place, *(of.get(id_) for of in (inventories, traits, aggregates))],
        )
        for id_, uuid, last, *place in conn.execute(select)
    }


@pytest.mark.parametrize("write", write_operations.WRITES, ids=lambda write: write.name)
def test_another_definition_has_another_revision(
    service: Service, write: Write
) -> None:
    before = service.keeper.look(definitions)

    answer = write_operations.send(service.application, write)

    assert answer.status_int == write.status
    after = service.keeper.look(definitions)
    for uuid, (last, content) in after.items():
        if uuid in before and before[uuid][1] != content:
            assert last != before[uuid][0], uuid
    if write.path.startswith("/allocations"):
        assert after == before


def test_a_definition_that_changes_between_claims_has_another_revision(
    service: Service,
) -> None:
    claim = Write(
        "claim",
        f"PUT /allocations/{write_operations.STRANGER}",
        write_operations.claim({write_operations.HOST: {"VCPU": 1}}),
        204,
        409,
    )
    released = Write(
        "release", f"DELETE /allocations/{write_operations.STRANGER}", None, 204, 404
    )
    path = f"/resource_providers/{write_operations.HOST}/traits"
    seen = set()
    for number in range(3):
        for each in (claim, released):
            answer = write_operations.send(service.application, each)
            assert answer.status_int == 204, answer.text
            seen.add(service.keeper.look(definitions)[write_operations.HOST][0])
        assert len(seen) == number + 1

        read = write_operations.send(
            service.application, Write("read", f"GET {path}", None, 200, 200)
        )
        traits = ["HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"][number % 2 :]
        change = Write("change", f"PUT {path}", {**read.json, "traits": traits}, 200, 0)
        answer = write_operations.send(service.application, change)
        assert answer.status_int == 200, answer.text
