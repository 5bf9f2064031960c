import sqlite3

import pytest
import sqlalchemy as sa

from placement import exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import sqlite


def create(url, **options):
    return engines.create_engine(DatabaseSettings(url, **options))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'a.db'}"


def pragma(engine, name):
    with engine.connect() as conn:
        return conn.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_connections_use_wal_and_wait_for_locks(url):
    engine = create(url)

    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "busy_timeout") == sqlite.WAIT_MS
    assert pragma(engine, "synchronous") != 0
    assert pragma(create(url, sqlite_synchronous=False), "synchronous") == 0


def begins(engine, **options):
    """Return the statements of the driver up to the first one of the caller."""
    statements = []
    with engine.connect() as conn:
        conn.connection.set_trace_callback(statements.append)
        conn.execution_options(**options).execute(sa.text("SELECT 1"))
        conn.connection.set_trace_callback(None)
    return statements


def test_a_writer_takes_the_write_lock_when_it_begins(url):
    engine = create(url)

    assert begins(engine) == ["BEGIN", "SELECT 1"]
    assert begins(engine, **{sqlite.WRITES: True}) == ["BEGIN IMMEDIATE", "SELECT 1"]


def test_a_writer_locks_out_other_writers_but_not_readers(url, monkeypatch):
    monkeypatch.setattr(sqlite, "WAIT_MS", 0)
    engine = create(url)
    writes = {sqlite.WRITES: True}
    with engine.connect() as first, engine.connect() as second:
        first.execution_options(**writes).execute(sa.text("SELECT 1"))
        second.execute(sa.text("SELECT 1"))
        second.rollback()
        with pytest.raises(sa.exc.OperationalError) as refused:
            second.execution_options(**writes).execute(sa.text("SELECT 1"))

    assert refused.value.orig.sqlite_errorname == "SQLITE_BUSY"


def test_ddl_is_rolled_back(url):
    engine = create(url)
    with engine.connect() as conn:
        conn.execution_options(**{sqlite.WRITES: True})
        conn.execute(sa.text("CREATE TABLE a (id INTEGER)"))
        conn.rollback()

    assert sa.inspect(engine).get_table_names() == []


MEMORY = (
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file::memory:?uri=true",
    "sqlite:///file::memory:?cache=shared&uri=true",
    "sqlite:///file:a?mode=memory&cache=shared&uri=true",
)


@pytest.mark.parametrize("url", MEMORY)
def test_a_database_in_memory_is_shared_by_the_connections_of_its_engine(url):
    engine = create(url)
    with engine.connect() as conn:
        conn.execute(sa.text("CREATE TABLE a (id INTEGER)"))
        conn.commit()
        # On a second connection, because this one is in use.
        assert sa.inspect(engine).get_table_names() == ["a"]
    engine.dispose()

    assert sa.inspect(engine).get_table_names() == ["a"]
    assert sa.inspect(create(url)).get_table_names() == []
    assert sqlite.is_in_memory(engine.url)


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:////:memory:", "mysql://"])
def test_files_and_servers_are_not_in_memory(url):
    assert not sqlite.is_in_memory(sa.make_url(url))


def test_an_sqlite_that_is_too_old_for_a_database_in_memory_is_refused(monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 35, 5))

    with pytest.raises(exception.ConfigurationError, match=r"SQLite 3\.36\.0"):
        create("sqlite://")


class Busy:
    """A connection whose first ``times`` statements fail."""

    def __init__(self, times, errorname="SQLITE_BUSY"):
        self.statements = 0
        self._times = times
        self._errorname = errorname

    def execute(self, _statement):
        self.statements += 1
        if self.statements <= self._times:
            failure = sqlite3.OperationalError("database is locked")
            failure.sqlite_errorname = self._errorname
            raise failure


def test_switching_to_wal_is_retried_while_the_file_is_busy(monkeypatch):
    monkeypatch.setattr(sqlite, "PAUSE_SECONDS", 0)
    connection = Busy(times=3)

    sqlite._use_wal(connection)

    assert connection.statements == 4


def test_switching_to_wal_is_not_retried_on_a_read_only_file():
    connection = Busy(times=3, errorname="SQLITE_READONLY")

    with pytest.raises(sqlite3.OperationalError):
        sqlite._use_wal(connection)

    assert connection.statements == 1
