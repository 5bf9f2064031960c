"""Large tables without statistics are found and analyzed."""

import collections.abc
import contextlib
import types
import typing

import pytest
import sqlalchemy as sa

from placement.cmd import audit
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations, statistics, tables
from tests.functional.db import worlds
from tests.servers import databases, mariadb

SETTINGS: typing.Any = types.SimpleNamespace()

# Turns autovacuum off and deletes the statistics.
FORGET = (
    "ALTER TABLE traits SET (autovacuum_enabled = off)",
    "DELETE FROM pg_statistic WHERE starelid = 'traits'::regclass",
)


@pytest.fixture
def large(
    database_kind: str, request: pytest.FixtureRequest
) -> collections.abc.Iterator[sa.Engine]:
    """An engine on a database with a large table without statistics."""
    if database_kind == databases.MARIADB:
        with large_on_mariadb() as engine:
            yield engine
        return
    engine = request.getfixturevalue("engine")
    fill(engine)
    if database_kind == databases.POSTGRESQL:
        worlds.execute(engine, *FORGET)
    yield engine


@contextlib.contextmanager
def large_on_mariadb() -> collections.abc.Iterator[sa.Engine]:
    """Yield an engine on a server whose statistics are from an empty table."""
    with mariadb.running(options={"innodb-stats-auto-recalc": "OFF"}) as server:
        server.execute("CREATE DATABASE large")
        engine = engines.create_engine(DatabaseSettings(server.url("large")))
        migrations.sync(engine)
        fill(engine)
        server.stop()
        server.start_again()
        engine.dispose()
        yield engine
        engine.dispose()


def fill(engine: sa.Engine) -> None:
    rows = [{"name": f"CUSTOM_{number}"} for number in range(statistics.ROWS_MIN)]
    with engine.begin() as conn:
        conn.execute(sa.insert(tables.traits), rows)


def without(engine: sa.Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.execute(statistics.TablesWithoutStatistics()).scalars())


def expected(engine: sa.Engine) -> list[str]:
    return [] if engine.dialect.name == "sqlite" else ["traits"]


def test_small_tables_need_no_statistics(engine: sa.Engine) -> None:
    assert without(engine) == []


def test_a_sync_analyzes_a_large_table_without_statistics(large: sa.Engine) -> None:
    assert without(large) == expected(large)

    migrations.sync(large)

    assert without(large) == []


def test_an_audit_finds_and_analyzes_a_large_table_without_statistics(
    large: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    if not expected(large):
        pytest.skip("plans without statistics")

    assert audit.run(large, SETTINGS, is_fixing=False, is_json=False) == 1
    assert "traits" in capsys.readouterr().out
    assert audit.run(large, SETTINGS, is_fixing=True, is_json=False) == 0
    assert without(large) == []


def test_a_failure_to_analyze_is_logged_and_ignored(
    large: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statistics._ANALYZE, large.dialect.name, "ANALYZE no {tables}")

    migrations.sync(large)

    assert without(large) == expected(large)
