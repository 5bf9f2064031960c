"""SQL predicates and their Python twins agree on every database."""

import itertools
import uuid

import pytest
import sqlalchemy as sa

from placement import client
from placement.candidates.solve import conditions
from placement.db import predicates, tables, transaction
from placement.objects import inventory
from placement.objects.inventory import Inventory
from tests.functional.db import contexts
from tests.servers import server

RATIOS = (0.1, 0.3, 0.7, 0.9, 1.0, 1.1, 1.5, 16.0)
AMOUNTS = range(1, 13)
CLASS_ID = 0


def small_inventories() -> list[Inventory]:
    """Return small inventories with every combination of rules."""
    sizes = ((1, 12, 1), (2, 5, 1), (1, 12, 3), (4, 3, 1), (1, predicates.MAX_INT, 2))
    totals = (1, 2, 7, 10, 90)
    return [
        Inventory(CLASS_ID, total, reserved, *size, ratio, used)
        for total, reserved, size, ratio, used in itertools.product(
            totals, (0, 1, 3), sizes, RATIOS, (0, 1, 5, 8)
        )
    ]


INVENTORIES = small_inventories()
OFFERS = [each.offer() for each in INVENTORIES]


def row(provider_id: int, offer: Inventory) -> dict[str, object]:
    stored = {name: getattr(offer, name) for name in inventory.CLIENT_FIELDS}
    return stored | {
        "resource_provider_id": provider_id,
        "resource_class_id": CLASS_ID,
        "used": offer.used,
    }


@pytest.fixture
def read(database_url):
    """Store INVENTORIES; each is identified by its index there."""
    with contexts.context(database_url) as context:
        rows = [row(place, offer) for place, offer in enumerate(INVENTORIES)]

        def fill(conn: sa.Connection) -> None:
            for batch in _batches(rows):
                conn.execute(sa.insert(tables.inventories), batch)

        transaction.write(context, fill)
        yield lambda work: transaction.read(context, work)


def _batches(rows: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    return [rows[start : start + 200] for start in range(0, len(rows), 200)]


def places_where(
    condition: sa.ColumnElement[bool], conn: sa.Connection, amount: int
) -> set[int]:
    column = tables.inventories.c.resource_provider_id
    select = sa.select(column).where(condition)
    return set(conn.scalars(select, {"amount": amount}))


# Searches have the amount in the statement; claims send it as a parameter, or as a
# column of an array.
_SENT = sa.select(
    sa.cast(sa.bindparam("amount", type_=sa.Integer), sa.Integer).label("amount")
)
FORMS = {
    "written": lambda amount: amount,
    "parameter": lambda _: sa.bindparam("amount", type_=sa.Integer),
    "column": lambda _: _SENT.subquery("sent").c.amount,
}


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def form(request):
    return request.param


def places_of(rule) -> set[int]:
    return {place for place, offer in enumerate(OFFERS) if rule(offer)}


def test_the_amounts_that_fit(read) -> None:
    for amount in AMOUNTS:
        condition = predicates.fits(tables.inventories, amount)
        found = read(
            lambda conn, is_so=condition, n=amount: places_where(is_so, conn, n)
        )

        expected = places_of(lambda offer, n=amount: offer.refuses(n) is None)
        assert found == expected, f"amount {amount}"
        assert 0 < len(expected) < len(OFFERS)


def test_the_sizes_that_the_unit_rules_allow(read, form) -> None:
    for amount in AMOUNTS:
        condition = predicates.allows_amount(tables.inventories, form(amount))
        found = read(
            lambda conn, is_so=condition, n=amount: places_where(is_so, conn, n)
        )

        expected = places_of(lambda offer, n=amount: offer.refuses_size(n) is None)
        assert found == expected, f"amount {amount}"


def test_the_inventories_that_have_room(read, form) -> None:
    for amount in AMOUNTS:
        condition = predicates.has_room(tables.inventories, form(amount))
        found = read(
            lambda conn, is_so=condition, n=amount: places_where(is_so, conn, n)
        )

        expected = places_of(lambda offer, n=amount: offer.has_room(n))
        assert found == expected, f"amount {amount}"


def test_each_condition_on_an_amount_has_a_twin_of_its_name(read) -> None:
    rows = {row.name: row for row in conditions.OF_OFFER}
    for amount in AMOUNTS:
        twins = predicates.unit_rules(tables.inventories, amount)
        twins["room"] = predicates.has_room(tables.inventories, amount)
        # What has room is also large enough, so SQL never asks for the size.
        assert twins.keys() == rows.keys() - {"size"}
        for name, twin in twins.items():
            found = read(
                lambda conn, is_so=twin, n=amount: places_where(is_so, conn, n)
            )
            holds = rows[name].holds
            expected = places_of(lambda offer, n=amount, holds=holds: holds(offer, n))
            assert found == expected, f"{name}, amount {amount}"


@pytest.mark.parametrize("ratio", RATIOS)
def test_searches_and_claims_agree_on_the_last_amount(
    application: server.Application, ratio: float
) -> None:
    api = client.Client(client.WSGITransport(application))
    host = str(uuid.uuid4())
    api.create_provider(host, host)
    vcpu = client.Inventory(total=10, allocation_ratio=ratio)
    api.replace_inventories(host, client.Inventories(0, {"VCPU": vcpu}))
    last = round(10 * ratio)

    for amount, fits in ((last + 1, False), (last, True), (1, False)):
        wanted = client.RequestGroup(resources={"VCPU": amount})
        found = api.get_candidates([wanted]).requests
        claimed = api.claim(
            str(uuid.uuid4()),
            client.AllocationRequest({host: {"VCPU": amount}}),
            project_id="project",
            user_id="user",
            consumer_type="INSTANCE",
        )
        assert (bool(found), bool(claimed)) == (fits, fits), f"amount {amount}"


def test_stored_inventories_are_read_unchanged(read) -> None:
    column = tables.inventories.c.resource_provider_id
    select = sa.select(column, *inventory.COLUMNS).order_by(column)
    found = read(lambda conn: [Inventory(*each[1:]) for each in conn.execute(select)])

    assert found == INVENTORIES
    assert [each.used for each in found] == [each.used for each in INVENTORIES]
    capacities = sa.select(predicates.capacity(tables.inventories)).order_by(column)
    exact = read(lambda conn: list(conn.scalars(capacities)))
    assert list(map(int, exact)) == [offer.capacity for offer in OFFERS]


def test_an_amount_too_large_for_a_column_fits_nowhere_and_is_not_sent(read) -> None:
    for amount in (predicates.MAX_INT + 1, 2**63, 10**30):
        for condition in (
            predicates.fits(tables.inventories, amount),
            predicates.allows_amount(tables.inventories, amount),
        ):
            found = read(
                lambda conn, condition=condition: places_where(condition, conn, 0)
            )

            assert found == set()
