"""A sweep with a failing step leaves nothing half done, and the next one does the rest.

Each step of the database fails in turn, see ``fault_injection``.
"""

import collections
import collections.abc
import contextlib
import itertools
import logging
import typing

import pytest
import sqlalchemy as sa

from placement import sweeper
from placement.conf.settings import ChangesSettings
from placement.db import tables
from placement.objects import change
from tests.functional import contents, invariants, placing_operations, write_operations
from tests.functional.contents import Content
from tests.functional.db import contexts
from tests.functional.write_operations import Write
from tests.servers import databases, server
from tests.stress import fault_injection

# A sweep has many steps, of which one in this number fails, unless all are wanted.
SKIPPED = 1 if fault_injection.STRIDE == 1 else 3

OPTIONS = {"changes": {"enabled": "true"}}

_changes = tables.changes

# After the requests of ``placing_operations``.
SETUP: tuple[write_operations.Setup, ...] = (
    *placing_operations.SETUP,
    (
        "PUT",
        f"/-/v1/providers/{write_operations.OTHER}/state",
        {"state": "cordoned", "until": "2999-01-01T00:00:00Z"},
    ),
)

# Sent with a key; its group is empty after its consumers were released.
PLACED = placing_operations.WRITES[2]._replace(key="expired")

OVERDUE = (
    sa.update(tables.holds).values(expires_at=1),
    sa.update(tables.idempotency_keys).values(expires_at=1),
    sa.update(tables.provider_states)
    .where(tables.provider_states.c.until.is_not(None))
    .values(until=1),
    sa.update(tables.limited_usages).values(counted_at=1),
    sa.update(tables.limits).values(set_at=2),
    sa.insert(tables.releases).values(
        consumer_uuid=placing_operations.FIRST,
        released_at=1,
        reason="The host is broken.",
        restore=b"{}",
    ),
)


class Place(typing.NamedTuple):
    """A database in which every task of the sweeper is due."""

    url: str
    context: typing.Any
    injector: fault_injection.Injector
    faults: list[fault_injection.Fault]
    keeper: contents.Keeper


@pytest.fixture
def place(database_kind: str, database_url: str) -> collections.abc.Iterator[Place]:
    with server.in_process(database_url, OPTIONS) as application:
        write_operations.set_up(application, SETUP)
        for write in (
            PLACED,
            Write("", f"DELETE /allocations/{placing_operations.FIRST}", None, 204, 0),
        ):
            answer = write_operations.send(application, write)
            assert answer.status_int == write.status, answer.text
    is_mariadb = database_kind == databases.MARIADB
    url = f"{database_url}?ssl_disabled=true" if is_mariadb else database_url
    injected_url, injector = fault_injection.injected(url)
    with contexts.context(injected_url, retries=2) as context:
        context.settings.changes = ChangesSettings(enabled=True)
        change.turn_on(context.engine)
        with context.engine.begin() as conn:
            for statement in OVERDUE:
                assert conn.execute(statement).rowcount
        with contextlib.closing(contents.Keeper(url)) as keeper:
            keeper.keep()
            faults = fault_injection.faults(database_kind, url)
            yield Place(url, context, injector, faults, keeper)


def test_a_sweep_with_a_failing_step_is_completed_by_the_next(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    before = place.keeper.content()
    sweeper.sweep(place.context)
    assert not caplog.messages
    caplog.set_level(logging.CRITICAL)
    wanted = place.keeper.content()
    for table in (tables.holds, tables.idempotency_keys, tables.releases):
        assert before[table.name], table.name
        assert not wanted[table.name], table.name
    # That of the released consumer, and then that of the expired hold.
    assert len(before[tables.groups.name]) == 2
    assert not wanted[tables.groups.name]
    require_positions(place)
    place.keeper.restore()

    for fault in place.faults:
        for number in itertools.islice(fault.numbers("sweep"), 0, None, SKIPPED):
            place.injector.arm(fault, number)
            sweeper.sweep(place.context)
            if place.injector.disarm() is None:
                assert number > 1
                break
            where = f"{fault.name}, step {number}, a {place.injector.struck}"
            assert not place.keeper.look(invariants.violations_in), where
            # One releases what is left, and the next deletes what became empty.
            sweeper.sweep(place.context)
            sweeper.sweep(place.context)
            found = place.keeper.content()
            assert not contents.difference(unordered(wanted), unordered(found)), where
            require_positions(place)
            place.keeper.restore(is_read=True)
        place.keeper.restore()
    assert not invariants.violations(place.url)


def unordered(content: Content) -> Content:
    """Return the content without the order of changes, which follows the attempts."""
    return {
        table: collections.Counter(
            tuple(value for value in row if value[0] != "position")
            for row in rows.elements()
        )
        for table, rows in content.items()
    }


def require_positions(place: Place) -> None:
    """Check that every change has a position, without a gap."""

    def wrong(conn: sa.Connection) -> list[str]:
        positions = conn.scalars(
            sa.select(_changes.c.position).order_by(_changes.c.position)
        ).all()
        last = conn.scalar(sa.select(tables.change_positions.c.last))
        expected = list(range(1, len(positions) + 1))
        if positions == expected and last == len(positions):
            return []
        return [f"{positions} up to {last}"]

    assert not place.keeper.look(wrong)
