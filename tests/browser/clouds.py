"""Clouds for the console, written into a database directly."""

import typing
import uuid

import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import tables

_NAMESPACE = uuid.UUID("0c1c4b8a-93b7-4d8e-9a53-55a7a3c2a1f0")
_AGGREGATES = 12
# By class: total, reserved and ratio.
_OFFERS = {
    "VCPU": (64, 2, 4.0),
    "MEMORY_MB": (524_288, 4096, 1.0),
    "DISK_GB": (4000, 0, 1.0),
}


def uuid_of(name: str) -> str:
    """Return the uuid of the provider, aggregate or consumer with a name."""
    return str(uuid.uuid5(_NAMESPACE, name))


def fill(url: str, hosts: int, names: typing.Sequence[str] = ()) -> None:
    """Insert ``hosts`` hosts with one consumer each; the first ones have ``names``.

    Their fullness goes from 0 to 100 percent; host 3 is over its capacity, host 5 is
    cordoned, and hosts 7, 17, ... have no memory left.
    """
    engine = engines.create_engine(DatabaseSettings(url))
    with engine.begin() as conn:
        _insert(conn, hosts, names)
    engine.dispose()


def _insert(conn: sa.Connection, hosts: int, names: typing.Sequence[str]) -> None:
    classes: dict[str, int] = dict(
        tuple(row)
        for row in conn.execute(
            sa.select(tables.resource_classes.c.name, tables.resource_classes.c.id)
        )
    )
    trait = conn.scalar(
        sa.select(tables.traits.c.id).where(tables.traits.c.name == "HW_CPU_X86_AVX2")
    )
    rows: dict[sa.Table, list[dict[str, typing.Any]]] = {
        table: []
        for table in (
            tables.projects,
            tables.users,
            tables.placement_aggregates,
            tables.resource_providers,
            tables.inventories,
            tables.resource_provider_traits,
            tables.resource_provider_aggregates,
            tables.consumers,
            tables.allocations,
        )
    }
    rows[tables.projects].append({"id": 1, "external_id": "project-a"})
    rows[tables.users].append({"id": 1, "external_id": "user-a"})
    for number in range(1, _AGGREGATES + 1):
        made = {"id": number, "uuid": uuid_of(f"aggregate {number}")}
        rows[tables.placement_aggregates].append(made)
    for number in range(1, hosts + 1):
        name = names[number - 1] if number <= len(names) else f"host-{number:05}"
        _add_host(rows, number, name, hosts, classes, trait)
    for table, made_rows in rows.items():
        conn.execute(table.insert(), made_rows)


def _add_host(
    rows: dict[sa.Table, list[dict[str, typing.Any]]],
    number: int,
    name: str,
    hosts: int,
    classes: dict[str, int],
    trait: int | None,
) -> None:
    rows[tables.resource_providers].append(
        {
            "id": number,
            "uuid": uuid_of(f"host {number}"),
            "name": name,
            "generation": 1,
            "root_provider_id": number,
            "revision": number,
            "definition_revision": 0,
            "state": int(number == 5),
        }
    )
    rows[tables.resource_provider_traits].append(
        {"resource_provider_id": number, "trait_id": trait}
    )
    rows[tables.resource_provider_aggregates].append(
        {"resource_provider_id": number, "aggregate_id": number % _AGGREGATES + 1}
    )
    consumer = uuid_of(f"consumer {number}")
    rows[tables.consumers].append(
        {"id": number, "uuid": consumer, "project_id": 1, "user_id": 1, "generation": 1}
    )
    share = (number * 37 % hosts) / hosts
    for each, (total, reserved, ratio) in _OFFERS.items():
        capacity = int((total - reserved) * ratio)
        used = int(capacity * share) or 1
        if each == "VCPU" and number == 3:
            used = capacity + 8
        if each == "MEMORY_MB" and number % 10 == 7:
            used = capacity
        rows[tables.inventories].append(
            {
                "resource_provider_id": number,
                "resource_class_id": classes[each],
                "total": total,
                "reserved": reserved,
                "min_unit": 1,
                "max_unit": total,
                "step_size": 1,
                "allocation_ratio": ratio,
                "used": used,
            }
        )
        rows[tables.allocations].append(
            {
                "resource_provider_id": number,
                "consumer_id": consumer,
                "resource_class_id": classes[each],
                "used": used,
            }
        )
