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
def test_a_url_without_a_driver_gets_the_default_driver(url, driver):
    if "mysql" in driver or "mariadb" in driver:
        pytest.importorskip("pymysql")

    assert create(url).url.drivername == driver


def test_connection_parameters_are_added_to_the_url():
    engine = create(
        "postgresql://host/db?sslmode=require", connection_parameters="a=b&c=d"
    )

    assert dict(engine.url.query) == {"sslmode": "require", "a": "b", "c": "d"}


def test_the_pool_size_is_configurable():
    engine = create("postgresql://host/db", max_pool_size=3, max_overflow=7)

    assert (engine.pool.size(), engine.pool._max_overflow) == (3, 7)


def test_an_unconfigured_pool_keeps_all_its_connections_open():
    engine = create("postgresql://host/db")
    with_one_option = create("postgresql://host/db", max_pool_size=3)

    assert (engine.pool.size(), engine.pool._max_overflow) == (15, 0)
    assert (with_one_option.pool.size(), with_one_option.pool._max_overflow) == (3, 10)


def test_an_overflow_of_minus_one_is_unlimited():
    assert create("postgresql://host/db", max_overflow=-1).pool._max_overflow == -1


@pytest.mark.parametrize("url", ["pony", "nothing://host/db", "postgresql://a:b/c"])
def test_an_unusable_url_is_a_configuration_error(url):
    with pytest.raises(exception.ConfigurationError, match="connection"):
        create(url)


class Stopped(Exception):
    pass


def driver_arguments(engine):
    """Return the arguments that the driver gets for a new connection."""
    given = {}

    def note(_dialect, _record, _arguments, named):
        given.update(named)
        raise Stopped

    sa.event.listen(engine, "do_connect", note)
    with pytest.raises(Stopped):
        engine.connect()
    return given


def test_the_primary_must_accept_writes_unless_the_url_says_otherwise():
    name = "target_session_attrs"
    url = "postgresql://one,two/db"

    assert driver_arguments(create(url))[name] == "read-write"
    assert driver_arguments(create(f"{url}?{name}=any"))[name] == "any"


def test_a_replica_may_be_read_only_and_has_a_short_timeout():
    settings = DatabaseSettings("postgresql://one/db", slave_connection="postgres:///a")

    given = driver_arguments(engines.create_replica_engine(settings))

    assert given["dbname"] == "a"
    assert "target_session_attrs" not in given
    assert given["connect_timeout"] <= 2
    assert driver_arguments(engines.create_engine(settings))["connect_timeout"] > 2


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'a.db'}"


@pytest.mark.parametrize(
    ("debug", "statements", "rows"),
    [(0, False, False), (50, True, False), (100, True, True)],
)
def test_connection_debug_logs_statements_and_rows(
    url, caplog, capfd, debug, statements, rows
):
    logger = logging.getLogger("sqlalchemy.engine")
    before = logger.level
    try:
        with create(url, connection_debug=debug).connect() as conn:
            conn.execute(sa.text("SELECT 4711 AS number")).all()
    finally:
        logger.setLevel(before)

    assert any("SELECT 4711" in text for text in caplog.messages) is statements
    assert any("(4711,)" in text for text in caplog.messages) is rows
    assert "4711" not in "".join(capfd.readouterr())


def test_a_reachable_database_is_not_waited_for(url):
    settings = DatabaseSettings(url)

    engines.wait_until_reachable(engines.create_engine(settings), settings)


def test_a_file_that_cannot_be_opened_is_not_retried(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited"))
    settings = DatabaseSettings(f"sqlite:///{tmp_path}/no/a.db")

    with pytest.raises(exception.ConfigurationError, match="cannot be reached") as no:
        engines.wait_until_reachable(engines.create_engine(settings), settings)

    assert isinstance(no.value.__cause__.orig, sqlite3.Error)
