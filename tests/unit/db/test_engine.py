import logging
import sqlite3

import pytest
import sqlalchemy as sa

from placement import exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines


def create(url, **options):
    return engines.create_engine(DatabaseSettings(url, **options))


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://host/db", "postgresql+psycopg2"),
        ("postgres://host/db", "postgresql+psycopg2"),
        ("postgresql+psycopg2://host/db", "postgresql+psycopg2"),
        ("mysql://host/db", "mysql+pymysql"),
        ("mariadb://host/db", "mysql+pymysql"),
        ("mariadb+pymysql://host/db", "mariadb+pymysql"),
        ("sqlite://", "sqlite"),
    ],
)
def test_a_url_without_a_driver_gets_the_one_that_comes_along(url, driver):
    if "mysql" in driver or "mariadb" in driver:
        pytest.importorskip("pymysql")

    assert create(url).url.drivername == driver


def test_parameters_of_the_connection_are_added():
    engine = create(
        "postgresql://host/db?sslmode=require", connection_parameters="a=b&c=d"
    )

    assert dict(engine.url.query) == {"sslmode": "require", "a": "b", "c": "d"}


def test_the_size_of_the_pool_is_configured():
    engine = create("postgresql://host/db", max_pool_size=3, max_overflow=7)

    assert (engine.pool.size(), engine.pool._max_overflow) == (3, 7)


def test_a_pool_that_is_not_configured_keeps_all_that_it_may_open():
    engine = create("postgresql://host/db")
    with_one_option = create("postgresql://host/db", max_pool_size=3)

    assert (engine.pool.size(), engine.pool._max_overflow) == (15, 0)
    assert (with_one_option.pool.size(), with_one_option.pool._max_overflow) == (3, 10)


def test_an_unlimited_overflow():
    assert create("postgresql://host/db", max_overflow=-1).pool._max_overflow == -1


@pytest.mark.parametrize("url", ["pony", "nothing://host/db", "postgresql://a:b/c"])
def test_what_cannot_be_an_engine_is_an_error_of_configuration(url):
    with pytest.raises(exception.ConfigurationError, match="connection"):
        create(url)


class Asked(Exception):
    pass


def asked_of_the_driver(engine):
    """Return the arguments that the driver is given when it is to connect."""
    given = {}

    def note(_dialect, _record, _arguments, named):
        given.update(named)
        raise Asked

    sa.event.listen(engine, "do_connect", note)
    with pytest.raises(Asked):
        engine.connect()
    return given


def test_only_a_server_that_takes_writes_is_the_database():
    name = "target_session_attrs"
    url = "postgresql://one,two/db"

    assert asked_of_the_driver(create(url))[name] == "read-write"
    assert asked_of_the_driver(create(f"{url}?{name}=any"))[name] == "any"


def test_a_replica_may_take_none_and_is_not_waited_for():
    settings = DatabaseSettings("postgresql://one/db", slave_connection="postgres:///a")

    given = asked_of_the_driver(engines.create_replica_engine(settings))

    assert given["dbname"] == "a"
    assert "target_session_attrs" not in given
    assert given["connect_timeout"] <= 2
    assert asked_of_the_driver(engines.create_engine(settings))["connect_timeout"] > 2


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'a.db'}"


def pragma(engine, name):
    with engine.connect() as conn:
        return conn.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_sqlite_keeps_a_log_and_waits(url):
    engine = create(url)

    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "busy_timeout") == engines.SQLITE_WAIT_MS
    assert pragma(engine, "synchronous") != 0
    assert pragma(create(url, sqlite_synchronous=False), "synchronous") == 0


@pytest.mark.parametrize(
    ("debug", "statements", "rows"),
    [(0, False, False), (50, True, False), (100, True, True)],
)
def test_what_is_logged_of_sql(url, caplog, capfd, debug, statements, rows):
    logger = logging.getLogger("sqlalchemy.engine")
    before = logger.level
    try:
        with create(url, connection_debug=debug).connect() as conn:
            conn.execute(sa.text("SELECT 4711 AS asked")).all()
    finally:
        logger.setLevel(before)

    assert any("SELECT 4711" in text for text in caplog.messages) is statements
    assert any("(4711,)" in text for text in caplog.messages) is rows
    assert "4711" not in "".join(capfd.readouterr())


def begins(engine, **options):
    """Return the statements that the driver runs until the first of ours."""
    run = []
    with engine.connect() as conn:
        conn.connection.set_trace_callback(run.append)
        conn.execution_options(**options).execute(sa.text("SELECT 1"))
        conn.connection.set_trace_callback(None)
    return run


def test_a_writer_on_sqlite_says_so_at_its_beginning(url):
    engine = create(url)

    assert begins(engine) == ["BEGIN", "SELECT 1"]
    assert begins(engine, **{engines.WRITES: True}) == ["BEGIN IMMEDIATE", "SELECT 1"]


def test_a_writer_on_sqlite_keeps_other_writers_out_and_no_reader(url, monkeypatch):
    monkeypatch.setattr(engines, "SQLITE_WAIT_MS", 0)
    engine = create(url)
    writes = {engines.WRITES: True}
    with engine.connect() as first, engine.connect() as second:
        first.execution_options(**writes).execute(sa.text("SELECT 1"))
        second.execute(sa.text("SELECT 1"))
        second.rollback()
        with pytest.raises(sa.exc.OperationalError) as refused:
            second.execution_options(**writes).execute(sa.text("SELECT 1"))

    assert refused.value.orig.sqlite_errorname == "SQLITE_BUSY"


def test_what_is_rolled_back_on_sqlite_is_gone_also_a_table(url):
    engine = create(url)
    with engine.connect() as conn:
        conn.execution_options(**{engines.WRITES: True})
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
def test_a_database_in_memory_is_shared_by_its_connections_only(url):
    engine = create(url)
    with engine.connect() as conn:
        conn.execute(sa.text("CREATE TABLE a (id INTEGER)"))
        conn.commit()
        # Another connection, while this one is in use.
        assert sa.inspect(engine).get_table_names() == ["a"]
    engine.dispose()

    assert sa.inspect(engine).get_table_names() == ["a"]
    assert sa.inspect(create(url)).get_table_names() == []
    assert engines.is_in_memory(engine.url)


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:////:memory:", "mysql://"])
def test_a_file_or_a_server_is_not_in_memory(url):
    assert not engines.is_in_memory(sa.make_url(url))


def test_an_old_sqlite_has_no_database_in_memory(monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 35, 5))

    with pytest.raises(exception.ConfigurationError, match=r"SQLite 3\.36\.0"):
        create("sqlite://")


def test_a_database_that_can_be_reached_is_reached_once(url):
    settings = DatabaseSettings(url)

    engines.wait_until_reachable(engines.create_engine(settings), settings)


def test_a_file_that_cannot_be_opened_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited"))
    settings = DatabaseSettings(f"sqlite:///{tmp_path}/no/a.db")

    with pytest.raises(exception.ConfigurationError, match="cannot be reached") as no:
        engines.wait_until_reachable(engines.create_engine(settings), settings)

    assert isinstance(no.value.__cause__.orig, sqlite3.Error)


class Busy:
    """A connection to a file that another process changes, for some questions."""

    def __init__(self, times, errorname="SQLITE_BUSY"):
        self.asked = 0
        self._times = times
        self._errorname = errorname

    def execute(self, _statement):
        self.asked += 1
        if self.asked <= self._times:
            failure = sqlite3.OperationalError("database is locked")
            failure.sqlite_errorname = self._errorname
            raise failure


def test_a_file_that_two_processes_make_at_once_is_waited_for(monkeypatch):
    monkeypatch.setattr(engines, "SQLITE_PAUSE_SECONDS", 0)
    connection = Busy(times=3)

    engines._use_wal(connection)

    assert connection.asked == 4


def test_a_file_that_cannot_be_written_is_not_waited_for():
    connection = Busy(times=3, errorname="SQLITE_READONLY")

    with pytest.raises(sqlite3.OperationalError):
        engines._use_wal(connection)

    assert connection.asked == 1
