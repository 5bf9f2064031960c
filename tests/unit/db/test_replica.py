import logging

import pytest

from placement import exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import replica

PRIMARY = "postgresql://one/db"


def create(connection, slave_connection):
    settings = DatabaseSettings(connection, slave_connection=slave_connection)
    return replica.create(engines.create_engine(settings), settings)


@pytest.mark.parametrize("url", [None, ""])
@pytest.mark.parametrize("connection", [PRIMARY, "sqlite://"])
def test_without_slave_connection_there_is_no_replica(connection, url, caplog):
    assert create(connection, url) is None
    assert caplog.messages == []


def test_a_standby_of_postgresql_is_a_replica(caplog):
    assert isinstance(create(PRIMARY, "postgresql://two/db"), replica.Replica)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ("sqlite://", "sqlite:///other.db"),
        ("mysql+pymysql://one/db", "mysql+pymysql://two/db"),
        ("sqlite://", "pony"),
    ],
)
def test_an_unused_slave_connection_is_logged_in_one_line(connection, url, caplog):
    if "pymysql" in connection:
        pytest.importorskip("pymysql")

    assert create(connection, url) is None

    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "slave_connection is not used" in said.getMessage()


@pytest.mark.parametrize(
    "url", ["pony", "nothing://host/db", "postgresql://a:b/c", "sqlite://"]
)
def test_an_unusable_slave_connection_is_a_configuration_error(url):
    with pytest.raises(
        exception.ConfigurationError,
        match=r"\[placement_database\] slave_connection cannot be used",
    ):
        create(PRIMARY, url)
