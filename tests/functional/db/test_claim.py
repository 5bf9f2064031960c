"""Claims in databases that are not as they should be."""

import uuid

import pytest
import sqlalchemy as sa

from placement import client
from placement.db import tables

PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))
CONSUMER = str(uuid.UUID(int=3))
HOST = str(uuid.UUID(int=4))


@pytest.fixture
def api(application) -> client.Client:
    """A client of a service with one host, of which a consumer holds four VCPU."""
    api = client.Client(client.WSGITransport(application))
    api.create_provider("host", HOST)
    api.replace_inventories(
        HOST, client.Inventories(0, {"VCPU": client.Inventory(total=8)})
    )
    api.replace_allocations(CONSUMER, holding(4))
    return api


def holding(units: int) -> client.Allocations:
    return client.Allocations({HOST: {"VCPU": units}}, None, PROJECT, USER, "INSTANCE")


def used(engine: sa.Engine) -> tuple[int, int]:
    """Return what is counted as used, and what is."""
    counted = sa.select(sa.func.sum(tables.inventories.c.used))
    held = sa.select(sa.func.sum(tables.allocations.c.used))
    with engine.connect() as conn:
        return int(conn.scalar(counted) or 0), int(conn.scalar(held) or 0)


def forget_consumer(engine: sa.Engine) -> None:
    """Take the consumer's record away, as services before 1.8 had none."""
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.consumers))


def test_what_a_consumer_without_a_record_holds_is_replaced(api, engine) -> None:
    forget_consumer(engine)

    api.replace_allocations(CONSUMER, holding(6))

    assert used(engine) == (6, 6)
    assert api.get_allocations(CONSUMER).generation == 1


def test_what_a_consumer_without_a_record_holds_is_released(api, engine) -> None:
    forget_consumer(engine)

    api.delete_allocations(CONSUMER)

    assert used(engine) == (0, 0)


def test_what_is_held_of_an_inventory_that_is_gone_is_released(api, engine) -> None:
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.inventories))

    api.delete_allocations(CONSUMER)

    assert used(engine) == (0, 0)
