"""Positions are assigned after the commit, without gaps, and old changes deleted."""

import collections.abc
import threading
import typing

import pytest
import sqlalchemy as sa

from placement import extension_exception
from placement.conf.settings import ChangesSettings
from placement.db import engine as engines
from placement.db import tables, transaction
from placement.objects import change, change_feed
from tests.functional.db import contexts

HOUR = 3_600_000_000
SECONDS = 30

_changes = tables.changes
_positions = tables.change_positions


@pytest.fixture
def context(database_url: str) -> collections.abc.Iterator[typing.Any]:
    """The context of a request to a service that records changes."""
    with contexts.context(database_url) as made:
        made.settings.changes = ChangesSettings(enabled=True, retention_hours=1)
        change.turn_on(made.engine)
        change_feed.prepare(made.engine, is_on=True, has_gap=False)
        yield made


def write_changes(conn: sa.Connection, *consumers: str) -> None:
    generations = dict.fromkeys(consumers, 1)
    for step in change.of_consumers(conn, change.ALLOCATIONS, generations):
        conn.execute(step.statement, step.parameters)


def add(context: typing.Any, *consumers: str) -> None:
    transaction.write(context, lambda conn: write_changes(conn, *consumers))


def age(context: typing.Any, hours: float, *consumers: str) -> None:
    """Make changes older."""

    def update(conn: sa.Connection) -> None:
        conn.execute(
            sa.update(_changes)
            .where(_changes.c.consumer_uuid.in_(consumers))
            .values(changed_at=_changes.c.changed_at - int(hours * HOUR))
        )

    transaction.write(context, update)


def followed(
    context: typing.Any, after: int | None = None, kinds: tuple[str, ...] = ()
) -> tuple[list[tuple[int, str | None]], int]:
    """Return the positions and consumers of a page, and where the next one begins."""
    page = change_feed.read(context, after, kinds)
    return [(each.position, each.consumer) for each in page.changes], page.position


def stored(context: typing.Any) -> list[tuple[int | None, str | None]]:
    columns = _changes.c
    select = sa.select(columns.position, columns.consumer_uuid).order_by(columns.id)
    with context.engine.connect() as conn:
        return list(map(tuple, conn.execute(select)))


def test_an_earlier_row_that_commits_later_has_a_later_position(
    context: typing.Any,
) -> None:
    if context.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    add(context, "first")
    with context.engine.connect() as fresh:
        slow = engines.for_writing(fresh)
        write_changes(slow, "slow")
        add(context, "fast")
        before = followed(context)
        age(context, 2, "first")
        # Must not wait for the open transaction.
        change_feed.sweep(context)
        slow.commit()

    assert before == ([(1, "first"), (2, "fast")], 2)
    assert followed(context, 2) == ([(3, "slow")], 3)
    assert stored(context) == [(3, "slow"), (2, "fast")]


def test_readers_at_the_same_time_assign_every_position_once(
    context: typing.Any,
) -> None:
    consumers = [f"consumer {number}" for number in range(300)]
    seen: list[list[tuple[int, str | None]]] = [[] for _ in range(4)]
    is_written = threading.Event()

    def read(found: list[tuple[int, str | None]]) -> None:
        position: int | None = None
        while True:
            is_last = is_written.is_set()
            page, position = followed(context, position)
            found += page
            if is_last and not page:
                return

    threads = [threading.Thread(target=read, args=(found,)) for found in seen]
    for thread in threads:
        thread.start()
    for start in range(0, len(consumers), 3):
        add(context, *consumers[start : start + 3])
    is_written.set()
    for thread in threads:
        thread.join(SECONDS)

    for found in seen:
        assert [position for position, _ in found] == list(range(1, 301))
        assert sorted(str(consumer) for _, consumer in found) == sorted(consumers)


def test_pages_are_complete_and_bounded(context: typing.Any) -> None:
    consumers = [f"consumer {number:04}" for number in range(2100)]
    add(context, *consumers)

    pages = []
    position: int | None = None
    while True:
        page, position = followed(context, position)
        if not page:
            break
        pages.append(page)

    assert [len(page) for page in pages] == [1000, 1000, 100]
    assert [each for page in pages for each in page] == list(enumerate(consumers, 1))


def test_a_page_of_some_kinds_looks_at_a_bounded_number_of_changes(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "_SEARCHED_MAX", 5)
    add(context, *(f"consumer {number}" for number in range(12)))
    followed(context)

    positions = [0]
    while len(positions) == 1 or positions[-1] != positions[-2]:
        page, position = followed(context, positions[-1], (change.HOLD,))
        assert not page
        positions.append(position)

    assert positions == [0, 5, 10, 12, 12]


def test_old_changes_are_deleted_by_the_sweep(context: typing.Any) -> None:
    add(context, "old")
    add(context, "older")
    followed(context)
    add(context, "new")
    age(context, 1.01, "old", "older")
    age(context, 0.99, "new")

    change_feed.sweep(context)

    assert stored(context) == [(3, "new")]
    assert followed(context) == ([(3, "new")], 3)
    assert followed(context, 2) == ([(3, "new")], 3)
    for position in (0, 1):
        with pytest.raises(extension_exception.ChangesCompacted):
            followed(context, position)


def test_a_change_is_kept_while_an_earlier_one_is(context: typing.Any) -> None:
    add(context, "new")
    add(context, "old")
    age(context, 2, "old")

    change_feed.sweep(context)

    assert stored(context) == [(1, "new"), (2, "old")]


def test_the_sweep_assigns_positions_and_deletes_without_any_reader(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "BATCH_SIZE", 4)
    consumers = [f"consumer {number}" for number in range(10)]
    add(context, *consumers)
    change_feed.sweep(context)

    assert stored(context) == list(enumerate(consumers, 1))

    age(context, 2, *consumers)
    change_feed.sweep(context)

    assert stored(context) == []
    assert change_feed.last_position(context) == 10
    assert followed(context) == ([], 10)
    assert followed(context, 10) == ([], 10)


def test_the_last_position_comes_after_changes_that_had_none(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "BATCH_SIZE", 2)
    add(context, *(f"consumer {number}" for number in range(5)))

    assert change_feed.last_position(context) == 5

    add(context, "later")
    assert followed(context, 5) == ([(6, "later")], 6)


def test_one_sweep_does_a_bounded_amount_of_work(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "BATCH_SIZE", 2)
    monkeypatch.setattr(change_feed, "_BATCHES_PER_SWEEP", 2)
    add(context, *(f"consumer {number}" for number in range(7)))

    change_feed.sweep(context)

    assert [position for position, _ in stored(context)] == [1, 2, 3, 4, *[None] * 3]


def test_a_reader_does_not_miss_what_a_service_without_the_feed_changes(
    context: typing.Any,
) -> None:
    add(context, "before")
    assert followed(context) == ([(1, "before")], 1)

    change_feed.prepare(context.engine, is_on=False, has_gap=True)
    change_feed.prepare(context.engine, is_on=True, has_gap=False)

    for position in (0, 1):
        with pytest.raises(extension_exception.ChangesCompacted):
            followed(context, position)
    assert change_feed.last_position(context) == 2
    add(context, "after")
    assert followed(context, 2) == ([(3, "after")], 3)
    assert followed(context) == ([(3, "after")], 3)
    change_feed.sweep(context)
    assert stored(context) == [(3, "after")]


def test_the_sweep_does_not_lower_what_is_compacted(context: typing.Any) -> None:
    add(context, "before")
    followed(context)
    change_feed.prepare(context.engine, is_on=False, has_gap=True)

    change_feed.sweep(context)

    assert stored(context) == []
    with pytest.raises(extension_exception.ChangesCompacted):
        followed(context, 1)


def test_without_the_feed_the_sweep_deletes_what_is_left(
    context: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "BATCH_SIZE", 2)
    add(context, "one", "two", "three")
    context.settings.changes = ChangesSettings(enabled=False)

    change_feed.sweep(context)
    change_feed.sweep(context)

    assert stored(context) == []


def test_a_position_of_the_future_is_refused(context: typing.Any) -> None:
    add(context, "one")

    with pytest.raises(extension_exception.ChangesCompacted) as failure:
        followed(context, 2)

    assert failure.value.details == {"after": 2, "compacted": 0, "last": 0}


def test_a_rolled_back_change_is_never_seen(context: typing.Any) -> None:
    with context.engine.connect() as conn:
        write_changes(engines.for_writing(conn), "refused")
        conn.rollback()
    add(context, "made")

    assert followed(context) == ([(1, "made")], 1)
