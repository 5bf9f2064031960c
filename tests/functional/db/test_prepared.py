"""Prepared statements: when they are used, dropped, and turned off."""

import collections.abc
import logging
import typing

import pytest
import sqlalchemy as sa

from placement.db import batch, lists, prepared, tables, transaction
from tests.functional import statements

_projects = tables.projects
_FIND = sa.select(_projects.c.id, _projects.c.external_id).where(
    _projects.c.external_id == sa.bindparam("name")
)
_FIND_BY_ID = sa.select(_projects.c.external_id).where(
    _projects.c.id == sa.bindparam("id_")
)
_RENAME = (
    sa.update(_projects)
    .where(_projects.c.external_id == sa.bindparam("old"))
    .values(external_id=sa.bindparam("new"), updated_at=None)
)
_KEPT = sa.text("SELECT count(*) FROM pg_prepared_statements")
_ENOUGH = 4


@pytest.fixture
def server(context):
    if context.engine.dialect.name != "postgresql":
        pytest.skip("about PostgreSQL")
    return context


def find(context: typing.Any, name: str) -> list[str]:
    """Return the names found by a single statement."""
    return transaction.read_one(
        context,
        lambda conn: [row[1] for row in batch.run_one(conn, _FIND, {"name": name})],
    )


def add(context: typing.Any, name: str) -> None:
    step = lists.insert(_projects, [{"external_id": name}])
    transaction.write(context, lambda conn: batch.run(conn, [step]) and None)


def rename(context: typing.Any, old: str, new: str) -> int:
    return transaction.write(
        context,
        lambda conn: batch.run_one(conn, _RENAME, {"old": old, "new": new}).rowcount,
    )


def often(do: collections.abc.Callable[[], object]) -> list[str]:
    """Repeat it until its statements are prepared; return what was sent."""
    with statements.recorded() as sent:
        for _ in range(_ENOUGH):
            do()
    return sent


def count_kept(context: typing.Any) -> int:
    """Return how many statements the only connection of the pool has prepared."""
    return transaction.read(context, lambda conn: conn.scalar(_KEPT) or 0)


def run_aside(context: typing.Any, text: str) -> None:
    """Run a statement on the only connection, without the service."""
    with context.engine.connect() as conn:
        conn.execute(sa.text(text))
        conn.commit()


def test_a_frequent_statement_is_prepared_once(server) -> None:
    add(server, "a")

    sent = often(lambda: find(server, "a"))

    assert sent[0].startswith("SELECT")
    assert [text.startswith("PREPARE") for text in sent] == [False, False, True, False]
    assert sent[-1].startswith("EXECUTE")
    assert count_kept(server) == 1


def test_a_prepared_statement_returns_the_same_result(server) -> None:
    awkward = ["it's", "50%", "%(name)s", "a\\b", "a; b", "$1", "Ünï ☃", " a "]
    for name in awkward:
        add(server, name)
    often(lambda: find(server, "nobody"))
    often(lambda: rename(server, "nobody", "else"))

    assert [find(server, name) for name in awkward] == [[name] for name in awkward]
    assert [rename(server, name, f"{name}'") for name in awkward] == [1] * len(awkward)
    assert find(server, "50%'") == ["50%'"]
    assert find(server, "50%") == []


def test_a_number_too_large_for_a_column_matches_no_row(server) -> None:
    def look() -> list[object]:
        return transaction.read(
            server,
            lambda conn: batch.run_one(conn, _FIND_BY_ID, {"id_": 2**40}).all(),
        )

    assert often(look)[-1].startswith("EXECUTE")
    assert look() == []


def test_a_failure_while_preparing_leaves_the_statement_usable(server) -> None:
    add(server, "taken")
    transaction.write(server, lambda conn: None)

    def fail() -> None:
        with server.engine.connect() as conn:
            step = lists.insert(_projects, [{"external_id": "taken"}])
            with pytest.raises(sa.exc.IntegrityError):
                batch.run(conn, [step])

    with statements.recorded() as sent:
        for _ in range(_ENOUGH):
            fail()
        add(server, "free")

    assert "PREPARE" in sent[_ENOUGH - 1]
    assert find(server, "free") == ["free"]


def test_old_prepared_statements_are_dropped(server, monkeypatch) -> None:
    often(lambda: find(server, "a"))
    often(lambda: rename(server, "a", "b"))
    assert count_kept(server) == 2

    monkeypatch.setattr(prepared, "SECONDS", 0.0)
    with statements.recorded() as sent:
        assert find(server, "a") == []

    assert sent[0].startswith("DEALLOCATE ALL; SELECT")
    assert count_kept(server) == 0


def test_the_number_of_prepared_statements_is_limited(server, monkeypatch) -> None:
    monkeypatch.setattr(prepared, "STATEMENTS_MAX", 5)
    kept = []
    for number in range(12):
        other = sa.select(_projects.c.id).where(
            _projects.c.external_id == sa.bindparam("name"), sa.literal(number) >= 0
        )

        def run(statement: sa.Executable = other) -> object:
            return transaction.read_one(
                server,
                lambda conn: batch.run_one(conn, statement, {"name": "a"}).all(),
            )

        often(run)
        kept.append(count_kept(server))

    assert 1 < max(kept) <= 5


def test_a_pooler_that_shares_connections_turns_preparing_off(server, caplog) -> None:
    add(server, "a")
    often(lambda: find(server, "a"))

    run_aside(server, "DEALLOCATE ALL")
    with caplog.at_level(logging.WARNING):
        assert find(server, "a") == ["a"]

    assert "shared with other clients" in caplog.text
    assert not any("PREPARE" in text for text in often(lambda: find(server, "a")))
    assert rename(server, "a", "b") == 1


def test_a_write_is_retried_when_a_prepared_statement_is_missing(server) -> None:
    add(server, "a")
    often(lambda: rename(server, "nobody", "else"))

    run_aside(server, "DEALLOCATE ALL")

    assert rename(server, "a", "b") == 1
    assert find(server, "b") == ["b"]


def test_a_read_is_retried_when_a_migration_changes_the_result_type(server) -> None:
    add(server, "a")
    often(lambda: find(server, "a"))

    run_aside(server, "ALTER TABLE projects ALTER external_id TYPE text")

    assert find(server, "a") == ["a"]
    assert often(lambda: find(server, "a"))[-1].startswith("EXECUTE")
