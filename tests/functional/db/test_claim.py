"""Claims on data that other services or older versions have left behind."""

import uuid

import pytest
import sqlalchemy as sa

from placement import client, exception
from placement.db import tables
from placement.db.names import Names
from placement.objects import claim_transaction
from placement.objects.claim_request import Amount, Claim
from placement.objects.consumer import Owner

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
    """Return the sums of ``inventories.used`` and of the allocations."""
    counted = sa.select(sa.func.sum(tables.inventories.c.used))
    held = sa.select(sa.func.sum(tables.allocations.c.used))
    with engine.connect() as conn:
        return int(conn.scalar(counted) or 0), int(conn.scalar(held) or 0)


def delete_record(engine: sa.Engine) -> None:
    """Delete the consumer's record; services before 1.8 had none."""
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.consumers))


def test_allocations_of_a_consumer_without_a_record_are_replaced(api, engine) -> None:
    delete_record(engine)

    api.replace_allocations(CONSUMER, holding(6))

    assert used(engine) == (6, 6)
    assert api.get_allocations(CONSUMER).generation == 1


def test_allocations_of_a_consumer_without_a_record_are_deleted(api, engine) -> None:
    delete_record(engine)

    api.delete_allocations(CONSUMER)

    assert used(engine) == (0, 0)


def test_allocations_without_an_inventory_are_deleted(api, engine) -> None:
    with engine.begin() as conn:
        conn.execute(sa.delete(tables.inventories))

    api.delete_allocations(CONSUMER)

    assert used(engine) == (0, 0)


class OutdatedNames(Names):
    """Names from before CUSTOM_OLD was deleted and its id reused for CUSTOM_NEW."""

    def resource_class_ids(self, conn, names, read_revision=None) -> dict[str, int]:
        now = super().resource_class_ids(conn, ["CUSTOM_NEW"], read_revision)
        return dict.fromkeys(names, now["CUSTOM_NEW"])


@pytest.mark.parametrize("name", ["CUSTOM_OLD", "CUSTOM_NEW"])
def test_a_class_whose_id_has_another_name_by_now_is_refused(
    api, write, engine, name
) -> None:
    api.create_resource_class("CUSTOM_NEW")
    inventory = {"CUSTOM_NEW": client.Inventory(total=8)}
    provider = api.get_provider(HOST)
    api.delete_allocations(CONSUMER)
    api.replace_inventories(HOST, client.Inventories(provider.generation, inventory))
    wanted = Claim(
        CONSUMER, (Amount(HOST, name, 3),), Owner(PROJECT, USER, "INSTANCE"), None
    )

    def replace(conn: sa.Connection) -> None:
        claim_transaction.replace(conn, OutdatedNames(), [wanted])

    if name == "CUSTOM_NEW":
        write(replace)
    else:
        with pytest.raises(exception.ConcurrentUpdate):
            write(replace)

    assert used(engine) == ((3, 3) if name == "CUSTOM_NEW" else (0, 0))
