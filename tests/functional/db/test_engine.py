"""The settings of the service's connections."""

import socket

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import mariadb
from tests.functional.db.contexts import context

# By dialect: queries of settings, and their expected results.
BEGINNING = {
    "sqlite": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2},
    "postgresql": {
        "SHOW jit": "off",
        "SHOW transaction_isolation": "read committed",
    },
    "mysql": {
        "SELECT @@tx_isolation": "READ-COMMITTED",
        "SELECT FIND_IN_SET('STRICT_ALL_TABLES', @@sql_mode) > 0": 1,
        "SELECT FIND_IN_SET('NO_AUTO_VALUE_ON_ZERO', @@sql_mode) > 0": 1,
        "SELECT @@character_set_client": "utf8mb4",
    },
}


def test_connections_have_the_expected_session_settings(database_url):
    with context(database_url) as opened, opened.engine.connect() as conn:
        for question, expected in BEGINNING[conn.dialect.name].items():
            assert conn.scalar(sa.text(question)) == expected


def test_without_a_configured_sql_mode_mariadb_keeps_its_own(database_url) -> None:
    settings = DatabaseSettings(database_url, mysql_sql_mode="")
    engine = engines.create_engine(settings)
    if engine.dialect.name != "mysql":
        pytest.skip("about MariaDB")
    with engine.connect() as conn:
        modes = sa.text("SELECT @@SESSION.sql_mode, @@GLOBAL.sql_mode")
        session, of_server = conn.execute(modes).one()
    engine.dispose()

    assert set(session.split(",")) == {*of_server.split(","), "NO_AUTO_VALUE_ON_ZERO"}


def test_connections_to_mariadb_have_tcp_keepalive(database_url) -> None:
    with context(database_url) as opened, opened.engine.connect() as conn:
        if conn.dialect.name != "mysql":
            pytest.skip("the library does it, or there is no server")
        connected = conn.connection.dbapi_connection._sock
        for option, value in mariadb.KEEPALIVE.items():
            assert connected.getsockopt(socket.IPPROTO_TCP, option) == value
        assert connected.gettimeout() is None
